"""``playhead record``: a stretch of the tape into a file, and a file opened as a dashboard of its own."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command

from dashboard.alerts.carried import CARRIED
from dashboard.environment import recording
from dashboard.processes import commands, preflight
from dashboard.processes.preflight import RECORDING_FILE
from dashboard.times import parse_at, stamp
from lineage import archive, depot
from lineage.archive import BadRecording

# What an opened recording has nothing to do with: the servers and secrets of the place where it is opened.
SERVERS = ("DATABASE_URL", "REDIS_URL", "PLAYHEAD_LAKE_URL", "KAFKA_BOOTSTRAP_SERVERS", "PLAYHEAD_SECRET_KEY")
NOT_PASSED_ON = (*SERVERS, *depot.PRIVATE)


class Refused(Exception):
    """It cannot be done; the message says why and what to do."""


def export(start: str, end: str, target: Path) -> str:
    """Writes the file; what to print. Raises Refused."""
    now = time.time_ns() // 1_000_000
    try:
        a, b = (now if (t := parse_at(word, now)) is None else t for word in (start, end))
        if a >= b:
            raise ValueError("--from must be before --to")
        with tempfile.TemporaryDirectory(dir=target.resolve().parent, prefix=".playhead-export-") as work:
            made = archive.export(a, b, target, Path(work), now, CARRIED)
    except (ValueError, OSError) as e:
        raise Refused(str(e)) from e
    rows, size = sum(p.rows for p in made.parts), target.stat().st_size
    return f"{target}: {stamp(made.start)} to {stamp(made.end)}, {rows} rows, {size} bytes"


def unpack(file: Path, into: Path | None, env: Mapping[str, str]) -> dict[str, str]:
    """The environment of a dashboard on the recording, unpacked if it was not. Raises Refused."""
    try:
        archive.opened(file, CARRIED)[0].close()
    except BadRecording as e:
        raise Refused(f"{file} is not opened: {e}") from e
    known = _sum(file)
    directory = (into or Path(settings.DATA_DIR) / "opened" / known[:16]).resolve()
    kept = {k: v for k, v in env.items() if k.removesuffix("_FILE") not in NOT_PASSED_ON}
    config = directory / "playhead.yaml"
    own = {"PLAYHEAD_DATA_DIR": str(directory), "PLAYHEAD_CONFIG": str(config)}
    found = {"PLAYHEAD_ANONYMOUS": "viewer", **kept, **own, "DJANGO_SETTINGS_MODULE": "dashboard.settings"}
    if (recording(directory) or {}).get("sha256") != known:
        _fresh(file, directory, config, found)
    return found


def _fresh(file: Path, directory: Path, config: Path, env: Mapping[str, str]) -> None:
    """Unpacks in a process of its own, whose settings are those of the new directory."""
    if directory.exists() and any(directory.iterdir()):
        raise Refused(f"{directory} is not empty; choose another with --into")
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    config.write_text("clusters: []\n", encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "manage.py", "playhead", "record", "load", str(file.resolve())],
        env=dict(env),
        cwd=settings.BASE_DIR,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    if done.returncode:
        shutil.rmtree(directory)
        raise Refused(done.stderr.strip().removeprefix("CommandError: ") or f"{file} could not be unpacked")


def load(file: Path) -> None:
    """Unpacks into this process's data directory. Raises Refused."""
    directory = Path(settings.DATA_DIR)
    call_command("migrate", interactive=False, verbosity=0)
    try:
        manifest = archive.load(file, directory, CARRIED)
    except BadRecording as e:
        raise Refused(f"{file} is not opened: {e}") from e
    times: dict[str, Any] = {k: stamp(getattr(manifest, k)) for k in ("start", "end", "begin", "made_at")}
    known = {**times, "file": file.name, "sha256": _sum(file), "clusters": manifest.clusters}
    (directory / RECORDING_FILE).write_text(json.dumps(known), encoding="utf-8")


def serve(env: Mapping[str, str]) -> None:
    """Becomes the web process of the opened recording. Raises preflight.Refused."""
    host = env.get("HOST") or "127.0.0.1"
    preflight.claim(host, preflight.port(env), "run")
    os.chdir(settings.BASE_DIR)
    argv = commands.web(env)
    os.execve(argv[0], argv, dict(env))  # noqa: S606 - our own fixed command


def _sum(file: Path) -> str:
    with file.open("rb") as f:
        return hashlib.file_digest(f, "sha256").hexdigest()
