"""A crowd of WebSocket viewers in a process of its own: opens, reads, and at the end tells what came when.

It reads a plan (JSON) from standard input, says "there" when every viewer has its first frame, "played" when the
playing ones have been told to, and ends at the end of its input; then it prints what it saw.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import socket
import sys
import time
from collections import Counter
from typing import Any

from websockets.asyncio.client import ClientConnection, connect

AT_ONCE = 20  # connections under way
TICK = re.compile(r'"tick":(\d+)')
AT = re.compile(r'"at":"([^"]+)"')


class Viewer:
    """One of them: ``seen`` holds tick, arrival (s) and size of every frame and patch; a paused one has one."""

    def __init__(self, order: dict[str, Any]) -> None:
        self.order, self.seen, self.kinds = order, list[tuple[int, float, int]](), Counter[str]()
        self.first, self.ends = asyncio.Event(), list[str]()
        self.socket: ClientConnection | None = None

    async def run(self, url: str, deflate: bool, gate: asyncio.Semaphore) -> None:
        async with gate:
            compression = "deflate" if deflate else None
            self.socket = await connect(url, compression=compression, max_size=None, ping_interval=None)
            await self.ask({"type": "open", **self.order["open"]})
            self._take(str(await self.socket.recv()))
        async for message in self.socket:
            self._take(str(message))

    async def ask(self, body: dict[str, Any]) -> None:
        assert self.socket is not None
        await self.socket.send(json.dumps(body))

    def _take(self, text: str) -> None:
        kind = text[9:14]
        self.kinds[kind] += 1
        if kind in ("frame", "patch"):
            found = TICK.search(text[-80:]) or TICK.search(text)
            self.seen.append((int(found[1]) if found else 0, time.time(), len(text)))
            self.first.set()
        elif kind == "playh":
            at = AT.search(text)
            self.ends.append(at[1] if at else "")
        else:
            print(text[:300], file=sys.stderr)

    def told(self) -> dict[str, Any]:
        return {"kind": self.order["kind"], "seen": self.seen, "kinds": self.kinds, "places": self.ends[-1:]}


def deaf(host: str, port: int, body: dict[str, Any]) -> socket.socket:
    """A viewer that opens a view and never reads."""
    quiet = socket.create_connection((host, port))
    key = "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n"
    head = f"GET /ws/v1/view HTTP/1.1\r\nHost: {host}:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n{key}\r\n"
    quiet.sendall(head.encode())
    while not quiet.recv(4096).endswith(b"\r\n\r\n"):
        pass
    text = json.dumps({"type": "open", **body}).encode()
    quiet.sendall(b"\x81" + bytes([0x80 | 126]) + len(text).to_bytes(2, "big") + bytes(4) + text)
    return quiet


async def crowd(plan: dict[str, Any], lines: asyncio.StreamReader) -> list[dict[str, Any]]:
    gate, url = asyncio.Semaphore(AT_ONCE), f"ws://{plan['host']}:{plan['port']}/ws/v1/view"
    quiet = [deaf(plan["host"], plan["port"], o["open"]) for o in plan["deaf"]]
    viewers = [Viewer(o) for o in plan["viewers"]]
    tasks = [asyncio.create_task(v.run(url, plan["deflate"], gate)) for v in viewers]
    await asyncio.gather(*(v.first.wait() for v in viewers))
    print("there", flush=True)
    while line := await lines.readline():
        for viewer in viewers:
            if line.strip() == b"play" and viewer.order["kind"] == "play":
                viewer.seen.clear()
                await viewer.ask({"type": "play", "speed": viewer.order["speed"]})
        print("played", flush=True)
    for task in tasks:
        task.cancel()
    for each in quiet:
        each.close()
    return [v.told() for v in viewers]


async def main() -> None:
    plan = json.loads(sys.stdin.readline())
    lines = asyncio.StreamReader()
    reader = asyncio.StreamReaderProtocol(lines)
    await asyncio.get_running_loop().connect_read_pipe(lambda: reader, sys.stdin)
    print(json.dumps(await crowd(plan, lines)), flush=True)
    os._exit(0)  # a thousand sockets are not closed one by one


if __name__ == "__main__":
    asyncio.run(main())
