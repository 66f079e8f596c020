"""A running Playhead that watches brokers, any process of which can be killed, and what must hold whatever was done."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dashboard.processes.child import die_with
from dashboard.processes.preflight import free_port
from lineage.lake import Lake
from lineage.tables import ORDER, TABLES

ROOT = Path(__file__).resolve().parents[2]
# What stands in a child's command line.
MARKS = {
    "web": "uvicorn",
    "worker": "dashboard.celery --skip-checks --quiet worker",
    "beat": "dashboard.celery --skip-checks --quiet beat",
    "recorder": "playhead recorder",
    "follower": "playhead follower",
    "redis": "valkey",
}
SLACK = 4.0  # seconds; a loaded machine starts nothing at once
PROCESS_MAY_TAKE = 90.0


@contextmanager
def child(argv: list[str], log: Path, env: Mapping[str, str] | None = None) -> Iterator[subprocess.Popen[bytes]]:
    """A process that is told to end afterwards, and dies with us."""
    parent = os.getpid()
    with log.open("ab") as out:
        process = subprocess.Popen(
            argv, cwd=ROOT, env=env, stdout=out, stderr=out, start_new_session=True, preexec_fn=lambda: die_with(parent)
        )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


class Rig:
    """One start on one data directory. ``every`` is the interval of all short kinds, in seconds."""

    def __init__(self, data: Path, clusters: Mapping[str, str], every: int) -> None:
        self.data, self.clusters, self.every = data, dict(clusters), every
        self.log, self.port = data / "log", free_port()
        kinds = dict.fromkeys(("positions", "groups", "topology"), f"{every}s")
        found = [{"name": n, "bootstrap_servers": a, "every": kinds} for n, a in clusters.items()]
        alerts = {"allow": ["127.0.0.0/8"]}  # receivers are here
        (data / "playhead.yaml").write_text(json.dumps({"clusters": found, "alerts": alerts}))
        self.process: subprocess.Popen[bytes]

    @contextmanager
    def running(self) -> Iterator[Rig]:
        """Started, and ended afterwards."""
        hidden = {"REDIS_URL", "KAFKA_BOOTSTRAP_SERVERS", "HOST", "DATABASE_URL", "PLAYHEAD_LAKE_URL"}
        env = {k: v for k, v in os.environ.items() if k not in hidden}
        env |= {"PLAYHEAD_DATA_DIR": str(self.data), "PLAYHEAD_CONFIG": str(self.data / "playhead.yaml")}
        env |= {"PORT": str(self.port), "PLAYHEAD_ADMIN_PASSWORD": "correct horse", "PLAYHEAD_ANONYMOUS": "viewer"}
        with child([sys.executable, "-m", "dashboard.processes"], self.log, env) as self.process:
            self.until(lambda: "Playhead is on" in self.text(), "all processes started")
            yield self

    def text(self) -> str:
        """What it printed."""
        return self.log.read_text(errors="replace")

    def until(self, holds: Callable[[], Any], what: str, seconds: float = PROCESS_MAY_TAKE) -> float:
        """Waits until ``holds``; how many seconds that took. AssertionError with the log after so many seconds."""
        began = time.monotonic()
        while not holds():
            assert time.monotonic() - began < seconds, f"not within {seconds:g} s: {what}\n{self.state()}"
            assert self.process.poll() is None, self.text()[-6000:]
            time.sleep(0.1)
        return time.monotonic() - began

    def state(self) -> str:
        """For whoever reads of a failure: what the API says, which processes run, the last lines of the logs."""
        load = (self.data / "load.log").read_text()[-1000:]
        return f"{self.get('/api/v1/clusters')}\n{self.children()}\nload: {load}\n{self.text()[-6000:]}"

    # Processes

    def children(self) -> dict[str, int]:
        """Process ids by name; one that is being started again is missing. A follower's name has its cluster."""
        out = {}
        for pid in _pids():
            with contextlib.suppress(OSError):  # it ended meanwhile
                if _parent(pid) == self.process.pid:
                    line = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode().strip()
                    out |= {_named(name, line): pid for name, mark in MARKS.items() if mark in line}
        return out

    def kill(self, *names: str) -> dict[str, int]:
        """SIGKILL to these at once; who they were."""
        alive = self.children()
        victims = {n: alive[n] for n in names}
        for pid in victims.values():
            os.kill(pid, signal.SIGKILL)
        return victims

    def back(self, victims: Mapping[str, int]) -> float:
        """Waits until others run in their place; seconds."""

        def replaced() -> bool:
            alive = self.children()
            return all(alive.get(n, pid) != pid for n, pid in victims.items())

        return self.until(replaced, f"{', '.join(victims)} again")

    # Answers

    def get(self, path: str) -> tuple[int, Any]:
        """Status and body (JSON where it is). Status 0 where nobody answers."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=30) as answer:
                return answer.status, _body(answer.read())
        except urllib.error.HTTPError as error:
            return error.code, _body(error.read())
        except (OSError, ValueError):
            return 0, None

    def cluster(self, name: str) -> Mapping[str, Any]:
        """A cluster as the API tells it; {} where it does not answer."""
        status, body = self.get("/api/v1/clusters")
        return next((c for c in body["items"] if c["name"] == name), {}) if status == 200 else {}

    def is_live(self, name: str) -> bool:
        """Whether the cluster is there with what the load made on it, and without an error."""
        c = self.cluster(name)
        return bool(c) and c["status"] == "ok" and c["topics"] >= 2 and c["groups"] >= 1 and not c["error"]

    def vanished(self) -> list[Any]:
        """The changes that say that something is gone."""
        items: list[Any] = self.get("/api/v1/changes?kind=vanished&from=-1d")[1]["items"]
        return items

    # What was recorded

    def ticks(self) -> list[tuple[int, int]]:
        """Number and time of every tick."""
        return self._select("SELECT number, at FROM lineage_tick ORDER BY number")

    def names(self, kind: str) -> dict[int, str]:
        """What the lake's numbers stand for."""
        return dict(self._select(f"SELECT id, name FROM lineage_name WHERE kind = '{kind}'"))

    def told(self) -> list[str]:
        """The ids of all deliveries."""
        return [id for (id,) in self._select("SELECT id FROM dashboard_delivery")]

    def _select(self, sql: str) -> list[Any]:
        con = sqlite3.connect(f"file:{self.data / 'playhead.sqlite3'}?mode=ro", uri=True, timeout=20)
        with contextlib.closing(con):
            return con.execute(sql).fetchall()

    def samples(self, cluster: str) -> list[int]:
        """When the cluster was sampled, ms, as the lake tells it."""
        sql = "SELECT DISTINCT value FROM lake.numbers WHERE subject = ? AND metric = 'positions_at' ORDER BY value"
        with contextlib.closing(Lake(self.data, read_only=True)) as lake:
            return [int(v) for (v,) in lake.query(sql, [f"cluster:{cluster}"])]

    def gap(self, cluster: str, since: int = 0) -> float:
        """The longest time between two samples from ``since`` on, in seconds."""
        times = [t for t in self.samples(cluster) if t >= since]
        return max((b - a for a, b in itertools.pairwise(times)), default=0) / 1000

    @property
    def one_missing(self) -> float:
        """The longest gap that one missing tick leaves."""
        return 2 * self.every + SLACK


def now_ms() -> int:
    """Milliseconds since 1970."""
    return time.time_ns() // 1_000_000


def moment(ms: int) -> str:
    """For ``at=``."""
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(ms // 1000)) + f".{ms % 1000:03d}Z"


def pids_of(part: str) -> list[int]:
    """The processes in whose command line this stands."""
    found = []
    for pid in _pids():
        with contextlib.suppress(OSError):
            if part.encode() in Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" "):
                found.append(pid)
    return found


def assert_sound(rig: Rig) -> None:
    """No tick doubled or left out, no sample doubled, every file readable. For a tree that has ended."""
    ticks = rig.ticks()
    numbers, times = [n for n, _ in ticks], [t for _, t in ticks]
    assert numbers == list(range(1, len(numbers) + 1))
    assert times == sorted(set(times))
    with contextlib.closing(Lake(rig.data, read_only=True)) as lake:
        for table, columns in TABLES.items():
            counted = ", ".join(f"count({c})" for c, _ in columns)
            lake.query(f"SELECT count(*), {counted} FROM lake.{table}")
            doubled = f"SELECT tick, {ORDER[table]} FROM lake.{table} GROUP BY ALL HAVING count(*) > 1"
            assert lake.query(doubled) == [], table
            assert lake.query(f"SELECT count(*) FROM lake.{table} WHERE tick > ?", [numbers[-1]]) == [(0,)]


def _body(data: bytes) -> Any:
    try:
        return json.loads(data)
    except ValueError:
        return data.decode(errors="replace")


def _pids() -> list[int]:
    return [int(p.name) for p in Path("/proc").iterdir() if p.name.isdigit()]


def _parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def _named(name: str, line: str) -> str:
    return f"follower {line.rpartition(' ')[2]}" if name == "follower" else name
