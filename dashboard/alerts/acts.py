"""What people do about alerts: acknowledge, silence, take a silence back. Each is audited."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import transaction

from dashboard.access import audit
from dashboard.alerts.models import Alert, Silence
from dashboard.alerts.silences import check_times, checked
from dashboard.times import rfc

KINDS = ("silence", "maintenance")
MOST_REASON = 1_000


def acknowledge(alert_id: str, by: str, now: int) -> bool:
    """Somebody has seen to it: it is not escalated any more. False where it is over, or somebody had before."""
    waiting = Alert.objects.filter(pk=alert_id, resolved_at__isnull=True, acknowledged_at__isnull=True)
    with transaction.atomic():
        if not waiting.update(acknowledged_at=now, acknowledged_by=by[:150]):
            return False
        audit(by, "alert acknowledged", alert_id)
    return True


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
