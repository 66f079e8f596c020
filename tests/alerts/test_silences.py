"""What a matcher means and when a silence holds."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.alerts.models import Alert, Silence
from dashboard.alerts.silences import DAY, active, check_times, checked, matches
from tests.alerts.world import HOUR, T0

ALERT = Alert(
    rule_name="Stopped",
    severity="critical",
    subject="lag:prod/billing-cg/orders%2Fv1",
    cluster="prod",
    team="payments",
    labels={"service": ["billing", "ledger"]},
)


@pytest.mark.parametrize(
    "matcher",
    [
        *({"rule": "Stop*"}, {"cluster": ["test", "prod"]}, {"team": "payments"}, {"group": "billing-*"}),
        *({"topic": "orders/v?"}, {"service": "ledger"}, {"severity": "critical", "cluster": "p*"}, {"cluster": "*"}),
    ],
)
def test_every_name_has_to_match_by_one_of_its_globs(matcher: dict[str, Any]) -> None:
    assert matches(checked(matcher), ALERT)


@pytest.mark.parametrize(
    "matcher",
    [
        {},
        {"rule": "stop*"},
        {"cluster": "prod", "team": "risk"},
        {"group": "billing"},
        {"topic": "orders"},
        {"service": "x"},
    ],
)
def test_what_does_not_match_is_told(matcher: dict[str, Any]) -> None:
    assert not matches(matcher, ALERT)


def test_who_has_no_team_is_no_teams() -> None:
    assert not matches(
        {"team": ["*"]}, Alert(rule_name="r", subject="cluster:c", severity="info", cluster="c", team=None)
    )


@pytest.mark.parametrize(
    ("subject", "name", "value"),
    [("topic:c/a.b", "topic", "a.b"), ("group:c/g", "group", "g"), ("service:billing", "service", "billing")],
)
def test_a_subjects_own_names_match(subject: str, name: str, value: str) -> None:
    made = Alert(rule_name="r", subject=subject, severity="info", cluster="c")
    assert matches({name: [value]}, made)
    assert not matches({name: ["other"]}, made)


@pytest.mark.parametrize("subject", ["", "lag:", "lag:c", "lag:c/g", "topic:", "connector:c/m/x", "broker:c/1", "x"])
def test_an_odd_subject_is_matched_by_what_it_has(subject: str) -> None:
    assert matches({"rule": ["r"]}, Alert(rule_name="r", subject=subject, severity="info"))


@pytest.mark.parametrize(
    ("matcher", "sentence"),
    [
        ({}, "says what it silences"),
        ({"cluster": []}, "says what it silences"),
        ({"clutser": "x"}, "'clutser' is nothing to match by"),
        ({"topic": 7}, "topic: expected a glob"),
        ({"topic": [""]}, "topic: expected a glob"),
        ({"topic": ["x"] * 51}, "more than 50 globs"),
        ({"topic": "x" * 256}, "1 to 255 characters"),
    ],
)
def test_a_wrong_matcher_is_a_sentence(matcher: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        checked(matcher)


@pytest.mark.parametrize(
    ("length", "repeats", "sentence"),
    [
        *((0, "", "ends after it starts"), (400 * DAY, "", "a year at most"), (HOUR, "month", "no way to repeat")),
        (DAY, "day", "shorter than a day"),
    ],
)
def test_a_wrong_window_is_a_sentence(length: int, repeats: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        check_times(T0, T0 + length, repeats)


def window(repeats: str = "", **more: int) -> Silence:
    return Silence(starts_at=T0, ends_at=T0 + HOUR, repeats=repeats, **{"created_at": T0 - DAY, **more})


def test_it_holds_from_its_start_to_its_end() -> None:
    assert [active(window(), T0 + d) for d in (-1, 0, HOUR - 1, HOUR)] == [False, True, True, False]


@pytest.mark.parametrize(("repeats", "period"), [("day", DAY), ("week", 7 * DAY)])
def test_a_window_comes_again_until_it_is_taken_back(repeats: str, period: int) -> None:
    again = [T0 + 3 * period + d for d in (-1, 0, HOUR - 1, HOUR)]
    assert [active(window(repeats), at) for at in again] == [False, True, True, False]
    assert not active(window(repeats, ended_at=T0 + 2 * period), again[1])
    assert not active(window(repeats), T0 - period)


def test_at_an_earlier_moment_it_is_not_known_yet() -> None:
    late = window(created_at=T0 + HOUR // 2)
    assert not active(late, T0 + 1)
    assert active(late, T0 + HOUR // 2)


@given(st.text(max_size=80))
def test_no_glob_takes_long_or_breaks(glob: str) -> None:
    assert matches({"topic": [glob]}, ALERT) in (True, False)
    assert matches({"rule": ["*a" * 60 + glob]}, Alert(rule_name="a" * 120, subject="", severity="")) in (True, False)
