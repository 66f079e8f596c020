"""Each verdict from the figures that must lead to it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lineage.lag import Facts, Point, judge


def facts(**given: object) -> Facts:
    """A group that keeps pace at 10/s over a minute, 5 behind, one commit every 2 s; times in seconds."""
    history = [Point(s * 1000, s * 10 + 5, s * 10) for s in range(0, 61, 2)]
    base = Facts(
        at=60_000, lag=5, problem="", unread=5, behind=1, state="Stable", members=1, history=history,
        last_commit=60_000, commit_every=2.0, interval=2.0,
    )  # fmt: skip
    return replace(base, **given)  # type: ignore[arg-type]


def line(end: float, committed: float, lead: int = 0) -> list[Point]:
    return [Point(s * 1000, lead + round(s * end), round(s * committed)) for s in range(0, 61, 2)]


@pytest.mark.parametrize(
    ("given", "verdict", "word"),
    [
        ({}, "ok", "keeps pace"),
        ({"lag": 0, "unread": 0}, "ok", "everything is read"),
        ({"lag": None, "problem": "partition 0: why"}, "unknown", "why"),
        ({"members": 0, "state": "Empty", "last_commit": 30_000}, "stopped", "no members"),
        ({"members": None, "state": "Empty", "last_commit": 30_000}, "stopped", "no members"),
        ({"members": 0, "state": "Empty", "last_commit": 55_000}, "ok", "keeps pace"),
        ({"last_commit": 30_000, "lag": 300}, "stalled", "1 member"),
        ({"last_commit": 30_000, "lag": 300, "members": None, "state": "Unknown"}, "unknown", "not known"),
        ({"members": None, "state": "Unknown"}, "ok", "keeps pace"),
        ({"history": line(10, 4), "lag": 360}, "falling_behind", "growing"),
        ({"history": line(10, 40, lead=3000), "lag": 1200}, "catching_up", "shrinking"),
        ({"rewound_at": 40_000, "rewound_by": 50}, "rewound", "back by 50"),
        ({"history": line(10, 4), "lag": 360, "slack": 100, "start_rate": 30.0}, "will_lose_data", "retention"),
        ({"deleted": 7}, "will_lose_data", "7 records were deleted"),
        ({"history": [Point(59_000, 100, 50)], "lag": 50}, "unknown", "not watched long enough"),
        ({"last_commit": 10_000, "lag": 1, "history": [Point(0, 11, 10)]}, "ok", "markers"),
    ],
)
def test_verdict_and_its_reason(given: dict[str, object], verdict: str, word: str) -> None:
    found = judge(facts(**given))
    assert found.verdict == verdict
    assert word in found.reason


def test_the_sawtooth_between_commits_means_nothing() -> None:
    saw = [Point(s * 1000, s * 10, s // 5 * 50) for s in range(0, 65)]
    for upto in range(35, 65):
        found = judge(
            facts(at=upto * 1000, history=saw[: upto + 1], lag=saw[upto].end - saw[upto].committed, commit_every=5.0)
        )
        assert found.verdict == "ok", (upto, found.reason)
