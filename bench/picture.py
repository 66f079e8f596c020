"""From a seek to the picture: a Chromium on a recording, wound to moments anywhere on it.

  python -m bench.picture --dir RECORDING [--seeks 40] [--view map lag]

RECORDING is what ``python -m bench.tape --dir`` leaves. A seek counts from the change of the address to the frame after
the one in which the view drew it.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
from typing import Any

from playwright.sync_api import Page, sync_playwright

from bench.pages import web
from bench.tape import prepare

ARGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync"]
PATIENCE = 60_000  # ms
SEEK = """(address) => new Promise((done) => {
  const view = document.querySelector('#view'), began = performance.now();
  const seen = new MutationObserver(() => { seen.disconnect();
    requestAnimationFrame(() => requestAnimationFrame(() => done(performance.now() - began))); });
  seen.observe(view, {attributes: true, attributeFilter: ['data-moment']});
  history.pushState({}, '', address);
  window.dispatchEvent(new PopStateEvent('popstate', {state: {}}));
})"""


def seeks(page: Page, path: str, moments: list[str]) -> list[float]:
    """ms of each."""
    took: list[float] = [page.evaluate(SEEK, f"{path}?at={at}") for at in moments]
    return sorted(took)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dir", required=True)
    parser.add_argument("--seeks", type=int, default=40)
    parser.add_argument("--view", nargs="+", default=["map", "lag"])
    args = parser.parse_args()
    prepare(args.dir)
    from dashboard.times import stamp
    from lineage import history

    begin, end = history.bounds() or (0, 1)
    rnd = random.Random(7)
    browser = os.environ.get("PLAYHEAD_BROWSER") or shutil.which("chromium") or shutil.which("google-chrome")
    print(f"{'view':<8}{'p50 ms':>8}{'p95 ms':>8}{'most ms':>9}")
    with web(args.dir) as port, sync_playwright() as p:
        options: dict[str, Any] = {"viewport": {"width": 1440, "height": 900}}
        page = p.chromium.launch(executable_path=browser, args=ARGS).new_page(**options)
        for view in args.view:
            page.goto(f"http://127.0.0.1:{port}/{view}?at={stamp(end - 60_000)}")
            page.wait_for_selector("#view[data-moment]", timeout=PATIENCE)
            took = seeks(page, f"/{view}", [stamp(rnd.randrange(begin, end)) for _ in range(args.seeks)])
            at = (took[len(took) // 2], took[int(len(took) * 0.95)], took[-1])
            print(f"{view:<8}{at[0]:>8.0f}{at[1]:>8.0f}{at[2]:>9.0f}", flush=True)
    print(f"load of the machine {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
