"""Who is not told of what, and when: silences, and maintenance windows that come again.

A matcher names globs by rule, severity, cluster, team, service, topic or group; every name that is given has to match
by one of its globs. Times are ms UTC; a window that repeats does so by UTC.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from typing import Any

from django.db.models import Q, QuerySet

from dashboard.alerts.models import Alert, Silence
from dashboard.times import rfc
from lineage.identity import split_id

MATCHABLE = ("rule", "severity", "cluster", "team", "service", "topic", "group")
DAY = 86_400_000
PERIODS = {"day": DAY, "week": 7 * DAY}
MOST_GLOBS, MOST_LENGTH = 50, 255
LONGEST = 366 * DAY


def checked(matcher: Mapping[str, Any]) -> dict[str, list[str]]:
    """The matcher with a list for each name. Raises ValueError with a sentence."""
    unknown = [name for name in matcher if name not in MATCHABLE]
    if unknown:
        raise ValueError(f"{str(unknown[0])[:60]!r} is nothing to match by; there are {', '.join(MATCHABLE)}")
    found = {name: _globs(name, given) for name, given in matcher.items() if given not in ("", [], None)}
    if not found:
        raise ValueError('a silence says what it silences; {"cluster": "*"} is for all of every cluster')
    return found


def _globs(name: str, given: Any) -> list[str]:
    globs = [given] if isinstance(given, str) else given
    if not isinstance(globs, list) or not all(isinstance(g, str) and 0 < len(g) <= MOST_LENGTH for g in globs):
        raise ValueError(f"{name}: expected a glob or a list of them, each of 1 to {MOST_LENGTH} characters")
    if len(globs) > MOST_GLOBS:
        raise ValueError(f"{name}: more than {MOST_GLOBS} globs; make two silences")
    return globs


def check_times(starts_at: int, ends_at: int, repeats: str) -> None:
    """Raises ValueError with a sentence where this is no window."""
    if ends_at <= starts_at:
        raise ValueError(f"a silence ends after it starts: {rfc(ends_at)} is not after {rfc(starts_at)}")
    if ends_at - starts_at > LONGEST:
        raise ValueError("a silence lasts a year at most: one that nobody ends should end by itself")
    if repeats and repeats not in PERIODS:
        raise ValueError(f"{repeats[:20]!r} is no way to repeat; there are {', '.join(PERIODS)}, or nothing")
    if repeats and ends_at - starts_at >= PERIODS[repeats]:
        raise ValueError(f"a window that comes again every {repeats} is shorter than a {repeats}")


def active(silence: Silence, at: int) -> bool:
    """Whether it held at that moment, as was known then."""
    if silence.created_at > at or (silence.ended_at is not None and silence.ended_at <= at):
        return False
    since = at - silence.starts_at
    if since >= 0 and silence.repeats in PERIODS:
        since %= PERIODS[silence.repeats]
    return 0 <= since < silence.ends_at - silence.starts_at


def matches(matcher: Mapping[str, Any], alert: Alert) -> bool:
    """Whether the alert is what the matcher means. An empty one means nothing."""
    names = names_of(alert)
    given = {name: [g] if isinstance(g, str) else g for name, g in matcher.items()}
    return bool(given) and all(
        any(fnmatchcase(value, glob) for value in names.get(name, ()) for glob in globs)
        for name, globs in given.items()
    )


def silenced(alert: Alert, at: int, silences: Iterable[Silence] | None = None) -> Silence | None:
    """The silence that keeps this alert from being told at that moment, or None."""
    among = possible(at) if silences is None else silences
    return next((s for s in among if active(s, at) and matches(s.matcher, alert)), None)


def possible(at: int) -> QuerySet[Silence]:
    """Those that may hold at that moment; few, however many there were."""
    open_still = Q(ended_at__isnull=True) | Q(ended_at__gt=at)
    return Silence.objects.filter(open_still, Q(ends_at__gt=at) | ~Q(repeats=""), starts_at__lte=at, created_at__lte=at)


def names_of(alert: Alert) -> dict[str, tuple[str, ...]]:
    """What the alert may be matched by; its labels say more than its subject."""
    named = {"rule": alert.rule_name, "severity": alert.severity, "cluster": alert.cluster, "team": alert.team or ""}
    of_subject = _of_subject(alert.subject)
    found = {name: (value,) for name, value in {**named, **of_subject}.items() if value}
    labels = {name: _texts((alert.labels or {}).get(name)) for name in MATCHABLE}
    return found | {name: tuple(dict.fromkeys((*found.get(name, ()), *more))) for name, more in labels.items() if more}


def _texts(value: Any) -> tuple[str, ...]:
    return tuple(map(str, value)) if isinstance(value, list | tuple) else (str(value),) if value else ()


def _of_subject(subject: str) -> dict[str, str]:
    """The names within a subject: ``lag:CLUSTER/GROUP/TOPIC`` or a node's id."""
    kind, _, rest = subject.partition(":")
    if kind == "lag":
        group = split_id(f"group:{rest.rpartition('/')[0]}")[1] if "/" in rest else ()
        topic = split_id(f"topic:{rest.partition('/')[0]}/{rest.rpartition('/')[2]}")[1] if "/" in rest else ()
        return {"group": group[-1], "topic": topic[-1]} if group and topic else {}
    try:
        return {kind: split_id(subject)[1][-1]} if kind in ("service", "topic", "group", "team") else {}
    except ValueError:
        return {}
