"""Which delivery is sent next, so that no two workers send one at the same time; what is over the rate goes as one.

A claim is a short transaction that locks the channel's row and leaves a lease on the delivery. Who is killed between
sending and writing down leaves a lease that runs out; it is sent again then, under the same id.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet

from dashboard.alerts.body import MOST_GROUPED, grouped
from dashboard.alerts.channels.registry import KINDS
from dashboard.alerts.models import Attempt, Channel, Delivery
from dashboard.alerts.outbox import FIRST, put

LEASE = 60_000  # ms; a send takes a third of it at most
MINUTE = 60_000
OLDEST = 2 * 86_400_000
PER_MINUTE = 20
OPEN = ("waiting", "sending")
ALERTS = (*FIRST, "resolved")
GRAVITY = ("critical", "warning", "info")


class Claimed(NamedTuple):
    """What is to be sent now. ``tries`` tells this try from one after the lease ran out."""

    delivery: Delivery
    channel: Channel
    tries: int


def due(now: int) -> QuerySet[Delivery]:
    """What may be sent now: a resolved only once nothing is waiting that says that it fires."""
    first = Delivery.objects.filter(
        alert=OuterRef("alert"), channel=OuterRef("channel"), status__in=FIRST, state__in=OPEN
    )
    open_now = Delivery.objects.filter(state__in=OPEN, next_at__lte=now, channel__enabled=True)
    return open_now.exclude(Q(status="resolved") & Exists(first)).order_by("next_at", "created_at", "id")


def claim(channel_id: str, now: int) -> Claimed | None:
    """The channel's next delivery, leased; None where nothing is due, or another worker sends there just now."""
    with transaction.atomic():
        locked = Channel.objects.select_for_update(skip_locked=True)
        channel = locked.filter(pk=channel_id, enabled=True).first()
        if channel is None or channel.deliveries.filter(state="sending", next_at__gt=now).exists():
            return None
        room = per_minute(channel) - recent(channel, now)
        if room <= 0:
            return None
        chosen = _chosen(channel, room, now)
        return lease(chosen, channel, now) if chosen else None


def per_minute(channel: Channel) -> int:
    """How many requests a minute the channel gets."""
    return int(channel.settings.get("per_minute") or PER_MINUTE)


def recent(channel: Channel, now: int) -> int:
    """How many it got in the last minute. What is older than two days is over: it need not be looked through."""
    young = Attempt.objects.filter(delivery__channel=channel, delivery__created_at__gt=now - OLDEST)
    return young.filter(at__gt=now - MINUTE, at__lte=now).count()


def lease(delivery: Delivery, channel: Channel, now: int) -> Claimed:
    """Takes it. Its group is as it is now at the first try, and the same at all others."""
    if delivery.tries == 0 and delivery.alert and delivery.status in ALERTS:
        group, rest = grouped(delivery.alert)
        delivery.body = {**delivery.body, "group": group, **({"unlisted": rest} if rest else {})}
    delivery.state, delivery.next_at, delivery.tries = "sending", now + LEASE, delivery.tries + 1
    delivery.save(update_fields=["body", "state", "next_at", "tries"])
    return Claimed(delivery, channel, delivery.tries)


def _chosen(channel: Channel, room: int, now: int) -> Delivery | None:
    """The next one; where more are due than the rate has room for, a summary of those that nobody tried yet."""
    waiting = due(now).filter(channel=channel).select_related("alert")
    chosen = waiting.first()
    kind = KINDS.get(channel.kind)
    if chosen is None or room > 2 or kind is None or not kind.folds:
        return chosen
    fresh = waiting.filter(tries=0, status__in=ALERTS, alert__isnull=False)
    if fresh.count() <= room:
        return chosen
    status = fresh[0].status
    return _summary(channel, list(fresh.filter(status=status)[:MOST_GROUPED]), now)


def _summary(channel: Channel, folded: list[Delivery], now: int) -> Delivery:
    """One delivery that tells all of these, which then wait for what comes of it."""
    if len(folded) == 1:
        return folded[0]
    first, *rest = sorted(folded, key=lambda d: _rank(d.body["alert"]["severity"]))
    body: dict[str, Any] = {**first.body, "group": [d.body["alert"] for d in rest], "folded": len(folded)}
    summary = put(channel, "summary", body, now)
    for delivery in folded:
        delivery.body, delivery.next_at = {**delivery.body, "folded_into": summary.id}, None
    Delivery.objects.bulk_update(folded, ["body", "next_at"])
    return summary


def _rank(severity: str) -> int:
    return GRAVITY.index(severity) if severity in GRAVITY else len(GRAVITY)
