"""The demo, running as a newcomer runs it, and a Chromium to look at it."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

ROOT = Path(__file__).resolve().parents[2]


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2):
            return True
    except OSError:
        return False


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo's data directory; what it printed stands in ``out.log``."""
    return tmp_path_factory.mktemp("demo")


@pytest.fixture(scope="session")
def password(live_url: str, data: Path) -> str:
    """Of the admin, as it was printed at the first start."""
    found = re.search(r"admin with the password (\S+)", (data / "out.log").read_text(errors="replace"))
    assert found
    return found[1]


@pytest.fixture(scope="session")
def live_url(data: Path) -> Iterator[str]:
    """Base URL of a demo that is ready."""
    port = free_port()
    env = {**os.environ, "PORT": str(port), "PLAYHEAD_DATA_DIR": str(data), "PLAYHEAD_ANONYMOUS": "viewer"}
    for name in ("PLAYHEAD_CONFIG", "DATABASE_URL", "REDIS_URL", "KAFKA_BOOTSTRAP_SERVERS"):
        env.pop(name, None)
    log = (data / "out.log").open("wb")
    command = [sys.executable, "manage.py", "playhead", "up", "--demo"]
    process = subprocess.Popen(command, cwd=ROOT, env=env, stdout=log, stderr=log, start_new_session=True)
    url = f"http://127.0.0.1:{port}"
    deadline = time.monotonic() + 240
    while not answers(f"{url}/readyz"):
        if process.poll() is not None or time.monotonic() > deadline:
            process.kill()
            pytest.fail(f"the demo is not ready: {(data / 'out.log').read_text(errors='replace')[-2000:]}")
        time.sleep(0.5)
    yield url
    process.send_signal(signal.SIGINT)
    process.wait(timeout=15)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    path = os.environ.get("PLAYHEAD_BROWSER") or shutil.which("chromium") or shutil.which("google-chrome")
    with sync_playwright() as p:
        args = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking", "--disable-sync"]
        browser = p.chromium.launch(executable_path=path, args=args)
        yield browser
        browser.close()
