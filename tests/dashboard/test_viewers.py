"""Many viewers at once: who does not read delays no other and holds little; nobody is shown what is older."""

from __future__ import annotations

import asyncio
import gc
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from asgiref.sync import sync_to_async

from dashboard import playing
from dashboard.hub import Slot, hub, key_of, snapshot
from dashboard.patches import Snapshot, apply
from dashboard.playing import Run
from dashboard.times import parse_at, stamp
from lineage import history
from lineage.recorder import Tape
from tests.dashboard.made import T0
from tests.dashboard.test_live import HOST, Socket, ask, opened, tick, told

pytestmark = pytest.mark.usefixtures("viewer")


class Narrow(Socket):
    """A client whose connection takes nothing while ``gate`` is shut, as a full socket does, or is broken."""

    def __init__(self) -> None:
        super().__init__([HOST])
        self.gate, self.broken, inner = asyncio.Event(), False, self.application
        self.gate.set()

        async def gated(scope: Any, receive: Any, send: Any) -> None:
            async def when_open(message: Any) -> None:
                await self.gate.wait()
                if self.broken:
                    raise OSError("the client is gone")
                await send(message)

            await inner(scope, receive, when_open)

        self.application = gated


@asynccontextmanager
async def narrow() -> AsyncIterator[Narrow]:
    socket = Narrow()
    assert await socket.connect()
    try:
        yield socket
    finally:
        socket.gate.set()
        await socket.send_input({"type": "websocket.disconnect", "code": 1000})
        await socket.wait(5)


def snapshots() -> int:
    gc.collect()
    return sum(isinstance(o, Snapshot) for o in gc.get_objects())


async def test_who_does_not_read_delays_no_other_and_is_sent_the_newest_then(lasting_tape: Tape) -> None:
    async with narrow() as slow, opened() as quick:
        for socket in (slow, quick):
            await ask(socket, "open", view="lag", params={"group": "audit"})
        held, whole = await told(slow, "frame"), await told(quick, "frame")
        for socket in (slow, quick):
            await told(socket, "playhead")
        slow.gate.clear()
        others = snapshots() - 1
        for s in range(10, 18):
            await tick(lasting_tape, s, 150 + s)
            whole = apply(whole, await told(quick, "patch"))  # at once, though the other one takes nothing
        assert (
            snapshots() - others <= 4
        )  # the newest and the one before it; what the slow one has, and waits to be sent
        slow.gate.set()
        late = [await told(slow, "patch"), await told(slow, "patch")]
        assert [m["tick"] for m in late] == sorted({m["tick"] for m in late})
        for message in late:
            held = apply(held, message)
        assert held == whole
        assert await slow.receive_nothing(timeout=0.3)


async def test_who_is_gone_is_no_failure(lasting_tape: Tape, caplog: pytest.LogCaptureFixture) -> None:
    async with narrow() as gone, opened() as there:
        for socket in (gone, there):
            await ask(socket, "open", view="lag", params={"group": "audit"})
            await told(socket, "playhead")
        gone.broken = True
        await tick(lasting_tape, 10, 150)
        await told(there, "patch")
        assert await gone.receive_nothing(timeout=0.3)
    assert not caplog.records


async def test_who_stands_still_holds_nothing(lasting_tape: Tape) -> None:
    before = snapshots()
    async with opened() as one, opened() as two:
        for socket, at in ((one, T0 + 1000), (two, T0 + 3000)):
            await ask(socket, "open", view="lag", params={}, at=stamp(at))
            await told(socket, "playhead")
        assert snapshots() == before
        await ask(one, "live")
        assert await told(one, "frame")


def test_an_older_snapshot_never_takes_the_place_of_a_newer(lasting_tape: Tape) -> None:
    key, slot = key_of("lag", {}), Slot()
    newer, older = snapshot(key, None), snapshot(key, T0 + 1000)
    slot.put(newer, None)
    slot.put(older, None)
    assert slot.newest is newer


async def test_a_view_that_fails_keeps_no_other_from_being_built(lasting_tape: Tape) -> None:
    async with opened() as bad, opened() as good:
        await ask(bad, "open", view="topic", params={"id": "topic:c/none"})
        assert (await told(bad, "error"))["title"] == "Not there"
        await ask(good, "open", view="lag", params={"group": "audit"})
        await told(good, "playhead")
        await tick(lasting_tape, 10, 150)
        assert await told(good, "patch")
        assert len(hub().slots) == 2


async def test_every_patch_of_a_played_stretch_leads_to_what_a_seek_shows(lasting_tape: Tape) -> None:
    for s in range(10, 16):
        await tick(lasting_tape, s, 90 + s)
    begin, end = await sync_to_async(history.bounds)() or (0, 0)

    def walk(name: str, params: dict[str, str]) -> None:
        key = key_of(name, params)
        shown = snapshot(key, begin)
        held, run = json.loads(shown.whole()), Run(key, begin, shown)
        for said in run.turn(end, 60).said:
            assert isinstance(said, str)
            held = apply(held, json.loads(said))
            history.forget_answers()
            wanted = json.loads(snapshot(key, _ms(held)).whole())
            assert held == wanted
        assert _ms(held) == end

    for name, thing in (("lag", ""), ("map", ""), ("group", "group:c/audit"), ("topic", "topic:c/orders")):
        await sync_to_async(walk)(name, {"id": thing} if thing else {})


def _ms(message: dict[str, Any]) -> int:
    return parse_at(message["at"], 0) or 0


def test_who_plays_the_same_stretch_shares_what_was_built(lasting_tape: Tape, monkeypatch: pytest.MonkeyPatch) -> None:
    built, inner = [], playing.played
    monkeypatch.setattr(playing, "played", lambda *args: built.append(args) or inner(*args))  # type: ignore[func-returns-value]
    key, (begin, end) = key_of("topics", {}), history.bounds() or (0, 0)
    said = [Run(key, begin, None).turn(end, 60).said for _ in range(3)]
    assert said[0] == said[1] == said[2]
    assert len(built) == len(said[0]) == 2
