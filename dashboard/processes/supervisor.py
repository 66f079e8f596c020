"""Starts children, shows what they print, starts them again when they die, ends them in order. One thread.

The rules are in ``rules``; here is only what touches processes, pipes, signals and the clock.
"""

from __future__ import annotations

import contextlib
import selectors
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import FrameType
from typing import IO

from dashboard.processes import rules
from dashboard.processes.child import Child
from dashboard.processes.output import Output
from dashboard.processes.rules import Spec

TICK = 0.1  # seconds between two looks at the children
STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stopped(Exception):
    """A signal asked for the end while something was being waited for."""


class Supervisor:
    """All children of one start. Use in the main thread, inside ``with``: leaving it ends everything."""

    def __init__(self, env: Mapping[str, str], cwd: Path, output: Output) -> None:
        self.env, self.cwd, self.output = dict(env), cwd, output
        self.children: list[Child] = []
        self._selector = selectors.DefaultSelector()
        self._asked_at: float | None = None
        self._hurry = False
        self._broken = False

    def __enter__(self) -> Supervisor:
        for number in STOPPING:
            signal.signal(number, self._asked)
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _asked(self, _number: int, _frame: FrameType | None) -> None:
        now = time.monotonic()
        if self._asked_at is None:
            self._asked_at = now
        elif rules.is_hurry(now - self._asked_at):
            self._hurry = True

    # -- starting ---------------------------------------------------------------------------------------------

    def start(self, spec: Spec) -> Child:
        """Starts one more child."""
        child = Child(spec, self.env, self.cwd)
        self.children.append(child)
        self._launch(child)
        return child

    def _launch(self, child: Child) -> None:
        try:
            pipe = child.start(time.monotonic())
        except OSError as e:
            child.plan_restart(time.monotonic())
            self._line(child, f"cannot be started: {e.strerror}")
            return
        self._selector.register(pipe, selectors.EVENT_READ, child)

    def wait_until(self, ready: Callable[[], bool], seconds: float) -> bool:
        """Looks after the children until ``ready()`` or the time is up. Raises Stopped on a signal."""
        deadline = time.monotonic() + seconds
        while not ready():
            if self._asked_at is not None:
                raise Stopped
            if time.monotonic() > deadline:
                return False
            self._turn()
        return True

    def run(self) -> None:
        """Looks after the children until a signal comes or nobody reads the output any more."""
        while self._asked_at is None:
            self._turn()

    # -- one turn ---------------------------------------------------------------------------------------------

    def _turn(self) -> None:
        self._read(TICK)
        now = time.monotonic()
        for child in self.children:
            code = child.ended()
            if code is not None:
                self._buried(child, code, now)
            elif child.start_again_at is not None and now >= child.start_again_at and self._asked_at is None:
                self._launch(child)

    def _buried(self, child: Child, code: int, now: float) -> None:
        if child.told_to_end or self._asked_at is not None:
            return
        if child.spec.once and code == 0:
            return
        if child.spec.once:
            self._line(child, f"ended with {_named(code)}")
            child.failed = True
            return
        delay = child.plan_restart(now)
        self._line(child, f"ended with {_named(code)}; starts again in {delay:g} s")

    def _read(self, seconds: float) -> None:
        for key, _ in self._selector.select(seconds):
            pipe, child = key.fileobj, key.data
            data = pipe.read(65_536)  # type: ignore[union-attr]
            if data is None:
                continue
            for line in child.lines.feed(data) if data else child.lines.end():
                self._line(child, line)
            if not data:
                self._close(pipe)  # type: ignore[arg-type]

    def _close(self, pipe: IO[bytes]) -> None:
        self._selector.unregister(pipe)
        pipe.close()

    def _line(self, child: Child, text: str) -> None:
        if text.strip() and not any(part in text for part in child.spec.hidden):
            self._print(lambda: self.output.line(child.spec.name, text))

    def say(self, text: str) -> None:
        """A line of the supervisor's own."""
        self._print(lambda: self.output.say(text))

    def _print(self, write: Callable[[], None]) -> None:
        """Nobody reading any more is as good as a signal; it must not keep the children from being ended."""
        if self._broken:
            return
        try:
            write()
        except OSError:
            self._broken = True
            self._asked(signal.SIGPIPE, None)

    # -- stopping ---------------------------------------------------------------------------------------------

    def stop(self) -> None:
        """Ends every child in order, kills who is left after eight seconds, and comes back when all have gone."""
        began = time.monotonic()
        self._asked_at = self._asked_at or began
        while alive := [c for c in self.children if c.running]:
            elapsed = time.monotonic() - began
            for child in self._due(alive, elapsed):
                child.told_to_end = True
                child.signal(signal.SIGTERM)
            if rules.must_kill(elapsed, self._hurry):
                for child in alive:
                    child.signal(signal.SIGKILL)
            self._turn()
        self._drain()

    @staticmethod
    def _due(alive: list[Child], elapsed: float) -> Iterator[Child]:
        stages = rules.stages_to_end(elapsed, {c.spec.stage for c in alive})
        return (c for c in alive if c.spec.stage in stages and not c.told_to_end)

    def _drain(self) -> None:
        """The last words that are still in the pipes."""
        with contextlib.suppress(OSError, ValueError):
            self._read(0)
        for key in list(self._selector.get_map().values()):
            self._close(key.fileobj)  # type: ignore[arg-type]
        with contextlib.suppress(OSError):
            sys.stdout.flush()


def _named(code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    with contextlib.suppress(ValueError):
        return signal.Signals(-code).name
    return f"signal {-code}"
