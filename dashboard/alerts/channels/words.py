"""What all channels say of an alert, as plain words. Names come from outside: nothing here is markup.

``body`` is the body of CONTRACT's webhooks, from which every channel makes its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Body = Mapping[str, Any]
MOST_OTHERS = 20
STATES = {"firing": "Firing", "resolved": "Resolved"}
COLORS = {"critical": 0xC62828, "warning": 0xEF6C00, "info": 0x1565C0}
RESOLVED_COLOR = 0x2E7D32


def clean(value: object, most: int = 300) -> str:
    """One printable line of at most so many characters: no controls, no marks that turn the direction of text."""
    text = "".join(c if c.isprintable() else " " for c in str(value))
    text = " ".join(text.split())
    return text if len(text) <= most else text[: most - 1] + "…"


def subject(body: Body) -> str:
    """What it is about, without the kind of id before it."""
    return clean(str(body["alert"]["subject"]).partition(":")[2] or body["alert"]["subject"])


def heading(body: Body, most: int = 250) -> str:
    """One line: what state, how grave, what."""
    alert = body["alert"]
    state = "Test" if body.get("test") else STATES.get(body["status"], body["status"])
    if body.get("escalated"):
        state = "Nobody acknowledged"
    if body.get("folded"):
        return clean(f"{state}: {body['folded']} alerts, the gravest {alert['severity']}: {_gist(alert)}", most)
    return clean(f"{state} ({alert['severity']}): {_gist(alert)}", most)


def _gist(alert: Mapping[str, Any]) -> str:
    return str(alert["summary"] or f"{alert['rule']} on {alert['subject']}")


def facts(body: Body) -> list[tuple[str, str]]:
    """What is known, each with its name; what is not known is left out."""
    alert, cause = body["alert"], body.get("cause") or {}
    given = (
        ("Rule", alert["rule"]),
        ("Subject", alert["subject"]),
        ("Reason", alert["reason"]),
        ("Verdict", alert["verdict"]),
        ("Value", _value(alert)),
        ("Team", alert["team"]),
        ("Since", alert["started_at"]),
        ("Until", alert["ended_at"]),
        ("Cause", " – ".join(str(v) for v in (cause.get("subject"), cause.get("reason")) if v)),
    )
    return [(name, clean(value, 1_000)) for name, value in given if value not in (None, "")]


def _value(alert: Mapping[str, Any]) -> str | None:
    if alert["value"] is None:
        return None
    against = "" if alert["threshold"] is None else f" (threshold {alert['threshold']:g})"
    return f"{alert['value']:g}{against}"


def others(body: Body) -> list[str]:
    """A line for each alert that is told with this one, and one for those that are too many."""
    group = body.get("group") or []
    lines = [clean(f"{a['severity']}: {_gist(a)}") for a in group[:MOST_OTHERS]]
    rest = len(group) - len(lines) + int(body.get("unlisted") or 0)
    return [*lines, f"and {rest} more"] if rest else lines


def paragraphs(body: Body) -> list[str]:
    """All of it as lines of plain text, without the heading."""
    known = [f"{name}: {value}" for name, value in facts(body)]
    together = others(body)
    title = "Also told with this:" if body.get("folded") else "The same cause explains:"
    return known + ([title, *(f"- {line}" for line in together)] if together else [])


def color(body: Body) -> int:
    """Red, orange or blue by severity, green once resolved; 24 bits."""
    return RESOLVED_COLOR if body["status"] == "resolved" else COLORS.get(body["alert"]["severity"], COLORS["info"])
