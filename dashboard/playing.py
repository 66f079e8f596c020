"""A playing view: which ticks are due, and what of them its client lacks. Runs in a thread of its own pool.

At up to 60x every tick is shown; faster, ticks may be left out, but never one that shows a change.
"""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings

from dashboard import hub
from dashboard.hub import Key
from dashboard.patches import Snapshot
from dashboard.reading import played
from dashboard.views import NotThere
from lineage import history
from lineage.models import Tick
from lineage.reel import Reel

EVERY_TICK = 60.0  # the speed up to which none is left out
READ = 64  # ticks that are looked up at once
MOST = 32  # ticks in one turn; the rest follows in the next
PATIENCE = 0.5  # seconds that a frame waits for live views at most
PLAYS = ThreadPoolExecutor(1, thread_name_prefix="play")  # two would take from live views and not be faster


def next_due(following: int, at: int, speed: float) -> float:
    """Seconds until the tick ``following`` is due, seen from ``at``; a second at most."""
    return min(1.0, max(0.0, (following - at) / 1000 / speed))


def stops(shown: int, upto: int) -> list[Tick]:
    """The ticks after ``shown`` and up to ``upto`` that show a change, and the last of all, in order."""
    found = [history.tick_at(t) for t in _changes(shown, upto)]
    last = history.tick_at(upto)
    return found if len(found) == MOST or last.at <= (found[-1].at if found else shown) else [*found, last]


def _changes(shown: int, upto: int) -> Iterator[int]:
    for _ in range(MOST):
        following = history.change_after(shown)
        if following is None or following > upto:
            return
        yield (shown := following)


class _Shared:
    """The last few snapshots that were played: who plays the same stretch shares what was built and encoded for it."""

    def __init__(self, most: int) -> None:
        self._most, self._lock = most, threading.Lock()
        self._kept: OrderedDict[Any, Snapshot] = OrderedDict()

    def get(self, key: Any, make: Callable[[], Snapshot]) -> Snapshot:
        with self._lock:
            kept = self._kept.get(key)
        if kept is not None:
            return kept
        made = make()
        with self._lock:
            self._kept[key] = made
            while len(self._kept) > self._most:
                self._kept.popitem(last=False)[1].forget()
        return made


_shared = _Shared(32)


@dataclass
class Turn:
    """What one turn found: texts in order, failures among them; ``ahead`` is the next tick, None at the end."""

    said: list[str | Exception] = field(default_factory=list)
    ahead: int | None = None


class Run:
    """One playing view's way from ``at``, where ``shown`` is on the screen. For one thread at a time."""

    def __init__(self, key: Key, at: int, shown: Snapshot | None) -> None:
        self.key, self.at, self.shown = key, at, shown
        self._walk, self._ahead = Reel(ahead=True), deque[Tick]()

    def turn(self, upto: int, speed: float) -> Turn:
        """Everything up to ``upto`` that is to be sent, as far as one turn goes."""
        turn = Turn()
        for tick in self._due(upto) if speed <= EVERY_TICK else stops(self.at, upto):
            hub.playing.wait(PATIENCE)
            self.at = tick.at
            self._show(tick, turn)
        turn.ahead = self._next() if speed <= EVERY_TICK else history.tick_after(self.at)
        return turn

    def _due(self, upto: int) -> Iterator[Tick]:
        for _ in range(MOST):
            following = self._next()
            if following is None or following > upto:
                return
            yield self._ahead.popleft()

    def _next(self) -> int | None:
        if not self._ahead:
            self._ahead.extend(history.ticks_after(self.at, READ))
        return self._ahead[0].at if self._ahead else None

    def _show(self, tick: Tick, turn: Turn) -> None:
        name, params = self.key
        try:
            place = (self.key, tick.number, tick.at, str(settings.DATA_DIR))
            made = _shared.get(place, lambda: Snapshot.of(*played(name, tick, dict(params), self._walk)))
        except NotThere as e:  # it may be there again later on the tape
            turn.said.append(e)
            return
        said, self.shown = made.since(self.shown), made
        if said is not None:
            turn.said.append(said)
