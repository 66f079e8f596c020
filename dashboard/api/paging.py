"""Lists in pages: ``limit``, and ``cursor``, an opaque token that holds the moment and the place."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from django.http import HttpRequest

from dashboard.api.wire import moment
from dashboard.problems import Problem
from dashboard.reading import frame_at, now_ms
from dashboard.times import parse_at
from lineage.frames import Frame


class Token(msgspec.Struct, array_like=True):
    at: int
    live: bool
    offset: int
    question: str


@dataclass(frozen=True)
class Asked:
    """The frame that a list is of, and where in the list to go on."""

    frame: Frame
    live: bool
    offset: int
    question: str


def moment_asked(at: str, hindsight: bool = False) -> Frame:
    """The frame that ``at=`` names."""
    now = now_ms()
    try:
        return frame_at(parse_at(at, now), now, hindsight)
    except ValueError as e:
        raise Problem(400, str(e)) from e


def asked(request: HttpRequest, at: str, cursor: str, hindsight: bool = False) -> Asked:
    """By ``at=``, or by the cursor of the page before, which must be of the same question."""
    question = _question(request)
    if not cursor:
        frame = moment_asked(at, hindsight)
        return Asked(frame, frame.live, 0, question)
    token = _decoded(cursor)
    if token.question != question:
        raise Problem(400, "this cursor belongs to another question; ask again without it")
    return Asked(frame_at(token.at, now_ms(), hindsight), token.live, token.offset, question)


def _question(request: HttpRequest) -> str:
    """What was asked, without the page: a cursor only fits the same filters."""
    rest = sorted((k, v) for k, v in request.GET.items() if k not in {"cursor", "limit", "at"})
    return hashlib.sha256(repr((request.path, rest)).encode("utf-8", "replace")).hexdigest()[:16]


def _decoded(cursor: str) -> Token:
    try:
        return msgspec.json.decode(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)), type=Token)
    except (ValueError, binascii.Error, msgspec.MsgspecError) as e:
        raise Problem(400, "this cursor is none that was given out") from e


def encoded(frame: Frame, live: bool, offset: int, question: str) -> str:
    """The cursor for the page that begins at ``offset``."""
    token = Token(frame.at, live, offset, question)
    return base64.urlsafe_b64encode(msgspec.json.encode(token)).decode().rstrip("=")


def page(a: Asked, items: Sequence[Any], limit: int) -> tuple[Sequence[Any], dict[str, Any]]:
    """The page's items, and what the answer carries beside them."""
    end = a.offset + limit
    more = encoded(a.frame, a.live, end, a.question) if end < len(items) else None
    return items[a.offset : end], {**head(a.frame, a.live), "next": more}


def head(frame: Frame, live: bool) -> Mapping[str, Any]:
    """What every answer carries; a later page of a live answer is still that answer."""
    return {**moment(frame), "live": live}
