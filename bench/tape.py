"""The tape under load: a recording made through ingest, its cost and size, and how fast it is wound to any moment.

  python -m bench.tape [--hours 1] [--days 0] [--topics 1000] [--partitions 10] [--groups 1000] [--moving 0.2]

``--hours`` of ticks every 10 s, after ``--days`` of ticks every minute. The bars' recording is --hours 24 --days 7.
``--ingested 1`` takes an hour of each through ingest and repeats it, moved in time, over the rest of the tape: what a
seek reads (numbers, lag, totals) is then there for every tick, positions and log ends only for what was ingested.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import os
import random
import resource
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any

TEN, MINUTE, BLOCK = 10_000, 60_000, 600_000
Row = tuple[str, str]


def prepare(directory: str) -> None:
    """A data directory of its own, migrated."""
    os.environ.update(
        PLAYHEAD_DATA_DIR=directory, PLAYHEAD_ANONYMOUS="viewer", DJANGO_SETTINGS_MODULE="dashboard.settings"
    )
    os.environ.pop("DATABASE_URL", None)
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", verbosity=0)


class Shop:
    """A cluster of ``topics`` x ``partitions``, each read by one group; a share of them moves with every tick."""

    def __init__(self, args: argparse.Namespace) -> None:
        self.args, self.random = args, random.Random(7)
        self.ends = [[1000 + 7 * t] * args.partitions for t in range(args.topics)]
        self.committed = [[900 + 7 * t] * args.partitions for t in range(args.groups)]

    def opening(self, at: int) -> Iterator[Any]:
        from lineage import observations as o

        parts = [o.Partition(p, 1, [1], [1]) for p in range(self.args.partitions)]
        topics = [o.Topic(f"topic-{t}", f"id-{t}", False, parts) for t in range(self.args.topics)]
        groups = [o.Group(f"group-{g}", "classic", "Stable", "consumer") for g in range(self.args.groups)]
        yield o.ClusterSeen(cluster="c", at=at, cluster_id="id", controller=1, brokers=[o.Broker(1, "b", 9092)])
        yield o.TopicsListed(cluster="c", at=at, topics=topics, complete=True)
        yield o.GroupsListed(cluster="c", at=at, groups=groups, complete=True)

    def frame(self, at: int, whole: bool) -> Any:
        from lineage import observations as o

        logs: dict[str, list[Any]] = {}
        commits: dict[str, dict[str, list[Any]]] = {}
        for t, ends in enumerate(self.ends):
            if not whole and self.random.random() >= self.args.writing:
                continue
            for p in range(self.args.partitions):
                ends[p] += self.random.randrange(40, 60)
            logs[f"topic-{t}"] = [o.LogRange(p, 0, end) for p, end in enumerate(ends)]
        for g, held in enumerate(self.committed):
            if whole or self.random.random() < self.args.moving:
                ends = self.ends[g % self.args.topics]
                held[:] = [end - self.random.randrange(20) for end in ends]
                commits[f"group-{g}"] = {f"topic-{g % self.args.topics}": [o.Commit(p, c) for p, c in enumerate(held)]}
        return o.PositionsFrame(
            cluster="c", at=at, ends_at=at + 50, epoch=1, method="swept", keyframe=whole, complete=whole,
            swept_at=at, commits=commits, ended=[], logs=logs,
        )  # fmt: skip


class Plan:
    """Which ticks go through ingest, and how often they are repeated before (every minute) and after (every 10 s)."""

    def __init__(self, args: argparse.Namespace) -> None:
        end = time.time_ns() // 1_000_000 // BLOCK * BLOCK
        fast, slow, share = (round(h * 6) * BLOCK for h in (args.hours, args.days * 24, args.ingested))
        self.fast, self.slow = min(share or fast, fast), min(share or slow, slow)
        self.turn = end - fast  # from here on a tick every 10 s
        minutes = range(self.turn - self.slow, self.turn, MINUTE)
        self.ingested = [*minutes, *range(self.turn, self.turn + self.fast, TEN)]
        self.before = slow // self.slow - 1 if self.slow else 0
        self.after = fast // self.fast - 1
        self.skipped = self.before * len(minutes)
        self.total = self.skipped + len(minutes) + (self.after + 1) * (self.fast // TEN)


def repeat(tape: Any, plan: Plan) -> None:
    """Fills the tape with what was ingested, moved in time."""
    from lineage import models

    for count, span, every, sign, low in (
        (plan.before, plan.slow, MINUTE, -1, plan.turn - plan.slow),
        (plan.after, plan.fast, TEN, 1, plan.turn),
    ):
        for k in range(1, count + 1):
            move, on = sign * k * span, sign * k * (span // every)
            for table in ("numbers", "lag", "totals"):
                tape.lake._do(moved(table, move, on, low, low + span))
            old = list(models.Tick.objects.filter(at__gte=low, at__lt=low + span))
            for tick in old:
                tick.number, tick.at = tick.number + on, tick.at + move
            models.Tick.objects.bulk_create(old)
    begin = models.Tick.objects.order_by("number").values_list("at", flat=True)[0]
    if plan.before or plan.after:  # what stands at the end stands from the beginning
        for table in (models.NodeVersion, models.EdgeVersion, models.ClusterVersion, models.CollectorVersion):
            table.objects.filter(superseded_at=None).update(recorded_at=begin)
        models.Placement.objects.filter(superseded_at=None).update(recorded_at=begin)
        models.Tick.objects.update(structure=1)


def moved(table: str, move: int, on: int, low: int, high: int) -> str:
    """An INSERT that repeats a stretch; a number as large as a time is one, and moves with it."""
    from lineage.lake import sort_of
    from lineage.tables import TABLES, TEXT

    def column(name: str, kind: str) -> str:
        return name if kind == TEXT else f"CASE WHEN {name} > 1500000000000 THEN {name} + {move} ELSE {name} END"

    columns = ", ".join(column(*c) for c in TABLES[table])
    span = f"t >= {low} AND t < {high}"
    rows = f"SELECT tick + {on}, t + {move}, {columns} FROM lake.{table} WHERE {span}"
    return f"INSERT INTO lake.{table} {rows} ORDER BY {', '.join(sort_of(table))}"


def record(args: argparse.Namespace, directory: Path) -> list[Row]:
    """Makes the recording; what it cost."""
    from lineage.config import parse
    from lineage.recorder import Tape

    shop, spent, inner = Shop(args), [], []
    plan = Plan(args)
    tape = Tape(parse('clusters: [{name: c, bootstrap_servers: "localhost:9092"}]', "bench.yaml", {}), directory)
    for o in shop.opening(plan.ingested[0]):
        tape.take(o)
    tape.ingest.tick = plan.skipped  # numbers left for what will be put before
    for n, at in enumerate(plan.ingested):
        seen = shop.frame(at, n == 0)
        cpu = time.process_time()
        tape.take(seen)
        inner.append(time.process_time() - cpu)
        tape.cut(at + 100)
        spent.append(time.process_time() - cpu)
        if n % 6 == 5:
            cpu = time.process_time()
            tape.lake.compact()
            spent[-1] += time.process_time() - cpu
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    repeat(tape, plan)
    tape.lake.compact(whole=True, keep_seconds=0)
    tape.close()
    mean, n = statistics.mean(spent[1:]), len(plan.ingested)
    return [
        ("ticks", f"{plan.total} on the tape, {n} through ingest"),
        ("the first tick", f"{spent[0]:.1f} s of CPU"),
        ("a later one, at most", f"{max(spent[1:]):.2f} s of CPU"),
        ("memory of the recorder, at most", f"{used:.0f} MB"),
        ("recording", f"{mean * 10:.1f} % of a core at a tick every 10 s ({mean * 1000:.0f} ms of CPU a tick)"),
        ("  of that, taking the frame in", f"{statistics.mean(inner[1:]) * 1000:.0f} ms"),
        *sizes(ticks=n, args=args),
    ]


def sizes(ticks: int, args: argparse.Namespace) -> list[Row]:
    """Bytes by table, and for each sample of a partition or position."""
    from lineage import history

    rows = history.lake().query("SELECT table_name, file_count, file_size_bytes FROM ducklake_table_info('lake')")
    by_table = {name: (files, size) for name, files, size in rows}
    count = {"logs": ticks * args.topics * args.partitions, "positions": ticks * args.groups * args.partitions}
    out = [(f"{name}: bytes a sample", f"{by_table[name][1] / n:.2f}") for name, n in count.items()]
    shares = ", ".join(f"{name} {size >> 10} KiB in {files}" for name, (files, size) in sorted(by_table.items()))
    return [*out, ("on disk", shares)]


def timed(work: Callable[[int], Any], moments: list[int], before: Callable[[], None] = lambda: None) -> str:
    """Median and 95th percentile in ms: what it took, and of the processor (which others' work blurs less)."""
    took, spent = list[float](), list[float]()
    for at in moments:
        before()
        wall, cpu = time.perf_counter(), time.process_time()
        work(at)
        took.append((time.perf_counter() - wall) * 1000)
        spent.append((time.process_time() - cpu) * 1000)
    took.sort()
    spent.sort()
    middle, high = len(took) // 2, int(len(took) * 0.95)
    words = f"p50 {took[middle]:.0f} ms, p95 {took[high]:.0f} ms of {len(took)}"
    return f"{words}; of the processor p50 {spent[middle]:.0f}, p95 {spent[high]:.0f} ms"


class Viewer:
    """One WebSocket that shows the map, wound from moment to moment; in this process, so without a network."""

    def __init__(self, at: int) -> None:
        from asgiref.testing import ApplicationCommunicator

        from dashboard.asgi import application  # as the web process has it, with its care for Python's collector

        scope = {"type": "websocket", "path": "/ws/v1/view", "query_string": b"", "headers": [], "subprotocols": []}
        self.loop, self.socket = asyncio.Runner(), ApplicationCommunicator(application, scope)
        self.loop.run(self.socket.send_input({"type": "websocket.connect"}))
        assert self.loop.run(self.socket.receive_output(60))["type"] == "websocket.accept"
        self._ask("open", at, view="map", params={})

    def seek(self, at: int) -> None:
        """Until the frame is there, and where the playhead stands."""
        self._ask("seek", at)

    def _ask(self, kind: str, at: int, **more: Any) -> None:
        from dashboard.times import stamp

        self.loop.run(self._answered({"type": kind, "at": stamp(at), **more}))

    async def _answered(self, body: dict[str, Any]) -> None:
        await self.socket.send_input({"type": "websocket.receive", "text": json.dumps(body)})
        while not (said := (await self.socket.receive_output(60))["text"]).startswith('{"type":"playhead"'):
            assert said.startswith('{"type":"frame"'), said[:300]


def seeks(args: argparse.Namespace) -> Iterator[Row]:
    """How long it takes to be anywhere."""
    from django.test import Client

    from dashboard.times import stamp
    from lineage import history

    begin, end = history.bounds() or (0, 1)
    rnd, client, viewer = random.Random(3), Client(SERVER_NAME="localhost"), Viewer(begin)

    def moments(n: int) -> list[int]:
        return [rnd.randrange(begin, end) for _ in range(n)]

    def over_http(at: int) -> None:
        answer = client.get("/api/v1/graph", {"at": stamp(at)})
        assert answer.status_code == 200, answer.content[:300]

    near = [t for t in (rnd.randrange(begin, end) for _ in range(args.seeks // 10)) for t in range(t, t + 60_000, TEN)]
    works = {"frame_at": history.frame_at, "graph over HTTP": over_http, "map by WebSocket": viewer.seek}
    for what, work in works.items():
        yield f"{what}, cold", timed(work, moments(args.seeks), history.forget_answers)
        yield f"{what}, anywhere", timed(work, moments(args.seeks))
    yield "frame_at, one after the other", timed(history.frame_at, near)
    yield "tape, all of it, 1,000 points", timed(lambda _: history.tape(begin, end, 1000), moments(10))
    yield "tape of a group", timed(lambda _: history.tape(begin, end, 1000, "group:c/group-1"), moments(10))
    gc.collect()
    before = resident()
    for at in moments(args.many):
        over_http(at)
    gc.collect()
    yield f"memory over {args.many} seeks", f"{before:.0f} MB before, {resident():.0f} MB after"


def resident() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, kind, default in (
        ("hours", float, 1.0), ("days", float, 0.0), ("topics", int, 1000), ("partitions", int, 10),
        ("groups", int, 1000), ("moving", float, 0.2), ("writing", float, 1.0),
        ("ingested", float, 0.0), ("seeks", int, 100), ("many", int, 1000),
    ):  # fmt: skip
        parser.add_argument(f"--{name}", type=kind, default=default)
    parser.add_argument("--dir", default="", help="keep the recording here, or read the one that is here")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        directory = Path(args.dir or temporary)
        made = (directory / "lake.sqlite").exists()
        prepare(str(directory))
        for what, said in chain([] if made else record(args, directory), seeks(args)):
            print(f"{what:<32} {said}", flush=True)
    print(f"load of the machine              {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
