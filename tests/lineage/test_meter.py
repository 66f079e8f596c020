"""A pair that nothing touches is judged again only when its row would be another one."""

from __future__ import annotations

import random

import pytest

from lineage.meter import Alive, Meter
from lineage.observations import Commit

PAIR = ("g", "t")
WATCHED = [Alive("Stable", 2), Alive("Empty", 0), Alive("Unknown", None)]


def tick(meter: Meter, at: int, end: int, committed: int, start: int = 0) -> None:
    meter.touched.clear()
    meter.see_log("t", 0, start, end, at)
    meter.see_position("g", "t", Commit(0, committed), at)
    meter.close_frame(at, at, ["t"])


@pytest.mark.parametrize("seed", range(12))
def test_a_row_that_stands_is_the_row_that_judging_would_give(seed: int) -> None:
    rnd, meter, alive = random.Random(seed), Meter(), WATCHED[seed % 3]
    end, committed, at, interval, skipped = 1000, 900, 1_000_000, rnd.choice([2.0, 10.0, 60.0]), 0
    pause = rnd.choice([10_000, 90_000])  # between commits: when silence means something follows from it
    for n in range(900):
        at += round(interval * 1000)
        if n < 60 and at % pause < interval * 1000:
            end, committed = end + rnd.randrange(50), committed + rnd.randrange(30)
        if rnd.random() < 0.003:
            alive = rnd.choice(WATCHED)
        if rnd.random() < 0.002:
            committed = max(0, committed - 40)
        tick(meter, at, end, min(committed, end), start=300 if seed == 5 and n > 100 else 0)
        given = (PAIR, at, alive, interval, seed == 7, None)
        stood, before = n > 0 and meter.stands(*given), meter.tracks[PAIR].row
        assert meter.judge_pair(*given) == before or not stood, n
        skipped += stood
    assert skipped > 300


def test_a_silent_group_is_told_stalled_at_the_very_tick() -> None:
    meter, given = Meter(), (10.0, False, None)
    for n in range(40):  # a commit every ten minutes, so that half an hour of silence is nothing
        for at in range(n * 600_000, n * 600_000 + 600_000, 10_000):
            tick(meter, 1_000_000 + at, 1000 + 10 * n, 900 + 10 * n)
            if not meter.stands(PAIR, 1_000_000 + at, WATCHED[0], *given):
                meter.judge_pair(PAIR, 1_000_000 + at, WATCHED[0], *given)
    last = 1_000_000 + 39 * 600_000
    found = {}
    for at in range(last, last + 2_400_000, 10_000):
        tick(meter, at, 1390, 1290)
        if not meter.stands(PAIR, at, WATCHED[0], *given):
            found[at - last] = meter.judge_pair(PAIR, at, WATCHED[0], *given).verdict
    assert next(at for at, verdict in found.items() if verdict == "stalled") == 1_800_000
