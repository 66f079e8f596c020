"""A body that people write: ``${name}`` stands for what is known, and that is all there is to the language.

No attribute, no call, no loop: nothing in a template can run, and what it makes is bounded. Values are encoded for the
kind of body, so that a name cannot end the text that it stands in.
"""

from __future__ import annotations

import json
import re
import string
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote_plus

from dashboard.alerts.channels.client import Request
from dashboard.alerts.channels.kinds import Field, Kind, Told, header, url
from dashboard.alerts.channels.words import clean, heading, paragraphs

MOST_TEMPLATE, MOST_BODY = 16_000, 256_000
ENCODINGS: Mapping[str, Callable[[str], str]] = {
    "application/json": lambda text: json.dumps(text)[1:-1],
    "application/x-www-form-urlencoded": quote_plus,
    "text/plain": str,
}
OF_ALERT = (
    *("id", "rule", "severity", "subject", "started_at", "ended_at", "summary"),
    *("reason", "verdict", "value", "threshold", "team"),
)
NAMES = ("status", "heading", "text", *OF_ALERT, "cause", "cause_subject", "view", "delivery_id")


class Template(string.Template):
    """``${name}`` and ``$name`` with the names above; ``$$`` is a dollar."""

    idpattern = r"[a-z_]{1,20}"
    flags = re.RegexFlag(0)  # upper case is no name


def check(text: str) -> None:
    """Raises ValueError with a sentence where the template cannot be filled in."""
    try:
        used = Template(text).get_identifiers()
        Template(text).substitute(dict.fromkeys(NAMES, ""))
    except (ValueError, KeyError) as e:
        wrong = (
            f"{e.args[0]!r} is no name"
            if isinstance(e, KeyError)
            else "a $ that begins no name (write $$ for a dollar)"
        )
        raise ValueError(f"{wrong}; there are {', '.join(NAMES)}") from None
    if not used:
        raise ValueError(f"the template tells nothing of the alert; names to use are {', '.join(NAMES)}")


def values(told: Told) -> dict[str, str]:
    """What each name stands for, not yet encoded."""
    body, alert = told.body, told.body["alert"]
    cause = body.get("cause") or {}
    known: dict[str, Any] = {name: alert[name] for name in OF_ALERT}
    known |= {"status": body["status"], "cause": cause.get("reason"), "cause_subject": cause.get("subject")}
    known |= {"heading": heading(body), "view": body["links"]["view"], "delivery_id": told.id}
    shown = {name: clean("" if value is None else value, 2_000) for name, value in known.items()}
    return {**shown, "text": "\n".join(paragraphs(body))}


def make(told: Told) -> Request:
    """The template filled in. Raises ValueError where it grew too long."""
    kind = told.settings["content_type"]
    filled = {name: ENCODINGS[kind](value) for name, value in values(told).items()}
    body = Template(told.settings["template"]).substitute(filled).encode("utf-8", "replace")
    if len(body) > MOST_BODY:
        raise ValueError(f"the template makes more than {MOST_BODY} bytes; shorten it")
    token = told.settings.get("authorization")
    headers = {"Content-Type": f"{kind}; charset=utf-8"} | ({"Authorization": token} if token else {})
    return Request(told.settings["url"], body, headers)


KIND = Kind(
    "template",
    "Template",
    (
        url(),
        Field("template", "body with ${names}", check=check, most=MOST_TEMPLATE),
        Field("content_type", "kind of the body", default="application/json", choices=tuple(ENCODINGS)),
        Field("authorization", "header Authorization, if one is wanted", secret=True, required=False, check=header),
    ),
    make,
)
