"""How long after a change on the broker it is on the screen: the demo, a Chromium, new topics and new readers.

The promise is one interval of what sees it, and a second. Each is waited for in a page that stands open and live.
"""

from __future__ import annotations

import argparse
import math
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml
from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic
from playwright.sync_api import Page, sync_playwright

from dashboard.processes.child import die_with
from dashboard.processes.demo import EVERY
from dashboard.processes.preflight import free_port

SECOND = 1.0
PATIENCE = 60_000  # ms
ALL = {"width": 1440, "height": 4000}  # rows below the fold are not drawn
WATCH = """(name) => {
  const view = document.querySelector('#view');
  window.seenAt = 0;
  const watch = new MutationObserver(() => {
    if (view.textContent.includes(name)) { window.seenAt = Date.now(); watch.disconnect(); }
  });
  watch.observe(view, {childList: true, subtree: true, characterData: true});
}"""
ARGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync"]


@contextmanager
def demo(data: Path) -> Iterator[tuple[str, str]]:
    """The demo's address, and its broker's, once all processes run."""
    port, parent = free_port(), os.getpid()
    env = {**os.environ, "PORT": str(port), "PLAYHEAD_DATA_DIR": str(data)}
    with (data / "log").open("wb") as log:
        command = [sys.executable, "-m", "dashboard.processes", "--demo"]
        child = subprocess.Popen(command, env=env, stdout=log, stderr=log, preexec_fn=lambda: die_with(parent))
    try:
        until = time.monotonic() + 180
        while b"Playhead is on" not in (data / "log").read_bytes():
            if child.poll() is not None or time.monotonic() > until:
                raise SystemExit((data / "log").read_text()[-2000:])
            time.sleep(0.2)
        (cluster,) = yaml.safe_load((data / "demo.yaml").read_text())["clusters"]
        yield f"http://127.0.0.1:{port}", cluster["bootstrap_servers"]
    finally:
        child.terminate()
        child.wait(20)


def topic(servers: str, name: str) -> None:
    """A new topic, there when this returns."""
    admin = AdminClient({"bootstrap.servers": servers, "log_level": 0})
    admin.create_topics([NewTopic(name, 1, 1)])[name].result(20)


def reader(servers: str, name: str) -> None:
    """A new group's first commit, on a topic of the shop; there when this returns."""
    given = {"bootstrap.servers": servers, "group.id": name, "enable.auto.commit": False, "log_level": 0}
    consumer = Consumer(given)
    shop = next(t for t in consumer.list_topics(timeout=20).topics if t[0] != "_")
    consumer.commit(offsets=[TopicPartition(shop, 0, 0)], asynchronous=False)
    consumer.close()


def seconds(page: Page, change: Callable[[], None], name: str) -> float:
    """From the change to its name in the page; infinite where it does not come within a minute."""
    page.evaluate(WATCH, name)  # asked from outside, the page would be looked at twice a second
    change()
    began = time.time()
    while time.time() - began < PATIENCE / 1000:
        if seen := page.evaluate("() => window.seenAt"):
            return max(0.0, seen / 1000 - began)
        time.sleep(0.1)
    return math.inf  # a row that never came is no measurement, and is not hidden either


def trial(page: Page, url: str, servers: str, what: str, times: int) -> None:
    """Prints one row of the table."""
    path, make, kinds = {"topic": ("/topics", topic, ("topology",)), "reader": ("/lag", reader, ("positions",))}[what]
    page.goto(url + path)
    page.wait_for_selector("#view[data-tick]", timeout=PATIENCE)
    promised = sum(float(EVERY[k].removesuffix("s")) for k in kinds) + SECOND
    took = []
    for n in range(times):
        time.sleep(random.uniform(0, promised))  # at any moment of the interval
        name = f"new-{what}-{n}"
        took.append(seconds(page, lambda name=name: make(servers, name), name))  # type: ignore[misc]
    took.sort()
    kept = sum(t <= promised for t in took)
    middle = took[len(took) // 2]
    print(
        f"{what:<8}{promised:>8.1f} s{took[0]:>8.1f} s{middle:>8.1f} s{took[-1]:>8.1f} s{kept:>8} of {times}",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=10)
    parser.add_argument("--only", choices=("topic", "reader"))
    args = parser.parse_args()
    browser = os.environ.get("PLAYHEAD_BROWSER") or shutil.which("chromium") or shutil.which("google-chrome")
    with tempfile.TemporaryDirectory() as directory, sync_playwright() as p, demo(Path(directory)) as (url, servers):
        page = p.chromium.launch(executable_path=browser, args=ARGS).new_page(viewport=ALL)
        print(f"{'new':<8}{'promised':>10}{'least':>10}{'median':>10}{'most':>10}{'in time':>10}")
        for what in (args.only,) if args.only else ("topic", "reader"):
            trial(page, url, servers, what, args.times)
    print(f"load of the machine {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
