"""How much of what is counted up came within the last hour. Pure: time is an argument.

Totals are marked every five minutes, so that an hour is right to five minutes; what was first counted within the
hour is right to the tick.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from lineage.observations import Ms

HOUR_MS = 3_600_000
STEP_MS = 300_000
Key = tuple[str, str]  # edge, source of evidence


class Recent:
    """The last hour of every total."""

    def __init__(self) -> None:
        self._marks: dict[Key, deque[tuple[Ms, int]]] = {}  # when, and the total before what came then
        self._totals: dict[Key, int] = {}
        self._moved: set[Key] = set()
        self._step = 0

    def see(self, key: Key, total: int, at: Ms) -> None:
        """A total at ``at``; what it is more than before came then."""
        before = self._totals.get(key, 0)
        marks = self._marks.setdefault(key, deque())
        if total > before and (not marks or at - marks[-1][0] >= STEP_MS):
            marks.append((at, before))
        self._totals[key] = total
        self._moved.add(key)

    def remember(self, key: Key, total: int) -> None:
        """A total of which it is not known when it came: long ago."""
        self._totals[key] = total

    def forget(self, key: Key) -> None:
        """The edge is gone."""
        for kept in (self._marks, self._totals):
            kept.pop(key, None)
        self._moved.discard(key)

    def due(self, at: Ms) -> Iterator[tuple[Key, int | None]]:
        """What moved since the last call, and every five minutes all of it; None: nothing within the hour."""
        whole, self._step = at // STEP_MS != self._step, at // STEP_MS
        moved, self._moved = self._moved, set()
        for key in sorted(self._marks if whole else moved):
            yield key, self._count(key, at)

    def _count(self, key: Key, at: Ms) -> int | None:
        marks = self._marks.get(key)
        while marks and marks[0][0] <= at - HOUR_MS:
            marks.popleft()
        if not marks:
            self._marks.pop(key, None)
            return None
        return self._totals[key] - marks[0][1]
