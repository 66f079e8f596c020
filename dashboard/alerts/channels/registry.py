"""All kinds of channels by name."""

from __future__ import annotations

from collections.abc import Mapping

from dashboard.alerts.channels import (
    alertmanager,
    discord,
    mail,
    opsgenie,
    pagerduty,
    slack,
    teams,
    template,
    webhook,
)
from dashboard.alerts.channels.kinds import Kind

_ALL = (webhook, alertmanager, slack, teams, pagerduty, opsgenie, discord, mail, template)
KINDS: Mapping[str, Kind] = {module.KIND.name: module.KIND for module in _ALL}
