"""What is told of an alert: the body of CONTRACT's webhooks, of which every channel makes its own."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote, urlencode

from django.conf import settings

from dashboard.alerts.models import Alert
from dashboard.api.search import page_of
from dashboard.times import rfc
from lineage.identity import KINDS

VERSION = 1
MOST_GROUPED = 100
PLACES = {"cluster": "/map", "collector": "/collectors"}


def body_of(alert: Alert, status: str, now: int) -> dict[str, Any]:
    """The body for ``firing``, ``resolved`` or ``escalated``; the last is one that still fires."""
    escalated = {"escalated": True} if status == "escalated" else {}
    cause = {"subject": alert.cause_subject, "reason": alert.cause_reason} if alert.cause_subject else None
    return {
        "version": VERSION,
        "status": "resolved" if status == "resolved" else "firing",
        **escalated,
        "alert": facts_of(alert) | ({} if status == "resolved" else {"ended_at": None}),
        "cause": cause,
        "group": [],
        "links": links(alert, (alert.resolved_at if status == "resolved" else alert.fired_at) or now),
    }


def facts_of(alert: Alert) -> dict[str, Any]:
    """The alert, as it is in bodies."""
    own = ("id", "severity", "subject", "summary", "reason", "verdict", "value", "threshold", "labels", "team")
    began = alert.fired_at if alert.fired_at is not None else alert.pending_at
    times = {"started_at": rfc(began), "ended_at": rfc(alert.resolved_at)}
    return {**{name: getattr(alert, name) for name in own}, "rule": alert.rule_name, **times}


def grouped(alert: Alert) -> tuple[list[dict[str, Any]], int]:
    """The alerts that this one explains, the first hundred of them, and how many are left out."""
    explained = Alert.objects.filter(cause=alert, fired_at__isnull=False).order_by("fired_at", "id")
    found = [facts_of(a) for a in explained[: MOST_GROUPED + 1]]
    rest = explained.count() - MOST_GROUPED if len(found) > MOST_GROUPED else 0
    return found[:MOST_GROUPED], rest


def links(alert: Alert | None, at: int) -> dict[str, str]:
    """Addresses of the page at that moment on the tape, and of what may be done about the alert."""
    home = settings.PUBLIC_URL
    if alert is None:
        return {"home": home, "view": f"{home}/", "silence": f"{home}/alerts", "rule": f"{home}/alerts"}
    return {
        "home": home,
        "view": home + _moment(page_for(alert.subject), at),
        "silence": f"{home}/alerts?{urlencode({'silence': alert.id})}",
        "rule": f"{home}/alerts?{urlencode({'rule': alert.rule_id or ''})}",
    }


def page_for(subject: str) -> str:
    """The path of the page that shows this subject."""
    kind, _, rest = subject.partition(":")
    if kind == "lag":  # lag:CLUSTER/GROUP/TOPIC is on the group's page
        return page_of(f"group:{rest.rpartition('/')[0]}")
    return page_of(subject) if kind in KINDS else PLACES.get(kind, "/changes")


def _moment(path: str, at: int) -> str:
    return f"{path}{'&' if '?' in path else '?'}at={quote(rfc(at) or '', safe='')}"
