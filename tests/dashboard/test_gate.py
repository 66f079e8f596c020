"""Requests with spans are bounded in number: one too many hears 429 in its own encoding, and no other path is held."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from dashboard.gate import Gate

PROTOBUF, JSON = b"application/x-protobuf", b"application/json"


async def asked(gate: Gate, path: str, kind: bytes) -> list[Any]:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        raise AssertionError("the body of a request that is turned away was read")

    await gate({"type": "http", "path": path, "headers": [(b"content-type", kind)]}, receive, send)
    return sent


def test_beyond_the_bound_a_sender_is_told_to_come_again_and_room_is_given_back() -> None:
    # In a thread of its own: a browser's tests before it leave a loop running in the main one.
    with ThreadPoolExecutor(1) as own:
        own.submit(asyncio.run, bounded()).result(30)


async def bounded() -> None:
    leave = asyncio.Event()

    async def inner(scope: Any, receive: Any, send: Any) -> None:
        if scope["path"] == "/v1/traces":
            await leave.wait()
        await send({"type": "http.response.start", "status": 200})

    gate = Gate(inner, most=2)
    held = [asyncio.create_task(asked(gate, "/v1/traces", PROTOBUF)) for _ in range(2)]
    await asyncio.sleep(0)
    start, body = await asked(gate, "/v1/traces", PROTOBUF)
    headers = dict(start["headers"])
    assert (start["status"], headers[b"retry-after"], headers[b"content-type"]) == (429, b"1", PROTOBUF)
    assert body["body"].startswith(b"\x08\x08\x12")  # RESOURCE_EXHAUSTED and a message
    start, body = await asked(gate, "/v1/traces", JSON)
    assert (start["status"], b'"code":8' in body["body"].replace(b" ", b"")) == (429, True)
    assert (await asked(gate, "/map", b""))[0]["status"] == 200
    leave.set()
    assert [(await task)[0]["status"] for task in held] == [200, 200]
    assert (await asked(gate, "/v1/traces", PROTOBUF))[0]["status"] == 200
