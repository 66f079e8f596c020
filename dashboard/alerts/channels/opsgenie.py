"""Opsgenie's Alert API: created and closed under one alias."""

from __future__ import annotations

from html import escape
from typing import Any

from dashboard.alerts.channels.client import Request
from dashboard.alerts.channels.kinds import Field, Kind, Told, as_json, header, url
from dashboard.alerts.channels.words import clean, facts, heading, paragraphs

PRIORITIES = {"critical": "P1", "warning": "P3", "info": "P5"}
API = "https://api.opsgenie.com"


def alias(told: Told) -> str:
    return f"playhead-{told.body['alert']['id']}"


def payload(told: Told) -> dict[str, Any]:
    """A new alert. Its description may hold HTML, so what is in it is escaped."""
    body, alert = told.body, told.body["alert"]
    return {
        "message": heading(body, 130),
        "alias": alias(told),
        "description": escape("\n".join([*paragraphs(body), body["links"]["view"]]))[:15_000],
        "entity": clean(alert["subject"], 512),
        "source": "Playhead",
        "priority": PRIORITIES.get(alert["severity"], "P3"),
        "details": {name: escape(value) for name, value in facts(body)},
    }


def make(told: Told) -> Request:
    """Create, or close by alias."""
    base, key = told.settings["url"].rstrip("/"), {"Authorization": f"GenieKey {told.settings['api_key']}"}
    if told.resolved:
        closing = {"source": "Playhead", "note": heading(told.body)}
        return as_json(f"{base}/v2/alerts/{alias(told)}/close?identifierType=alias", closing, key)
    return as_json(f"{base}/v2/alerts", payload(told), key)


KIND = Kind(
    "opsgenie",
    "Opsgenie",
    (
        Field("api_key", "key of an API integration", secret=True, check=header, most=128),
        url(about="address of the API; https://api.eu.opsgenie.com for Europe", secret=False, default=API),
    ),
    make,
    folds=False,
    remembers=True,
)
