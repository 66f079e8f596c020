from __future__ import annotations

import pytest

from dashboard.playhead import Playhead


def test_live_has_no_position_and_stays_live_when_played() -> None:
    assert Playhead().at(5) is None
    assert Playhead().play(60, 5, 5).mode == "live"


def test_it_plays_from_where_it_stands_at_its_speed() -> None:
    head = Playhead().seek(1_000, 50_000).play(60, 50_000, 900_000)
    assert head.mode == "playing"
    assert head.at(50_500) == 31_000
    assert head.pause(50_500, 900_000) == Playhead(31_000, 60)


def test_a_seek_while_playing_plays_on_from_there() -> None:
    head = Playhead(0, 2.0, True, 0).seek(10_000, 100)
    assert head.at(200) == 10_200


def test_at_the_end_of_the_tape_it_becomes_live() -> None:
    head = Playhead(0, 10.0, True, 0)
    assert head.caught_up(10, 1_000) == head
    assert head.caught_up(100, 1_000).live
    assert Playhead().pause(7, 1_000) == Playhead(1_000)


@pytest.mark.parametrize("speed", [0, -1, 601, float("inf")])
def test_an_impossible_speed_is_refused(speed: float) -> None:
    with pytest.raises(ValueError):
        Playhead(1).play(speed, 0, 10)
