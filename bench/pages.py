"""First byte of every page and API path, with uvicorn as the tree starts it, on a recording of a large cluster.

  python -m bench.pages [--services 400] [--topics 2000] [--partitions 5] [--groups 1000] [--runs 20]

Each path is asked cold once (the first column), then ``--runs`` times while a new tick comes every second.
"""

from __future__ import annotations

import argparse
import http.client
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench.tape import Shop, prepare

PAGES = [
    "/map",
    "/lag",
    "/topics",
    "/services",
    "/teams",
    "/collectors",
    "/changes",
    "/topics/topic:c%2Ftopic-7",
    "/groups/group:c%2Fgroup-7",
]
API = [
    "clusters",
    "graph",
    "graph?fold=team",
    "lag",
    "topics",
    "services",
    "teams",
    "collectors",
    "changes",
    "search?q=topic-19",
    "groups/group:c%2Fgroup-7",
    "topics/topic:c%2Ftopic-7",
    "tape?from=-5m&to=live&points=300",
]
PATHS = [*PAGES, *(f"/api/v1/{path}" for path in API), "/metrics", "/readyz"]


def edges(args: argparse.Namespace, at: int) -> Any:
    """Every service writes five topics and calls its neighbour; a third of the groups are services' own."""
    from lineage import observations as o

    seen = []
    for s in range(args.services):
        me = f"service:svc-{s}"
        wrote = [f"topic:c/topic-{(5 * s + k) % args.topics}" for k in range(5)]
        seen += [o.EdgeSeen("writes", me, topic, at, at, 9) for topic in wrote]
        seen.append(o.EdgeSeen("calls", me, f"service:svc-{(s + 1) % args.services}", at, at, 3))
    for g in range(0, args.groups, 3):
        reader, topic = f"service:svc-{g % args.services}", f"topic:c/topic-{g % args.topics}"
        seen.append(o.EdgeSeen("reads", topic, reader, at, at, 9, group=f"group-{g}"))
    return o.EdgesSeen(cluster="c", at=at, source="otlp", edges=seen)


class Growing(threading.Thread):
    """A recording with a minute behind it, which goes on by a tick a second."""

    def __init__(self, args: argparse.Namespace, directory: Path) -> None:
        from lineage.config import parse
        from lineage.recorder import Tape

        super().__init__(daemon=True)
        yaml = 'clusters: [{name: c, bootstrap_servers: "localhost:9092"}]'
        self.shop, self.tape = Shop(args), Tape(parse(yaml, "bench.yaml", {}), directory)
        self.over = threading.Event()
        now = time.time_ns() // 1_000_000
        for seen in self.shop.opening(now - 60_000):
            self.tape.take(seen)
        self.tape.take(edges(args, now - 60_000))
        for n in range(6):
            self.tick(now - 60_000 + n * 10_000, n == 0)

    def tick(self, at: int, whole: bool = False) -> None:
        self.tape.take(self.shop.frame(at, whole))
        self.tape.cut(at + 100)

    def run(self) -> None:
        while not self.over.wait(1.0):
            self.tick(time.time_ns() // 1_000_000 - 100)


@contextmanager
def web(directory: str) -> Iterator[int]:
    """The web process on a free port."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    options = ["--host", "127.0.0.1", "--port", str(port), "--log-level", "error"]
    command = [sys.executable, "-m", "uvicorn", "dashboard.asgi:application", *options]
    process = subprocess.Popen(command, env={**os.environ, "PLAYHEAD_DATA_DIR": directory})
    try:
        until = time.monotonic() + 60
        while time.monotonic() < until:
            try:
                first_byte(port, "/healthz")
                break
            except OSError:
                time.sleep(0.2)
        yield port
    finally:
        process.terminate()
        process.wait(20)


def first_byte(port: int, path: str) -> tuple[float, int, int]:
    """Milliseconds until the first byte of the answer, its status and size."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    began = time.perf_counter()
    connection.request("GET", path)
    answer = connection.getresponse()
    took = (time.perf_counter() - began) * 1000
    size = len(answer.read())
    connection.close()
    return took, answer.status, size


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, value in (("services", 400), ("topics", 2000), ("partitions", 5), ("groups", 1000), ("runs", 20)):
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--moving", type=float, default=0.2)
    parser.add_argument("--writing", type=float, default=1.0)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        prepare(directory)
        growing = Growing(args, Path(directory))
        with web(directory) as port:
            growing.start()
            print(f"{'path':48} {'first':>7} {'p50 ms':>7} {'p95 ms':>7} {'kB':>7}")
            for path in PATHS:
                cold, status, size = first_byte(port, path)
                times = sorted(first_byte(port, path)[0] for _ in range(args.runs))
                p95 = times[int(len(times) * 0.95)] if len(times) > 1 else times[0]
                said = "" if status == 200 else f" status {status}"
                print(f"{path:48} {cold:7.0f} {statistics.median(times):7.0f} {p95:7.0f} {size / 1000:7.0f}{said}")
            growing.over.set()
            growing.join()
    print(f"load {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
