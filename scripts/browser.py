"""Prints the path of a Chromium for the tests; nothing where Playwright has its own. Installs one where it can."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def found() -> str | None:
    """A browser on the PATH, or the one that PLAYHEAD_BROWSER names."""
    return os.environ.get("PLAYHEAD_BROWSER") or next((path for n in NAMES if (path := shutil.which(n))), None)


def playwrights_own() -> bool:
    """Whether Playwright has downloaded its Chromium already."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as p:
        return Path(p.chromium.executable_path).exists()


def quietly(*command: str) -> bool:
    """Runs it, its output on the standard error; whether it went well."""
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    return subprocess.run(command, stdout=sys.stderr, stdin=subprocess.DEVNULL, env=env).returncode == 0


def debians() -> str | None:
    """Debian's Chromium, installed now; only root may."""
    if os.geteuid() or not shutil.which("apt-get"):
        return None
    print("Setting up: installing chromium for the tests (once)", file=sys.stderr)
    quietly("apt-get", "update", "-qq")
    quietly("apt-get", "install", "-y", "-qq", "--no-install-recommends", "chromium")
    return found()


def main() -> int:
    if path := found() or debians():
        print(path)
        return 0
    if playwrights_own() or (quietly(sys.executable, "-m", "playwright", "install", "chromium") and playwrights_own()):
        return 0
    print("The tests need a Chromium: apt install chromium, or name one in PLAYHEAD_BROWSER.", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
