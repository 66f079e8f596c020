"""What of alerts goes with a recording: those that stood in its stretch, as they were known at its end, and silences.

Rules, channels and deliveries stay: they are of the place where it was made, and hold where it sends to.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.db.models import Model, Q

from dashboard.alerts import course
from dashboard.alerts.models import Alert, Silence
from lineage.archive import Carried
from lineage.observations import Ms

MOST = 50_000  # of each, the newest
SPOKEN = ("summary", "reason", "cause_subject", "cause_reason")


def alerts(begin: Ms, end: Ms) -> Iterator[list[Any]]:
    """Rows of alerts that were pending or firing at some moment of the stretch."""
    stood = Q(resolved_at__isnull=True) | Q(resolved_at__gte=begin)
    found = list(Alert.objects.filter(stood, pending_at__lte=end).order_by("-pending_at", "id")[:MOST])
    ids = {a.id for a in found}
    for alert in found:
        _forget_later(alert, end)
        alert.rule_id = None
        alert.cause_id = alert.cause_id if alert.cause_id in ids else None
        yield _values(alert)


def silences(begin: Ms, end: Ms) -> Iterator[list[Any]]:
    """Rows of silences and maintenance windows that held in the stretch."""
    held = Q(ends_at__gte=begin) | ~Q(repeats="")
    for silence in Silence.objects.filter(held, created_at__lte=end).order_by("-created_at", "id")[:MOST]:
        silence.ended_at = _known(silence.ended_at, end)
        yield _values(silence)


def _forget_later(alert: Alert, end: Ms) -> None:
    """What happened to it after the end had not happened."""
    if _known(alert.fired_at, end) is None:
        alert.fired = alert.fired_at = None
    if _known(alert.resolved_at, end) is None:
        alert.resolved, alert.resolved_at, alert.resolved_why = None, None, ""
    if alert.fired_at is None:
        for name in SPOKEN:
            setattr(alert, name, "")
    alert.last, alert.escalated_at = min(alert.last, end), _known(alert.escalated_at, end)
    if shown := course.at(alert.course, end):
        alert.value, alert.verdict = shown[1:3]
    acted = course.at(alert.acts or [[alert.acknowledged_at or end + 1, alert.acknowledged_by, True]], end)
    seen = acted if acted and acted[2] else None
    alert.acknowledged_at, alert.acknowledged_by = (seen[0], seen[1]) if seen else (None, "")
    alert.course = [e for e in alert.course if e[0] <= end]
    alert.acts = [e for e in alert.acts if e[0] <= end]


def _known(time: Ms | None, end: Ms) -> Ms | None:
    return time if time is not None and time <= end else None


def _values(row: Model) -> list[Any]:
    return [getattr(row, f.attname) for f in row._meta.concrete_fields]


CARRIED = (Carried(Alert, alerts), Carried(Silence, silences))
