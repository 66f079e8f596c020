"""One complete sample of a cluster, timed: groups as listed, positions, log starts and log ends.

  python -m bench.sweep --bootstrap HOST:PORT [--runs 5] [--peer NAME=URL ...]

A peer is a scrape over HTTP (kminion, kafka_exporter), timed beside ours when its address is given.
"""

from __future__ import annotations

import argparse
import resource
import time
import urllib.request
from collections.abc import Callable

from collectors.base import Budget
from collectors.kafka import listing
from collectors.kafka.client import KafkaClient
from collectors.kafka.logends import log_ranges
from collectors.kafka.positions import sweep
from collectors.kafka.table import Positions, triples

Row = tuple[str, float, float, str]


def timed(what: str, work: Callable[[], str]) -> Row:
    wall, cpu = time.perf_counter(), time.process_time()
    said = work()
    return what, time.perf_counter() - wall, time.process_time() - cpu, said


def sample(client: KafkaClient, table: Positions) -> list[Row]:
    """The parts of one sample and their sum."""
    budget = Budget(seconds=600, requests=10_000_000)
    kept: dict[str, object] = {}

    def ask_groups() -> str:
        kept["groups"] = listing.list_groups(client, budget).groups
        return f"{len(kept['groups'])} groups"  # type: ignore[arg-type]

    def ask_leaders() -> str:
        kept["leaders"] = listing.leaders(client, budget)
        return f"{len(kept['leaders'])} partitions"  # type: ignore[arg-type]

    def ask_positions() -> str:
        ids = [g.id for g in kept["groups"]]  # type: ignore[attr-defined]
        done = sweep(client, ids, lambda g, p: bool(table.replace(g, triples(p, bool))) or None, budget)
        return f"{len(table)} positions, {len(done.failed)} groups failed"

    def ask_logs() -> str:
        starts, ends, errors = log_ranges(client.admin, kept["leaders"], budget)  # type: ignore[arg-type]
        return f"{len(starts)} starts, {len(ends)} ends, {len(errors)} errors"

    asked = [("metadata", ask_leaders), ("groups", ask_groups), ("positions", ask_positions), ("logs", ask_logs)]
    rows = [timed(what, ask) for what, ask in asked]
    return [*rows, ("complete sample", sum(r[1] for r in rows), sum(r[2] for r in rows), "")]


def scrape(url: str) -> str:
    with urllib.request.urlopen(url, timeout=600) as answer:
        return f"{len(answer.read())} bytes"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bootstrap", required=True)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--peer", action="append", default=[], metavar="NAME=URL")
    args = parser.parse_args()
    client, table = KafkaClient("bench", args.bootstrap, {}), Positions()
    print(f"{'run':<4} {'what':<18} {'wall s':>8} {'CPU s':>8}  said")
    for run in range(1, args.runs + 1):
        peers = [timed(name, lambda url=url: scrape(url)) for name, _, url in (p.partition("=") for p in args.peer)]  # type: ignore[misc]
        for what, wall, cpu, said in [*sample(client, table), *peers]:
            print(f"{run:<4} {what:<18} {wall:8.2f} {cpu:8.2f}  {said}")
    print(f"most memory: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")
    client.close()


if __name__ == "__main__":
    main()
