"""Alerts as they stood at a moment and between two, from what was written down of them: the past shows what it showed.

Times are ms UTC. What happened to an alert after the moment that is asked for is left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.db.models import Count, Max, Min, Q, QuerySet

from dashboard.alerts import course
from dashboard.alerts.models import DONE, Alert, Delivery, Silence
from dashboard.alerts.silences import matches, possible, silenced
from dashboard.times import rfc
from lineage.models import Progress
from lineage.observations import Ms

Row = dict[str, Any]
MOST = 2_000  # alerts that stand at one moment
MOST_BANDS = 500
MOST_BADGES = 300
SEVERITIES = ("critical", "warning", "info")  # the gravest first
MOST_HELD = 2_000  # alerts that a silence's count looks at
STATES = ("firing", "pending", "resolved")
_KEPT = (
    "id", "rule_id", "rule_name", "rule_version", "severity", "subject", "cluster", "team", "labels", "threshold",
)  # fmt: skip
_SPOKEN = ("summary", "reason", "cause_subject", "cause_reason")  # once it fires


def standing_at(at: Ms, most: int = MOST) -> list[Alert]:
    """What was pending or firing at that moment, the oldest first."""
    return list(_standing(at).select_related("cause").order_by("pending_at", "id")[:most])


def _standing(at: Ms) -> QuerySet[Alert]:
    return Alert.objects.filter(Q(resolved_at__isnull=True) | Q(resolved_at__gt=at), pending_at__lte=at)


def firing_at(at: Ms, most: int = MOST) -> list[Alert]:
    """What was firing at that moment, the oldest first."""
    return list(_standing(at).filter(fired_at__lte=at).select_related("cause").order_by("fired_at", "id")[:most])


def firing_rows(at: Ms) -> dict[str, Row]:
    """What fired at that moment, by id, in few words: for the badges of every page. The gravest are among them."""
    found = sorted(firing_at(at), key=lambda a: (_grave(a.severity), a.fired_at or 0, a.id))[:MOST_BADGES]
    ids = {a.id for a in found}
    own = ("id", "severity", "subject", "summary")
    out = {}
    for a in sorted(found, key=lambda a: a.id):
        cause = _cause_of(a, at)
        known = cause.id if cause and cause.id in ids else None
        about = {"verdict": _shown(a, at)[1], "since": rfc(a.fired_at), "cause": known, "things": things(a)}
        out[a.id] = {**{k: getattr(a, k) for k in own}, **about}
    return out


def next_change(at: Ms) -> Ms | None:
    """The first moment after ``at`` at which, as far as is known now, something else fires; None: not known of any."""
    moments = {name: Min(name, filter=Q(**{f"{name}__gt": at})) for name in ("pending_at", "fired_at", "resolved_at")}
    return min((t for t in Alert.objects.aggregate(**moments).values() if t is not None), default=None)


def version() -> tuple[Any, ...]:
    """Another one once an evaluation stored something, or alerts came, ended or went: till then ``firing_rows`` of
    every moment stays what it is, and so does ``next_change``."""
    done = Progress.objects.filter(name=DONE).values_list("at", flat=True).first()
    kept = Alert.objects.aggregate(n=Count("id"), p=Max("pending_at"), f=Max("fired_at"), r=Max("resolved_at"))
    return (done, *kept.values())


def _grave(severity: str) -> int:
    return SEVERITIES.index(severity) if severity in SEVERITIES else len(SEVERITIES)


def between(start: Ms, end: Ms) -> QuerySet[Alert]:
    """What fired at some moment between the two, the newest first."""
    reaches = Q(resolved_at__isnull=True) | Q(resolved_at__gt=start)
    fired = Alert.objects.filter(reaches, fired_at__isnull=False, fired_at__lte=end)
    return fired.select_related("cause").order_by("-fired_at", "id")


def bands(start: Ms, end: Ms, subject: str = "") -> list[Row]:
    """What the tape draws: alerts that fired in this stretch and that no other one explains, the oldest first.

    ``to`` is None for one that went on at the end. With a ``subject``, those about it, explained or not.
    """
    out: list[Row] = []
    for alert in between(start, end)[:MOST]:
        about = subject in things(alert) if subject else _cause_of(alert, end) is None
        if about and len(out) < MOST_BANDS:
            over = alert.resolved_at if alert.resolved_at is not None and alert.resolved_at <= end else None
            kept = {k: getattr(alert, k) for k in ("id", "severity", "summary", "subject", "team")}
            kept["verdict"] = _shown(alert, end)[1]
            out.append({**kept, "rule": alert.rule_name, "from": alert.fired_at, "to": over})
    return out[::-1]


def rows(alerts: Iterable[Alert], at: Ms) -> list[Row]:
    """Each as it was known at that moment, with who had been told of it and what held it back."""
    alerts = list(alerts)
    told, silences = _told(alerts, at), list(possible(at))
    return [row(a, at, told.get(a.id, ()), silences) for a in alerts]


def row(alert: Alert, at: Ms, told: Sequence[Row] = (), silences: Sequence[Silence] = ()) -> Row:
    """One alert as it was known at that moment."""
    resolved = _known(alert.resolved_at, at)
    fired = _known(alert.fired_at, at)
    state = "resolved" if resolved else "firing" if fired else "pending"
    cause = _cause_of(alert, at)
    quiet = silenced(alert, at, silences) if state != "resolved" else None
    value, verdict, clear = _shown(alert, at)
    return {
        **{k: getattr(alert, k) for k in _KEPT},
        **{k: getattr(alert, k) if fired else "" for k in _SPOKEN},
        **{"value": value, "verdict": verdict},
        **_acted(alert, at),
        "state": state,
        "since": rfc(alert.since or alert.pending_at),
        "pending_at": rfc(alert.pending_at),
        "fired_at": rfc(fired),
        "clear_since": rfc(clear) if state == "firing" else None,
        "fires_at": rfc(_due(alert)) if state == "pending" else None,
        "resolved_at": rfc(resolved),
        "resolved_why": alert.resolved_why if resolved else "",
        "cause": cause.id if cause else None,
        "escalated_at": rfc(_known(alert.escalated_at, at)),
        "silenced": {"id": quiet.id, "reason": quiet.reason, "ends_at": rfc(quiet.ends_at)} if quiet else None,
        "things": things(alert),
        "told": list(told),
    }


def _shown(alert: Alert, at: Ms) -> tuple[float | None, str, Ms | None]:
    """The value and the verdict at that moment, and since when it was clear, if it only waited to be over."""
    entry = course.at(alert.course, at) if alert.course else (0, alert.value, alert.verdict)
    return (entry[1], entry[2], course.clear_since(entry)) if entry else (None, "", None)


def _acted(alert: Alert, at: Ms) -> Row:
    """Who had acknowledged it at that moment, or taken that back."""
    entry = course.at(alert.acts or [[alert.acknowledged_at or at + 1, alert.acknowledged_by, True]], at)
    seen, back = (entry, None) if entry and entry[2] else (None, entry)
    acts = {"acknowledged": seen, "taken_back": back}
    found = ({f"{k}_at": rfc(e[0]) if e else None, f"{k}_by": e[1] if e else ""} for k, e in acts.items())
    return {k: v for each in found for k, v in each.items()}


def _due(alert: Alert) -> Ms | None:
    """When it will fire if it goes on."""
    wait = (alert.definition or {}).get("for", 0)
    return (alert.since or alert.pending_at) + round(wait * 1000) if isinstance(wait, int | float) else None


def _known(time: Ms | None, at: Ms) -> Ms | None:
    return time if time is not None and time <= at else None


def _cause_of(alert: Alert, at: Ms) -> Alert | None:
    """The alert that explained this one at that moment, or when it ended: one that had begun and was not over."""
    cause = alert.cause
    at = at if alert.resolved_at is None else min(at, alert.resolved_at - 1)
    if cause is None or cause.pending_at > at or (cause.resolved_at is not None and cause.resolved_at <= at):
        return None
    return cause


def things(alert: Alert) -> list[str]:
    """Ids of what the alert is about, by its subject, its labels and its team: whose pages say that it fires."""
    kind, _, path = alert.subject.partition(":")
    found = [alert.subject]
    if kind == "lag" and path.count("/") >= 2:
        cluster, group, topic = path.split("/", 2)
        found += [f"group:{cluster}/{group}", f"topic:{cluster}/{topic}"]
    service = (alert.labels or {}).get("service")
    if isinstance(service, str) and service:
        found.append(service if service.startswith("service:") else f"service:{service}")
    if alert.team:
        found.append(f"team:{alert.team.removeprefix('team:')}")
    return list(dict.fromkeys(found))


def _told(alerts: Sequence[Alert], at: Ms) -> dict[str, list[Row]]:
    """Who had been told that each fires, as far as it had come by then."""
    fired = Delivery.objects.filter(alert__in=alerts, status__in=("firing", "escalated"), created_at__lte=at)
    out: dict[str, list[Row]] = {}
    tried = Count("attempts", filter=Q(attempts__at__lte=at))
    for d in fired.select_related("channel").annotate(tried=tried).order_by("created_at", "id"):
        over = _known(d.finished_at, at)
        state = d.state if over is not None else "waiting"
        shown = {"channel": d.channel.name, "status": d.status, "state": state, "tries": d.tried}
        out.setdefault(d.alert_id or "", []).append({**shown, "at": rfc(over or d.created_at)})
    return out


def count(found: Sequence[Mapping[str, Any]]) -> Row:
    """Of rows of one moment: how many causes fire, how many alerts they explain, how many are silenced or pending."""
    firing = [r for r in found if r["state"] == "firing"]
    ids = {r["id"] for r in firing}
    causes = [r for r in firing if r["cause"] not in ids]
    silent = sum(1 for r in causes if r["silenced"])
    pending = sum(1 for r in found if r["state"] == "pending")
    return {"causes": len(causes), "firing": len(firing), "silenced": silent, "pending": pending}


def firing_since(ids: Iterable[str], start: Ms) -> dict[str, int]:
    """How often each of these rules fired since then."""
    fired = Alert.objects.filter(rule__in=list(ids), fired_at__gte=start).values("rule").annotate(n=Count("id"))
    return {r["rule"]: r["n"] for r in fired}


def held_back(silence: Silence, now: Ms) -> int:
    """How many alerts that fired while this silence stood it kept from being told, among the newest."""
    end = min(now, silence.ended_at or now)
    among = between(silence.starts_at, end).annotate(n=Count("deliveries"))[:MOST_HELD]
    return sum(1 for a in among if a.n == 0 and matches(silence.matcher, a))
