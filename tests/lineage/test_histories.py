"""Each written history leads to the verdict that is right, and a day of harmless ones to no alarm."""

from __future__ import annotations

import random

import pytest

from bench.verdicts import burrow
from tests.lineage.histories import HISTORIES, History, last, line, play

ALARMS = {"falling_behind", "stalled", "stopped", "rewound", "will_lose_data"}


@pytest.mark.parametrize("followed", [False, True], ids=["swept", "followed"])
@pytest.mark.parametrize("history", HISTORIES, ids=lambda h: h.name)
def test_a_history_and_its_verdict(history: History, followed: bool) -> None:
    row = last(history, followed)
    assert row.verdict == history.expect, row.reason
    assert history.says in row.reason
    assert row.rules_version == 3
    assert (row.lag is None) == ("beyond" in row.reason)


@pytest.mark.parametrize("history", [h for h in HISTORIES if h.published], ids=lambda h: h.name)
def test_the_rules_that_ours_are_held_against_are_burrows(history: History) -> None:
    assert burrow(history) == history.published


def test_there_are_enough_of_them() -> None:
    assert len(HISTORIES) >= 40
    assert len({h.name for h in HISTORIES}) == len(HISTORIES)


@pytest.mark.parametrize("interval", [1.0, 2.0, 10.0])
def test_stopped_is_noticed_within_two_listings_of_groups(interval: float) -> None:
    for left in range(300, 311):
        h = History("", "", "", 400, [line(40)], [line(40, left)], interval=interval, members=((0, 1), (left, 0)))
        told = next(t for t, row in play(h) if row.verdict == "stopped")
        assert left < told <= left + 20


@pytest.mark.parametrize(("every", "interval"), [(1, 2.0), (5, 2.0), (30, 2.0), (60, 10.0)])
def test_stalled_is_noticed_within_three_of_its_own_pauses(every: float, interval: float) -> None:
    h = History("", "", "", 2400, [line(40)], [line(40, 1800)], every=every, interval=interval)
    rows = list(play(h))
    told = next(t for t, row in rows if row.verdict == "stalled")
    assert 1800 < told <= 1800 + max(20, 3 * (every + interval)) + 2 * interval


@pytest.mark.parametrize(("every", "interval"), [(1, 2.0), (1, 10.0), (5, 10.0), (30, 2.0), (30, 10.0), (60, 10.0)])
def test_stalled_is_noticed_as_soon_where_commits_are_followed(every: float, interval: float) -> None:
    for left in range(1800, 1810):
        h = History("", "", "", 2400, [line(40)], [line(40, left)], every=every, interval=interval)
        told = next(t for t, row in play(h, followed=True) if row.verdict == "stalled")
        last_commit = -(-left // every) * every
        assert last_commit < told <= last_commit + max(20, 3 * every) + interval / 2


DAY = 86_400.0


def quiet(rnd: random.Random) -> History:
    """A record now and then, read within seconds."""
    times = sorted(rnd.uniform(0, DAY) for _ in range(60))
    ends, read = [(0.0, 0.0)], [(0.0, 0.0)]
    for n, t in enumerate(times):
        ends += [(t, n), (t + 0.01, n + 1)]
        read += [(t + 1, n), (t + 3, n + 1)]
    return History("", "", "", DAY, [sorted(ends)], [sorted(read)], every=5, interval=10)


def bursty(rnd: random.Random) -> History:
    """Tens of thousands at once, worked off over half a minute."""
    ends, read, total = [(0.0, 0.0)], [(0.0, 0.0)], 0
    for hour in range(24):
        begin, size = hour * 3600 + rnd.uniform(60, 3000), rnd.randrange(1_000, 50_000)
        ends += [(begin, total), (begin + 5, total + size)]
        read += [(begin + 1, total), (begin + 30, total + size)]
        total += size
    return History("", "", "", DAY, [ends], [read], every=5, interval=10)


def thirty(rnd: random.Random) -> History:
    """Steady, with commits half a minute apart, give or take."""
    commits, t = [(0.0, 0.0)], 0.0
    while t < DAY:
        t += rnd.uniform(28, 32)
        commits.append((t, int(t * 50)))
    return History("", "", "", DAY, [line(50, DAY + 100)], commits=[commits], interval=10)


@pytest.mark.parametrize("followed", [False, True], ids=["swept", "followed"])
@pytest.mark.parametrize("kind", [quiet, bursty, thirty])
def test_a_day_of_what_is_harmless_gives_no_alarm(kind: object, followed: bool) -> None:
    history = kind(random.Random(6))  # type: ignore[operator]
    told = [(t, row.verdict, row.reason) for t, row in play(history, followed) if row.verdict in ALARMS]
    assert told == []
