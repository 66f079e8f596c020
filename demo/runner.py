"""Starts the shop: makes its topics, spawns a process for each service, lets incidents happen, ends all of it."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from demo import incidents, topics
from demo.service import Spec
from demo.services import NAMES, module

ROOT = Path(__file__).resolve().parent.parent
TICK_SECONDS = 0.5
GRACE_SECONDS = 2.2
BACK_OFF = (1.0, 2.0, 5.0, 15.0, 30.0)
HEALTHY_AFTER = 60.0


@dataclass(frozen=True)
class Options:
    """Where the shop lives: librdkafka's properties, the OTLP address of traces, a token, records a second."""

    kafka: Mapping[str, str]
    otlp: str
    token: str = ""
    rate: float = 50.0


@dataclass
class Child:
    """One service's process, and how often it failed of late."""

    spec: Spec
    listener: socket.socket | None
    process: subprocess.Popen[bytes] | None = None
    group: str = ""
    started: float = 0.0
    failures: int = 0
    not_before: float = 0.0
    ending: float | None = field(default=None)

    @property
    def alive(self) -> bool:
        return self.process is not None and self.process.poll() is None


def say(text: str) -> None:
    print(f"demo: {text}", flush=True)


def listener(spec: Spec) -> socket.socket | None:
    """Opened here and inherited, so that a service keeps its port over restarts and nobody else can take it."""
    return socket.create_server(("127.0.0.1", 0)) if spec.serves else None


class Runner:
    def __init__(self, options: Options) -> None:
        self.options = options
        self.stopping = threading.Event()
        self.started = time.time()
        self._busy_broker = False
        self._state = Path(tempfile.mkdtemp(prefix="demo-shop-"))
        specs = [module(name).SPEC for name in NAMES]
        self.children = [Child(spec, listener(spec)) for spec in specs]

    @property
    def elapsed(self) -> float:
        return time.time() - self.started

    def run(self) -> None:
        """Until `stopping` is set; whatever happens, no process is left."""
        try:
            topics.create(self.options.kafka)
            self._busy_broker = not topics.fetches_wait(self.options.kafka)
            self.started, before = time.time(), 0.0
            say(f"{len(self.children)} services, about {self.options.rate:g} records a second")
            while not self.stopping.is_set():
                now = self.elapsed
                for sentence in incidents.news(before, now):
                    say(sentence)
                before = now
                self.step(now)
                self.stopping.wait(TICK_SECONDS)
        finally:
            self.stop()

    def step(self, now: float) -> None:
        """Bring every child to what the incidents want of it now."""
        down, group = incidents.stopped(now), incidents.email_group(now)
        for child in self.children:
            wanted = group if child.spec.name == "email" else ""
            if child.alive and (child.spec.name in down or child.group != wanted):
                self._end(child)
            elif not child.alive and child.spec.name not in down:
                self._raise(child, wanted)

    def _end(self, child: Child) -> None:
        """Ask once, insist after the grace has passed."""
        assert child.process is not None
        if child.ending is None:
            child.ending = time.monotonic()
            child.process.terminate()
        elif time.monotonic() - child.ending > GRACE_SECONDS:
            child.process.kill()

    def _raise(self, child: Child, group: str) -> None:
        """Start a child, after a while if it died of itself."""
        now = time.monotonic()
        if child.process is not None and child.ending is None:
            self._failed(child, now)
        child.ending = None
        if now >= child.not_before:
            if child.group and child.group != group:
                self._forget(child.group)
            child.group, child.started = group, now
            child.process = self._spawn(child)

    def _forget(self, group: str) -> None:
        """Deletes a group that nobody is in any more: one that were left would be said to have stopped, and rightly."""
        admin = AdminClient({**self.options.kafka, "log_level": 0})
        with contextlib.suppress(KafkaException):  # it stays, and is seen to have stopped
            admin.delete_consumer_groups([group], request_timeout=5)[group].result(6)

    def _failed(self, child: Child, now: float) -> None:
        assert child.process is not None
        child.failures = 1 if now - child.started > HEALTHY_AFTER else child.failures + 1
        child.not_before = now + BACK_OFF[min(child.failures, len(BACK_OFF)) - 1]
        say(f"{child.spec.name} ended with {child.process.returncode}; back in {child.not_before - now:g} s")
        child.process = None

    def _spawn(self, child: Child) -> subprocess.Popen[bytes]:
        fd = child.listener.fileno() if child.listener else None
        command = [sys.executable, "-m", "demo.services", child.spec.name]
        env = self._environment(child, fd)
        return subprocess.Popen(
            command, cwd=ROOT, env=env, stdin=subprocess.DEVNULL, pass_fds=() if fd is None else (fd,)
        )

    def _environment(self, child: Child, fd: int | None) -> dict[str, str]:
        ports = {
            f"DEMO_PORT_{c.spec.name.upper()}": str(c.listener.getsockname()[1]) for c in self.children if c.listener
        }
        direct = ",".join(filter(None, (os.environ.get("NO_PROXY"), "127.0.0.1", "localhost")))
        return {
            **os.environ,
            **ports,
            "DEMO_PARENT": str(os.getpid()),
            "DEMO_STARTED": str(self.started),
            "DEMO_KAFKA": json.dumps(dict(self.options.kafka)),
            "DEMO_OTLP": self.options.otlp,
            "DEMO_OTLP_TOKEN": self.options.token,
            "DEMO_RATE": str(self.options.rate),
            "DEMO_STATE": str(self._state),
            "DEMO_BUSY_BROKER": "1" if self._busy_broker else "",
            "DEMO_GROUP": child.group,
            "DEMO_LISTEN_FD": "" if fd is None else str(fd),
            "NO_PROXY": direct,
            "no_proxy": direct,
        }

    def stop(self) -> None:
        """End all children: they are asked, and within three seconds they are gone."""
        living = [c.process for c in self.children if c.process is not None and c.process.poll() is None]
        for process in living:
            process.terminate()
        deadline = time.monotonic() + GRACE_SECONDS
        for process in living:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(max(0.0, deadline - time.monotonic()))
        for process in living:
            process.kill()
            process.wait()
        shutil.rmtree(self._state, ignore_errors=True)


def up(options: Options) -> None:
    """Run the shop until TERM or Ctrl-C."""
    runner = Runner(options)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: runner.stopping.set())
    runner.run()
