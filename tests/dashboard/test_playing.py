"""Playing a stretch of the tape: what is shown, in which order, and that playing ends in live."""

from __future__ import annotations

import json
from typing import Any

import pytest
from asgiref.sync import sync_to_async

from dashboard import playing, reading
from dashboard.alerts import reading as alerts
from dashboard.hub import key_of, snapshot
from dashboard.playhead import Playhead
from dashboard.playing import Run, Turn, next_due, stops
from dashboard.times import stamp
from lineage import history
from lineage.models import Change, Tick
from lineage.recorder import Tape
from tests.alerts.world import alert
from tests.dashboard.made import T0
from tests.dashboard.test_live import ask, opened, told
from tests.lineage import world as w

pytestmark = pytest.mark.usefixtures("viewer")


def grow(tape: Tape, seconds: range) -> None:
    for s in seconds:
        groups = {"audit": {"orders": 100 + s}} | ({"late": {"orders": 1}} if s >= 14 else {})
        tape.take(w.frame(T0 + s * 1000, {"orders": 200}, groups))
        if s == 14:
            tape.take(w.groups(T0 + s * 1000, "audit", "late"))
        tape.cut(T0 + s * 1000 + 100)


def ticks() -> list[int]:
    return list(Tick.objects.order_by("at").values_list("at", flat=True))


def messages(run: Run, upto: int, speed: float) -> list[dict[str, Any]]:
    return [json.loads(said) for said in run.turn(upto, speed).said if isinstance(said, str)]


def test_up_to_sixty_times_every_tick_is_shown(lasting_tape: Tape) -> None:
    grow(lasting_tape, range(10, 20))
    begin, end = ticks()[0], ticks()[-1]
    run = Run(key_of("lag", {}), begin, None)
    assert [m["at"] for m in messages(run, end, 60)] == [stamp(t) for t in ticks()[1:]]
    assert run.turn(end + 5000, 60) == Turn([], None)


@pytest.mark.parametrize("name", ["map", "lag", "topics", "services", "collectors"])
def test_what_is_played_is_what_a_seek_shows(lasting_tape: Tape, name: str) -> None:
    grow(lasting_tape, range(10, 20))
    run, key = Run(key_of(name, {}), ticks()[0], None), key_of(name, {})
    for upto in ticks()[1:]:
        run.turn(upto, 60)
        assert run.shown is not None
        assert run.shown.view == snapshot(key, upto).view


def test_what_fires_is_on_the_tick_at_which_it_begins_and_ends(lasting_tape: Tape) -> None:
    grow(lasting_tape, range(10, 20))
    at = ticks()
    alert(at=at[4], resolved_at=at[7])
    run, key, seen = Run(key_of("lag", {}), at[0], None), key_of("lag", {}), []
    for upto in at[1:]:
        run.turn(upto, 60)
        assert run.shown is not None
        seen.append(run.shown.view.tables["firing"])
    assert [len(rows) for rows in seen] == [4 <= n < 7 for n in range(1, len(at))]
    assert seen == [snapshot(key, t).view.tables["firing"] for t in at[1:]]


def test_an_alert_that_is_stored_meanwhile_is_on_the_next_tick_that_is_played(
    lasting_tape: Tape, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "FIRING_FOR", 1e-9)  # as if a second went by between two ticks
    grow(lasting_tape, range(10, 20))
    at = ticks()
    run, key = Run(key_of("lag", {}), at[0], None), key_of("lag", {})
    run.turn(at[1], 60)
    alert(at=at[2])
    for n in (3, 4):
        run.turn(at[n], 60)
        assert run.shown is not None
        assert run.shown.view.tables["firing"] == snapshot(key, at[n]).view.tables["firing"] != {}


def test_who_plays_asks_what_fires_only_where_it_changes(lasting_tape: Tape, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def firing_rows(at: int) -> dict[str, Any]:
        asked.append(at)
        return {}

    monkeypatch.setattr(reading, "FIRING_FOR", 1e9)
    monkeypatch.setattr(alerts, "firing_rows", firing_rows)
    grow(lasting_tape, range(10, 20))
    at = ticks()
    alert(at=at[4], resolved_at=at[7])
    Run(key_of("lag", {}), at[0], None).turn(at[-1], 60)
    assert asked == [at[1], at[4], at[7]]


def test_more_than_a_turn_holds_follows_in_the_next(lasting_tape: Tape, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(playing, "MOST", 3)
    monkeypatch.setattr(playing, "READ", 2)
    grow(lasting_tape, range(10, 20))
    run, seen = Run(key_of("lag", {}), ticks()[0], None), []
    while run.turn(ticks()[0], 60).ahead is not None:
        turn = run.turn(ticks()[-1], 60)
        assert len(turn.said) <= 3
        seen += [json.loads(said)["at"] for said in turn.said if isinstance(said, str)]
    assert seen == [stamp(t) for t in ticks()[1:]]


def test_faster_only_ticks_without_a_change_are_left_out(lasting_tape: Tape) -> None:
    grow(lasting_tape, range(10, 20))
    shown = [t.at for t in stops(ticks()[0], ticks()[-1])]
    changed = {history.tick_at(t).at for t in Change.objects.values_list("recorded_at", flat=True)}
    assert set(shown) >= changed - {ticks()[0]}
    assert shown[-1] == ticks()[-1]
    assert len(shown) < len(ticks()) - 1


def test_the_next_look_is_when_the_next_tick_is_due() -> None:
    assert next_due(1500, 1000, 1.0) == 0.5
    assert next_due(1500, 1000, 10.0) == 0.05
    assert next_due(1500, 2000, 10.0) == 0.0
    assert next_due(90_000, 1000, 1.0) == 1.0


async def test_a_played_stretch_is_the_stretch_as_it_was_live_and_ends_there(lasting_tape: Tape) -> None:
    await sync_to_async(grow)(lasting_tape, range(10, 16))
    all_ticks = await sync_to_async(ticks)()
    async with opened() as socket:
        await ask(socket, "open", view="lag", params={}, at=stamp(all_ticks[0]))
        await told(socket, "playhead")
        await ask(socket, "play", speed=20)
        seen, live = [], False
        while not live:
            message: dict[str, Any] = json.loads(await socket.receive_from(timeout=20))
            if message["type"] in ("patch", "frame"):
                seen.append(message["tick"])
            live = message["type"] == "playhead" and message["live"]
    assert seen == sorted(set(seen))
    assert len(seen) >= 5


def test_a_playhead_that_is_late_goes_on_from_where_it_is() -> None:
    head = Playhead(1000, 60, True, 0)
    assert head.at(1000) == 61_000
    assert head.seek(2000, 1000).at(1500) == 32_000


async def test_a_view_of_what_is_not_there_yet_says_so_stands_there_and_plays_on(lasting_tape: Tape) -> None:
    await sync_to_async(grow)(lasting_tape, range(10, 18))
    begin = (await sync_to_async(ticks)())[0]
    async with opened() as socket:
        await ask(socket, "open", view="group", params={"id": "group:c/late"}, at=stamp(begin))
        assert (await told(socket, "error"))["title"] == "Not there"
        assert (await told(socket, "playhead"))["live"] is False
        await ask(socket, "play", speed=20)
        assert (await told(socket, "playhead"))["playing"] is True
        kinds = []
        while "frame" not in kinds:
            kinds.append(json.loads(await socket.receive_from(timeout=20))["type"])
