"""Who is told: the channels that a rule names, else the team's own, else those that are no team's."""

from __future__ import annotations

from dashboard.alerts.models import Alert, Channel


def told(alert: Alert) -> list[Channel]:
    """The channels that are told of this alert when it fires. A channel for escalation only where it is named."""
    names = [str(name) for name in (alert.definition or {}).get("channels") or ()]
    named = list(Channel.objects.filter(enabled=True, name__in=names).order_by("name")) if names else []
    return named or _of_team(alert, escalation=False)


def escalated(alert: Alert) -> list[Channel]:
    """The channels that are told when nobody has acknowledged."""
    return _of_team(alert, escalation=True)


def _of_team(alert: Alert, *, escalation: bool) -> list[Channel]:
    """The team's; those that are no team's where it has none that is enabled: an alert must not be lost."""
    known = Channel.objects.filter(enabled=True, escalation=escalation).order_by("name")
    own = list(known.filter(team=alert.team)) if alert.team else []
    return own or list(known.filter(team=""))
