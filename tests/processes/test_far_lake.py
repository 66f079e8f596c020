"""A lake that cannot be used ends the start: one sentence, an exit code, no secret, no traceback."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from dashboard.processes.launch import main
from dashboard.processes.preflight import free_port
from tests.lineage.bucket import Server

ROOT = Path(__file__).resolve().parents[2]


def test_an_address_that_is_none_is_refused_before_anything_starts(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    env = {"PLAYHEAD_DATA_DIR": str(tmp_path), "PORT": str(free_port()), "PLAYHEAD_LAKE_URL": "gs://bucket/x"}
    assert main(False, env) == 2
    said = "environment: found PLAYHEAD_LAKE_URL=gs://bucket/x, expected a directory, or s3://BUCKET/PREFIX"
    assert capfd.readouterr() == ("", f"The configuration is wrong. {said}\n")


def test_credentials_that_are_wrong_end_the_preparation(tmp_path: Path) -> None:
    server = Server()
    try:
        (tmp_path / "secret").write_text("geheim-and-wrong\n")
        given = {**server.env, "PLAYHEAD_LAKE_URL": server.make("prepared"), "PLAYHEAD_DATA_DIR": str(tmp_path)}
        given |= {"AWS_SECRET_ACCESS_KEY_FILE": str(tmp_path / "secret")}
        env = {k: v for k, v in {**os.environ, **given}.items() if k not in {"AWS_SECRET_ACCESS_KEY", "DATABASE_URL"}}
        command = [sys.executable, "manage.py", "playhead", "prepare"]
        done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=120, check=False)
    finally:
        server.stop()
    assert done.returncode == 1
    why = "s3://prepared/tape refuses the credentials; AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY must be of"
    assert done.stderr.startswith(f"CommandError: The lake cannot be used: {why}")
    assert done.stderr.count("\n") == 1
    assert "geheim" not in done.stderr + done.stdout
    assert server.secret not in done.stderr + done.stdout
