"""What a WebSocket's client may send by mistake or malice: an error in words, a bound, and nobody else disturbed."""

from __future__ import annotations

import json
from typing import Any

import pytest

from dashboard.hub import hub
from dashboard.messages import MOST_BYTES, BadMessage, read
from lineage.recorder import Tape
from tests.dashboard.test_live import ask, opened, tick, told

pytestmark = pytest.mark.usefixtures("viewer")
BURST = 10_000


@pytest.mark.parametrize(
    ("text", "detail"),
    [
        (None, "at most 16 KiB"),
        ("x" * 1_000_000, "at most 16 KiB"),
        (" " * (MOST_BYTES + 1), "at most 16 KiB"),
        ("", "not JSON"),
        ("\ud800", "not JSON"),
        ("[" * 10_000, "not JSON"),
        ('{"type": "open"', "not JSON"),
        ("null", "no known type"),
        ('["open"]', "no known type"),
        ('{"type": ["open"]}', "no known type"),
        ('{"type": {"open": 1}}', "no known type"),
        ('{"type": "OPEN"}', "no known type"),
        ('{"type": "open"}', "no such view"),
        ('{"type": "open", "view": ["map"]}', "no such view"),
        ('{"type": "open", "view": {}}', "no such view"),
        ('{"type": "open", "view": "admin"}', "no such view"),
        ('{"type": "open", "view": "map", "params": null}', "params are not"),
        ('{"type": "open", "view": "map", "params": ["q"]}', "params are not"),
        ('{"type": "open", "view": "map", "params": {"q": ["x"]}}', "params are not"),
        ('{"type": "open", "view": "group", "params": {"id": "group:c/\\u0000"}}', "params are not"),
        ('{"type": "open", "view": "group", "params": {"i\\u0000d": "group:c/"}}', "params are not"),
        (json.dumps({"type": "open", "view": "map", "params": {str(i): "" for i in range(33)}}), "params are not"),
        (json.dumps({"type": "open", "view": "map", "params": {"q": "x" * 8_001}}), "params are not"),
        ('{"type": "open", "view": "map", "at": 5}', "at is no time"),
        ('{"type": "seek", "at": null}', "at is no time"),
        ('{"type": "play", "speed": NaN}', "not JSON"),
        ('{"type": "play", "speed": 1e999}', "not JSON|no number"),
        ('{"type": "play", "speed": "1"}', "no number"),
        ('{"type": "play", "speed": -1}', "out of range"),
        ('{"type": "play", "speed": 100000000000000000000000000000000}', "out of range"),
        ('{"type": "step", "by": "year"}', "no step"),
        ('{"type": "step", "by": ["frame"]}', "no step"),
        ('{"type": "step", "n": 0}', "no step"),
        ('{"type": "step", "n": 1.5}', "no step"),
        ('{"type": "step", "n": 99999999999999999999}', "no step"),
    ],
    ids=lambda x: str(x)[:60],
)
def test_every_wrong_message_is_refused_in_words(text: str | None, detail: str) -> None:
    with pytest.raises(BadMessage, match=detail) as e:
        read(text)
    assert e.value.remedy.endswith(".")


NO_TIMES = ("yesterday", "2025-13-45T00:00:00Z", "99999-01-01T00:00:00Z", "-1e9d", "-99999999999999d", "٣", "-15m\n")


async def test_a_time_that_is_none_is_an_error_and_the_view_stays(lasting_tape: Tape) -> None:
    async with opened() as socket:
        await ask(socket, "open", view="lag", params={})
        await told(socket, "playhead")
        for at in NO_TIMES:
            await ask(socket, "seek", at=at)
            error = await told(socket, "error")
            assert (bool(error["remedy"]), error["title"]) == (True, "That message is not understood"), at
        await ask(socket, "seek", at="2025-06-15T15:10:01Z")
        assert await told(socket, "frame")


async def test_an_id_of_nothing_is_not_there(lasting_tape: Tape) -> None:
    async with opened() as socket:
        for view in ("topic", "group", "service", "team", "panel"):
            for id in ("", "group:", "topic:c", "a|b|c|d", "\ufffd", "group:c/%", "../..", "reads|||"):
                await ask(socket, "open", view=view, params={"id": id})
                assert (await told(socket, "error"))["title"] == "Not there", (view, id)


async def test_after_twenty_wrong_messages_the_door_is_closed(lasting_tape: Tape) -> None:
    async with opened() as socket:
        for _ in range(20):
            await socket.send_to(text_data="x")
        answers = [await socket.receive_output(5) for _ in range(21)]
        assert {json.loads(a["text"])["type"] for a in answers[:20]} == {"error"}
        assert (answers[20]["type"], answers[20]["code"]) == ("websocket.close", 4400)


async def drain(socket: Any) -> None:
    while not await socket.receive_nothing(timeout=1.0):
        await socket.receive_output(1)


async def test_a_burst_of_opens_leaves_one_view_open_and_disturbs_no_other(lasting_tape: Tape) -> None:
    async with opened() as other, opened() as socket:
        await ask(other, "open", view="lag", params={"group": "audit"})
        await told(other, "playhead")
        for i in range(1_000):
            await ask(socket, "open", view="lag", params={"q": str(i)})
        await tick(lasting_tape, 10, 150)
        assert (await told(other, "patch"))["tables"]["rows"]
        await drain(socket)
        assert len(hub().slots) == 2
        await ask(socket, "open", view="lag", params={"group": "audit"})
        await told(socket, "frame")
        assert len(hub().slots) == 1


@pytest.mark.slow
async def test_a_burst_of_seeks_shows_the_last_one(lasting_tape: Tape) -> None:
    async with opened() as socket:
        await ask(socket, "open", view="lag", params={"group": "audit"})
        await told(socket, "playhead")
        for _ in range(BURST):
            await ask(socket, "seek", at="2025-06-15T15:10:04Z")
        await ask(socket, "seek", at="2025-06-15T15:10:01Z")
        last: dict[str, Any] = {}
        for _ in range(3 * BURST):
            last = json.loads(await socket.receive_from(timeout=10))
            if last.get("at") == "2025-06-15T15:10:01.000Z":
                break
        assert (last["type"], last["live"]) == ("playhead", False)
        assert await socket.receive_nothing(timeout=0.5)
