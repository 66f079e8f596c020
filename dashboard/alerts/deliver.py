"""Sends what the outbox holds: at least once, under one id, for 24 hours, and writes down what came of each try.

Time is an argument everywhere; nothing sleeps. A tick finds the channels that have something due, and each of them is
served by a task of its own, so that a slow receiver holds up nobody else.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable
from datetime import UTC
from email.utils import parsedate_to_datetime

from celery import shared_task
from django.db import transaction

from dashboard.access import audit
from dashboard.alerts import outbox
from dashboard.alerts.channels.client import Answer, Client
from dashboard.alerts.claiming import OPEN, Claimed, claim, due
from dashboard.alerts.models import Attempt, Channel, Delivery
from dashboard.alerts.sending import guarded, send
from dashboard.times import rfc

log = logging.getLogger(__name__)
DAY = 86_400_000
FIRST_WAIT, MOST_WAIT = 5_000, 3_600_000  # ms between two tries: doubled each time
SERVE = 30_000  # ms that one task serves a channel
TICK = 5.0  # seconds
AT_ONCE = 4  # channels
TASK = "dashboard.alerts.deliver."
BEAT = {"alerts: deliver": {"task": f"{TASK}tick", "schedule": TICK, "options": {"expires": TICK}}}
Clock = Callable[[], int]


def serve(channel_id: str, clock: Clock, client: Client, chance: Callable[[], float] = random.random) -> int:
    """Sends what is due to this channel, one after another, for half a minute at most; how many."""
    until, sent = clock() + SERVE, 0
    while clock() < until and (claimed := claim(channel_id, clock())):
        answer = send(claimed.channel, claimed.delivery.body, claimed.delivery.id, clock(), client)
        record(claimed, answer, clock(), chance)
        sent += 1
    return sent


def record(claimed: Claimed, answer: Answer, now: int, chance: Callable[[], float] = random.random) -> None:
    """Writes down what came of a try, and what follows from it."""
    with transaction.atomic():
        delivery = Delivery.objects.select_for_update().filter(pk=claimed.delivery.pk).first()
        if delivery is None:  # its channel was deleted meanwhile
            return
        Attempt.objects.create(delivery=delivery, at=now, took=answer.took, code=answer.code, excerpt=answer.excerpt)
        if delivery.state not in OPEN:
            return
        if answer.accepted:
            _finish(delivery, "delivered", now)
        elif delivery.tries == claimed.tries:  # else the lease ran out, and another try is under way
            _failed(delivery, claimed.channel, answer, now, chance)


def _failed(delivery: Delivery, channel: Channel, answer: Answer, now: int, chance: Callable[[], float]) -> None:
    if answer.code == 410:
        disable(
            channel, f"the receiver answered 410 (gone) on {rfc(now)}: it wants nothing more. {answer.excerpt}", now
        )
    ends = delivery.created_at + DAY
    if answer.code == 410 or delivery.status == "test" or now >= ends:
        _finish(delivery, "failed", now)
        log.warning("a %s to channel %s was given up after %d tries", delivery.status, channel.id, delivery.tries)
        return
    asked = retry_after(answer, now)
    wait = max(asked, backoff(delivery.tries, chance()))
    delivery.state, delivery.next_at = "waiting", min(now + wait, ends)
    delivery.save(update_fields=["state", "next_at"])
    if asked:
        outbox.hold_back(channel, now + asked)


def backoff(tries: int, chance: float) -> int:
    """ms until the next try: 5 s doubled up to an hour, of which half is left to chance (0 to 1)."""
    whole = min(FIRST_WAIT * 2 ** min(tries - 1, 20), MOST_WAIT)
    return int(whole * (0.5 + chance / 2))


def retry_after(answer: Answer, now: int) -> int:
    """ms that a 429 or 503 asked to be left alone, an hour at most; 0 where it did not."""
    if answer.code not in (429, 503) or not answer.retry_after:
        return 0
    if answer.retry_after.isascii() and answer.retry_after.isdigit():
        asked = int(answer.retry_after[:9]) * 1000
    else:
        try:
            moment = parsedate_to_datetime(answer.retry_after)
            asked = int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000) - now
        except (ValueError, OverflowError):
            return 0
    return max(0, min(asked, MOST_WAIT))


def disable(channel: Channel, why: str, now: int) -> None:
    """Takes a channel out of use, and says so where people look."""
    Channel.objects.filter(pk=channel.pk).update(enabled=False, why_disabled=why[:1_000], changed_at=now)
    audit("delivery", "channel disabled", channel.name, why=why[:500])
    log.warning("the channel %s is out of use: %s", channel.id, why[:200])


def _finish(delivery: Delivery, state: str, now: int) -> None:
    """It is over, and so is all that waited for it."""
    done = {"state": state, "next_at": None, "finished_at": now}
    Delivery.objects.filter(pk=delivery.pk).update(**done)
    over = [delivery]
    if delivery.status == "summary":
        folded = delivery.channel.deliveries.filter(state="waiting", next_at=None, body__folded_into=delivery.id)
        over += list(folded)
        Delivery.objects.filter(pk__in=[d.pk for d in over]).update(**done)
    if state == "failed":
        _drop_resolved([d for d in over if d.status in outbox.FIRST], now)


def _drop_resolved(firings: list[Delivery], now: int) -> None:
    """Who was never told that it fires is not told that it is over."""
    for firing in firings:
        same = Delivery.objects.filter(alert_id=firing.alert_id, channel_id=firing.channel_id)
        if not same.filter(status__in=outbox.FIRST).exclude(state="failed").exists():
            same.filter(status="resolved", state="waiting").update(state="failed", next_at=None, finished_at=now)


def expire(now: int) -> int:
    """Ends what waited for a day for a channel that is out of use; how many."""
    dead = Delivery.objects.filter(next_at__isnull=False, channel__enabled=False, created_at__lte=now - DAY)
    for delivery in (found := list(dead.filter(state__in=OPEN).select_related("channel")[: outbox.MOST])):
        with transaction.atomic():
            _finish(delivery, "failed", now)
    return len(found)


def waiting_channels(now: int) -> list[str]:
    """The channels that have something due and are not being sent to, who waits longest first; few at once.

    Collections run on the same threads: receivers that all hang must not take all of them.
    """
    busy = set(Delivery.objects.filter(state="sending", next_at__gt=now).values_list("channel_id", flat=True))
    waiting = dict.fromkeys(due(now).values_list("channel_id", flat=True)[: outbox.MOST])
    return [channel_id for channel_id in waiting if channel_id not in busy][: max(0, AT_ONCE - len(busy))]


def clock() -> int:
    """ms UTC."""
    return time.time_ns() // 1_000_000


@shared_task(name=f"{TASK}tick", ignore_result=True)  # type: ignore[untyped-decorator]  # Celery has no types
def tick() -> None:
    """What is held back, what is to be escalated, and a task for each channel that has something due."""
    now = clock()
    outbox.sweep(now)
    expire(now)
    outbox.forget(now)
    for channel_id in waiting_channels(now):
        serve_channel.apply_async((channel_id,), expires=TICK * 6, retry=False)


@shared_task(name=f"{TASK}serve_channel", ignore_result=True)  # type: ignore[untyped-decorator]
def serve_channel(channel_id: str) -> None:
    """What is due to one channel."""
    serve(channel_id, clock, guarded())
