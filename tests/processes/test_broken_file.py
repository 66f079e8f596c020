"""A broken playhead.yaml at the start: one sentence, an exit code, nothing started, no traceback."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from dashboard.processes.launch import main
from dashboard.processes.preflight import free_port
from tests.lineage.test_config import BROKEN

ROOT = Path(__file__).resolve().parents[2]


def environment(tmp_path: Path, text: bytes) -> dict[str, str]:
    path = tmp_path / "playhead.yaml"
    path.write_bytes(text)
    return {"PLAYHEAD_DATA_DIR": str(tmp_path / "var"), "PORT": str(free_port()), "PLAYHEAD_CONFIG": str(path)}


@pytest.mark.parametrize(("text", "sentence"), BROKEN.values(), ids=BROKEN)
def test_each_way_of_breaking_it_ends_the_start_with_its_sentence(
    text: str, sentence: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    env = environment(tmp_path, text.encode())
    assert main(False, env) == 2
    said = capfd.readouterr()
    where = sentence.replace("f.yaml", env["PLAYHEAD_CONFIG"], 1)
    assert (said.out, said.err) == ("", f"The configuration is wrong. {where}\n")


@pytest.mark.parametrize(
    ("words", "text", "sentence"),
    [
        ((), b"clutters: []\n", "playhead.yaml:1: found the unknown key 'clutters'"),
        ((), b"teams: {}\n\xff\xfe\n", "playhead.yaml:2: found bytes that are not UTF-8"),
    ],
)
def test_the_process_itself_ends_so(tmp_path: Path, words: tuple[str, ...], text: bytes, sentence: str) -> None:
    env = {**os.environ, **environment(tmp_path, text)}
    command = [sys.executable, "-m", "dashboard.processes", *words]
    ended = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=60)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.count("\n") == 1
    assert sentence in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize("words", [("check",), ("recorder",), ("follower", "x")])
def test_a_command_beside_it_ends_so_too(tmp_path: Path, words: tuple[str, ...]) -> None:
    env = {**os.environ, **environment(tmp_path, b"clutters: []\n")}
    command = [sys.executable, "manage.py", "playhead", *words]
    ended = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=100)
    assert ended.returncode != 0
    assert "playhead.yaml:1: found the unknown key 'clutters'" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_token_before_the_first_start_is_a_sentence(tmp_path: Path) -> None:
    env = {**os.environ, "PLAYHEAD_DATA_DIR": str(tmp_path)}
    env.pop("DATABASE_URL", None)
    command = [sys.executable, "manage.py", "playhead", "token", "x", "--scope", "read"]
    ended = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=100)
    assert ended.returncode == 1
    assert "playhead prepare" in ended.stderr
    assert "Traceback" not in ended.stderr
