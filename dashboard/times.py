"""Moments and durations as people and programs write them."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import lru_cache

_UNITS = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_AGO = re.compile(r"-(\d{1,9})(s|m|h|d)")
_STEP = re.compile(r"(\d{1,9})(ms|s|m|h|d)?")
MAX_MS = 253_402_300_799_999  # the end of year 9999


def rfc(ms: int | None) -> str | None:
    """RFC 3339 in UTC with milliseconds; None stays None."""
    return None if ms is None else stamp(ms)


@lru_cache(16_384)  # a frame's things share most of their times
def stamp(ms: int) -> str:
    """RFC 3339 in UTC with milliseconds."""
    seconds, rest = divmod(ms, 1000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest:03d}Z"


def parse_at(word: str, now: int) -> int | None:
    """``live`` (None), ``-15m``, or RFC 3339 with its offset, as ms. Raises ValueError with a sentence."""
    if word in {"", "live"}:
        return None
    if ago := _AGO.fullmatch(word):
        return _in_range(now - int(ago[1]) * _UNITS[ago[2]], word)
    try:
        found = datetime.fromisoformat(word.replace(" ", "+") if "T" in word else word)
    except ValueError:
        raise ValueError(f"{word[:60]!r} is no time; expected RFC 3339 (2026-01-31T12:00:00Z), live, or -15m") from None
    if found.tzinfo is None:
        raise ValueError(f"{word[:60]!r} has no offset from UTC; end it with Z")
    try:
        return _in_range(int(found.timestamp() * 1000 + 0.5), word)
    except OverflowError as e:
        raise ValueError(f"{word[:60]!r} is out of range") from e


def _in_range(ms: int, word: str) -> int:
    if not 0 <= ms <= MAX_MS:
        raise ValueError(f"{word[:60]!r} is out of range")
    return ms


def parse_step(word: str) -> int:
    """``10s``, ``1m``, ``15`` (seconds), as ms. Raises ValueError."""
    found = _STEP.fullmatch(word)
    if not found or not int(found[1]):
        raise ValueError(f"{word[:60]!r} is no duration; expected 10s, 1m, 1h")
    return int(found[1]) * ({"ms": 1} | _UNITS).get(found[2] or "s", 1_000)
