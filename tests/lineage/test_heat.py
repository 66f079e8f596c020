from __future__ import annotations

import pytest

from lineage import heat, history
from lineage.observations import RecordAt
from lineage.recorder import Tape
from tests.lineage import world as w
from tests.lineage.world import T0

GROUP = "group:c/audit"
S = 1_000


def begin(tape: Tape) -> None:
    tape.take(w.cluster(T0))
    tape.take(w.topics(T0, "orders", "other"))
    tape.take(w.groups(T0, "audit"))


def positions(tape: Tape, second: int, end: int, committed: int, key: bool = False) -> None:
    at = T0 + second * S
    tape.take(w.frame(at, {"orders": end, "other": 7}, {"audit": {"orders": committed, "other": 7}}, keyframe=key))
    tape.cut(at + 60)


def test_each_cell_holds_the_lag_at_its_end(tape: Tape) -> None:
    begin(tape)
    positions(tape, 0, 100, 100, key=True)
    positions(tape, 4, 110, 100)
    positions(tape, 8, 130, 125)
    found = history.heat_of(GROUP, T0, T0 + 10 * S, 5)
    assert found.times == tuple(T0 + 2 * S * n for n in range(1, 6))
    assert [(r.topic, r.partition) for r in found.rows] == [("orders", 0), ("other", 0)]
    assert found.rows[0].values == (0, 0, 10, 10, 5)  # a value holds until the next
    assert set(found.rows[1].values) == {0}


def test_a_heat_map_equals_the_lag_that_was_shown(tape: Tape) -> None:
    begin(tape)
    for second, (end, committed) in enumerate([(100, 90), (120, 95), (121, 121), (150, 130)]):
        positions(tape, second * 2, end, committed, key=second == 0)
    found = history.heat_of(GROUP, T0, T0 + 8 * S, 4, topic="orders")
    shown = [history.partitions_at(t, "c", "audit", "orders")["c", "audit", "orders"][0].lag for t in found.times]
    assert [r.values for r in found.rows] == [tuple(shown)]


def test_seconds_behind_grow_while_nothing_is_committed(tape: Tape) -> None:
    begin(tape)
    positions(tape, 0, 100, 100, key=True)
    positions(tape, 2, 110, 105)
    positions(tape, 4, 120, 105)
    values = history.heat_of(GROUP, T0, T0 + 6 * S, 3, topic="orders", metric="time_lag").rows[0].values
    assert values[0] == 0
    assert 0 < (values[1] or 0) < (values[2] or 0)


def test_who_has_only_markers_before_him_is_not_late(tape: Tape) -> None:
    begin(tape)
    positions(tape, 0, 100, 90, key=True)
    tape.take(w.frame(T0 + 2 * S, {"orders": 100}, records=[RecordAt("orders", 0, 90, None, 100)]))
    tape.cut(T0 + 2 * S + 60)
    positions(tape, 4, 101, 90)
    late = history.heat_of(GROUP, T0, T0 + 6 * S, 3, topic="orders", metric="time_lag").rows[0].values
    assert late[1] == 0
    assert (late[2] or 0) > 0  # a record came
    (shown,) = history.partitions_at(T0 + 3 * S, "c", "audit", "orders")["c", "audit", "orders"]
    assert (shown.lag, shown.time_lag) == (10, 0)


def test_what_was_not_recorded_is_unknown_and_said(tape: Tape) -> None:
    begin(tape)
    positions(tape, 0, 100, 90, key=True)
    positions(tape, 590, 100, 90)
    found = history.heat_of(GROUP, T0 - 100 * S, T0 + 600 * S, 70)
    assert found.recorded[:10] == (False,) * 9 + (found.recorded[9],)
    assert found.recorded[-1]
    assert not found.recorded[40]
    assert found.rows[0].values[40] is None
    assert found.rows[0].values[-1] == 10


def test_a_position_beyond_the_log_is_unknown_not_negative(tape: Tape) -> None:
    begin(tape)
    positions(tape, 0, 100, 150, key=True)
    assert set(history.heat_of(GROUP, T0, T0 + 4 * S, 4, topic="orders").rows[0].values) == {None}


def test_a_picture_is_bounded_and_keeps_the_worst(tape: Tape, monkeypatch: pytest.MonkeyPatch) -> None:
    begin(tape)
    positions(tape, 0, 100, 90, key=True)
    monkeypatch.setattr(heat, "MOST_ROWS", 1)
    found = history.heat_of(GROUP, T0, T0 + 600 * S, 10_000)
    assert len(found.times) <= heat.MOST_CELLS
    assert ([r.topic for r in found.rows], found.partitions) == (["orders"], 2)
    monkeypatch.setattr(heat, "MOST_VALUES", 20)
    assert len(history.heat_of(GROUP, T0, T0 + 600 * S, 240).times) == 10  # two partitions


def test_members_are_bands_and_rebalances_are_told(tape: Tape) -> None:
    begin(tape)
    tape.take(w.members(T0, "audit", "a"))
    tape.cut(T0)
    tape.take(w.members(T0 + 10 * S, "audit", "b", "a"))  # partition 0 goes to b, a stays without any
    tape.cut(T0 + 10 * S)
    tape.take(w.members(T0 + 20 * S, "audit", "b"))
    tape.cut(T0 + 20 * S)
    found = history.members_between(GROUP, T0, T0 + 30 * S)
    bands = {m.client_id: [(s.start - T0, s.end and s.end - T0, s.count) for s in m.stays] for m in found.members}
    assert bands == {"a": [(0, 10 * S, 1), (10 * S, 20 * S, 0)], "b": [(10 * S, None, 1)]}
    assert [(r.at - T0, r.before, r.after, r.moved) for r in found.rebalances] == [(10 * S, 1, 2, 1), (20 * S, 2, 1, 0)]
    assert found.rebalances[0].sentence == "b joined, one member became two, one partition moved"


def test_a_change_of_something_else_cuts_no_band(tape: Tape) -> None:
    begin(tape)
    tape.take(w.members(T0, "audit", "a"))
    tape.cut(T0)
    tape.take(w.groups(T0 + 5 * S, "audit", state="PreparingRebalance"))
    tape.cut(T0 + 5 * S)
    assert [len(m.stays) for m in history.members_between(GROUP, T0, T0 + 9 * S).members] == [1]


@pytest.mark.parametrize("group", ["topic:c/orders", "nonsense", "", "group:c"])
def test_what_is_no_group_is_refused(tape: Tape, group: str) -> None:
    begin(tape)
    tape.cut(T0)
    with pytest.raises(ValueError, match="no "):
        history.heat_of(group, T0, T0 + 10, 2)
    with pytest.raises(ValueError, match="no "):
        history.members_between(group, T0, T0 + 10)


def test_a_group_that_never_was_is_said(tape: Tape) -> None:
    begin(tape)
    tape.cut(T0)
    with pytest.raises(LookupError, match="never was"):
        history.heat_of("group:c/none", T0, T0 + 10, 2)
