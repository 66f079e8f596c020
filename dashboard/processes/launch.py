"""``playhead up``: everything on this machine with one command. No Django here: it is up at once."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from dashboard.processes import commands, embedded, preflight
from dashboard.processes.child import Child
from dashboard.processes.demo import demo_environment, demo_spec, write_config
from dashboard.processes.output import Output
from dashboard.processes.preflight import Refused
from dashboard.processes.rules import Spec
from dashboard.processes.supervisor import Stopped, Supervisor
from lineage.catalog import held
from lineage.config import Config, ConfigError, load, secret
from lineage.depot import checked

ROOT = Path(__file__).resolve().parents[2]
SERVERS_MAY_TAKE = 30.0  # seconds
PREPARING_MAY_TAKE = 300.0  # seconds: a migration of a large database
WEB_MAY_TAKE = 60.0  # seconds


def main(demo: bool, env: Mapping[str, str] | None = None) -> int:
    """Runs until a signal; the exit code. Refuses with one sentence on the standard error."""
    given = dict(os.environ if env is None else env)
    try:
        data, number = preflight.data_dir(given), preflight.port(given)
        host = given.get("HOST") or "127.0.0.1"
        with preflight.lock(data, preflight.local_url(host, number)):
            preflight.claim(host, number, "demo" if demo else "run")
            return _Launch(_base(given, data, demo), data, demo).run()
    except Refused as e:
        print(e, file=sys.stderr)
        return 1
    except ConfigError as e:
        print(f"The configuration is wrong. {e}", file=sys.stderr)
        return 2


def _base(env: Mapping[str, str], data: Path, demo: bool) -> dict[str, str]:
    """What every child is given. Raises ConfigError for a secret that cannot be read or an address that is none."""
    checked(env.get("PLAYHEAD_LAKE_URL") or "", env)
    preflight.public_url(env)
    redis = {"REDIS_URL": url} if (url := secret(env, "REDIS_URL")) else {}
    given = {k: v for k, v in env.items() if k != "REDIS_URL_FILE"}
    fixed = {"PLAYHEAD_DATA_DIR": str(data), "PYTHONUNBUFFERED": "1", "DJANGO_SETTINGS_MODULE": "dashboard.settings"}
    fixed["PYTHONFAULTHANDLER"] = "1"  # a crash in a library's C leaves in the log where it was
    return {**(demo_environment(env) if demo else {}), **given, **redis, **fixed}


class _Launch:
    """The steps of one start: servers, preparation, processes, demo."""

    def __init__(self, env: dict[str, str], data: Path, demo: bool) -> None:
        self.env, self.data, self.demo = env, data, demo
        self.host, self.number = env.get("HOST") or "127.0.0.1", preflight.port(env)
        self.servers = self._servers()
        self.config: Config = load(self.env)

    def _servers(self) -> list[tuple[Spec, int]]:
        """Embedded servers for what is not configured, each with its port; their addresses go to the children."""
        servers = []
        if not self.env.get("REDIS_URL"):
            spec, self.env["REDIS_URL"] = embedded.redis(self.data, port := preflight.free_port())
            servers.append((spec, port))
        if self.demo:
            if not self.env.get("KAFKA_BOOTSTRAP_SERVERS"):
                spec, self.env["KAFKA_BOOTSTRAP_SERVERS"] = embedded.kafka(self.data, port := preflight.free_port())
                servers.append((spec, port))
            self.env["PLAYHEAD_CONFIG"] = str(write_config(ROOT, self.data, self.env["KAFKA_BOOTSTRAP_SERVERS"]))
        return servers

    def run(self) -> int:
        with self._catalog(), Supervisor(self.env, ROOT, Output()) as supervisor:
            try:
                return self._start_all(supervisor)
            except Stopped:
                return 0

    def _catalog(self) -> AbstractContextManager[None]:
        """The lake's catalog in SQLite is kept open while anything runs: closing it would stall who opens it."""
        database = secret(self.env, "DATABASE_URL") or "sqlite"
        return held(self.data / "lake.sqlite") if database.startswith("sqlite") else nullcontext()

    def _start_all(self, supervisor: Supervisor) -> int:
        began = time.monotonic()
        for spec, _ in self.servers:
            supervisor.start(spec)
        words = ("prepare", "--demo") if self.demo else ("prepare",)
        prepare = supervisor.start(Spec("prepare", "web", commands.manage(*words), once=True))
        if not self._servers_listen(supervisor) or not self._prepared(supervisor, prepare):
            return 1
        clusters = tuple(c.name for c in self.config.clusters)
        for spec in commands.everything(self.env, self.data, clusters):
            supervisor.start(spec)
        if not supervisor.wait_until(lambda: preflight.listens(self.host, self.number), WEB_MAY_TAKE):
            supervisor.say(f"web does not listen after {WEB_MAY_TAKE:g} s; its lines above say why. It is tried again.")
        if self.demo:
            supervisor.start(demo_spec(self.env, self.data, preflight.local_url(self.host, self.number)))
        supervisor.say(f"All processes started ({time.monotonic() - began:.1f} s)")
        supervisor.say(f"Playhead is on {preflight.local_url(self.host, self.number)}")
        supervisor.run()
        return 0

    def _servers_listen(self, supervisor: Supervisor) -> bool:
        for spec, number in self.servers:
            if not supervisor.wait_until(lambda n=number: preflight.listens("127.0.0.1", n), SERVERS_MAY_TAKE):  # type: ignore[misc]
                supervisor.say(f"{spec.name} does not listen after {SERVERS_MAY_TAKE:g} s; its lines above say why.")
                return False
        return True

    @staticmethod
    def _prepared(supervisor: Supervisor, prepare: Child) -> bool:
        if supervisor.wait_until(lambda: not prepare.running, PREPARING_MAY_TAKE) and not prepare.failed:
            return True
        supervisor.say("Database and lake could not be prepared; the lines above say why. Nothing else was started.")
        return False
