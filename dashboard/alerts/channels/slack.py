"""Slack's incoming webhooks. Names stand in plain text blocks, where neither markup nor mentions are read."""

from __future__ import annotations

from typing import Any

from dashboard.alerts.channels.client import Request
from dashboard.alerts.channels.kinds import Kind, Told, as_json, url
from dashboard.alerts.channels.words import Body, heading, paragraphs


def escaped(text: str) -> str:
    """Text in which Slack reads no mention and no link: those begin with ``<``."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def payload(body: Body) -> dict[str, Any]:
    """Blocks, and the line that a notification shows."""
    blocks: list[dict[str, Any]] = [{"type": "header", "text": _plain(heading(body, 150))}]
    if lines := paragraphs(body):
        blocks.append({"type": "section", "text": _plain("\n".join(lines)[:3_000])})
    if body["links"].get("view"):
        blocks.append({"type": "actions", "elements": [_button("Open", body["links"]["view"])]})
    return {"text": escaped(heading(body)), "mrkdwn": False, "unfurl_links": False, "blocks": blocks}


def _plain(text: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": text, "emoji": False}


def _button(text: str, to: str) -> dict[str, Any]:
    return {"type": "button", "text": _plain(text), "url": to[:3_000]}


def make(told: Told) -> Request:
    return as_json(told.settings["url"], payload(told.body))


KIND = Kind("slack", "Slack", (url(about="incoming webhook's address"),), make)
