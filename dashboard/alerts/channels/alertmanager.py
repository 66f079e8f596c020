"""What Alertmanager sends to its own webhook receivers, version 4, for receivers that were written for it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Any

from dashboard.alerts.channels.client import Request
from dashboard.alerts.channels.kinds import Field, Kind, Told, as_json, header, url
from dashboard.alerts.channels.words import clean

NEVER = "0001-01-01T00:00:00Z"  # Go's zero: it has not ended
_NO_LABEL = re.compile(r"[^a-zA-Z0-9_]")


def payload(told: Told) -> dict[str, Any]:
    """Alertmanager's template data: one group, of the alert and those told with it."""
    body = told.body
    listed = [_alert(a, body) for a in (body["alert"], *(body.get("group") or ()))]
    first = listed[0]["labels"]
    return {
        "version": "4",
        "groupKey": f'{{}}:{{alertname="{_quoted(first["alertname"])}", playhead="{_key(body)}"}}',
        "truncatedAlerts": int(body.get("unlisted") or 0),
        "status": body["status"],
        "receiver": "playhead",
        "groupLabels": {"alertname": first["alertname"]},
        "commonLabels": _common([a["labels"] for a in listed]),
        "commonAnnotations": _common([a["annotations"] for a in listed]),
        "externalURL": body["links"]["home"],
        "alerts": listed,
    }


def _key(body: Mapping[str, Any]) -> str:
    return "summary" if body.get("folded") else str(body["alert"]["id"])


def _alert(alert: Mapping[str, Any], body: Mapping[str, Any]) -> dict[str, Any]:
    given = {"subject": alert["subject"], "team": alert["team"], "verdict": alert["verdict"]}
    named = {_NO_LABEL.sub("_", f"_{k}" if k[:1].isdigit() else k): v for k, v in (alert["labels"] or {}).items()}
    labels = {**named, **given, "alertname": alert["rule"], "severity": alert["severity"]}
    annotations = {
        "summary": alert["summary"],
        "description": alert["reason"],
        "cause": (body.get("cause") or {}).get("reason"),
    }
    return {
        "status": "resolved" if alert["ended_at"] else "firing",
        "labels": _texts(labels),
        "annotations": _texts(annotations),
        "startsAt": alert["started_at"],
        "endsAt": alert["ended_at"] or NEVER,
        "generatorURL": body["links"]["view"],
        "fingerprint": hashlib.sha256(str(alert["id"]).encode()).hexdigest()[:16],
    }


def _texts(given: Mapping[str, Any]) -> dict[str, str]:
    return {k: clean(v, 2_000) for k, v in sorted(given.items()) if v not in (None, "")}


def _common(sets: list[dict[str, str]]) -> dict[str, str]:
    return {k: v for k, v in sets[0].items() if all(s.get(k) == v for s in sets)}


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


def make(told: Told) -> Request:
    """A POST, with a bearer token where one is set."""
    token = told.settings.get("token")
    return as_json(told.settings["url"], payload(told), {"Authorization": f"Bearer {token}"} if token else {})


TOKEN = Field("token", "bearer token, if the receiver wants one", secret=True, required=False, check=header)
KIND = Kind("alertmanager", "Alertmanager v4 receiver", (url(), TOKEN), make)
