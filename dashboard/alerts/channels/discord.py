"""Discord's webhooks: an embed, no mentions at all, and a backslash before whatever Discord reads as markup."""

from __future__ import annotations

import re
from typing import Any

from dashboard.alerts.channels.client import Request
from dashboard.alerts.channels.kinds import Kind, Told, as_json, url
from dashboard.alerts.channels.words import Body, color, heading, paragraphs

_MARKUP = re.compile(r"([\\*_~`|<>\[\]()#@:\-])")


def escaped(text: str) -> str:
    """Text in which Discord reads no markup, no link and no mention."""
    return _MARKUP.sub(r"\\\1", text)


def payload(body: Body) -> dict[str, Any]:
    """One embed; its link is its title's."""
    embed = {
        "title": escaped(heading(body, 120))[:256],
        "description": _fitting([escaped(line) for line in paragraphs(body)], 4_000),
        "url": body["links"]["view"],
        "color": color(body),
    }
    return {"username": "Playhead", "allowed_mentions": {"parse": []}, "embeds": [embed]}


def _fitting(lines: list[str], most: int) -> str:
    """As many whole lines as fit: half an escape would be markup again."""
    out: list[str] = []
    for line in lines:
        most -= len(line) + 1
        if most < 0:
            break
        out.append(line)
    return "\n".join(out)


def make(told: Told) -> Request:
    return as_json(told.settings["url"], payload(told.body))


KIND = Kind("discord", "Discord", (url(about="webhook's address"),), make)
