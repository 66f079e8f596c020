"""What watching a big cluster costs, on Apache Kafka itself; the peer beside it where it is present.

  KAFKA_LIBS=DIR python -m bench.sweep [--preset m|xl] [--runs 5] [--bootstrap HOST:PORT] [--peer NAME=URL ...]

Without --bootstrap a broker is started from the jars in KAFKA_LIBS and filled. Preset m times complete samples (groups
as listed, positions, log starts and ends); xl times the follower's first tick and then what a tick costs while 1% of
the groups commit. A peer is a scrape over HTTP; with KMINION=BINARY in the environment kminion is started beside.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from bench._fill import EVERY, PRESETS
from collectors.base import Budget
from collectors.kafka import listing
from collectors.kafka.client import KafkaClient
from collectors.kafka.follower import Follower
from collectors.kafka.logends import log_ranges
from collectors.kafka.positions import sweep
from collectors.kafka.table import Positions, triples
from lineage.config import ClusterConfig
from lineage.observations import encode
from tests.contracts import brokers

Row = tuple[str, float, float, str]
STEADY_TICKS = 4
ENDING = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)


def timed(what: str, work: Callable[[], str]) -> Row:
    wall, cpu = time.perf_counter(), time.process_time()
    said = work()
    return what, time.perf_counter() - wall, time.process_time() - cpu, said


def sample(client: KafkaClient, table: Positions) -> list[Row]:
    """The parts of one sample and their sum."""
    budget = Budget(seconds=600, requests=10_000_000)
    kept: dict[str, Any] = {}

    def ask_groups() -> str:
        kept["groups"] = listing.list_groups(client, budget).groups
        return f"{len(kept['groups'])} groups"

    def ask_leaders() -> str:
        kept["leaders"] = listing.leaders(client, budget)
        return f"{len(kept['leaders'])} partitions"

    def ask_positions() -> str:
        ids = [g.id for g in kept["groups"]]
        done = sweep(client, ids, lambda g, p: bool(table.replace(g, triples(p, bool))) or None, budget)
        return f"{len(table)} positions, {len(done.failed)} groups failed"

    def ask_logs() -> str:
        starts, ends, errors = log_ranges(client.admin, kept["leaders"], budget)
        return f"{len(starts)} starts, {len(ends)} ends, {len(errors)} errors"

    asked = [("metadata", ask_leaders), ("groups", ask_groups), ("positions", ask_positions), ("logs", ask_logs)]
    rows = [timed(what, ask) for what, ask in asked]
    return [*rows, ("complete sample", sum(r[1] for r in rows), sum(r[2] for r in rows), "")]


def tick(follower: Follower) -> str:
    """One tick of the follower with its frame as it goes to the recorder."""
    frame, *_ = follower.collect(Budget(seconds=600, requests=10_000_000)).observations
    commits = sum(len(c) for topics in frame.commits.values() for c in topics.values())  # type: ignore[union-attr]
    return f"{commits} positions, {len(encode(frame)) / 1e6:.1f} MB, {follower.positions.method}"


def steady(follower: Follower) -> Row:
    """A tick and the listening until the next one."""

    def work() -> str:
        until = time.monotonic() + EVERY
        said = tick(follower)
        while (left := until - time.monotonic()) > 0:
            follower.positions.listen(min(left, 0.5))
        return said

    return timed(f"each {EVERY:g} s", work)


def scrape(url: str) -> str:
    with urllib.request.urlopen(url, timeout=600) as answer:
        return f"{len(answer.read())} bytes"


def measure(rows: list[Row], runs: dict[str, list[float]]) -> None:
    for what, wall, cpu, said in rows:
        runs.setdefault(what, []).append(wall)
        print(f"{what:<18} {wall:8.2f} {cpu:8.2f} {most_memory():8.0f}  {said}", flush=True)


def most_memory() -> float:
    """Megabytes, of this process."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def run(bootstrap: str, preset: str, times: int, peers: dict[str, str]) -> None:
    print(f"load {os.getloadavg()[0]:.1f}\n{'what':<18} {'wall s':>8} {'CPU s':>8} {'most MB':>8}  said")
    runs: dict[str, list[float]] = {}
    client = KafkaClient("bench", bootstrap, {})
    table = Positions()
    if preset == "xl":
        follower = Follower(ClusterConfig("bench", bootstrap), client)
        measure([timed("first tick", lambda: tick(follower))], runs)
        with moving(bootstrap):
            for _ in range(STEADY_TICKS):
                measure([steady(follower)], runs)
        follower.positions.close()
    for _ in range(times):
        measure([timed(name, lambda url=url: scrape(url)) for name, url in peers.items()], runs)  # type: ignore[misc]
        if preset != "xl":
            measure(sample(client, table), runs)
    client.close()
    for what, walls in runs.items():
        print(f"{what:<18} least {min(walls):.2f} s, median {statistics.median(walls):.2f} s of {len(walls)}")
    print(f"load {os.getloadavg()[0]:.1f}")


@contextmanager
def moving(bootstrap: str) -> Iterator[None]:
    """Somebody else's process in which 1% of the groups commit."""
    seconds = str(EVERY * (STEADY_TICKS + 1))
    arguments = ["--bootstrap", bootstrap, "--preset", "xl", "--moving", "0.01", "--seconds", seconds]
    child = subprocess.Popen([sys.executable, "-m", "bench._fill", *arguments])
    try:
        yield
    finally:
        child.terminate()
        child.wait(30)


@contextmanager
def filled(preset: str) -> Iterator[str]:
    """A broker of its own, filled."""
    work = Path(tempfile.mkdtemp(prefix="playhead-bench-"))
    try:
        with brokers.apache(work, flags=["-Xmx1g"]) as bootstrap:
            size, began = PRESETS[preset], time.monotonic()
            subprocess.run(
                [sys.executable, "-m", "bench._fill", "--bootstrap", bootstrap, "--preset", preset], check=True
            )
            print(f"filled {size} in {time.monotonic() - began:.0f} s")
            yield bootstrap
    finally:
        shutil.rmtree(work, ignore_errors=True)


@contextmanager
def kminion(binary: str, bootstrap: str) -> Iterator[str]:
    """The peer, ready to be scraped; log directories are left out, as we leave them out of a sample."""
    port = brokers.free_port()
    settings = {"KAFKA_BROKERS": bootstrap, "EXPORTER_PORT": str(port), "MINION_LOGDIRS_ENABLED": "false"}
    log = Path(tempfile.gettempdir()) / f"kminion-{port}.log"
    with log.open("wb") as out:
        child = subprocess.Popen([binary], env={**os.environ, **settings}, stdout=out, stderr=out)
    url = f"http://127.0.0.1:{port}"
    try:
        for _ in range(100):
            try:
                scrape(f"{url}/ready")
                break
            except OSError:
                time.sleep(0.2)
        yield f"{url}/metrics"
        cpu = sum(float(t) for t in Path(f"/proc/{child.pid}/stat").read_text().rsplit(") ", 1)[1].split()[11:13]) / 100
        peak = next(line for line in Path(f"/proc/{child.pid}/status").read_text().splitlines() if "VmHWM" in line)
        print(f"kminion in all: {cpu:.1f} s of CPU, {int(peak.split()[1]) / 1024:.0f} MB")
    finally:
        child.terminate()
        child.wait(30)
        log.unlink()


def missing(args: argparse.Namespace) -> str | None:
    """What keeps the bench from starting a broker, in a sentence."""
    if args.bootstrap:
        return None
    if not os.environ.get("KAFKA_LIBS") or not list(brokers.libs().glob("kafka_2*.jar")):
        return "set KAFKA_LIBS to a directory with Apache Kafka's jars, or give --bootstrap: nothing was measured"
    return None if shutil.which("java") else "java is not installed: no broker was started and nothing was measured"


def end_tidily(signum: int, frame: object) -> None:
    """A signal unwinds what runs: brokers, peers and temporary directories go with it. Raises SystemExit."""
    for sign in ENDING:
        signal.signal(sign, signal.SIG_IGN)  # a second one would cut the tidying short
    raise SystemExit(128 + signum)


def main() -> None:
    for sign in ENDING:
        signal.signal(sign, end_tidily)
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bootstrap")
    parser.add_argument("--preset", choices=PRESETS, default="m")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--peer", action="append", default=[], metavar="NAME=URL")
    args = parser.parse_args()
    if said := missing(args):
        print(said)
        return
    peers = dict(p.split("=", 1) for p in args.peer)
    with ExitStack() as stack:
        bootstrap = args.bootstrap or stack.enter_context(filled(args.preset))
        if binary := os.environ.get("KMINION"):
            peers["kminion"] = stack.enter_context(kminion(binary, bootstrap))
        run(bootstrap, args.preset, args.runs, peers)


if __name__ == "__main__":
    main()
