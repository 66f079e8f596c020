"""The map in a browser, timed: a made-up frame through the page's own code, against the goals for 400 nodes.

  python -m bench.map [--nodes 400] [--edges 1000] [--runs 5]

Needs the built front end (make assets) and Chromium. Page and frame come from this process, on a port of loopback.
"""

from __future__ import annotations

import argparse
import functools
import gzip
import http.server
import json
import os
import random
import shutil
import statistics
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import django
from django.conf import settings
from django.template import Context, Engine
from playwright.sync_api import Browser, Page, WebSocketRoute, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
STATIC = ROOT / "dashboard" / "static"
AT = "2025-06-17T14:32:10.000Z"
GOALS = {"first picture": 1000.0, "pan, p95": 50.0, "update": 60.0, "particles, p95": 17.0, "graph code": 160.0}
VERDICTS = ("ok",) * 30 + ("catching_up", "falling_behind", "stalled", "stopped", "unknown")
SWITCHES = ("--no-sandbox", "--disable-gpu", "--disable-background-networking")

# Frames of a pan, ms apart: the map is dragged by the pointer, as a reader does it.
FRAMES = """() => new Promise((done) => { const at = []; const step = (t) => { at.push(t);
  if (at.length < 90) requestAnimationFrame(step); else done(at.slice(1).map((t, i) => t - at[i])); };
  requestAnimationFrame(step); })"""


def frame(nodes: int, edges: int, seed: int = 1) -> dict[str, Any]:
    """Half services, half topics in columns, with reads and writes between columns that are near each other."""
    dice = random.Random(seed)
    wide = max(4, round((nodes * 0.6) ** 0.5))
    ids = [f"{'topic:c/topic' if i // 20 % 2 else 'service:service'}-{i}" for i in range(nodes)]
    rows = {id: _node(id, i, wide) for i, id in enumerate(ids)}
    links = {}
    while len(links) < edges:
        a = dice.randrange(nodes)
        b = min(nodes - 1, max(0, a + dice.choice((20, 19, 21, 60, -20, 18, 22)) + dice.randrange(3)))
        if a != b and rows[ids[a]]["kind"] != rows[ids[b]]["kind"]:
            edge = _edge(ids[a], ids[b], dice)
            links[edge["id"]] = edge
    meta = {"fresh": [1, 1], "total_lag": 5, "title": "Map", "folded": False, "crumbs": [], "teams": []}
    tables = {"clusters": {}, "nodes": rows, "edges": links}
    return {"type": "frame", "at": AT, "tick": 1, "tables": tables, "meta": meta}


def _node(id: str, i: int, wide: int) -> dict[str, Any]:
    kind, name = id.partition(":")[0], id.partition("/")[2] or id.partition(":")[2]
    place = {"x": (i // 20) * 190.0, "y": (i % 20) * 96.0}
    rest = {"stale": False, "verdict": "ok", "sub": None, "badge": None, "count": None}
    return {
        "id": id,
        "kind": kind,
        "name": name,
        "cluster": "c",
        "team": f"team{i % 9}",
        "rate": i / 3,
        **place,
        **rest,
    }


def _edge(source: str, target: str, dice: random.Random) -> dict[str, Any]:
    relation = "reads" if source.startswith("topic") else "writes"
    verdict = dice.choice(VERDICTS) if relation == "reads" else None
    numbers = {"rate": dice.random() * 200, "lag": dice.randrange(9000), "time_lag": dice.random() * 90}
    words = {"strength": "observed", "stale": False, "sentence": "spans say so", "verdict": verdict}
    ends = {"source": source, "target": target, "relation": relation, "key": ""}
    return {"id": f"{relation}|{source}|{target}|", **ends, **numbers, **words}


def patch(first: dict[str, Any]) -> dict[str, Any]:
    """Every edge with other numbers, a third of the reads with another verdict."""
    dice = random.Random(2)
    edges = {
        k: {**e, "rate": e["rate"] * 1.5, "lag": 5, "verdict": e["verdict"] and dice.choice(VERDICTS)}
        for k, e in first["tables"]["edges"].items()
    }
    return {"type": "patch", "at": AT, "tick": 2, "tables": {"edges": {"set": edges}}}


def shell() -> str:
    """The page as the server makes it, without a server behind it."""
    if not settings.configured:
        settings.configure(STATIC_URL="/static/")
        django.setup()
    engine = Engine(dirs=[str(ROOT / "templates")], libraries={"static": "django.templatetags.static"})
    return str(engine.get_template("page.html").render(Context({"view": "map", "params_json": "{}", "title": "Map"})))


class Files(http.server.SimpleHTTPRequestHandler):
    """The page, and the built front end under /static/."""

    page = b""

    def do_GET(self) -> None:
        if self.path.startswith("/static/"):
            self.path = self.path.removeprefix("/static")
            return super().do_GET()
        body, kind = (self.page, "text/html") if self.path == "/map" else (b"{}", "application/json")
        self.send_response(200)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Requests are not told."""


@contextmanager
def served() -> Iterator[str]:
    """The address of the page."""
    Files.page = shell().encode()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Files, directory=str(STATIC)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/map"
    finally:
        server.shutdown()


class Meter:
    """Processor time of the page's main thread: unlike the clock it is not longer on a busy machine."""

    def __init__(self, page: Page) -> None:
        self._session = page.context.new_cdp_session(page)
        self._session.send("Performance.enable", {"timeDomain": "threadTicks"})
        self._before = 0.0

    def work(self) -> float:
        """Milliseconds since it was last asked."""
        now = {m["name"]: m["value"] for m in self._session.send("Performance.getMetrics")["metrics"]}["TaskDuration"]
        before, self._before = self._before, now
        return float(now - before) * 1000


def opened(browser: Browser, address: str, first: dict[str, Any]) -> tuple[Page, Meter, list[WebSocketRoute]]:
    """A page whose WebSocket answers with the frame."""
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    meter = Meter(page)
    sockets: list[WebSocketRoute] = []
    body = json.dumps(first)

    def answer(socket: WebSocketRoute) -> None:
        sockets.append(socket)
        socket.on_message(lambda _: socket.send(body))

    page.route_web_socket("**/ws/v1/view", answer)
    page.goto(address)
    page.wait_for_selector('#view[data-painted]:not([data-painted=""])')
    return page, meter, sockets


def run(browser: Browser, address: str, first: dict[str, Any]) -> dict[str, float]:
    """One page: milliseconds by what was timed."""
    page, meter, sockets = opened(browser, address, first)
    found = {"first picture": float(page.get_attribute("#view", "data-painted") or "nan")}
    found["first picture, work"] = meter.work()
    page.wait_for_timeout(1500)
    meter.work()
    found["particles, p95"] = _p95(page.evaluate(FRAMES))
    found["particles, work a frame"] = meter.work() / 90
    panned = _panned(page)
    found |= {"pan, p50": statistics.median(panned), "pan, p95": _p95(panned), "pan, work a frame": meter.work() / 90}
    sockets[0].send(json.dumps(patch(first)))
    page.wait_for_selector('#view[data-tick="2"]')
    found["update"] = float(page.get_attribute("#view", "data-updated") or "nan")
    page.wait_for_timeout(100)
    found["update, work"] = meter.work()
    page.close()
    return found


def _panned(page: Page) -> list[float]:
    """Times between frames while the pointer drags the ground back and forth."""
    page.mouse.move(700, 200)
    page.mouse.down()
    page.evaluate(f"() => {{ window.timed = ({FRAMES})(); }}")
    for i in range(70):
        page.mouse.move(700 + 60 * (i % 14 if i // 14 % 2 else 14 - i % 14) / 4, 200 + i)
    page.mouse.up()
    return list(page.evaluate("() => window.timed"))


def _p95(values: list[float]) -> float:
    return sorted(values)[int(len(values) * 0.95)] if values else float("nan")


def graph_code() -> float:
    """kB, gzipped, of what only the map loads."""
    return sum(len(gzip.compress(p.read_bytes())) for p in (STATIC / "chunks").glob("map-*.js")) / 1000


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (("nodes", 400), ("edges", 1000), ("runs", 5)):
        asked.add_argument(f"--{name}", type=int, default=default)
    args = asked.parse_args()
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    first = frame(args.nodes, args.edges)
    with served() as address, sync_playwright() as play:
        browser = play.chromium.launch(executable_path=chromium, args=list(SWITCHES))
        runs = [run(browser, address, first) for _ in range(args.runs)]
        browser.close()
    found = {name: statistics.median(r[name] for r in runs) for name in runs[0]} | {"graph code": graph_code()}
    print(f"{args.nodes} nodes, {args.edges} edges, {args.runs} runs, load {os.getloadavg()[0]:.1f}")
    for name, value in found.items():
        unit, goal = "kB" if name == "graph code" else "ms", GOALS.get(name)
        print(f"{name:24} {value:8.1f} {unit}  {'' if goal is None else f'goal {goal:.0f}'}")


if __name__ == "__main__":
    main()
