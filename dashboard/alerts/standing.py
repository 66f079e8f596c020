"""How a channel does, in words: whether it works, since when it does not, and what the last try said."""

from __future__ import annotations

from typing import Any

from dashboard.alerts.models import Attempt, Channel
from dashboard.times import rfc

DEAD_AFTER = 3_600_000  # ms without one success


def standing(channel: Channel, now: int) -> dict[str, Any]:
    """``state`` is works, failing, dead, disabled or unused; ``words`` say it; times are ms."""
    tries = Attempt.objects.filter(delivery__channel=channel, at__lte=now)
    good = tries.filter(code__gte=200, code__lt=300).order_by("-id").first()
    last = tries.order_by("-id").first()
    bad = tries.filter(pk__gt=good.pk) if good else tries
    first_bad = bad.order_by("id").first()
    state = _state(channel, last, first_bad, now)
    known = {"succeeded_at": good.at if good else None, "failing_since": first_bad.at if first_bad else None}
    return {"state": state, "words": _words(channel, state, last, first_bad), **known, "waiting": _waiting(channel)}


def _waiting(channel: Channel) -> int:
    return channel.deliveries.filter(state__in=("waiting", "sending")).count()


def _state(channel: Channel, last: Attempt | None, first_bad: Attempt | None, now: int) -> str:
    if not channel.enabled:
        return "disabled"
    if last is None:
        return "unused"
    if first_bad is None:
        return "works"
    return "dead" if now - first_bad.at >= DEAD_AFTER else "failing"


def _words(channel: Channel, state: str, last: Attempt | None, first_bad: Attempt | None) -> str:
    if state == "disabled":
        return f"out of use: {channel.why_disabled}" if channel.why_disabled else "switched off"
    if state == "unused" or last is None:
        return "nothing was sent yet"
    if first_bad is None:
        return f"the last one arrived at {rfc(last.at)}"
    said = f"{last.code}: {last.excerpt}" if last.code else last.excerpt
    return f"nothing arrived since {rfc(first_bad.at)}; the last try said {said}"
