"""The tables a follower keeps: what moved is told once, what ended is told, nothing is invented."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from collectors.kafka.logtable import LogTable
from collectors.kafka.table import Positions
from lineage.observations import Commit, LogRange


def test_what_moved_is_told_once() -> None:
    table = Positions()
    table.commit("g", "t", 0, 5, 1000)
    assert table.take_changes() == ({"g": {"t": [Commit(0, 5, 1000)]}}, [])
    assert table.take_changes() == ({}, [])


def test_commits_between_two_ticks_leave_the_first_and_the_longest_pause_between_them() -> None:
    table = Positions()
    table.commit("g", "t", 0, 5, 1000)
    table.take_changes()
    for offset, at in ((6, 9000), (7, 9500), (7, 11_000), (8, 11_500), (9, 11_700)):
        table.commit("g", "t", 0, offset, at)
    assert table.take_changes() == ({"g": {"t": [Commit(0, 9, 11_700, 9000, 2000)]}}, [])
    table.commit("g", "t", 0, 10, 20_000)
    assert table.everything() == {"g": {"t": [Commit(0, 10, 20_000)]}}


def test_what_a_sweep_or_an_end_came_between_leaves_no_pause() -> None:
    table = Positions()
    table.commit("g", "t", 0, 5, 1000)
    table.replace("g", [("t", 0, 6)])
    table.commit("g", "t", 0, 7, 9000)
    table.commit("g", "t", 1, 1, 1000)
    table.end("g", "t", 1)
    table.commit("g", "t", 1, 2, 9000)
    assert table.take_changes() == ({"g": {"t": [Commit(0, 7, 9000), Commit(1, 2, 9000)]}}, [])


def test_the_same_offset_again_is_no_movement_but_may_add_its_time() -> None:
    table = Positions()
    table.replace("g", [("t", 0, 5)])
    table.take_changes()
    table.commit("g", "t", 0, 5, 1000)
    assert table.take_changes() == ({"g": {"t": [Commit(0, 5, 1000)]}}, [])
    table.commit("g", "t", 0, 5, 2000)
    assert table.take_changes() == ({}, [])


def test_a_sweep_keeps_the_exact_time_of_what_did_not_move() -> None:
    table = Positions()
    table.commit("g", "t", 0, 5, 1000)
    table.commit("g", "t", 1, 6, 1000)
    assert table.replace("g", [("t", 0, 5), ("t", 1, 9)]) == 1
    assert table.everything() == {"g": {"t": [Commit(0, 5, 1000), Commit(1, 9, None)]}}


def test_a_complete_sweep_ends_what_it_lacks_and_a_partial_one_does_not() -> None:
    table = Positions()
    table.replace("g", [("t", 0, 5), ("t", 1, 6)])
    table.take_changes()
    table.merge("g", [("t", 0, 7)])
    assert table.take_changes() == ({"g": {"t": [Commit(0, 7, None)]}}, [])
    table.replace("g", [("t", 0, 7)])
    assert table.take_changes() == ({}, [("g", "t", 1)])


def test_a_position_that_ended_and_came_back_within_a_tick_is_there() -> None:
    table = Positions()
    table.commit("g", "t", 0, 5, 1000)
    table.take_changes()
    table.end("g", "t", 0)
    table.commit("g", "t", 0, 6, 2000)
    assert table.take_changes() == ({"g": {"t": [Commit(0, 6, 2000)]}}, [])


STEPS = st.lists(
    st.tuples(st.sampled_from("ab"), st.sampled_from("xy"), st.integers(0, 2), st.none() | st.integers(0, 5)),
    max_size=40,
)


@given(STEPS, st.integers(1, 7))
def test_frames_of_differences_add_up_to_everything(steps: list[tuple[str, str, int, int | None]], every: int) -> None:
    table, told = Positions(), {}
    for i, (group, topic, partition, offset) in enumerate(steps):
        if offset is None:
            table.end(group, topic, partition)
        else:
            table.commit(group, topic, partition, offset, i)
        if i % every == 0:
            tell(table, told)
    tell(table, told)
    whole = {(g, t, c.partition): c.offset for g, ts in table.everything().items() for t, cs in ts.items() for c in cs}
    assert told == whole
    assert len(table) == len(whole)


def tell(table: Positions, told: dict[tuple[str, str, int], int]) -> None:
    commits, ended = table.take_changes()
    for key in ended:
        told.pop(key, None)
    told |= {(g, t, c.partition): c.offset for g, ts in commits.items() for t, cs in ts.items() for c in cs}


def test_only_ranges_that_moved_are_sent() -> None:
    logs = LogTable()
    both = [("t", 0), ("t", 1)]
    assert logs.update(both, {("t", 0): 0, ("t", 1): 0}, {("t", 0): 5, ("t", 1): 6}, True) == {
        "t": [LogRange(0, 0, 5), LogRange(1, 0, 6)]
    }
    assert logs.update(both, {("t", 0): 0, ("t", 1): 0}, {("t", 0): 5, ("t", 1): 7}, False) == {
        "t": [LogRange(1, 0, 7)]
    }


def test_a_range_that_is_not_answered_becomes_unknown_once_and_comes_back() -> None:
    logs, key = LogTable(), ("t", 0)
    logs.update([key], {key: 0}, {key: 5}, True)
    assert logs.update([key], {key: 0}, {}, False) == {"t": [LogRange(0, 0, None)]}
    assert logs.update([key], {key: 0}, {}, False) == {}
    assert logs.update([key], {key: 0}, {key: 5}, False) == {"t": [LogRange(0, 0, 5)]}
    assert logs.update([], {}, {}, False) == {"t": [LogRange(0, None, None)]}
    assert logs.update([], {}, {}, False) == {}
