"""The supervisor's rules: when a dead child is started again, in which order all of them end. No clock, no I/O."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

# Seconds after the stop began at which a stage is told to end even if the stage before it has not gone yet.
STOP_ORDER: Mapping[str, float] = {
    "demo": 0.0,
    "web": 1.0,
    "workers": 2.5,
    "follower": 4.0,
    "recorder": 5.0,
    "servers": 7.0,
}
KILL_AFTER = 8.0  # seconds after the stop began: whoever is left is killed
HURRY_AFTER = 1.0  # a signal this much later than the first one is a second Ctrl-C, not an echo of the first

FIRST_DELAY = 0.5
LONGEST_DELAY = 30.0
CALM = 5.0  # a child that lived this long has its failures forgiven: it had got past what a start can fail at


@dataclass(frozen=True)
class Spec:
    """One process: its command, what it is given beside the supervisor's own environment, when it ends."""

    name: str
    stage: str
    argv: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    once: bool = False  # runs to its end and is not started again
    hidden: tuple[str, ...] = ()  # lines that contain one of these are not shown


@dataclass(frozen=True)
class Backoff:
    """How often a child failed in a row."""

    failures: int = 0

    def after(self, lived: float) -> Backoff:
        """The state after a death, the child having lived so many seconds."""
        return Backoff(1 if lived >= CALM else self.failures + 1)

    @property
    def delay(self) -> float:
        """Seconds to wait before the next start: 0.5, 1, 2 … 30."""
        if not self.failures:
            return 0.0
        return float(min(LONGEST_DELAY, FIRST_DELAY * 2 ** min(self.failures - 1, 10)))


def stages_to_end(elapsed: float, alive: Iterable[str]) -> set[str]:
    """The stages to be told to end, ``elapsed`` seconds after the stop began, of those that still have processes.

    The first stage alive is told at once, a later one when all before it have gone or its own time has come.
    """
    living = [stage for stage in STOP_ORDER if stage in set(alive)]
    return {stage for stage in living if elapsed >= STOP_ORDER[stage]} | set(living[:1])


def must_kill(elapsed: float, hurry: bool) -> bool:
    """Whether whoever is left is killed now."""
    return hurry or elapsed >= KILL_AFTER


def is_hurry(since_first: float) -> bool:
    """Whether a further signal means "now"; make and a terminal both pass one Ctrl-C on, which must not count twice."""
    return since_first >= HURRY_AFTER
