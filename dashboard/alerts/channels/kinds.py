"""What a kind of channel is: which settings and secrets it has, and how it says what is to be told."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from dashboard.alerts.channels.client import Request, split
from dashboard.alerts.channels.post import Letter

MOST_TEXT = 2_000


@dataclass(frozen=True)
class Told:
    """One thing to be told: the body of CONTRACT, the delivery's id, the moment of this try (ms), who is told."""

    body: Mapping[str, Any]
    id: str
    at: int
    settings: Mapping[str, str] = field(repr=False)  # the channel's fields, its secrets among them

    @property
    def resolved(self) -> bool:
        return bool(self.body["status"] == "resolved")


@dataclass(frozen=True)
class Field:
    """One setting. ``check`` raises ValueError with a sentence; a secret is encrypted and never shown again."""

    name: str
    about: str
    secret: bool = False
    required: bool = True
    default: str = ""
    choices: tuple[str, ...] = ()
    check: Callable[[str], object] | None = None
    most: int = MOST_TEXT


@dataclass(frozen=True)
class Kind:
    """``folds``: what is over the rate may go as one summary; else each has to be told by itself, and waits.

    ``remembers``: the other side keeps an alert open until it is resolved, a test's too.
    """

    name: str
    label: str
    fields: tuple[Field, ...]
    make: Callable[[Told], Request | Letter]
    folds: bool = True
    remembers: bool = False


def header(text: str) -> None:
    """Raises ValueError where the text cannot stand in a header. The sentence does not repeat it."""
    if not text.isascii() or not text.isprintable():
        raise ValueError("expected plain ASCII characters")


def url(name: str = "url", about: str = "address", *, secret: bool = True, default: str = "") -> Field:
    """An address to send to. As a rule it is a secret: who knows it may post there."""
    return Field(name, about, secret=secret, required=not default, default=default, check=split)


def as_json(url: str, body: Any, headers: Mapping[str, str] = {}) -> Request:
    """A POST of JSON."""
    encoded = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
    return Request(url, encoded, {"Content-Type": "application/json; charset=utf-8", **headers})
