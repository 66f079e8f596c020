"""Since when a group is behind: the interval holds every moment that the samples allow, and is of what can be read."""

from __future__ import annotations

import pytest

from lineage.lag import Passed, earliest, passed_at, time_lag
from lineage.meter import Alive, Meter
from lineage.observations import Commit

PAIR, ALIVE = ("g", "t"), Alive("Stable", 1)


def tick(meter: Meter, at: int, end: int, committed: int, start: int = 0) -> Passed | None:
    meter.touched.clear()
    meter.see_log("t", 0, start, end, at)
    meter.see_position("g", "t", Commit(0, committed), at)
    meter.close_frame(at, at, ["t"])
    meter.judge_pair(PAIR, at, ALIVE, 5.0, False, None)
    return meter.tracks[PAIR].parts[0].passed


def test_one_record_between_two_samples_may_have_come_at_any_moment_between_them() -> None:
    assert passed_at([(0, 5), (5000, 6)], 5) == Passed(2500, 2.5)


def test_the_error_reaches_to_the_farther_sample() -> None:
    assert passed_at([(0, 0), (5000, 10)], 0) == Passed(250, 4.75)
    assert passed_at([(0, 0), (5000, 10)], 9) == Passed(4750, 4.75)


def test_the_earliest_of_two_may_be_either() -> None:
    assert earliest([Passed(10_000, 1.0), Passed(10_500, 3.0)]) == Passed(9_250, 1.75)
    assert earliest([]) is None


def test_what_retention_took_is_no_longer_the_oldest_unread_record() -> None:
    meter = Meter()
    for n in range(7):
        passed = tick(meter, n * 5000, 10 * n, 10)
    assert passed == Passed(5250, 4.75)
    assert tick(meter, 35_000, 70, 10, start=40) == Passed(20_250, 4.75)
    waits = meter._part(PAIR, 0, 35_000, ALIVE, 60.0).waits
    assert waits == 35  # it waits no shorter for that


def test_a_record_behind_an_empty_range_is_the_oldest_unread() -> None:
    meter = Meter()
    for n in range(5):
        tick(meter, n * 5000, 10 * n, 10)
    meter.see_record("t", 0, 10, 25, 26, None)
    meter.judge_pair(PAIR, 20_000, ALIVE, 5.0, False, None)
    assert meter.tracks[PAIR].parts[0].passed == Passed(12_750, 2.75)
    meter.see_record("t", 0, 10, 25, 26, Passed(11_111, 0.0))
    assert meter.tracks[PAIR].parts[0].passed == Passed(11_111, 0.0)


def test_two_groups_on_one_partition_each_pass_over_what_is_empty_where_they_stand() -> None:
    meter = Meter()
    meter.see_log("t", 0, 0, 100, 0)
    for group, offset in (("one", 10), ("two", 50)):
        meter.see_position(group, "t", Commit(0, offset), 0)
    meter.see_record("t", 0, 10, 20, 21, None)
    meter.see_record("t", 0, 50, 90, 91, None)
    rows = [meter.judge_pair((group, "t"), 1000, ALIVE, 5.0, False, None) for group in ("one", "two")]
    assert [(row.lag, row.unread) for row in rows] == [(90, 80), (50, 10)]
    meter.see_position("two", "t", Commit(0, 95), 2000)
    assert meter.see_record("t", 0, 95, 97, 98, None) == {95: 97, 50: None}  # nobody stands there any more
    assert meter.logs["t"][0].looked == {10: 20, 95: 97}


def test_what_may_be_markers_alone_makes_nobody_late() -> None:
    meter = Meter()
    for n in range(100):
        at = n * 5000
        meter.touched.clear()
        for part, end in ((0, 11 if n >= 20 else 10), (1, 10 + max(0, n - 40))):
            meter.see_log("t", part, 0, end, at)
            meter.see_position("g", "t", Commit(part, 10), at)
        meter.close_frame(at, at, ["t"])
        row = meter.judge_pair(PAIR, at, ALIVE, 5.0, False, None)
        if n == 21:
            assert row.behind_since == 97_500  # it may have been written just now
        if n == 40:
            assert (row.lag, row.unread, row.behind_since) == (1, 1, None)
    assert row.behind_since == 202_500  # the other partition's
    meter.see_record("t", 0, 10, 10, 11, None)
    row = meter.judge_pair(PAIR, 495_000, ALIVE, 5.0, False, None)
    assert row.behind_since == 97_500


def test_one_record_that_was_looked_at_is_not_taken_for_a_marker() -> None:
    meter = Meter()
    for n in range(100):
        tick(meter, n * 5000, 11 if n >= 20 else 10, 10)
    assert meter.judge_pair(PAIR, 500_000, ALIVE, 5.0, False, None).verdict == "ok"
    assert meter.see_record("t", 0, 10, 10, 11, None) == {10: 10}
    row = meter.judge_pair(PAIR, 500_000, ALIVE, 5.0, False, None)
    assert (row.verdict, row.unread) == ("stalled", 1)


@pytest.mark.parametrize(
    ("lag", "unread", "since", "stated"),
    [
        (0, 0, None, (0.0, 0.0)),
        (4, 0, 1000, (0.0, 0.0)),  # markers only
        (4, 4, None, (None, None)),
        (None, None, None, (None, None)),
        (4, 4, 1000, (8.0, 0.5)),
        (4, 4, 9500, (0.0, 0.5)),  # written while it was sampled
    ],
)
def test_caught_up_is_nought_and_unknown_unknown_and_none_is_negative(
    lag: int | None, unread: int | None, since: int | None, stated: tuple[float | None, float | None]
) -> None:
    assert time_lag(lag, unread, since, 0.5, 9000) == stated
