"""Errors as RFC 9457 problem documents."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

import msgspec
from django.http import HttpResponse

OUT_OF_REACH = ("The server that keeps it does not answer; the log says why.", "It is tried again by itself.")
CONTENT_TYPE = "application/problem+json"


class Problem(Exception):
    """An error with its answer; raised anywhere under the API."""

    def __init__(self, status: int, detail: str, **more: Any) -> None:
        super().__init__(detail)
        self.status, self.detail, self.more = status, detail, more


def answer(status: int, detail: str = "", headers: dict[str, str] | None = None, **more: Any) -> HttpResponse:
    """The problem document; ``more`` are members of its own."""
    title = HTTPStatus(status).phrase if status in HTTPStatus._value2member_map_ else "Error"
    body = {"type": "about:blank", "title": title, "status": status, **({"detail": detail} if detail else {}), **more}
    out = HttpResponse(msgspec.json.encode(body), content_type=CONTENT_TYPE, status=status)
    if status == HTTPStatus.UNAUTHORIZED:
        out["WWW-Authenticate"] = 'Bearer realm="playhead"'
    for name, value in (headers or {}).items():
        out[name] = value
    return out
