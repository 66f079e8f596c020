"""Microsoft Teams' workflows ("when a webhook request is received"): an adaptive card.

Text runs are not read as Markdown, as text blocks and fact sets are; a mention needs an entity, and there is none.
"""

from __future__ import annotations

from typing import Any

from dashboard.alerts.channels.client import Request
from dashboard.alerts.channels.kinds import Kind, Told, as_json, url
from dashboard.alerts.channels.words import Body, heading, paragraphs

MOST_BYTES = 20_000  # of text; Teams takes 28 KB in all
STYLES = {"critical": "Attention", "warning": "Warning", "info": "Accent"}


def payload(body: Body) -> dict[str, Any]:
    """A message with one card."""
    color = "Good" if body["status"] == "resolved" else STYLES.get(body["alert"]["severity"], "Default")
    rows = [_run(heading(body), size="Large", weight="Bolder", color=color)]
    used = 0
    for line in paragraphs(body):
        used += len(line.encode())
        if used < MOST_BYTES:
            rows.append(_run(line))
    card = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": rows,
        "actions": [{"type": "Action.OpenUrl", "title": "Open", "url": body["links"]["view"]}],
    }
    attachment = {"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": None, "content": card}
    return {"type": "message", "attachments": [attachment]}


def _run(text: str, **style: str) -> dict[str, Any]:
    return {"type": "RichTextBlock", "inlines": [{"type": "TextRun", "text": text, **style}]}


def make(told: Told) -> Request:
    return as_json(told.settings["url"], payload(told.body))


KIND = Kind("teams", "Microsoft Teams", (url(about="workflow's address"),), make)
