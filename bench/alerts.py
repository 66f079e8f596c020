"""What alert rules cost: many of them over one new minute, and one of them over a month before it is saved.

  python -m bench.alerts [--groups 1000] [--rules 100] [--days 30] [--runs 5] [--dir DIR]

The lake is filled directly: a row for every group and every minute, none left out as dull, each group on a topic of its
own. About one row in a hundred is stopped, one in ten thousand is far behind; a minute's lag is its hash.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from bench.tape import prepare

MINUTE, DAY = 60_000, 86_400_000
Row = tuple[str, str]
ASKED: dict[str, dict[str, Any]] = {
    "time lag above 10 min, for 5 min": {"metric": "time_lag", "op": "above", "value": 600, "for": 300, "keep": 120},
    "stopped, for 2 min": {"metric": "verdict", "value": ["stopped"], "for": 120, "keep": 60},
    "lag above 9,900, at once (1 % of all rows)": {"metric": "lag", "op": "above", "value": 9900},
    "lag above 9,900 in one cluster and topic-1*": {
        "metric": "lag", "op": "above", "value": 9900, "scope": {"cluster": ["c"], "topic": ["topic-1*"]},
    },
}  # fmt: skip


def fill(args: argparse.Namespace, directory: Path) -> None:
    """Clusters, topics and groups through ingest; the minutes of ``--days`` straight into the lake."""
    from lineage import models
    from lineage import observations as o
    from lineage.config import parse
    from lineage.recorder import Tape

    tape = Tape(parse('clusters: [{name: c, bootstrap_servers: "localhost:9092"}]', "bench.yaml", {}), directory)
    end = time.time_ns() // 1_000_000 // DAY * DAY
    start = end - args.days * DAY
    topics = [o.Topic(f"topic-{n}", f"id-{n}", False, [o.Partition(0, 1, [1], [1])]) for n in range(args.groups)]
    groups = [o.Group(f"group-{n}", "classic", "Stable", "consumer") for n in range(args.groups)]
    commits = {f"group-{n}": {f"topic-{n}": [o.Commit(0, 90)]} for n in range(args.groups)}
    tape.take(o.ClusterSeen(cluster="c", at=start, cluster_id="id", controller=1, brokers=[o.Broker(1, "b", 9092)]))
    tape.take(o.TopicsListed(cluster="c", at=start, topics=topics, complete=True))
    tape.take(o.GroupsListed(cluster="c", at=start, groups=groups, complete=True))
    tape.take(
        o.PositionsFrame(
            cluster="c", at=start, ends_at=start, epoch=1, method="swept", keyframe=True, complete=True, swept_at=start,
            commits=commits, ended=[], logs={f"topic-{n}": [o.LogRange(0, 0, 100)] for n in range(args.groups)},
        )
    )  # fmt: skip
    tape.cut(start + 100)
    for day in range(args.days):
        _day(tape.lake, start, day, args.groups)
    ticks = (models.Tick(number=n + 2, at=start + (n + 1) * MINUTE + 500, structure=1) for n in range(args.days * 1440))
    models.Tick.objects.bulk_create(ticks, batch_size=5_000)
    tape.close()


def _day(lake: Any, start: int, day: int, groups: int) -> None:
    from lineage.lake import BLOCK_MS, ORDER

    low, high = day * 1440 + 1, (day + 1) * 1440 + 1
    minutes = f"SELECT n, {start} + n * {MINUTE} AS m FROM range({low}, {high}) AS r(n)"
    pairs = f"""SELECT a.id AS g, b.id AS t FROM (VALUES {_names("group")}) AS a(id, name)
        JOIN (VALUES {_names("topic")}) AS b(id, name) USING (name)"""
    columns = """n + 1, m + 500, m, g, t, CASE WHEN h < 100 THEN 'stopped' ELSE 'ok' END, h, h,
        CASE WHEN h = 5000 THEN 700.0 ELSE h / 1000.0 END, 50.0, 50.0, 86400.0, 3"""
    hashed = f"SELECT *, hash(g * 100003 + (n // 4)) % 10000 AS h FROM ({minutes}), ({pairs})"
    by = f"ORDER BY t // {BLOCK_MS}, {ORDER['group_minutes']}, tick"
    named = "tick, t, minute, grp, topic, verdict, lag, unread, time_lag, rate_in, rate_out, loss_in, members"
    rows = f"SELECT * FROM (SELECT {columns} FROM ({hashed})) AS x({named})"
    lake._do(f"INSERT INTO lake.group_minutes ({named}) {rows} {by}")
    rest = f"SELECT n + 1, m + 500, m, s, k, v FROM ({minutes}), (SELECT '' AS s, 'recorded' AS k, 1.0 AS v UNION ALL "
    rest += f"SELECT 'topic:c/' || name, 'rate', 50.0 FROM (VALUES {_names('topic')}) AS b(id, name))"
    lake._do(f"INSERT INTO lake.subject_minutes {rest} ORDER BY 2 // {BLOCK_MS}, 5, 4, 3")


def _names(kind: str) -> str:
    """Number and suffix of each name, as VALUES."""
    from lineage.models import Name

    found = Name.objects.filter(kind=kind).values_list("id", "name")
    return ", ".join(f"({number}, '{name.partition('-')[2]}')" for number, name in found)


def rules(count: int) -> Iterator[dict[str, Any]]:
    """Such as people make: of every sort, some for a cluster, a topic, a group only."""
    metrics = ("time_lag", "lag", "unread", "rate_in", "rate_out", "members")
    for n in range(count):
        scope = ({}, {"topic": [f"topic-{n % 10}*"]}, {"cluster": ["c"]}, {"group": [f"group-{n % 7}*"]})[n % 4]
        metric = metrics[n % len(metrics)]
        if n % 5 == 0:
            yield {"metric": "verdict", "value": ["stopped", "stalled"], "for": 120, "keep": 60, "scope": scope}
        elif n % 5 == 1:
            yield {"metric": "rate", "op": "below", "value": 1, "for": 300, "scope": {}}
        else:
            yield {"metric": metric, "op": "above", "value": 9_950, "for": 120, "keep": 60, "scope": scope}


def evaluations(args: argparse.Namespace) -> Iterator[Row]:
    """All rules over the newest minute: the first evaluation makes alerts of what holds, the later ones go on."""
    from dashboard.alerts import evaluate
    from dashboard.alerts.models import DONE, Alert, Rule
    from lineage import history
    from lineage.models import Progress

    newest = history.newest_tick()
    assert newest is not None
    Rule.objects.all().delete()
    made = [Rule(name=f"rule {n}", definition=d, changed_at=0) for n, d in enumerate(rules(args.rules))]
    Rule.objects.bulk_create(made)
    Alert.objects.all().delete()
    took = []
    for _ in range(args.runs + 1):  # the newest minute is new again and again
        before = {"at": newest.at - newest.at % MINUTE - MINUTE}
        Progress.objects.update_or_create(name=DONE, defaults=before)
        wall, cpu = time.perf_counter(), time.process_time()
        told = evaluate.evaluate()
        took.append((time.perf_counter() - wall, time.process_time() - cpu))
        assert told.minutes == 1
    count = Alert.objects.count()
    what = f"{args.rules} rules x {args.groups} groups, one minute"
    yield f"{what}, the first", f"{_times(took[:1])}; {count} alerts are open"
    yield f"{what}, later", _times(took[1:])


def backtests(args: argparse.Namespace) -> Iterator[Row]:
    """Each rule over all days, as the page asks for it: incidents, curve and gaps."""
    from dashboard.alerts.backtest import backtest
    from lineage import history
    from lineage.conditions import parse

    newest = history.newest_tick()
    assert newest is not None
    for what, definition in ASKED.items():
        took = []
        for _ in range(args.runs):
            wall, cpu = time.perf_counter(), time.process_time()
            *_, found = backtest(parse(definition), newest.at - args.days * DAY, newest.at)
            took.append((time.perf_counter() - wall, time.process_time() - cpu))
        incidents = f"{len(found.incidents)} incidents, {found.left_out} more, {found.minutes} minutes"
        yield f"{args.days} days: {what}", f"{_times(took)}; {incidents}"


def _times(took: list[tuple[float, float]]) -> str:
    """Medians: what it took, and of the processor (which others' work blurs less)."""
    wall, cpu = (statistics.median(t) for t in zip(*took, strict=True))
    return f"{wall:.2f} s, {cpu:.2f} of the processor (median of {len(took)})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (("groups", 1000), ("rules", 100), ("days", 30), ("runs", 5)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--dir", default="", help="keep what was made here, or use what is here")
    args = parser.parse_args()
    with nullcontext(args.dir) if args.dir else tempfile.TemporaryDirectory() as directory:
        there = (Path(directory) / "lake.sqlite").exists()
        prepare(directory)
        if not there:
            began = time.perf_counter()
            fill(args, Path(directory))
            took = time.perf_counter() - began
            size = sum(p.stat().st_size for p in Path(directory).rglob("*.parquet")) >> 20
            print(f"{'made':<72} {args.groups * args.days * 1440:,} rows in {took:.0f} s, {size} MiB", flush=True)
        for bench in (evaluations, backtests):
            for what, said in bench(args):
                print(f"{what:<72} {said}", flush=True)
    print(f"{'load of the machine':<72} {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
