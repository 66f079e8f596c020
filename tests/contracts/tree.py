"""The whole of Playhead as somebody starts it, on a free port and a data directory of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.contracts import brokers

ROOT = Path(__file__).resolve().parents[2]
PRIVATE = ("REDIS_URL", "KAFKA_BOOTSTRAP_SERVERS", "HOST", "PLAYHEAD_CONFIG")


class Tree:
    """Its address and its log."""

    def __init__(self, url: str, log: Path) -> None:
        self.url, self._log = url, log

    def log(self) -> str:
        return self._log.read_text(errors="replace")

    def until(self, what: Callable[[], Any], seconds: float) -> None:
        """Returns when ``what`` answers with nothing: nothing is missing any more."""
        deadline = time.monotonic() + seconds
        while missing := what():
            assert time.monotonic() < deadline, f"{missing}\n{self.log()[-4000:]}"
            time.sleep(0.5)

    def started(self) -> None:
        self.until(lambda: "Playhead is on" not in self.log() and "not started", 60)


@contextmanager
def running(data: Path, *words: str, **env: str) -> Iterator[Tree]:
    """Until the end of the block; ended as Ctrl-C would. DATABASE_URL, where tests have one, is taken."""
    port, log = brokers.free_port(), data / "tree.log"
    given = {k: v for k, v in os.environ.items() if k not in PRIVATE}
    given |= {"PLAYHEAD_DATA_DIR": str(data / "var"), "PORT": str(port), **env}
    with log.open("wb") as out:
        command = [sys.executable, "-m", "dashboard.processes", *words]
        process = subprocess.Popen(command, cwd=ROOT, env=given, stdout=out, stderr=out, start_new_session=True)
    try:
        yield Tree(f"http://127.0.0.1:{port}", log)
    finally:
        process.terminate()
        try:
            process.wait(15)
        finally:
            process.kill()
