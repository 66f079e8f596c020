"""What other people's JSON holds, read without trust: each value is of the kind asked for, or it is nothing."""

from __future__ import annotations

from typing import Any

from collectors.base import CollectorError
from lineage.identity import text as speakable

MOST_TEXT = 500
BIGGEST = 2**53  # JSON's whole numbers are exact up to here; a table's column holds them


def listed(value: Any, what: str) -> list[Any]:
    """The list. Raises CollectorError with ``what`` (``the registry's /subjects``) where it is none."""
    if not isinstance(value, list):
        raise CollectorError(f"{what} answered with {_kind(value)} where a list belongs", remedy="check its address")
    return value


def mapped(value: Any, what: str) -> dict[str, Any]:
    """The object. Raises as ``listed``."""
    if not isinstance(value, dict):
        raise CollectorError(f"{what} answered with {_kind(value)} where an object belongs", remedy="check its address")
    return value


def items(value: Any) -> list[Any]:
    """The list, or an empty one."""
    return value if isinstance(value, list) else []


def fields(value: Any) -> dict[str, Any]:
    """The object, or an empty one."""
    return value if isinstance(value, dict) else {}


def text(value: Any, most: int = MOST_TEXT) -> str:
    """The text as tables and encoders take it, cut at ``most`` characters; "" where it is none."""
    return speakable(value[:most]) if isinstance(value, str) else ""


def texts(value: Any, most: int = 100) -> list[str]:
    """The texts of a list that are not empty, the first ``most``."""
    return [found for one in items(value)[:most] if (found := text(one))]


def whole(value: Any) -> int | None:
    """The number, where it is whole, not negative and no absurdity."""
    good = isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= BIGGEST
    return value if good else None


def _kind(value: Any) -> str:
    names = {dict: "an object", list: "a list", str: "a text", bool: "true or false", type(None): "null"}
    return names.get(type(value), "a number")
