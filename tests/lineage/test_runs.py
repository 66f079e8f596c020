"""When a condition held: whole minutes, the same for the newest one and for all of the past."""

from __future__ import annotations

from typing import Any

import pytest

from lineage import history
from lineage.conditions import parse
from lineage.recorder import Tape
from lineage.runs import Run
from lineage.verdicts import VERDICTS
from tests.lineage import world as w
from tests.lineage.world import T0

pytestmark = pytest.mark.django_db
MINUTE = 60_000
LAGGING = {"metric": "lag", "op": "above", "value": 10}


def minute(n: int) -> int:
    return T0 + n * MINUTE


def record(tape: Tape, lags: dict[int, int | None], topic: str = "orders", group: str = "billing-cg") -> None:
    """A lag (None: nothing is recorded) for each minute from T0 on, seen half a minute before its end."""
    tape.take(w.cluster(T0 + 1))
    tape.take(w.topics(T0 + 1, topic))
    tape.take(w.groups(T0 + 1, group))
    tape.cut(T0 + 500)
    for n, lag in lags.items():
        if lag is not None:
            at = minute(n) - 30_000
            tape.take(w.frame(at, {topic: 1000 + n}, {group: {topic: 1000 + n - lag}}))
            tape.cut(at + 100)
            tape.cut(minute(n) + 100)


def runs(asked: dict[str, Any], start: int = T0 - 1, end: int = T0 + 3_600_000) -> list[Run]:
    with history.minutes(start, end) as directly, history.minutes(start, end, copied=True) as copied:
        found = directly.runs(parse(asked))
        assert copied.runs(parse(asked)) == found
    return found


def recorded(start: int, end: int) -> list[int]:
    with history.minutes(start, end) as found:
        return found.recorded


def spans(found: list[Run]) -> list[tuple[int, int]]:
    return [((r.start - T0) // MINUTE, (r.end - T0) // MINUTE) for r in found]


def test_a_condition_that_holds_in_neighbouring_minutes_is_one_run(tape: Tape) -> None:
    record(tape, {1: 5, 2: 50, 3: 70, 4: 60, 5: 0, 6: 20})
    found = runs(LAGGING)
    assert spans(found) == [(2, 4), (6, 6)]
    assert [r.subject for r in found] == ["lag:c/billing-cg/orders"] * 2
    assert found[0].value == 70
    assert spans(runs({"metric": "lag", "op": "below", "value": 6})) == [(1, 1), (5, 5)]


def test_a_minute_in_which_nothing_was_recorded_ends_no_run(tape: Tape) -> None:
    record(tape, {1: 50, 2: None, 3: None, 4: 50, 5: 0})
    assert recorded(T0, minute(9)) == [minute(1), minute(4), minute(5)]
    assert spans(runs(LAGGING)) == [(1, 4)]


def test_the_newest_minute_alone_says_the_same_as_all_of_them(tape: Tape) -> None:
    record(tape, {1: 5, 2: 50, 3: 70, 4: 0, 5: 20})
    whole = runs(LAGGING)
    each = [r for n in range(1, 6) for r in runs(LAGGING, minute(n - 1), minute(n))]
    assert spans(each) == [(2, 2), (3, 3), (5, 5)]
    assert {m for a, b in spans(whole) for m in range(a, b + 1)} == {a for a, _ in spans(each)}


def test_a_verdict_is_asked_by_name_and_told_with_its_run(tape: Tape) -> None:
    record(tape, {1: 0, 2: 50, 3: 50, 4: 50})
    found = runs({"metric": "verdict", "value": list(VERDICTS)})
    assert found[-1].what == history.frame_at(None).lag[0].verdict


def test_a_scope_leaves_out_what_it_does_not_name(tape: Tape) -> None:
    record(tape, {1: 50})
    for scope, there in (
        ({"topic": ["ord*"]}, True), ({"topic": ["pay*"]}, False), ({"group": ["billing-cg"]}, True),
        ({"service": ["billing"]}, True), ({"team": ["shop"]}, True), ({"team": ["risk"]}, False),
        ({"cluster": ["c"]}, True), ({"cluster": ["d"]}, False), ({"topic": ["orders"], "group": ["x"]}, False),
    ):  # fmt: skip
        assert bool(runs({**LAGGING, "scope": scope})) is there, scope


def test_nothing_that_is_not_durable_is_looked_at(tape: Tape) -> None:
    record(tape, {1: 50})
    newest = history.newest_tick()
    assert newest is not None
    tape.lake.write(newest.number + 1, minute(2), {"subject_minutes": [(minute(2), "", "recorded", 1.0)]})
    assert recorded(T0, minute(9)) == [minute(1)]


def test_a_recorder_that_starts_again_writes_no_minute_twice(tape: Tape, data_dir: Any) -> None:
    record(tape, {1: 50, 2: 50})
    tape.close()
    again = Tape(w.config(), data_dir)
    again.cut(minute(2) + 5_000)
    again.cut(minute(3) + 200)
    rows = history.lake().query("SELECT minute, count(*) FROM lake.group_minutes GROUP BY 1 ORDER BY 1")
    again.close()
    assert rows == [(minute(1), 1), (minute(2), 1), (minute(3), 1)]


def test_a_topic_that_is_written_half_as_fast_as_last_week_is_told(tape: Tape) -> None:
    week = 7 * 86_400_000
    record(tape, {1: 0})
    rows = [(minute(n) - week, "topic:c/orders", "rate", 10.0) for n in range(20)]
    newest = history.newest_tick()
    assert newest is not None
    tape.lake.write(newest.number, T0 - week + 1, {"subject_minutes": rows})
    now = [(minute(n), "topic:c/orders", "rate", 4.0 if n == 3 else 9.0) for n in range(2, 6)]
    now += [(minute(n), "", "recorded", 1.0) for n in range(2, 6)]
    tape.lake.write(newest.number, minute(6), {"subject_minutes": now})
    found = runs({"metric": "rate_vs_week", "op": "below", "value": 0.5}, minute(1), minute(9))
    assert [(r.subject, r.value) for r in found] == [("topic:c/orders", 0.4)]


def test_what_hurts_a_cluster_or_a_collector_has_a_subject(tape: Tape) -> None:
    record(tape, {1: 0})
    tape.take(w.ran(minute(1) + 300, "positions", error="the broker does not answer"))
    tape.cut(minute(2) + 100)
    assert [r.subject for r in runs({"metric": "failing"})] == ["collector:c/positions"]


def test_a_new_reader_is_told_of_a_topic_that_is_known_for_long(tape: Tape) -> None:
    record(tape, {1: 0})
    late = minute(15)
    tape.take(w.topics(late - 50_000, "orders", "young"))
    tape.take(w.groups(late - 50_000, "billing-cg", "audit-cg"))
    tape.take(
        w.frame(
            late - 40_000,
            {"orders": 2000, "young": 5},
            {"audit-cg": {"orders": 5, "young": 5}, "billing-cg": {"orders": 1000}},
        )
    )
    tape.cut(late - 30_000)
    tape.cut(late + 100)
    found = runs({"metric": "new_reader"})
    assert [(r.subject, r.what, r.start) for r in found] == [("topic:c/orders", "service:audit", late)]
    assert not runs({"metric": "new_reader", "scope": {"topic": ["pay*"]}})
