"""Who is told: the channels that a rule names, else the team's own, else those that are no team's. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from dashboard.alerts.models import Alert, Channel


def told(alert: Alert, channels: Sequence[Channel]) -> list[Channel]:
    """Those of the ``channels`` in use that are told when it fires. One for escalation only where it is named."""
    names = {str(name) for name in (alert.definition or {}).get("channels") or ()}
    return [c for c in channels if c.name in names] or _of_team(alert, channels, escalation=False)


def escalated(alert: Alert, channels: Sequence[Channel]) -> list[Channel]:
    """Those of the ``channels`` in use that are told when nobody has acknowledged."""
    return _of_team(alert, channels, escalation=True)


def _of_team(alert: Alert, channels: Sequence[Channel], *, escalation: bool) -> list[Channel]:
    """The team's; those that are no team's where it has none in use: an alert must not be lost."""
    known = [c for c in channels if c.escalation == escalation]
    own = [c for c in known if alert.team and c.team == alert.team]
    return own or [c for c in known if not c.team]
