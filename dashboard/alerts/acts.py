"""What people do about alerts: acknowledge, silence, take either back. Each is audited."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import transaction

from dashboard.access import audit
from dashboard.alerts.course import MOST_ACTS
from dashboard.alerts.models import Alert, Silence
from dashboard.alerts.silences import check_times, checked
from dashboard.times import rfc

KINDS = ("silence", "maintenance")
MOST_REASON = 1_000


def acknowledge(alert_id: str, by: str, now: int) -> bool:
    """Somebody has seen to it: it is not escalated any more. False where it is over, or somebody had before."""
    return _act(alert_id, by, now, True)


def take_back(alert_id: str, by: str, now: int) -> bool:
    """Nobody sees to it any more: it is escalated when its time is up. False where it is over, or nobody had."""
    return _act(alert_id, by, now, False)


def _act(alert_id: str, by: str, now: int, seen: bool) -> bool:
    """Raises ValueError where this was done too often."""
    with transaction.atomic():
        waiting = Alert.objects.select_for_update(of=("self",))
        alert = waiting.filter(pk=alert_id, resolved_at__isnull=True, acknowledged_at__isnull=seen).first()
        if alert is None:
            return False
        if len(alert.acts) >= MOST_ACTS:
            raise ValueError(f"this alert was acknowledged and taken back {MOST_ACTS} times: it stays as it is")
        alert.acts = [*_acts(alert), [now, by[:150], seen]]
        alert.acknowledged_at, alert.acknowledged_by = (now, by[:150]) if seen else (None, "")
        alert.save(update_fields=["acts", "acknowledged_at", "acknowledged_by"])
        audit(by, "alert acknowledged" if seen else "acknowledgement taken back", alert_id)
    return True


def _acts(alert: Alert) -> list[Any]:
    """With the acknowledgement of a time at which only the last one was kept."""
    old = [[alert.acknowledged_at, alert.acknowledged_by, True]] if alert.acknowledged_at else []
    return alert.acts or old


def silence(
    matcher: Mapping[str, Any], reason: str, starts_at: int, ends_at: int, by: str, now: int, **more: str
) -> Silence:
    """Makes a silence; ``kind`` and ``repeats`` may be given as well. Raises ValueError with a sentence."""
    kind, repeats = more.get("kind", "silence"), more.get("repeats", "")
    if kind not in KINDS:
        raise ValueError(f"kind: expected one of {', '.join(KINDS)}")
    if repeats and kind != "maintenance":
        raise ValueError("repeats: only a maintenance window comes again")
    if not reason.strip() or len(reason) > MOST_REASON:
        raise ValueError(f"reason: say why, in at most {MOST_REASON} characters")
    check_times(starts_at, ends_at, repeats)
    if ends_at <= now and not repeats:
        raise ValueError("ends_at: this silence would be over already")
    window = {"starts_at": starts_at, "ends_at": ends_at, "kind": kind, "repeats": repeats}
    with transaction.atomic():
        made = Silence.objects.create(
            matcher=checked(matcher), reason=reason.strip(), created_by=by[:150], created_at=now, **window
        )
        audit(by, "silence made", made.id, matcher=made.matcher, until=rfc(ends_at), reason=made.reason[:200])
    return made


def unsilence(silence_id: str, by: str, now: int) -> bool:
    """Takes a silence back: what still fires is told. False where there is none, or it was taken back before."""
    with transaction.atomic():
        if not Silence.objects.filter(pk=silence_id, ended_at__isnull=True).update(ended_at=now):
            return False
        audit(by, "silence ended", silence_id)
    return True
