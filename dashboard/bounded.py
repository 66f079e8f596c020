"""No request may send more than so many bytes: counted as they come, before anything keeps them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

MOST = 8 * 1024 * 1024
LINGER_BYTES, LINGER_SECONDS = 512 * 1024 * 1024, 10.0
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]

_PROBLEM = (
    b'{"type":"about:blank","title":"Content Too Large","status":413,"detail":"a request may hold at most 8 MiB",'
    b'"code":3,"message":"a request may hold at most 8 MiB"}'
)


class _TooMuch(Exception):
    pass


class Bounded:
    """ASGI middleware: 413 as soon as the announced or the received length is above ``most``."""

    def __init__(self, app: App, most: int = MOST) -> None:
        self.app, self.most = app, most

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        if _announced(scope) > self.most:
            return await _refuse(receive, send)
        counted, started = 0, False

        async def counting() -> Message:
            nonlocal counted
            message = await receive()
            counted += len(message.get("body", b""))
            if counted > self.most:
                raise _TooMuch
            return message

        async def noticing(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self.app(scope, counting, noticing)
        except _TooMuch:
            if not started:
                await _refuse(receive, send)


def _announced(scope: MutableMapping[str, Any]) -> int:
    found = next((v for k, v in scope["headers"] if k == b"content-length"), b"0")
    return int(found) if found.isdigit() else 0


async def _refuse(receive: Receive, send: Send) -> None:
    length = (b"content-length", str(len(_PROBLEM)).encode())
    headers = [(b"content-type", b"application/problem+json"), length, (b"connection", b"close")]
    await send({"type": "http.response.start", "status": 413, "headers": headers})
    await send({"type": "http.response.body", "body": _PROBLEM, "more_body": True})
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(_let_pass(receive), LINGER_SECONDS)
    await send({"type": "http.response.body", "body": b""})


async def _let_pass(receive: Receive) -> None:
    """Drops what is still under way: to close at once would reset the connection before the answer is read."""
    passed, more = 0, True
    while more and passed < LINGER_BYTES:
        message = await receive()
        passed += len(message.get("body", b""))
        more = message.get("more_body", False)  # a disconnect has none
