"""What settings are made of: the environment as CONTRACT says, read once. No Django here."""

from __future__ import annotations

import ipaddress
import json
import logging
import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import dj_database_url

from dashboard.processes.preflight import RECORDING_FILE
from lineage.config import secret

LOOPBACK_NAMES = ("localhost", "127.0.0.1", "[::1]")
SQLITE_OPTIONS: dict[str, Any] = {
    "transaction_mode": "IMMEDIATE",
    "timeout": 20,
    "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL",
}


def data_dir(env: Mapping[str, str]) -> Path:
    """The data directory, made if need be, for its owner only."""
    path = Path(env.get("PLAYHEAD_DATA_DIR") or "var").resolve()
    path.mkdir(parents=True, exist_ok=True, mode=0o700)
    return path


def recording(directory: Path) -> dict[str, Any] | None:
    """What an opened recording says of itself; None where the directory holds a tape of its own."""
    path = directory / RECORDING_FILE
    if not path.is_file():
        return None
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def secret_key(env: Mapping[str, str], directory: Path) -> str:
    """PLAYHEAD_SECRET_KEY, or the one kept in the data directory, made on first start (mode 0600)."""
    if given := secret(env, "PLAYHEAD_SECRET_KEY"):
        return given
    path = directory / "secret_key"
    if not path.exists():
        _keep(path, secrets.token_urlsafe(48))
    return path.read_text(encoding="ascii").strip()


def _keep(path: Path, text: str) -> None:
    """Written aside and linked: of two processes that start at once one wins, and neither reads half a key."""
    aside = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    with os.fdopen(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as f:
        f.write(text + "\n")
    try:
        os.link(aside, path)
    except FileExistsError:
        pass
    finally:
        aside.unlink()


def database(env: Mapping[str, str], directory: Path) -> dict[str, Any]:
    """Django's DATABASES["default"]: SQLite in the data directory, or what DATABASE_URL names."""
    url = secret(env, "DATABASE_URL")
    if url:
        found: dict[str, Any] = dict(dj_database_url.parse(url, conn_max_age=0))
    else:
        found = {"ENGINE": "django.db.backends.sqlite3", "NAME": str(directory / "playhead.sqlite3")}
    if "sqlite" in found["ENGINE"]:
        found["OPTIONS"] = {**found.get("OPTIONS", {}), **SQLITE_OPTIONS}
        # Tests share one file between threads: an in-memory database would lock whole tables.
        found["TEST"] = {"NAME": str(directory / "test.sqlite3")}
    return found


def allowed_hosts(env: Mapping[str, str]) -> list[str]:
    """PLAYHEAD_ALLOWED_HOSTS, or loopback's names and HOST (every name only where HOST listens on every address)."""
    given = [h.strip() for h in env.get("PLAYHEAD_ALLOWED_HOSTS", "").split(",") if h.strip()]
    host = env.get("HOST", "")
    own = [host] if host and not _unspecified(host) else []
    return [*given, *LOOPBACK_NAMES, *own]


def _unspecified(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_unspecified
    except ValueError:
        return False


def redis_db(url: str, number: int) -> str:
    """The same Redis, another numbered database."""
    return urlunsplit(urlsplit(url)._replace(path=f"/{number}"))


class NotReadyIsNoError(logging.Filter):
    """Keeps Django from logging an error each time somebody asks /readyz before it is time."""

    def filter(self, record: logging.LogRecord) -> bool:
        return getattr(getattr(record, "request", None), "path", "") != "/readyz"
