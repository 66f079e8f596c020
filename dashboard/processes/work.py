"""What the processes do that are no server of somebody else's. Collectors are reached by dotted path only."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.utils.module_loading import import_string

from dashboard.processes.demo import TOKEN_FILE
from lineage.config import ClusterConfig, Config, secret
from lineage.ports import CheckStep

MARKS = {True: "ok    ", False: "FAILS ", None: "-     "}


def port(name: str, default: str) -> Any:
    """What settings.PLAYHEAD_PORTS binds to this name."""
    return import_string(settings.PLAYHEAD_PORTS.get(name, default))


def stop_on_signal() -> threading.Event:
    """Set by TERM and by Ctrl-C; whoever works looks at it."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    return stop


def follow(cluster: ClusterConfig, stop: threading.Event) -> None:
    """Follows the positions of one cluster until told to stop."""
    stream = port("stream", "collectors.stream.Stream")(settings.REDIS_URL)
    port("follower", "collectors.kafka.follower.run_follower")(cluster, stream, stop)


def play(config: Config, stop: threading.Event) -> None:
    """Reads back the records that pages ask for until told to stop."""
    port("player", "collectors.kafka.player.run_player")(config.clusters, settings.REDIS_URL, stop)


def record(config: Config, stop: threading.Event) -> None:
    """Writes what is observed until told to stop; each committed tick is announced to the web processes.

    Raises RuntimeError where another recorder writes to the same lake, or where the lake cannot be reached.
    """
    from lineage import recorder

    announce: Callable[[int], None] = import_string("dashboard.live.announce")
    recorder.run(config, Path(settings.DATA_DIR), settings.REDIS_URL, announce, stop)


def prepare(demo: bool) -> Iterator[str]:
    """Brings the database up to date, tries the lake, makes the first user; yields what the user should read."""
    from dashboard.access import ensure_admin
    from lineage import lake
    from lineage.storage import left_behind, place

    call_command("migrate", interactive=False, verbosity=0)
    left_behind(Path(settings.DATA_DIR))
    lake.check(place(Path(settings.DATA_DIR)))
    if password := ensure_admin(secret(os.environ, "PLAYHEAD_ADMIN_PASSWORD")):
        yield f"First start: log in as admin with the password {password} (shown this once)"
    if demo:
        _demo_token(Path(settings.DATA_DIR) / TOKEN_FILE)


def _demo_token(path: Path) -> None:
    """The shop's token for spans, kept beside the database that knows it; made anew where either was lost."""
    from dashboard.access import by_header, new_token

    if path.exists() and by_header(f"Bearer {path.read_text(encoding='ascii').strip()}").kind == "token":
        return
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as f:
        f.write(new_token("demo", "ingest") + "\n")


def check(config: Config) -> Iterator[tuple[bool | None, str]]:
    """Asks every source; yields whether it went well (None: not tried) and a line."""
    yield True, f"{MARKS[True]}configuration: {config.file or 'no file'}, {len(config.clusters)} clusters"
    if not config.clusters:
        yield False, f"{MARKS[False]}no cluster: write one into playhead.yaml, or set KAFKA_BOOTSTRAP_SERVERS=host:port"
    for cluster in config.clusters:
        steps: list[CheckStep] = port("check_address", "collectors.kafka.check.check_address")(
            cluster.bootstrap_servers, dict(cluster.properties)
        )
        beside = port("check_sources", "collectors.check.check_sources")(config, cluster)
        for step in (*steps, *beside):
            yield from _lines(step, f"{cluster.name}: ")
    for step in port("check_nowhere", "collectors.check.check_nowhere")(config):
        yield from _lines(step)


def _lines(step: CheckStep, where: str = "") -> Iterator[tuple[bool | None, str]]:
    yield step.ok, f"{MARKS[step.ok]}{where}{step.name}: {step.detail}"
    if step.remedy:
        yield None, f"      {step.remedy}"
