"""How many requests with spans may be under way at once: what comes beyond is turned away before its body is read.

Each holds a thread and its body. Without a bound a sender faster than one core would fill the memory; with it the
sender hears 429 and comes again, as OTLP asks.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

PATH = "/v1/traces"
MOST = 32
Scope = Any
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]
Application = Callable[[Any, Any, Any], Awaitable[None]]


class Gate:
    """An ASGI application before another one."""

    def __init__(self, inner: Application, most: int = MOST) -> None:
        self._inner, self._most, self._under_way = inner, most, 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] != PATH:
            return await self._inner(scope, receive, send)
        if self._under_way >= self._most:
            return await _turn_away(scope, send)
        self._under_way += 1
        try:
            await self._inner(scope, receive, send)
        finally:
            self._under_way -= 1


async def _turn_away(scope: Scope, send: Send) -> None:
    from dashboard.api.traces import busy

    kind = next((v.decode("latin-1") for k, v in scope["headers"] if k == b"content-type"), "")
    answer = busy(kind)
    headers = [(k.lower().encode(), v.encode()) for k, v in answer.items()]
    headers.append((b"content-length", str(len(answer.content)).encode()))
    await send({"type": "http.response.start", "status": answer.status_code, "headers": headers})
    await send({"type": "http.response.body", "body": answer.content})
