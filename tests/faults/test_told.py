"""Whoever is killed while incidents come and go: one firing and one resolved for each, under one id, at a receiver."""

from __future__ import annotations

import random
import time

import pytest

from tests.alerts.receiving import Receiver, receiving
from tests.faults import told
from tests.faults.conftest import Start
from tests.faults.rig import Rig
from tests.faults.test_soak import KILLS, SEED, end

pytestmark = [pytest.mark.soak, pytest.mark.timeout(3600)]
GROUPS = 6
LEAD, WINDOW = 5.0, 15.0  # seconds before and after the end of a minute: all is recorded, evaluated and sent in these
PER_MINUTE = 8  # kills in that time
SEEN = 15.0  # in which a commit is seen
TOLD_WITHIN = 180.0  # seconds: a lease of whoever was killed while sending, and two more minutes


def test_each_incident_is_told_once_whoever_is_killed_meanwhile(start: Start) -> None:
    with receiving() as there:
        rig = start(5, "east")
        dice, longest = random.Random(SEED), 0.0
        print(f"seed {SEED}, {KILLS} kills")
        with told.grouped(rig, there, GROUPS) as groups:
            if told.until_boundary() < SEEN:
                time.sleep(SEEN)
            groups.put([True] * GROUPS)
            for n, count in enumerate(rounds := _rounds()):
                if n == len(rounds) - 1:  # whoever is behind is well again at the end
                    groups.put([False] * GROUPS)
                elif n:
                    groups.flip(dice)
                longest = max(longest, _kill_around_the_minute(rig, dice, count))
            waited = rig.until(lambda: _over(rig, there), "everything told to its end", TOLD_WITHIN)
        end(rig)
        count = sum(len(firsts) for firsts in told.happened(rig).values())
        print(f"{count} incidents, {len(there.seen)} requests; longest absence {longest:.1f} s, waited {waited:.1f} s")
        told.assert_told_once(rig, there)


def _rounds() -> list[int]:
    """How many are killed around the end of each minute: around two at least, one to fire and one to be resolved."""
    minutes = max(2, -(-KILLS // PER_MINUTE))
    return [KILLS // minutes + (n < KILLS % minutes) for n in range(minutes)]


def _kill_around_the_minute(rig: Rig, dice: random.Random, count: int) -> float:
    """Kills so many one after another around the end of this minute; the longest that one was away, in seconds."""
    time.sleep(max(0.0, told.until_boundary() - LEAD))
    began, longest = time.monotonic(), 0.0
    for at in sorted(dice.uniform(0, LEAD + WINDOW) for _ in range(count)):
        time.sleep(max(0.0, at - (time.monotonic() - began)))
        longest = max(longest, rig.back(rig.kill(dice.choice(sorted(rig.children())))))
    return longest


def _over(rig: Rig, there: Receiver) -> bool:
    time.sleep(1)  # each look reads the lake
    return told.over(rig, there)
