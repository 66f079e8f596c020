"""The command of each process, the same whether the supervisor, systemd or a container starts it."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

from dashboard.processes.rules import Spec

WORKER_THREADS = 8
# Django's checks would import every page and the whole API into processes that serve none.
CELERY = (sys.executable, "-m", "celery", "-A", "dashboard.celery", "--skip-checks", "--quiet")

# Celery warns of root at length, because of pickle, which is not accepted here; a container is root as a rule.
AS_ROOT = "ignore:You're running the worker with superuser privileges"


def web(env: Mapping[str, str]) -> tuple[str, ...]:
    """uvicorn: HTTP and WebSockets on HOST and PORT; a proxy is believed only where one is named."""
    proxy = env.get("PLAYHEAD_TRUSTED_PROXY")
    trust = ("--proxy-headers", "--forwarded-allow-ips", proxy) if proxy else ("--no-proxy-headers",)
    address = ("--host", env.get("HOST") or "127.0.0.1", "--port", env.get("PORT") or "8000")
    limits = ("--ws-max-size", "65536", "--timeout-graceful-shutdown", "1", "--log-level", "warning")
    hidden = ("--no-access-log", "--no-server-header")
    # What is encoded once for all viewers would be compressed again for each of them (docs/decisions/0003).
    plain = ("--ws-per-message-deflate", "false")
    return (sys.executable, "-m", "uvicorn", "dashboard.asgi:application", *address, *trust, *limits, *hidden, *plain)


def worker() -> tuple[str, ...]:
    """Celery's worker; threads, because the Kafka client lets go of the interpreter while it waits."""
    pool = ("-P", "threads", "-c", str(WORKER_THREADS))
    return (*CELERY, "worker", *pool, "--loglevel", "warning", "--without-gossip", "--without-mingle")


def beat(data: Path) -> tuple[str, ...]:
    """Celery's scheduler; what it remembers is kept in the data directory."""
    schedule = ("--schedule", str(data / "celerybeat"), "--pidfile", "")
    return (*CELERY, "beat", *schedule, "--loglevel", "warning")


def manage(*words: str) -> tuple[str, ...]:
    """``manage.py playhead …``."""
    return (sys.executable, "manage.py", "playhead", *words)


def everything(env: Mapping[str, str], data: Path, clusters: tuple[str, ...]) -> list[Spec]:
    """The specs of all that is Playhead's own, in the order of their start."""
    followers = [Spec(f"follow {name}", "follower", manage("follower", name)) for name in clusters]
    return [
        Spec("recorder", "recorder", manage("recorder")),
        Spec("web", "web", web(env)),
        *followers,
        Spec("worker", "workers", worker(), env={"PYTHONWARNINGS": AS_ROOT}, hidden=("Warm shutdown",)),
        Spec("player", "workers", manage("player")),
        Spec("beat", "workers", beat(data)),
    ]
