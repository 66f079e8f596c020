"""PagerDuty's Events API v2: one incident for each alert, triggered and resolved under one key."""

from __future__ import annotations

from typing import Any

from dashboard.alerts.channels.client import Request
from dashboard.alerts.channels.kinds import Field, Kind, Told, as_json, url
from dashboard.alerts.channels.words import clean, facts, heading, others

SEVERITIES = {"critical": "critical", "warning": "warning", "info": "info"}
EVENTS = "https://events.pagerduty.com/v2/enqueue"


def payload(told: Told) -> dict[str, Any]:
    """A trigger, or the resolve of the same key."""
    body, alert = told.body, told.body["alert"]
    event = {
        "routing_key": told.settings["routing_key"],
        "dedup_key": str(alert["id"])[:255],
        "event_action": "resolve" if told.resolved else "trigger",
    }
    if told.resolved:
        return event
    details = dict(facts(body)) | ({"With it": others(body)} if others(body) else {})
    about = {
        "summary": heading(body, 1_024),
        "source": clean(alert["subject"], 255),
        "severity": SEVERITIES.get(alert["severity"], "warning"),
        "timestamp": alert["started_at"],
        "group": clean(alert["team"] or "", 255),
        "class": clean(alert["rule"], 255),
        "custom_details": details,
    }
    view = body["links"]["view"]
    return {**event, "client": "Playhead", "client_url": view, "payload": {k: v for k, v in about.items() if v}}


def make(told: Told) -> Request:
    return as_json(told.settings["url"], payload(told))


KIND = Kind(
    "pagerduty",
    "PagerDuty",
    (
        Field("routing_key", "integration key of the service (Events API v2)", secret=True, most=64),
        url(about="address of the Events API; events.eu.pagerduty.com for Europe", secret=False, default=EVENTS),
    ),
    make,
    folds=False,
    remembers=True,
)
