"""The schedule of what goes wrong, without a clock."""

from __future__ import annotations

from itertools import pairwise

import pytest

from dashboard.alerts.rules import BUILT_IN
from demo import incidents
from demo.services import NAMES
from lineage.conditions import parse

STEP = 0.5


def moments(until: float) -> list[float]:
    return [n * STEP for n in range(int(until / STEP) + 1)]


def test_every_kind_of_incident_comes_within_the_first_three_minutes() -> None:
    times = moments(180)
    assert any(incidents.delay("shipping", t) for t in times)
    assert any(incidents.stopped(t) for t in times)
    assert incidents.poison_between(0, 180) >= 1
    assert incidents.email_group(0) != incidents.email_group(180)


@pytest.mark.parametrize("t", [0.0, 3.0, 40.0, 99.5, 100.0, 219.5, 220.0, 339.5, 340.0, 599.5])
def test_a_cycle_later_the_same_are_ill(t: float) -> None:
    later = t + 7 * incidents.CYCLE
    assert incidents.stopped(t) == incidents.stopped(later)
    assert incidents.delay("shipping", t) == incidents.delay("shipping", later)
    assert incidents.poison_between(t, t + 20) == incidents.poison_between(later, later + 20)


def test_who_steps_in_any_rhythm_meets_each_poison_record_once() -> None:
    for step in (0.3, 7.0, 61.0):
        times = [0.0]
        while times[-1] < 2 * incidents.CYCLE:
            times.append(times[-1] + step)
        met = sum(incidents.poison_between(a, b) for a, b in pairwise(times))
        assert met == incidents.poison_between(0, times[-1]) >= 2 * len(incidents.POISON_AT)


def test_the_slow_one_is_slower_than_its_input_and_only_while_it_is_ill() -> None:
    orders_a_second = 50 * 0.07
    assert 1 / incidents.delay("shipping", 60) < orders_a_second / 2
    assert incidents.delay("shipping", 39.9) == incidents.delay("shipping", 340.0) == 0
    assert not any(incidents.delay(name, 60) for name in NAMES if name != "shipping")


def test_what_is_ill_is_so_for_long_enough_to_be_told_and_well_for_long_enough_to_be_resolved() -> None:
    # A minute for the verdict and one for where whole minutes begin; a cycle is over before the next one begins.
    for key, window in (("falling_behind", incidents.SLOW), ("stopped", incidents.STOPPED)):
        asked = parse(BUILT_IN[key][2])
        assert window.end - window.begin >= asked.wait + 20  # two collections until it is seen
        assert incidents.CYCLE - (window.end - window.begin) >= asked.keep + 120


def test_the_stopped_one_is_away_for_some_minutes_and_returns() -> None:
    away = [t for t in moments(incidents.CYCLE) if incidents.stopped(t)]
    assert len(away) * STEP == pytest.approx(140)
    assert {name for t in away for name in incidents.stopped(t)} <= set(NAMES)


def test_each_deployment_renames_the_group_and_the_names_do_not_grow_without_end() -> None:
    names = [incidents.email_group(t) for t in moments(4 * incidents.CYCLE)]
    assert sum(a != b for a, b in pairwise(names)) == 4
    assert set(names) == set(incidents.EMAIL_GROUPS)


def test_the_log_tells_each_change_once() -> None:
    times = moments(incidents.CYCLE)
    said = [s for a, b in pairwise(times) for s in incidents.news(a, b)]
    assert len(said) == len(set(said)) + 1 == 7  # poison comes twice
