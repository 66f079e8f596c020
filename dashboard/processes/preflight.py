"""Before anything starts: is this data directory ours alone, is the port free? Each refusal is one sentence."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

from lineage.config import ConfigError

RECORDING_FILE = "recording.json"  # what an opened recording says of itself, in its data directory


class Refused(Exception):
    """Why nothing is started; the message is a sentence for the user, with the remedy."""


def data_dir(env: Mapping[str, str]) -> Path:
    """The data directory, made if need be, readable by its owner only. Raises Refused."""
    path = Path(env.get("PLAYHEAD_DATA_DIR") or "var").resolve()
    try:
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as e:
        raise Refused(f"The data directory {path} cannot be made ({e.strerror}); set PLAYHEAD_DATA_DIR.") from e
    if (path / RECORDING_FILE).exists():
        raise Refused(f"The data directory {path} holds a recording opened from a file; set PLAYHEAD_DATA_DIR.")
    if not os.access(path, os.W_OK | os.X_OK):
        raise Refused(f"The data directory {path} cannot be written to; set PLAYHEAD_DATA_DIR to another.")
    return path


def lock(directory: Path, url: str) -> IO[str]:
    """Takes the data directory for as long as the answered file stays open. Raises Refused when another has it."""
    file = (directory / "lock").open("a+", encoding="utf-8")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as e:
        file.seek(0)
        holder = file.read(200).strip().replace("\n", " ")
        file.close()
        raise Refused(
            f"Playhead is already running on {directory} ({holder or 'just started'}); "
            "stop it, or set PLAYHEAD_DATA_DIR to another directory."
        ) from e
    file.truncate(0)
    file.write(f"process {os.getpid()}, {url}\n")
    file.flush()
    return file


def port(env: Mapping[str, str]) -> int:
    """The port of PORT. Raises Refused."""
    word = env.get("PORT") or "8000"
    if not word.isdecimal() or not 0 < int(word) < 65_536:
        raise Refused(f"PORT={word} is no port; it takes a number from 1 to 65535.")
    return int(word)


def claim(host: str, number: int, target: str) -> None:
    """Raises Refused where nothing can listen on this address; ``target`` is the make target for the remedy."""
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, number, type=socket.SOCK_STREAM)[0]
    except OSError as e:
        raise Refused(f"HOST={host} is no address of this machine ({e.strerror}).") from e
    with socket.socket(family, kind) as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            s.bind(address)
        except OSError as e:
            raise Refused(_why_not(e, host, number, target)) from e


def _why_not(e: OSError, host: str, number: int, target: str) -> str:
    if e.errno == errno.EADDRINUSE:
        other = number + 1 if number < 65_535 else 8000
        return f"Port {number} on {host} is in use by another program; start with PORT={other} make {target}."
    if e.errno == errno.EACCES:
        return f"Port {number} needs rights that this user does not have; start with PORT=8000 make {target}."
    return f"Nothing can listen on {host}:{number} ({e.strerror}); set HOST and PORT."


def free_port() -> int:
    """A port of 127.0.0.1 that is free now."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


def listens(host: str, number: int) -> bool:
    """Whether somebody accepts connections there."""
    target = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - compared, not bound
    with contextlib.suppress(OSError), socket.create_connection((target, number), timeout=0.2):
        return True
    return False


def local_url(host: str, number: int | str) -> str:
    """Where this machine finds what listens there."""
    shown = "127.0.0.1" if host in {"0.0.0.0", "::"} else f"[{host}]" if ":" in host else host  # noqa: S104
    return f"http://{shown}:{number}"


def public_url(env: Mapping[str, str]) -> str:
    """PLAYHEAD_PUBLIC_URL without a slash at its end, else where this machine finds it. Raises ConfigError."""
    given = env.get("PLAYHEAD_PUBLIC_URL", "").strip().rstrip("/")
    if not given:
        return local_url(env.get("HOST") or "127.0.0.1", env.get("PORT") or "8000")
    parts = urlsplit(given)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment or parts.username:
        raise ConfigError("environment", 0, "a PLAYHEAD_PUBLIC_URL that is no address", "https://playhead.example.com")
    return given
