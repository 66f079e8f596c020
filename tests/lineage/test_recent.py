"""How much was counted within the last hour."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lineage.recent import HOUR_MS, STEP_MS, Recent

KEY = ("edge", "otlp")


def told(recent: Recent, at: int) -> dict[tuple[str, str], int | None]:
    return dict(recent.due(at))


def test_what_is_first_seen_counts_whole_and_decays_after_an_hour() -> None:
    recent = Recent()
    recent.see(KEY, 412, 1_000)
    assert told(recent, 1_000) == {KEY: 412}
    recent.see(KEY, 500, 1_000 + HOUR_MS // 2)
    assert told(recent, 1_000 + HOUR_MS // 2) == {KEY: 500}
    assert told(recent, 1_000 + HOUR_MS) == {KEY: 88}
    assert told(recent, 1_000 + 2 * HOUR_MS) == {KEY: None}


def test_what_was_counted_before_it_was_known_when_is_not_of_the_last_hour() -> None:
    recent = Recent()
    recent.remember(KEY, 1_000)
    recent.see(KEY, 1_007, 10 * HOUR_MS)
    assert told(recent, 10 * HOUR_MS) == {KEY: 7}


def test_what_did_not_move_is_told_again_every_five_minutes_only() -> None:
    recent = Recent()
    recent.see(KEY, 5, 1_000)
    assert told(recent, 1_000) == {KEY: 5}
    assert told(recent, 2_000) == {}
    assert told(recent, STEP_MS + 1_000) == {KEY: 5}


@given(st.lists(st.tuples(st.integers(1, 50), st.integers(0, HOUR_MS // 3)), min_size=1, max_size=40))
def test_the_hour_is_right_to_five_minutes(steps: list[tuple[int, int]]) -> None:
    recent, total, at, came = Recent(), 0, 0, []
    for count, pause in steps:
        at, total = at + pause, total + count
        recent.see(KEY, total, at)
        came.append((at, count))
    found = told(recent, at)[KEY] or 0
    least = sum(n for t, n in came if t > at - HOUR_MS)
    most = sum(n for t, n in came if t > at - HOUR_MS - STEP_MS)
    assert least - sum(n for t, n in came if at - HOUR_MS < t <= at - HOUR_MS + STEP_MS) <= found <= most
