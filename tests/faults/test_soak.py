"""The faults that take their time: `make soak`. SOAK_KILLS (100) processes are killed, by the dice of SOAK_SEED."""

from __future__ import annotations

import contextlib
import itertools
import os
import random
import signal
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contracts import brokers
from tests.faults.conftest import Start
from tests.faults.rig import Rig, assert_sound, moment, now_ms, pids_of

pytestmark = [pytest.mark.soak, pytest.mark.timeout(3600)]
KILLS = int(os.environ.get("SOAK_KILLS") or 100)
SEED = int(os.environ.get("SOAK_SEED") or random.randrange(1_000_000))
PAUSES = (0.2, 4.0)  # seconds from one process being back to the next being killed
LOCKED = 15.0  # seconds
DOWN = 60.0


def test_whoever_is_killed_whenever_nothing_recorded_is_lost_doubled_or_changed(start: Start) -> None:
    rig = start(10, "east")
    rig.until(lambda: rig.is_live("east"), "complete")
    dice, known, longest = random.Random(SEED), dict[str, object](), 0.0
    began = now_ms()
    print(f"seed {SEED}, {KILLS} kills")
    kills: list[tuple[int, str]] = []
    for _ in range(KILLS):
        time.sleep(dice.uniform(*PAUSES))
        kills.append((now_ms(), dice.choice(sorted(rig.children()))))
        longest = max(longest, rig.back(rig.kill(kills[-1][1])))
        if len(known) < 20:
            known |= remembered(rig, dice.choice(rig.ticks())[1])
    rig.until(lambda: rig.samples("east")[-1] > now_ms() - 5_000, "a fresh sample")
    rig.until(lambda: rig.is_live("east"), "live again")
    changed = [path for path, answer in known.items() if rig.get(path) != answer]
    gap, vanished = rig.gap("east", began), rig.vanished()
    end(rig)
    for a, b in itertools.pairwise(rig.samples("east")):
        if b - a > 1500 * rig.every:
            within = ", ".join(f"{name} at {(at - a) / 1000:.1f}" for at, name in kills if a < at < b)
            print(f"{(b - a) / 1000:.1f} s without a sample; killed meanwhile: {within}")
    print(f"{len(rig.ticks())} ticks, longest gap {gap:.1f} s, longest absence {longest:.1f} s, {len(known)} moments")
    assert (changed, vanished) == ([], [])
    assert known
    assert gap <= rig.one_missing
    assert_sound(rig)


def remembered(rig: Rig, at: int) -> dict[str, object]:
    """What the graph was at this moment; nothing where the web is not up yet."""
    path = f"/api/v1/graph?at={moment(at)}"
    answer = rig.get(path)
    return {path: answer} if answer[0] == 200 else {}


def test_a_locked_database_delays_the_record_and_loses_nothing_of_it(start: Start) -> None:
    rig = start(5, "east")
    rig.until(lambda: rig.is_live("east"), "complete")
    began = now_ms()
    for name in ("playhead.sqlite3", "lake.sqlite"):
        with locked(rig.data / name):
            time.sleep(LOCKED)
            assert rig.get("/api/v1/lag?cluster=east")[1]["items"]
        tick = rig.ticks()[-1][0]
        took = rig.until(lambda n=tick: rig.ticks()[-1][0] > n, f"recording after {name}")  # type: ignore[misc]
        print(f"{name}: recording {took:.1f} s after it was let go")
    rig.until(lambda: rig.samples("east")[-1] > now_ms() - 5_000, "a fresh sample")
    gap = rig.gap("east", began)
    end(rig)
    print(f"longest gap {gap:.1f} s")
    assert gap <= rig.one_missing
    assert_sound(rig)


@contextlib.contextmanager
def locked(database: Path) -> Iterator[None]:
    with contextlib.closing(sqlite3.connect(database, isolation_level=None, timeout=20)) as con:
        con.execute("BEGIN IMMEDIATE")
        yield
        con.execute("ROLLBACK")


def test_a_broker_that_hangs_is_down_with_its_age_and_is_back_by_itself(start: Start) -> None:
    rig = start(5, "east")
    rig.until(lambda: rig.is_live("east"), "complete")
    broker = pids_of(f"--kafka-port {rig.clusters['east'].rpartition(':')[2]}")
    for pid in broker:
        os.kill(pid, signal.SIGSTOP)
    try:
        down = rig.until(lambda: rig.cluster("east").get("status") == "down", "down")
        told = rig.cluster("east")
    finally:
        for pid in broker:
            os.kill(pid, signal.SIGCONT)
    back = rig.until(lambda: rig.is_live("east"), "back")
    print(f"down after {down:.1f} s: {told['error']}; back after {back:.1f} s")
    assert told["error"]
    assert told["sampled_at"]
    assert told["topics"] >= 2
    assert rig.vanished() == []
    end(rig)
    assert_sound(rig)


@pytest.mark.kafka
def test_apache_kafka_is_killed_under_load_and_back_after_a_minute(
    start: Start, tmp_path_factory: pytest.TempPathFactory
) -> None:
    work, port = tmp_path_factory.mktemp("apache"), brokers.free_port()
    with brokers.apache(work, port=port) as address:
        rig = start(5, "east", dead=("dead",), west=address)
        rig.until(lambda: rig.is_live("east") and rig.is_live("west"), "both complete")
        before = nodes(rig, "west")
        for pid in pids_of(f"kafka.Kafka {work}"):
            os.kill(pid, signal.SIGKILL)
    killed = now_ms()
    down = rig.until(lambda: rig.cluster("west").get("status") == "down", "down")
    told = rig.cluster("west")
    time.sleep(max(0.0, DOWN - (now_ms() - killed) / 1000))
    with brokers.apache(work, port=port):
        answered = now_ms()
        back = rig.until(lambda: rig.is_live("west"), "back")
        rig.until(lambda: rig.samples("west")[-1] > answered, "sampled")
        print(f"down after {down:.1f} s: {told['error']}; back {back:.1f} s after the broker answers")
        assert told["error"]
        assert told["sampled_at"]
        assert "topic:west/orders" in before
        assert before <= nodes(rig, "west")
        assert rig.gap("east", killed) <= rig.one_missing
        assert rig.vanished() == []
        assert "SIGSEGV" not in rig.text()
        end(rig)
    assert_sound(rig)


def nodes(rig: Rig, cluster: str) -> set[str]:
    """The ids of what is known of a cluster."""
    return {n["id"] for n in rig.get(f"/api/v1/graph?cluster={cluster}")[1]["nodes"]}


def end(rig: Rig) -> None:
    rig.process.terminate()
    rig.process.wait(15)
