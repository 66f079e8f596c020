"""One child process: in a session of its own, and dead when the supervisor is."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import IO

from dashboard.processes.output import Lines
from dashboard.processes.rules import Backoff, Spec

_PR_SET_PDEATHSIG = 1
# Loaded before any fork: between fork and exec nothing may be imported.
_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def die_with(parent: int) -> None:
    """To be called in a child before its exec: the kernel kills it when the supervisor dies, however that dies."""
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    if _libc is not None:
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)


class Child:
    """A spec and, while it runs, its process. All calls come from the supervisor's main thread.

    That matters: PDEATHSIG follows the thread that forked, not the process.
    """

    def __init__(self, spec: Spec, env: Mapping[str, str], cwd: Path) -> None:
        self.spec, self.env, self.cwd = spec, {**env, **spec.env}, cwd
        self.process: subprocess.Popen[bytes] | None = None
        self.backoff = Backoff()
        self.lines = Lines()
        self.started_at = 0.0
        self.start_again_at: float | None = None
        self.told_to_end = False
        self.failed = False  # a child that runs once, and did not end well

    @property
    def running(self) -> bool:
        return self.process is not None

    def start(self, now: float) -> IO[bytes]:
        """Starts it; ``now`` in monotonic seconds. Answers its output, not blocking. Raises OSError."""
        parent = os.getpid()
        self.process = subprocess.Popen(
            self.spec.argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=self.env,
            cwd=self.cwd,
            start_new_session=True,
            preexec_fn=lambda: die_with(parent),
        )
        self.started_at, self.start_again_at, self.lines = now, None, Lines()
        output = self.process.stdout
        assert output is not None
        os.set_blocking(output.fileno(), False)
        return output

    def signal(self, number: signal.Signals) -> None:
        """To the whole group, so that what the child started hears it too."""
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, number)

    def ended(self) -> int | None:
        """The exit code once it has ended (negative: the signal), else None; kills what it left behind."""
        if self.process is None or (code := self.process.poll()) is None:
            return None
        self.signal(signal.SIGKILL)
        self.process = None
        return code

    def plan_restart(self, now: float) -> float:
        """Seconds until it is to be started again."""
        self.backoff = self.backoff.after(now - self.started_at)
        self.start_again_at = now + self.backoff.delay
        return self.backoff.delay
