"""What is to be told is written down in the transaction in which it became true; ``deliver`` sends it.

An alert that has a cause is not told while its cause is open: it stands in the ``group`` of that one. A silenced one is
not told; if it still holds when the silence ends, it is told then. ``sweep`` finds both, what nobody acknowledged, and
what waits for a channel that went out of use: others are told instead.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, Min, OuterRef, Q, QuerySet

from dashboard.alerts.body import body_of
from dashboard.alerts.models import DONE, Alert, Channel, Delivery, Silence
from dashboard.alerts.silences import possible, silenced
from dashboard.alerts.telling import escalated, told
from lineage.models import Progress

FIRST = ("firing", "escalated")  # what a resolved follows
CAUSE_GRACE = 120_000  # ms that what was explained has to get well by itself once its cause is gone
MOST = 10_000  # alerts that one sweep looks at, the oldest first
KEEP = 90 * 86_400_000  # ms that deliveries are kept once they are over

Who = Callable[[Alert, Sequence[Channel]], list[Channel]]
Tell = Callable[[Alert, "Around"], list[Delivery]]


@transaction.atomic
def enqueue(alert: Alert, status: str, now: int, around: Around | None = None) -> list[Delivery]:
    """Writes down who is to be told that the alert is ``firing`` or ``resolved``; in the caller's transaction.

    Doing so again adds nothing. Who has many gives ``around_at(now)``, read once. Raises ValueError for another status.
    """
    list(Alert.objects.select_for_update().filter(pk=alert.pk).values_list("pk"))  # a sweep leaves it alone meanwhile
    if status == "firing":
        return _fire(alert, around or around_at(now))
    if status == "resolved":
        return _write(alert, "resolved", _got_the_firing(alert), now)
    raise ValueError(f"{status!r} is nothing to tell of an alert; expected firing or resolved")


class Around(NamedTuple):
    """What decides who is told just now: read once for many alerts."""

    now: int
    channels: list[Channel]
    silences: list[Silence]


def around_at(now: int) -> Around:
    """The channels in use and the silences that may hold now."""
    return Around(now, list(Channel.objects.filter(enabled=True).order_by("name")), list(possible(now)))


def sweep(now: int) -> int:
    """Tells what was held back and still fires, and escalates; the number of deliveries made."""
    around = around_at(now)
    if not around.channels:
        return 0
    held = _open().filter(~Exists(_in_use())).filter(_no_cause(now)).filter(_holds())
    return _each(held, told, _fire, around) + _each(_unheard(now), escalated, _escalate, around)


def _in_use() -> QuerySet[Delivery]:
    """What tells, or has told, an alert that it fires; one for a channel that went out of use does not."""
    firing = Delivery.objects.filter(alert=OuterRef("pk"), status="firing")
    return firing.filter(Q(state="delivered") | Q(channel__enabled=True))


def _each(alerts: QuerySet[Alert], who: Who, tell: Tell, around: Around) -> int:
    """``tell`` for each that is not silenced and is anybody's, in a transaction of its own with its row locked.

    One that another transaction holds just now is left to the next sweep: it may be about to be resolved.
    """
    made = 0
    for seen in alerts[:MOST]:
        if not who(seen, around.channels) or silenced(seen, around.now, around.silences):
            continue
        with transaction.atomic():
            locked = Alert.objects.select_for_update(skip_locked=True, of=("self",)).select_related("cause")
            alert = locked.filter(pk=seen.pk, resolved_at__isnull=True, acknowledged_at=seen.acknowledged_at).first()
            made += len(tell(alert, around)) if alert else 0
    return made


def forget(now: int) -> int:
    """Drops what was over long ago, some of it at a time, but nothing of an alert that is open; how many."""
    old = Delivery.objects.filter(created_at__lt=now - KEEP, finished_at__lt=now - KEEP).exclude(
        alert__isnull=False, alert__resolved_at=None
    )
    return Delivery.objects.filter(pk__in=list(old.values_list("pk", flat=True)[:MOST])).delete()[0]


def _fire(alert: Alert, around: Around) -> list[Delivery]:
    if _explained(alert, around.now) or silenced(alert, around.now, around.silences):
        return []
    return _write(alert, "firing", told(alert, around.channels), around.now)


def _explained(alert: Alert, now: int) -> bool:
    """Whether another alert stands for this one: its cause is open, or has not been gone for long."""
    cause = alert.cause
    return cause is not None and (cause.resolved_at is None or cause.resolved_at > now - CAUSE_GRACE)


def _no_cause(now: int) -> Q:
    return Q(cause__isnull=True) | Q(cause__resolved_at__lte=now - CAUSE_GRACE)


def _open() -> QuerySet[Alert]:
    open_still = Alert.objects.filter(fired_at__isnull=False, resolved_at__isnull=True)
    return open_still.select_related("cause").order_by("fired_at", "id")


def _holds() -> Q:
    """What is only waiting to be over is not told for the first time; an event is news for as long as it is open."""
    newest = Progress.objects.filter(name=DONE).values_list("at", flat=True).first()
    return Q() if newest is None else Q(last__gte=newest) | Q(definition__on="change")


def _unheard(now: int) -> QuerySet[Alert]:
    """Alerts that were told long enough ago and that nobody acknowledged."""
    before = now - int(settings.PLAYHEAD.alerts.escalate_after * 1000)
    first = Min("deliveries__created_at", filter=Q(deliveries__status="firing"))
    waiting = _open().filter(_no_cause(now), acknowledged_at__isnull=True, escalated_at__isnull=True)
    grave = waiting.exclude(severity="info").filter(fired_at__lte=before)
    return grave.annotate(first=first).filter(Q(first__lte=before) | Q(first__isnull=True))


def _escalate(alert: Alert, around: Around) -> list[Delivery]:
    channels = escalated(alert, around.channels)
    if not channels or alert.escalated_at:
        return []
    Alert.objects.filter(pk=alert.pk).update(escalated_at=around.now)
    return _write(alert, "escalated", channels, around.now)


def _got_the_firing(alert: Alert) -> list[Channel]:
    """Who got that it fires, or will get it."""
    heard = Delivery.objects.filter(alert=alert, status__in=FIRST).exclude(state="failed")
    return list(Channel.objects.filter(pk__in=heard.values("channel_id")).order_by("name"))


def _write(alert: Alert, status: str, channels: Iterable[Channel], now: int) -> list[Delivery]:
    """A delivery for each channel that has none of this kind yet. Two that write the same at once write it once."""
    known = set(Delivery.objects.filter(alert=alert, status=status).values_list("channel_id", flat=True))
    fresh = [c for c in channels if c.id not in known]
    if not fresh:
        return []
    given = _fresh(body_of(alert, status, now), now)
    made = [Delivery(alert=alert, channel=c, status=status, **given) for c in fresh]
    return Delivery.objects.bulk_create(made, ignore_conflicts=True)


def _fresh(body: dict[str, Any], now: int) -> dict[str, Any]:
    return {"body": body, "created_at": now, "next_at": now}


def put(channel: Channel, status: str, body: dict[str, Any], now: int, alert: Alert | None = None) -> Delivery:
    """One delivery to one channel: a test, or a summary."""
    return Delivery.objects.create(channel=channel, alert=alert, status=status, **_fresh(body, now))


def hold_back(channel: Channel, until: int) -> None:
    """Nothing more for this channel before that moment: it asked for it."""
    Delivery.objects.filter(channel=channel, state="waiting", next_at__lt=until).update(next_at=until)
