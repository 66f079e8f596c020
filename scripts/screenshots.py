"""Takes the pictures of docs/screenshots anew, from a demo that has run for some minutes.

  .venv/bin/python scripts/screenshots.py http://127.0.0.1:8000 PASSWORD [NAME ...]

PASSWORD is the admin's: records are shown to nobody else.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Literal

from playwright.sync_api import Browser, StorageState, ViewportSize, sync_playwright

sys.path.insert(0, str(Path(__file__).resolve().parent))
from browser import found

Theme = Literal["light", "dark"]

OUT = Path(__file__).resolve().parent.parent / "docs" / "screenshots"
SWITCHES = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
DESK: ViewportSize = {"width": 1280, "height": 800}
PHONE: ViewportSize = {"width": 390, "height": 844}
THEMES: tuple[Theme, ...] = ("light", "dark")
PAGES = {
    "map": "/map",
    "lag": "/lag",
    "topics": "/topics",
    "services": "/services",
    "teams": "/teams",
    "collectors": "/collectors",
    "alerts": "/alerts",
    "topic": "/topics/topic:demo/orders?at=-2m",
}
ONCE = {
    "map-past-light": "/map?at=-2m",
    "map-difference-light": "/map?from=-4m&to=-1m",
    "changes-light": "/changes?from=-15m",
    "alerts-rule-light": "/alerts?tab=rules&rule=stopped",
    "group-light": "/groups/group:demo/shipping?from=-20m&at=-3m",
}
PATIENT = 60_000
SETTLED = 6_000  # ms after the first frame, until series and records are there


def main(base: str, password: str, names: set[str]) -> None:
    shots: list[tuple[str, str, Theme, ViewportSize]] = []
    for name, path in PAGES.items():
        shots += [(f"{name}-{theme}", path, theme, DESK) for theme in THEMES]
        shots += [(f"{name}-phone", path, "light", PHONE)]
    shots += [(name, path, "light", DESK) for name, path in ONCE.items()]
    with sync_playwright() as p:
        browser = p.chromium.launch(executable_path=found(), args=SWITCHES)
        session = logged_in(browser, base, password)
        for name, path, theme, size in shots:
            if not names or name in names:
                take(browser, session, base + path, name, theme, size)
        browser.close()


def logged_in(browser: Browser, base: str, password: str) -> StorageState:
    """The cookies of a session of the admin."""
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"{base}/login")
    page.get_by_label("Name").fill("admin")
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Log in").click()
    page.wait_for_selector("#view[data-tick]", timeout=PATIENT)
    state = context.storage_state()
    context.close()
    return state


def take(browser: Browser, session: StorageState, url: str, name: str, theme: Theme, size: ViewportSize) -> None:
    context = browser.new_context(viewport=size, color_scheme=theme, reduced_motion="reduce", storage_state=session)
    page = context.new_page()
    page.goto(url, timeout=PATIENT)
    page.wait_for_selector("#view[data-tick]", timeout=PATIENT)
    page.wait_for_timeout(SETTLED)
    file = OUT / f"{name}.png"
    page.screenshot(path=file)
    context.close()
    print(f"{name}: {file.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main(sys.argv[1].rstrip("/"), sys.argv[2], set(sys.argv[3:]))
