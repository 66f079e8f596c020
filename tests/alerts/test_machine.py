"""Pending, firing, resolved: what a rule does over the minutes, step by step as at once."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from dashboard.alerts.machine import Incident, advance
from lineage.conditions import Definition
from lineage.minutes import MINUTE_MS
from lineage.runs import Run

LAG = "lag:c/g/t"
Minutes = list[tuple[int, float | None]]  # minute, and the value with which the condition held


def rule(wait: float = 0, keep: float = 0, op: str = "above") -> Definition:
    return Definition("lag", op, 10.0, wait=wait * 60, keep=keep * 60)


def runs_of(minutes: Minutes, op: str = "above") -> list[Run]:
    """As the lake finds them: neighbours among what was recorded."""
    out: list[Run] = []
    before: float | None = None
    for minute, value in minutes:
        at = minute * MINUTE_MS
        if value is not None and before is not None:
            worst = (max if op == "above" else min)(out[-1].value or 0.0, value)
            out[-1] = out[-1]._replace(end=at, value=worst)
        elif value is not None:
            out.append(Run(LAG, at, at, value, ""))
        before = value
    return out


def whole(at: int | None) -> int | None:
    return None if at is None else at // MINUTE_MS


def told(minutes: Minutes, asked: Definition) -> list[tuple[int, int | None, int | None]]:
    """Since, fired and resolved, in minutes."""
    found = advance(None, runs_of(minutes), [m * MINUTE_MS for m, _ in minutes], asked)
    return [(i.since // MINUTE_MS, whole(i.fired), whole(i.resolved)) for i in found]


def held(*minutes: int, last: int = 12) -> Minutes:
    return [(n, 20.0 if n in minutes else None) for n in range(1, last + 1)]


def test_without_waiting_it_fires_at_once_and_is_resolved_at_once() -> None:
    assert told(held(3, 4), rule()) == [(2, 3, 5)]


def test_it_must_hold_for_as_long_as_the_rule_says() -> None:
    assert told(held(3, 4, 5, 6), rule(wait=3)) == [(2, 5, 7)]


def test_what_is_over_before_never_fires() -> None:
    assert told(held(3, 4, 7, 8), rule(wait=3)) == [(2, None, 5), (6, None, 9)]


def test_what_comes_back_while_it_is_kept_is_the_same_alert() -> None:
    assert told(held(3, 5, 6, 9), rule(keep=3)) == [(2, 3, 12)]
    assert told(held(3, 7), rule(keep=3)) == [(2, 3, 6), (6, 7, 10)]


def test_what_still_holds_is_open() -> None:
    assert told(held(11, 12), rule()) == [(10, 11, None)]
    assert told(held(12), rule(wait=5)) == [(11, None, None)]


def test_a_gap_in_the_record_neither_resolves_nor_begins_anything() -> None:
    minutes: Minutes = [(1, None), (2, 20.0), (30, 20.0), (31, None)]
    assert told(minutes, rule(wait=5)) == [(1, 30, 31)]


def test_the_worst_value_is_kept() -> None:
    minutes: Minutes = [(1, 20.0), (2, 50.0), (3, None), (4, 30.0)]
    (found,) = advance(None, runs_of(minutes), [m * MINUTE_MS for m, _ in minutes], rule(keep=5))
    assert found.value == 50.0


@given(
    st.lists(st.tuples(st.integers(1, 4), st.booleans()), min_size=1, max_size=40), st.integers(0, 6),
    st.integers(0, 6), st.data(),
)  # fmt: skip
def test_minute_by_minute_with_restarts_anywhere_equals_all_at_once(
    steps: list[tuple[int, bool]], wait: int, keep: int, data: st.DataObject
) -> None:
    at, minutes = 0, []
    for step, holds in steps:
        at += step
        minutes.append((at, float(at % 7) if holds else None))
    asked = rule(wait, keep)
    whole = advance(None, runs_of(minutes), [m * MINUTE_MS for m, _ in minutes], asked)
    done: list[Incident] = []
    open_: Incident | None = None
    while minutes:
        count = data.draw(st.integers(1, len(minutes)))
        part, minutes = minutes[:count], minutes[count:]
        found = advance(open_, runs_of(part), [m * MINUTE_MS for m, _ in part], asked)
        done += [i for i in found if i.resolved is not None]
        open_ = next((i for i in found if i.resolved is None), None)
    assert done + ([open_] if open_ else []) == whole


@given(st.lists(st.booleans(), min_size=1, max_size=40), st.integers(0, 6), st.integers(0, 6))
def test_at_most_one_is_open_and_times_are_in_order(holds: list[bool], wait: int, keep: int) -> None:
    minutes: Minutes = [(n, 1.0 if h else None) for n, h in enumerate(holds, 1)]
    found = advance(None, runs_of(minutes), [m * MINUTE_MS for m, _ in minutes], rule(wait, keep))
    assert all(i.resolved is not None for i in found[:-1])
    for i in found:
        assert i.since < i.last
        assert i.fired is None or i.fired - i.since >= wait * MINUTE_MS
        assert i.resolved is None or i.resolved > i.last
