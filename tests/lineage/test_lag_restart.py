"""A verdict is the same after a restart: two recorders, one of which is made anew every so often."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from lineage.observations import AnyObservation, Commit
from lineage.recorder import Tape
from tests.lineage import world as w
from tests.lineage.world import T0


def observations(rnd: random.Random, followed: bool) -> list[tuple[int, list[AnyObservation]]]:
    """Twenty-five minutes every ten seconds: pauses, a step back, retention, members that leave and come back."""
    ends, committed, start, seen_at, told = 1000, 900, 0, 0, []
    for n in range(150):
        at = T0 + n * 10_000
        ends += 400 if n % 40 < 30 else 0
        gone = 120 < n < 135
        if n % 4 == 0 and not 50 < n < 75 and not gone:
            committed = min(ends, committed + rnd.choice([1000, 1600, 2400]))
            seen_at = rnd.randrange(at - 4000, at)
        committed -= 4000 if n == 95 else 0
        start = max(start, min(committed - 200, ends - 9000)) if n > 135 and n % 3 == 0 else start
        exact = Commit(0, committed, seen_at, seen_at - 5000, 2500 if followed else 0)
        told_of = exact if followed and seen_at else Commit(0, committed)
        seen: list[AnyObservation] = [w.groups(at, "audit", state="Empty" if gone else "Stable")]
        seen += [] if gone else [w.members(at, "audit", "one")]
        told.append(
            (at, [*seen, w.frame(at, {"orders": ends}, {"audit": {"orders": told_of}}, starts={"orders": start})])
        )
    return told


@pytest.mark.django_db
@pytest.mark.parametrize("followed", [False, True], ids=["swept", "followed"])
def test_the_same_after_a_restart(data_dir: Path, followed: bool) -> None:
    rnd = random.Random(3)
    tape, verdicts, same = Tape(w.config(), data_dir), set(), 0
    tape.take(w.topics(T0 - 1000, "orders"))
    try:
        for n, (at, seen) in enumerate(observations(rnd, followed)):
            for o in seen:
                tape.take(o)
            tape.cut(at + 500)
            if n % 9 == 8:  # what a process made anew makes of the next ticks, beside the one that went on
                pair = ("audit", "orders")
                known = tape.ingest.facts.clusters["c"].meter.tracks[pair]
                tape.close()
                again = Tape(w.config(), data_dir)
                track = again.ingest.facts.clusters["c"].meter.tracks[pair]
                assert (track.pace, track.rewound, track.parts) == (known.pace, known.rewound, known.parts)
                meters = [t.ingest.facts.clusters["c"].meter for t in (tape, again)]
                alive = [t.ingest.facts.clusters["c"].groups["audit"].alive() for t in (tape, again)]
                assert alive[0] == alive[1]
                points = [m.tracks[pair].points for m in meters]
                assert points[0][-30:] == points[1][-30:], (n, [len(p) for p in points])
                rows = [m.judge_pair(pair, at + 10_000, alive[0], 2.0, False, None) for m in meters]
                assert rows[0] == rows[1]
                verdicts.add(rows[0].verdict)
                tape, same = again, same + 1
    finally:
        tape.close()
    assert same == 16
    assert {"stalled", "stopped", "rewound", "will_lose_data"} <= verdicts
