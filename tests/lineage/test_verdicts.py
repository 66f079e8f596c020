"""Each verdict from the figures that must lead to it; written histories are in test_histories."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lineage.verdicts import Facts, Part, Point, Shore, judge, span


def facts(**given: object) -> Facts:
    """A group that keeps pace at 10/s over a minute, 5 behind, one commit every 2 s; times in seconds."""
    history = [Point(s * 1000, s * 10 + 5, s * 10) for s in range(0, 61, 2)]
    base = Facts(
        at=60_000, lag=5, problem="", unread=5, parts=[Part(0, 5, 1.0)], partitions=1, state="Stable", members=1,
        history=history, pace=2.0, interval=2.0,
    )  # fmt: skip
    return replace(base, **given)  # type: ignore[arg-type]


def line(end: float, committed: float, lead: int = 0) -> list[Point]:
    return [Point(s * 1000, lead + round(s * end), round(s * committed)) for s in range(0, 61, 2)]


NOBODY = {"members": 0, "state": "Empty"}
SILENT = {"lag": 300, "unread": 300, "parts": [Part(0, 300, 40.0)]}


@pytest.mark.parametrize(
    ("given", "verdict", "word"),
    [
        ({}, "ok", "keeps pace"),
        ({"lag": 0, "unread": 0}, "ok", "everything is read"),
        ({"unread": 0, "parts": []}, "ok", "no records"),
        ({"lag": None, "problem": "partition 0: why"}, "unknown", "why"),
        ({**NOBODY, "empty_for": 12.0}, "stopped", "no members"),
        ({"members": None, "state": "Empty", "empty_for": 12.0}, "stopped", "no members"),
        ({**NOBODY, "empty_for": 3.0}, "ok", "keeps pace"),
        ({**NOBODY, **SILENT}, "stopped", "no members"),  # since when is not known, and it is silent
        (SILENT, "stalled", "1 member is there"),
        ({**SILENT, "members": None, "state": "Unknown"}, "unknown", "not known"),
        ({"members": None, "state": "Unknown"}, "ok", "keeps pace"),
        ({"history": line(10, 4), "lag": 360, "unread": 360}, "falling_behind", "growing"),
        ({"history": line(10, 40, lead=3000), "lag": 1200, "unread": 1200}, "catching_up", "shrinking"),
        ({"rewound_at": 40_000, "rewound_by": 50}, "rewound", "back by 50"),
        ({"shores": [Shore(0, 100, 20.0, 30.0, 40.0)]}, "will_lose_data", "in 3 s to 10 s"),
        ({"deleted": 7}, "will_lose_data", "7 records were deleted"),
        ({"history": [Point(59_000, 100, 50)], "lag": 50}, "unknown", "not watched long enough"),
        ({"lag": 1, "unread": 1, "parts": [Part(0, 1, 900.0, doubtful=True)]}, "ok", "markers"),
    ],
)
def test_verdict_and_its_reason(given: dict[str, object], verdict: str, word: str) -> None:
    found = judge(facts(**given))
    assert found.verdict == verdict, found.reason
    assert word in found.reason


def test_the_sawtooth_between_commits_means_nothing() -> None:
    saw = [Point(s * 1000, s * 10, s // 5 * 50) for s in range(0, 65)]
    for upto in range(35, 65):
        lag = saw[upto].end - saw[upto].committed
        found = judge(facts(at=upto * 1000, history=saw[: upto + 1], lag=lag, unread=lag, pace=5.0))
        assert found.verdict == "ok", (upto, found.reason)


def test_durations_in_words() -> None:
    assert [span(s) for s in (9, 60, 255, 300, 7300)] == ["9 s", "1 min", "4 min 10 s", "5 min", "2 h"]
