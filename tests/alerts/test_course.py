"""What an alert showed at a moment, whatever came after: values and acts are added, never changed."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from dashboard.alerts.course import MOST, STEP, Entry, at, clear_since, further

VALUES = st.none() | st.floats(-1e9, 1e9) | st.integers(0, 10**9).map(float)


@given(st.lists(st.tuples(VALUES, st.sampled_from(["", "stalled", "stopped"]), st.booleans()), max_size=60))
def test_a_moment_shows_what_was_shown_in_it(steps: list[tuple[float | None, str, bool]]) -> None:
    course: list[Entry] = []
    shown: list[Entry | None] = []
    for moment, (value, verdict, over) in enumerate(steps):
        course = further(course, moment, value, verdict, over)
        shown.append(at(course, moment))
    assert [at(course, moment) for moment in range(len(steps))] == shown
    assert at(course, -1) is None


@given(st.lists(st.floats(0, 1e9), min_size=1, max_size=60))
def test_what_is_shown_is_off_by_less_than_a_tenth(values: list[float]) -> None:
    course: list[Entry] = []
    for moment, value in enumerate(values):
        course = further(course, moment, value, "", False)
        assert abs(course[-1][1] - value) <= STEP * course[-1][1]
    assert further(course, 99, 12.5, "", True)[-1][1] == 12.5


def test_that_it_is_clear_is_told_from_then_on() -> None:
    course = further([], 1, 5.0, "", False)
    course = further(further(course, 2, 5.0, "", False, 2), 3, 5.0, "", False, 2)
    course = further(course, 4, 5.0, "", False)
    assert [clear_since(e) for m in range(1, 5) if (e := at(course, m))] == [None, 2, 2, None]
    assert len(course) == 3


def test_it_stays_short() -> None:
    course: list[Entry] = []
    for moment in range(MOST + 50):
        course = further(course, moment, float(moment % 2), "", False)
    assert len(course) == MOST
