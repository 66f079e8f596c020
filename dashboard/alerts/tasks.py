"""The task that evaluates the rules; deliver.py has those that send what came of it."""

from __future__ import annotations

import logging

from celery import shared_task
from django.db import IntegrityError, OperationalError

from dashboard.alerts import evaluate as evaluation
from dashboard.alerts import rules
from dashboard.reading import now_ms
from lineage.history import Away, TapeBegins

log = logging.getLogger(__name__)
TICK = 5.0  # seconds
TASK = "dashboard.alerts.evaluate"
BEAT = {"alerts: evaluate": {"task": TASK, "schedule": TICK, "options": {"expires": TICK}}}


@shared_task(name=TASK, ignore_result=True)  # type: ignore[untyped-decorator]  # Celery has no types
def evaluate() -> None:
    """Looks at the minutes that are new. What could not be looked at now is looked at the next time."""
    try:
        rules.ensure(now_ms())
        told = evaluation.evaluate()
    except (Away, TapeBegins, OperationalError, IntegrityError) as error:
        log.warning("the alert rules wait: %s", error)
        return
    if told.fired or told.resolved:
        log.info("alerts: %d fired, %d resolved", told.fired, told.resolved)
