"""The WebSocket through the real application, on a tape that goes on growing."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from asgiref.testing import ApplicationCommunicator
from channels.layers import get_channel_layer

from dashboard.asgi import application
from dashboard.hub import hub
from dashboard.live import GROUP
from dashboard.patches import apply
from lineage.recorder import Tape
from tests.dashboard.made import MARKUP, T0
from tests.lineage import world as w

pytestmark = pytest.mark.usefixtures("viewer")
HOST = (b"host", b"testserver")


class Socket(ApplicationCommunicator):
    """A client of the ASGI application."""

    def __init__(self, headers: list[tuple[bytes, bytes]]) -> None:
        base = {"type": "websocket", "path": "/ws/v1/view", "query_string": b"", "subprotocols": []}
        super().__init__(application, {**base, "headers": headers})

    async def connect(self) -> bool:
        await self.send_input({"type": "websocket.connect"})
        return bool((await self.receive_output(5))["type"] == "websocket.accept")

    async def send_to(self, text_data: str) -> None:
        await self.send_input({"type": "websocket.receive", "text": text_data})

    async def receive_from(self, timeout: float) -> str:
        return str((await self.receive_output(timeout))["text"])


@asynccontextmanager
async def opened(*headers: tuple[bytes, bytes]) -> AsyncIterator[Any]:
    socket = Socket([HOST, *headers])
    accepted = await socket.connect()
    try:
        yield socket if accepted else None
    finally:
        await socket.send_input({"type": "websocket.disconnect", "code": 1000})
        await socket.wait(5)


async def ask(socket: Any, type: str, **more: Any) -> None:
    await socket.send_to(text_data=json.dumps({"type": type, **more}))


async def told(socket: Any, kind: str) -> dict[str, Any]:
    for _ in range(10):
        message: dict[str, Any] = json.loads(await socket.receive_from(timeout=10))
        if message["type"] == kind:
            return message
    raise AssertionError(f"no {kind}")


async def tick(tape: Tape, s: int, committed: int) -> None:
    def cut() -> None:
        tape.take(w.frame(T0 + s * 1000, {"orders": 200}, {"audit": {"orders": committed}}))
        tape.cut(T0 + s * 1000 + 100)

    await sync_to_async(cut)()
    layer = get_channel_layer()
    assert layer is not None
    await layer.group_send(GROUP, {"type": "tick", "n": s})


async def test_first_a_frame_then_what_changed(lasting_tape: Tape) -> None:
    async with opened() as socket:
        await ask(socket, "open", view="lag", params={"group": "audit"})
        held = await told(socket, "frame")
        assert held["tables"]["rows"]["c/audit/orders"]["lag"] == 28
        assert (await told(socket, "playhead"))["live"] is True
        await tick(lasting_tape, 10, 150)
        patch = await told(socket, "patch")
        held = apply(held, patch)
        assert held["tables"]["rows"]["c/audit/orders"]["lag"] == 50
        async with opened() as other:
            await ask(other, "open", view="lag", params={"group": "audit"})
            assert (await told(other, "frame"))["tables"] == held["tables"]


async def test_a_tick_that_changes_nothing_in_the_view_sends_nothing(lasting_tape: Tape) -> None:
    async with opened() as socket:
        await ask(socket, "open", view="lag", params={})
        await told(socket, "playhead")
        await hub().rebuild()
        assert await socket.receive_nothing(timeout=0.5)


async def test_viewers_of_the_same_view_share_one_building(lasting_tape: Tape) -> None:
    async with opened() as one, opened() as two:
        for socket in (one, two):
            await ask(socket, "open", view="map", params={})
            await told(socket, "frame")
        assert len(hub().slots) == 1
        await ask(one, "open", view="topics", params={})
        await told(one, "frame")
        assert len(hub().slots) == 2
    assert not hub().slots


async def test_viewers_have_no_channels_of_their_own(lasting_tape: Tape) -> None:
    layer = get_channel_layer()
    assert layer is not None
    async with opened() as one, opened() as two:
        for socket in (one, two):
            await ask(socket, "open", view="map", params={})
            await told(socket, "playhead")
        assert len(layer.channels) <= 1  # the hub's


async def test_a_seek_shows_the_moment_and_stands_still(lasting_tape: Tape) -> None:
    async with opened() as socket:
        await ask(socket, "open", view="lag", params={"group": "audit"})
        await told(socket, "playhead")
        await ask(socket, "seek", at="2025-06-15T15:10:01Z")
        assert (await told(socket, "frame"))["tables"]["rows"]["c/audit/orders"]["lag"] == 10
        head = await told(socket, "playhead")
        assert (head["live"], head["playing"], head["start"]) == (False, False, "2025-06-15T15:10:00.100Z")
        await ask(socket, "step", by="frame", n=1)
        assert (await told(socket, "playhead"))["at"] == "2025-06-15T15:10:02.100Z"
        await ask(socket, "live")
        assert (await told(socket, "playhead"))["live"] is True


async def test_a_view_can_be_opened_at_a_past_moment(lasting_tape: Tape) -> None:
    async with opened() as socket:
        await ask(socket, "open", view="topics", params={}, at="2025-06-15T15:10:01Z")
        assert (await told(socket, "frame"))["at"] == "2025-06-15T15:10:00.100Z"


async def test_playing_reaches_the_end_and_is_live(lasting_tape: Tape) -> None:
    async with opened() as socket:
        await ask(socket, "open", view="lag", params={}, at="2025-06-15T15:10:01Z")
        await told(socket, "playhead")
        await ask(socket, "play", speed=600)
        assert (await told(socket, "playhead"))["playing"] is True
        while not (head := await told(socket, "playhead"))["live"]:
            assert head["playing"] is True


async def test_names_with_markup_come_as_they_are(lasting_tape: Tape) -> None:
    async with opened() as socket:
        await ask(socket, "open", view="lag", params={})
        rows = (await told(socket, "frame"))["tables"]["rows"]
        assert any(MARKUP in r["group"] for r in rows.values())


@pytest.mark.parametrize(
    "text",
    [
        "no json", "[]", "{}", '{"type": "seek", "at": "live"}', '{"type": "open", "view": "nothing"}',
        '{"type": "open", "view": "map", "params": {"q": 1}}', '{"type": "open", "view": "map", "at": "now"}',
        '{"type": "open", "view": "map", "params": {"q": "' + "x" * 20_000 + '"}}',
    ],
)  # fmt: skip
async def test_a_wrong_message_is_answered_with_a_remedy(lasting_tape: Tape, text: str) -> None:
    async with opened() as socket:
        await socket.send_to(text_data=text)
        error = await told(socket, "error")
        assert error["title"]
        assert error["remedy"]
        await ask(socket, "open", view="map", params={})
        assert await told(socket, "frame")


@pytest.mark.parametrize("message", [{"speed": 0}, {"speed": "fast"}, {"speed": True}, {"speed": 1e9}])
async def test_an_impossible_speed_is_refused(lasting_tape: Tape, message: dict[str, Any]) -> None:
    async with opened() as socket:
        await ask(socket, "open", view="map", params={})
        await ask(socket, "play", **message)
        assert await told(socket, "error")


async def test_what_is_not_there_and_what_is_not_yet_are_said(lasting_tape: Tape) -> None:
    async with opened() as socket:
        await ask(socket, "open", view="topic", params={"id": "topic:c/none"})
        assert (await told(socket, "error"))["title"] == "Not there"
        await ask(socket, "seek", at="2999-01-01T00:00:00Z")
        assert (await told(socket, "error"))["title"] == "Not yet"
        await ask(socket, "seek", at="2020-01-01T00:00:00Z")
        assert (await told(socket, "error"))["title"] == "Before the tape"


@pytest.mark.usefixtures("empty", "transactional_db")
async def test_before_the_first_sample_the_view_says_so() -> None:
    async with opened() as socket:
        await ask(socket, "open", view="map", params={})
        assert (await told(socket, "error"))["title"] == "Nothing is recorded yet"


async def test_another_sites_page_is_refused(lasting_tape: Tape) -> None:
    async with opened((b"origin", b"https://evil.example")) as socket:
        assert socket is None
    async with opened((b"origin", b"http://testserver")) as socket:
        assert socket is not None


async def test_who_may_not_view_is_refused(lasting_tape: Tape, settings: Any) -> None:
    settings.PLAYHEAD_ANONYMOUS = "none"
    async with opened() as socket:
        assert socket is None
