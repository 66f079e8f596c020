"""A thousand WebSocket viewers of one cluster: what they cost the web process, and how soon each sees a tick.

  python -m bench.viewers [--live 800] [--paused 150] [--playing 50] [--views 10] [--seconds 20] [--speed 60]

On a recording of its own (--hours of ticks every 10 s), which then goes on by a tick a second; with Redis and uvicorn
as the tree starts them. Three stretches of --seconds: live and paused viewers; the playing ones too, each from a place
of its own; then --seeks to any moment. One viewer (--deaf) never reads. --deflate: the clients offer compression.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import pairwise
from pathlib import Path
from typing import IO, Any

from bench.pages import edges, first_byte
from bench.tape import TEN, Shop, prepare

HERTZ = os.sysconf("SC_CLK_TCK")
STALL = 0.9  # seconds: a lock of the catalog that is waited for costs a whole one
MARGIN = 2.0  # seconds after which what was set going is in its stride


class Ticker(threading.Thread):
    """A recording that goes on by a tick a second; when each was announced."""

    def __init__(self, args: argparse.Namespace, directory: Path) -> None:
        from lineage.config import parse
        from lineage.recorder import Tape

        super().__init__(daemon=True)
        yaml = 'clusters: [{name: c, bootstrap_servers: "localhost:9092", every: {positions: 10s}}]'
        yaml += '\nteams: {shop: {contact: "x"}, bank: {contact: "y"}}'
        yaml += '\nowners: [{topic: "topic-1*", team: shop}, {topic: "topic-2*", team: bank}]'
        self.shop, self.tape = Shop(args), Tape(parse(yaml, "bench.yaml", {}), directory)
        self.over, self.announced = threading.Event(), dict[int, float]()
        self._go_on() if self.tape.ingest.tick else self._record(args)

    def _record(self, args: argparse.Namespace) -> None:
        now = time.time_ns() // 1_000_000
        start = now - int(args.hours * 3_600_000)
        for seen in (*self.shop.opening(start), edges(args, start)):
            self.tape.take(seen)
        for n, at in enumerate(range(start, now, TEN)):
            self.tick(at, n == 0)
            if n % 60 == 59:
                self.tape.lake.compact()
        self.tape.lake.compact(whole=True, keep_seconds=0)

    def _go_on(self) -> None:
        """The shop where the recording left it."""
        for n in range(self.tape.ingest.tick):
            self.shop.frame(0, n == 0)

    def bounds(self) -> tuple[int, int]:
        """Begin and end of the part with a tick every ten seconds."""
        from lineage.models import Tick

        times = list(Tick.objects.order_by("at").values_list("at", flat=True))
        return times[0], next((a for a, b in pairwise(times) if b - a < TEN / 2 or b - a > 2 * TEN), times[-1])

    def tick(self, at: int, whole: bool = False) -> int:
        self.tape.take(self.shop.frame(at, whole))
        return self.tape.cut(at + 100)

    def run(self) -> None:
        from dashboard.live import announce

        following = time.monotonic()
        while not self.over.wait(max(0.0, following - time.monotonic())):
            number = self.tick(time.time_ns() // 1_000_000 - 100)
            self.announced[number] = time.time()
            announce(number)
            following += 1.0


@contextmanager
def redis(directory: Path) -> Iterator[str]:
    """The embedded Redis, on a free port."""
    from dashboard.processes import embedded

    spec, url = embedded.redis(directory, free_port())
    with started(spec.argv):
        yield url


@contextmanager
def catalog(directory: Path) -> Iterator[None]:
    """The catalog is held open by a process that does not use DuckDB, as the supervisor does."""
    code = f"import pathlib, time, lineage.catalog as c\nwith c.held(pathlib.Path({str(directory)!r}, 'lake.sqlite')): "
    with started((sys.executable, "-c", code + "time.sleep(1e6)")):
        yield


@contextmanager
def web(directory: str, url: str) -> Iterator[tuple[int, int]]:
    """Port and process id of the web process, started as the supervisor starts it."""
    from dashboard.processes import commands

    port = free_port()
    env = {**os.environ, "PLAYHEAD_DATA_DIR": directory, "REDIS_URL": url, "PORT": str(port), "HOST": "127.0.0.1"}
    with started(commands.web(env), env) as process:
        until = time.monotonic() + 60
        while time.monotonic() < until:
            try:
                first_byte(port, "/healthz")
                break
            except OSError:
                time.sleep(0.2)
        yield port, process.pid


@contextmanager
def started(argv: Any, env: Any = None) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(argv, env=env)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(20)


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


class Crowd:
    """A process full of viewers."""

    def __init__(self, plan: dict[str, Any]) -> None:
        pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        self.process = subprocess.Popen([sys.executable, "-m", "bench._crowd"], **pipes)
        self.say(json.dumps(plan))

    def say(self, line: str) -> None:
        print(line, file=self._pipe(self.process.stdin), flush=True)

    def hear(self) -> str:
        return self._pipe(self.process.stdout).readline()

    def end(self) -> list[dict[str, Any]]:
        """What each viewer saw."""
        self._pipe(self.process.stdin).close()
        found: list[dict[str, Any]] = json.loads(self.hear())
        self.process.wait(20)
        return found

    def _pipe(self, pipe: IO[str] | None) -> IO[str]:
        assert pipe is not None
        return pipe


class Meter:
    """Processor time and memory of a process between two moments."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.begin()

    def begin(self) -> None:
        self.wall, self.spent = time.time(), self._spent()

    def end(self) -> float:
        """Percent of a core since ``begin``."""
        self.until = time.time()
        return (self._spent() - self.spent) / (self.until - self.wall) * 100

    def _spent(self) -> float:
        words = Path(f"/proc/{self.pid}/stat").read_text().rsplit(") ", 1)[1].split()
        return (int(words[11]) + int(words[12])) / HERTZ

    def resident(self) -> float:
        return int(Path(f"/proc/{self.pid}/statm").read_text().split()[1]) * resource.getpagesize() / 1e6


def views(args: argparse.Namespace) -> list[dict[str, Any]]:
    """Distinct views: whole pages and filtered ones, as people keep them open."""
    group, topic = "group:c/group-7", "topic:c/topic-7"
    named = [
        ("map", {}), ("lag", {}), ("topics", {}), ("map", {"fold": "team"}), ("group", {"id": group}),
        ("topic", {"id": topic}), ("lag", {"group": "group-3"}), ("services", {}), ("map", {"focus": topic}),
        ("collectors", {}),
    ]  # fmt: skip
    return [{"view": name, "params": params} for name, params in named[: args.views]]


def orders(args: argparse.Namespace, ticker: Ticker) -> list[dict[str, Any]]:
    """What each viewer does."""
    from dashboard.times import stamp

    dice, shown = random.Random(11), views(args)
    room = int((2 * MARGIN + args.seconds + 5) * 1000 * args.speed)  # a player does not reach the end meanwhile
    begin, end = ticker.bounds()
    last = max(begin, end - room)
    out = [{"kind": "live", "open": shown[i % len(shown)]} for i in range(args.live)]
    for i in range(args.paused):
        at = stamp(dice.randrange(begin, end))
        out.append({"kind": "paused", "open": {**shown[i % len(shown)], "at": at}})
    for i in range(args.playing):
        at = stamp(begin + (last - begin) * i // max(1, args.playing))
        out.append({"kind": "play", "open": {**shown[i % len(shown)], "at": at}, "speed": args.speed})
    return out


def quantiles(times: list[float]) -> str:
    if not times:
        return "none"
    times = sorted(times)
    chosen = ", ".join(f"p{q} {times[min(len(times) - 1, len(times) * q // 100)] * 1000:.0f}" for q in (50, 95, 99))
    return f"{chosen}, most {times[-1] * 1000:.0f} ms of {len(times)}"


def delays(found: list[dict[str, Any]], announced: dict[int, float], begin: float, end: float) -> list[float]:
    """Seconds from the announcement of a tick to its arrival at each live viewer."""
    seen = [s for v in found if v["kind"] == "live" for s in v["seen"]]
    return [at - announced[n] for n, at, _ in seen if n in announced and begin <= announced[n] and at <= end]


def sizes(found: list[dict[str, Any]], begin: float, end: float) -> str:
    each = [size for v in found if v["kind"] == "live" for _, at, size in v["seen"] if begin <= at <= end]
    return f"{len(each) / (end - begin):.0f} a second of {statistics.mean(each) / 1000:.1f} kB" if each else "none"


def played(args: argparse.Namespace, found: list[dict[str, Any]], begin: float, end: float) -> list[tuple[str, str]]:
    """What the playing viewers were sent: how much, whether a tick is missing, and the pace of the slowest."""
    missing, count, paces = 0, 0, []
    for viewer in (v for v in found if v["kind"] == "play"):
        ticks = [n for n, _, _ in viewer["seen"]]
        missing += ticks[-1] - ticks[0] + 1 - len(ticks) if ticks else 0
        inside = [(n, at) for n, at, _ in viewer["seen"] if begin <= at <= end]
        count += len(inside)
        if len(inside) > 1:
            paces.append((inside[-1][0] - inside[0][0]) * TEN / 1000 / (end - begin) / args.speed)
    paces.sort()
    pace = f"slowest {paces[0]:.2f}, median {statistics.median(paces):.2f} of what was asked" if paces else "none"
    return [
        ("playing: patches a second", f"{count / (end - begin):.0f} to {len(paces)} viewers"),
        ("playing: ticks left out", f"{missing}"),
        ("playing: pace", pace),
    ]


def seeks(args: argparse.Namespace, port: int, ticker: Ticker, meter: Meter) -> list[tuple[str, str]]:
    """One viewer that goes from moment to moment."""
    from websockets.sync.client import connect

    from dashboard.times import stamp

    dice, took, before = random.Random(5), list[float](), 0.0
    begin, end = ticker.bounds()
    with connect(f"ws://127.0.0.1:{port}/ws/v1/view", max_size=None) as one:
        one.send(json.dumps({"type": "open", "view": "map", "params": {}}))
        for n in range(args.seeks + 100):
            if n == 100:
                before = meter.resident()
            began = time.perf_counter()
            at = dice.randrange(begin, end)
            one.send(json.dumps({"type": "seek", "at": stamp(at)}))
            while not str(one.recv()).startswith('{"type":"playhead","at":"' + stamp(at)):
                pass
            took.append(time.perf_counter() - began)
    after = meter.resident()
    stalls = f"{sum(t > STALL for t in took)} of {len(took)}, load {os.getloadavg()[0]:.1f}"
    of_seeks = [("seek", quantiles(took)), (f"seek: over {STALL * 1000:.0f} ms", stalls)]
    return [*of_seeks, (f"memory over {args.seeks} seeks", f"{before:.0f} MB, then {after:.0f} MB")]


def run(args: argparse.Namespace, ticker: Ticker, port: int, pid: int) -> Iterator[tuple[str, str]]:
    meter, todo = Meter(pid), orders(args, ticker)
    yield "memory before", f"{meter.resident():.0f} MB"
    quiet = [{"open": views(args)[0]} for _ in range(args.deaf)]
    plan = {"host": "127.0.0.1", "port": port, "deflate": args.deflate}
    crowds = [Crowd({**plan, "viewers": todo[i::2], "deaf": quiet[i::2]}) for i in range(2)]
    for crowd in crowds:
        assert crowd.hear() == "there\n"
    time.sleep(MARGIN)
    spans = []
    for stretch in ("watching", "playing") if args.playing else ("watching",):
        if stretch == "playing":
            for crowd in crowds:
                crowd.say("play")
                crowd.hear()
            time.sleep(MARGIN)
        meter.begin()
        time.sleep(args.seconds)
        cpu = meter.end()
        load = os.getloadavg()[0]
        yield f"{stretch}: processor", f"{cpu:.0f} % of a core, {meter.resident():.0f} MB, load {load:.1f}"
        spans.append((stretch, meter.wall, meter.until))
    found = [viewer for crowd in crowds for viewer in crowd.end()]
    for stretch, begin, end in spans:
        yield f"{stretch}: live updates", sizes(found, begin, end)
        yield f"{stretch}: tick to viewer", quantiles(delays(found, ticker.announced, begin, end))
    yield from played(args, found, *spans[-1][1:]) if args.playing else ()
    yield "memory when they are gone", f"{meter.resident():.0f} MB"
    yield from seeks(args, port, ticker, meter) if args.seeks else ()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, kind, value in (
        ("live", int, 800), ("paused", int, 150), ("playing", int, 50), ("deaf", int, 1), ("views", int, 10),
        ("seconds", float, 20.0), ("speed", float, 60.0), ("seeks", int, 1000), ("hours", float, 2.0),
        ("services", int, 10), ("topics", int, 20), ("partitions", int, 6), ("groups", int, 24), ("moving", float, 0.5),
        ("writing", float, 1.0),
    ):  # fmt: skip
        parser.add_argument(f"--{name}", type=kind, default=value)
    parser.add_argument("--dir", default="", help="keep the recording here, or go on with the one that is here")
    parser.add_argument("--deflate", action="store_true")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary, ExitStack() as stack:
        directory = Path(args.dir or temporary)
        os.environ["REDIS_URL"] = url = stack.enter_context(redis(Path(temporary)))
        prepare(str(directory))
        stack.enter_context(catalog(directory))
        ticker = Ticker(args, directory)
        port, pid = stack.enter_context(web(str(directory), url))
        ticker.start()
        for what, said in run(args, ticker, port, pid):
            print(f"{what:28} {said}", flush=True)
        ticker.over.set()
        ticker.join()


if __name__ == "__main__":
    main()
