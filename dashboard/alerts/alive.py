"""Tells somebody outside that Playhead lives, so that its silence means something.

It speaks only while the tape is being recorded and rules are evaluated. A Playhead whose processes all run but whose
recorder writes nothing, or whose evaluation waits, is as good as dead to who relies on its alerts: it falls silent.
"""

from __future__ import annotations

import logging

from celery import shared_task
from django.conf import settings

from dashboard.alerts.channels.client import Client
from dashboard.alerts.models import DONE
from dashboard.alerts.sending import heartbeat, scrubbed
from dashboard.reading import now_ms
from lineage import history
from lineage.minutes import MINUTE_MS
from lineage.models import Progress
from lineage.observations import Ms
from lineage.outward import Alerts, Heartbeat

log = logging.getLogger(__name__)
TICKS_MS = MINUTE_MS  # the newest tick is no older: one comes every 10 s
RULES_MS = 3 * MINUTE_MS  # the newest minute that was evaluated is no older
TASK = "dashboard.alerts.alive"


def beat(alerts: Alerts) -> dict[str, dict[str, object]]:
    """What Celery's beat runs; nothing where nobody wants to hear it."""
    if alerts.heartbeat is None:
        return {}
    every = alerts.heartbeat.every
    return {"alerts: heartbeat": {"task": TASK, "schedule": every, "options": {"expires": every}}}


def silent(now: Ms) -> str:
    """Why nothing is to be said, "" where all is well."""
    newest = history.newest_tick()
    if newest is None or now - newest.at > TICKS_MS:
        return "nothing is being recorded"
    done = Progress.objects.filter(name=DONE).values_list("at", flat=True).first()
    return "" if done is not None and now - done <= RULES_MS else "the alert rules are not being evaluated"


def tell(to: Heartbeat, now: Ms, client: Client | None = None) -> bool:
    """Whether it was told, and taken. What came of it is logged, without the address: that may be a secret."""
    if why := silent(now):
        log.warning("no heartbeat is sent: %s", why)
        return False
    answer = heartbeat(to.url, now, client)
    if not answer.accepted:
        log.warning("the heartbeat was not taken: %s %s", answer.code or "", scrubbed(answer.excerpt, [to.url]))
    return answer.accepted


@shared_task(name=TASK, ignore_result=True)  # type: ignore[untyped-decorator]  # Celery has no types
def alive() -> None:
    """One heartbeat, where one is wanted."""
    if to := settings.PLAYHEAD.alerts.heartbeat:
        tell(to, now_ms())
