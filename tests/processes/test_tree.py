"""The whole of Playhead, started as `make run` starts it: all of it comes up, all of it goes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from dashboard.processes.preflight import free_port, listens
from tests.processes.test_supervisor import environment, pids

ROOT = Path(__file__).resolve().parents[2]


class Tree:
    def __init__(self, data: Path) -> None:
        self.data, self.log, self.port = data, data / "log", free_port()
        env = {k: v for k, v in os.environ.items() if k not in {"REDIS_URL", "KAFKA_BOOTSTRAP_SERVERS", "HOST"}}
        env |= {"PLAYHEAD_DATA_DIR": str(data), "PORT": str(self.port), "PLAYHEAD_ADMIN_PASSWORD": "correct horse"}
        command = [sys.executable, "-m", "dashboard.processes"]
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(command, cwd=ROOT, env=env, stdout=log, stderr=log, start_new_session=True)

    def wait_for(self, text: str, seconds: float = 60) -> None:
        deadline = time.monotonic() + seconds
        while text not in self.log.read_text():
            assert time.monotonic() < deadline, self.log.read_text()
            assert self.process.poll() is None, self.log.read_text()
            time.sleep(0.1)

    def alive(self) -> list[int]:
        """All that this start left running, whatever group or session it is in (Redis overwrites its environment)."""
        mark = f"PLAYHEAD_DATA_DIR={self.data}".encode()
        return [pid for pid in pids() if mark in environment(pid) and pid != os.getpid()]

    def redis_listens(self) -> bool:
        conf = (self.data / "redis" / "valkey.conf").read_text()
        return listens("127.0.0.1", int(conf.partition("port ")[2].split()[0]))

    def gone_after(self, seconds: float) -> float:
        began = time.monotonic()
        while self.alive():
            assert time.monotonic() - began < seconds, f"still there: {self.alive()}\n{self.log.read_text()}"
            time.sleep(0.05)
        return time.monotonic() - began


@pytest.fixture
def tree(tmp_path: Path) -> Iterator[Tree]:
    config = tmp_path / "playhead.yaml"
    config.write_text("clusters: []\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PLAYHEAD_CONFIG", str(config))
        one = Tree(tmp_path)
    yield one
    one.process.kill()
    one.process.wait()


@pytest.mark.slow
def test_without_any_configuration_it_starts_serves_and_goes_with_one_ctrl_c(tree: Tree) -> None:
    tree.wait_for("Playhead is on")
    with urllib.request.urlopen(f"http://127.0.0.1:{tree.port}/healthz", timeout=10) as answer:
        assert answer.status == 200
    assert len(tree.alive()) >= 5
    assert tree.redis_listens()
    tree.process.send_signal(signal.SIGINT)
    tree.gone_after(30)
    assert tree.process.wait(1) == 0
    assert not tree.redis_listens()
    assert "Traceback" not in tree.log.read_text()


@pytest.mark.slow
def test_when_its_supervisor_is_killed_all_of_it_goes_and_the_next_start_works(tree: Tree) -> None:
    tree.wait_for("Playhead is on")
    tree.process.kill()
    tree.process.wait()
    tree.gone_after(30)
    assert not tree.redis_listens()
    again = Tree(tree.data)
    try:
        again.wait_for("Playhead is on")
    finally:
        again.process.terminate()
        assert again.process.wait(12) == 0
