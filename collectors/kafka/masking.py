"""What of a payload is shown where payloads are masked. No I/O.

A structure keeps its shape: the value of every field whose name a rule matches is replaced, with all that is in it,
and so is whatever looks like an address of mail, a card's number or a token, wherever it stands. What has no
structure (text, bytes, most headers) cannot be judged and is replaced whole.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from fnmatch import translate
from typing import Any

MARK = "•••"
MAX_DEPTH = 64
# Headers that say how a record is to be read or where it came from, never what it says.
TECHNICAL = frozenset(
    {"traceparent", "content-type", "ce_specversion", "ce_type", "ce_datacontenttype", "ce_dataschema"}
    | {"content-encoding", "b3", "x-b3-traceid", "x-b3-spanid", "x-b3-sampled"}
)
_MAIL = re.compile(r"[^\s@\"'<>]{1,64}@[^\s@\"'<>]{1,255}")
_JWT = re.compile(r"\beyJ[\w-]{5,}\.[\w-]{5,}\.[\w-]*")
_CARD = re.compile(r"(?<!\d)\d(?:[ -]?\d){12,18}(?!\d)")


class Mask:
    """Rules over the names of fields and headers: globs, upper and lower case alike."""

    def __init__(self, names: Sequence[str]) -> None:
        self._names = re.compile("|".join(translate(n.lower()) for n in names) or r"(?!)")

    def names(self, name: str) -> bool:
        """Whether a rule matches the name."""
        return bool(self._names.match(name.lower()))

    def apply(self, value: Any) -> tuple[Any, int]:
        """The value as it may be shown, and how many places were replaced."""
        return self._value(value, 0)

    def _value(self, value: Any, depth: int) -> tuple[Any, int]:
        if depth > MAX_DEPTH:
            return MARK, 1
        if isinstance(value, dict):
            return self._fields(value, depth)
        if isinstance(value, list):
            made = [self._value(v, depth + 1) for v in value]
            return [v for v, _ in made], sum(n for _, n in made)
        if isinstance(value, str):
            return scrubbed(value)
        if isinstance(value, int | float) and not isinstance(value, bool) and _is_card(str(value)):
            return MARK, 1
        return value, 0

    def _fields(self, value: dict[Any, Any], depth: int) -> tuple[dict[str, Any], int]:
        out: dict[str, Any] = {}
        count = 0
        for name, inner in value.items():
            shown, found = scrubbed(str(name))
            replaced, more = blank(inner) if self.names(str(name)) else self._value(inner, depth + 1)
            out[shown] = replaced
            count += found + more
        return out, count


def blank(value: Any, depth: int = 0) -> tuple[Any, int]:
    """The shape of a value with every leaf replaced; names within it too, as they may be data."""
    if depth > MAX_DEPTH:
        return MARK, 1
    if isinstance(value, dict):
        return {f"{MARK}{i or ''}": blank(v, depth + 1)[0] for i, v in enumerate(value.values())}, max(1, len(value))
    if isinstance(value, list):
        return [blank(v, depth + 1)[0] for v in value], max(1, len(value))
    return (None, 0) if value is None else (MARK, 1)


def scrubbed(text: str) -> tuple[str, int]:
    """The text without what looks like mail addresses, cards' numbers and tokens, and how many there were."""
    text, tokens = _JWT.subn(MARK, text)
    text, mails = _MAIL.subn(MARK, text)
    cards = 0

    def card(found: re.Match[str]) -> str:
        nonlocal cards
        if not _is_card(found[0]):
            return found[0]
        cards += 1
        return MARK

    return _CARD.sub(card, text), tokens + mails + cards


def _is_card(text: str) -> bool:
    """13 to 19 digits whose check digit is right."""
    digits = [int(c) for c in text if c.isdigit()]
    if not 13 <= len(digits) <= 19:
        return False
    doubled = [sum(divmod(2 * d, 10)) if i % 2 else d for i, d in enumerate(reversed(digits))]
    return sum(doubled) % 10 == 0
