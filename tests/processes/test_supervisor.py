"""Real processes under a real supervisor in a process of its own."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PRELUDE = """
import sys
from pathlib import Path
from dashboard.processes.output import Output
from dashboard.processes.rules import Spec
from dashboard.processes.supervisor import Supervisor
import os
def python(name, stage, code, **kw):
    return Spec(name, stage, (sys.executable, "-u", "-c", code), **kw)
BYE = "import time, signal, sys; signal.signal(signal.SIGTERM, lambda *_: (print('bye'), sys.exit(0)));"
SLEEP = BYE + "print('up'); time.sleep(60)"
STUBBORN = "import time, signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up'); time.sleep(60)"
"""


class Run:
    """A supervisor in a process, its lines in a file, its children marked by their environment."""

    def __init__(self, directory: Path, body: str) -> None:
        self.mark, self.log = f"TEST_MARK={directory}", directory / "log"
        env = {**os.environ, "TEST_MARK": str(directory), "PYTHONUNBUFFERED": "1"}
        code = f"{PRELUDE}\nwith Supervisor(os.environ, Path('.'), Output()) as s:\n{body}\n    s.run()\n"
        with self.log.open("wb") as log:
            argv = [sys.executable, "-c", code]
            self.process = subprocess.Popen(argv, cwd=ROOT, env=env, stdout=log, stderr=log, start_new_session=True)

    def text(self) -> str:
        return self.log.read_text()

    def until(self, condition: Callable[[], bool], seconds: float = 15) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, self.text()
            time.sleep(0.05)

    def alive(self) -> list[int]:
        return [pid for pid in pids() if pid != os.getpid() and self.mark.encode() in environment(pid)]


def pids() -> list[int]:
    return [int(p.name) for p in Path("/proc").iterdir() if p.name.isdigit()]


def environment(pid: int) -> list[bytes]:
    try:
        return Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return []


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[[str], Run]]:
    runs: list[Run] = []

    def begin(body: str) -> Run:
        runs.append(Run(tmp_path, body))
        return runs[-1]

    yield begin
    for run in runs:
        run.process.kill()
        run.process.wait()


def test_children_end_in_order_and_nothing_is_left(start: Callable[[str], Run]) -> None:
    run = start("    for name in ('servers', 'recorder', 'web', 'demo'): s.start(python(name, name, SLEEP))")
    run.until(lambda: run.text().count("up") == 4)
    run.process.send_signal(signal.SIGINT)
    assert run.process.wait(30) == 0
    assert re.findall(r"(\w+) +\| bye", run.text()) == ["demo", "web", "recorder", "servers"]
    assert run.alive() == []


def test_who_does_not_end_is_killed_in_time(start: Callable[[str], Run]) -> None:
    run = start("    s.start(python('web', 'web', STUBBORN)); s.start(python('redis', 'servers', STUBBORN))")
    run.until(lambda: run.text().count("up") == 2)
    began = time.monotonic()
    run.process.send_signal(signal.SIGTERM)
    assert run.process.wait(60) == 0
    assert time.monotonic() - began > 7.5  # they were given their time
    assert run.alive() == []


def test_a_second_ctrl_c_ends_it_at_once(start: Callable[[str], Run]) -> None:
    run = start("    s.start(python('web', 'web', STUBBORN))")
    run.until(lambda: "up" in run.text())
    run.process.send_signal(signal.SIGINT)
    time.sleep(1.2)
    run.process.send_signal(signal.SIGINT)
    assert run.process.wait(3) == 0
    assert run.alive() == []


def test_a_killed_supervisor_leaves_no_orphans(start: Callable[[str], Run]) -> None:
    run = start("    s.start(python('web', 'web', STUBBORN)); s.start(python('redis', 'servers', STUBBORN))")
    run.until(lambda: run.text().count("up") == 2)
    run.process.kill()
    run.until(lambda: run.alive() == [], seconds=3)


def test_a_dead_child_starts_again_with_its_group_cleared(start: Callable[[str], Run]) -> None:
    spawn = "import subprocess, os; subprocess.Popen(['sleep', '60']); print('born'); os.kill(os.getpid(), 9)"
    run = start(f"    s.start(python('worker', 'workers', {spawn!r}))")
    run.until(lambda: run.text().count("born") == 3)
    assert "worker     | ended with SIGKILL; starts again in 0.5 s" in run.text()
    assert "starts again in 1 s" in run.text()
    run.process.send_signal(signal.SIGINT)
    run.process.wait(5)
    assert run.alive() == []


def test_a_command_that_is_not_there_is_named_and_tried_again(start: Callable[[str], Run]) -> None:
    run = start("    s.start(Spec('web', 'web', ('/nowhere/web',)))")
    run.until(lambda: run.text().count("cannot be started: No such file") >= 2)
    run.process.send_signal(signal.SIGTERM)
    assert run.process.wait(5) == 0


def test_hidden_lines_stay_hidden(start: Callable[[str], Run]) -> None:
    run = start("    s.start(python('kafka', 'servers', \"print('GLIBC noise'); print('ready')\", hidden=('GLIBC',)))")
    run.until(lambda: "ready" in run.text())
    assert "noise" not in run.text()
