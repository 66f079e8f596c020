"""What a playing view shows next. Runs in a thread.

At up to 60x every tick is shown; faster, ticks may be left out, but never one that shows a change.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from lineage import history

EVERY_TICK = 60.0  # the speed up to which none is left out
MOST = 500  # moments in one answer; the rest follows in the next


def stops(shown: int, upto: int, speed: float) -> list[int]:
    """The moments after ``shown`` and not after ``upto`` to show, in order."""
    if speed <= EVERY_TICK:
        return list(_walk(history.tick_after, shown, upto))
    found = list(_walk(history.change_after, shown, upto))
    last = history.tick_at(upto).at
    return found if len(found) == MOST or last <= (found[-1] if found else shown) else [*found, last]


def next_due(shown: int, at: int, speed: float) -> float:
    """Seconds until the tick after ``shown`` is due, seen from ``at``; a second at most."""
    following = history.tick_after(shown)
    return 1.0 if following is None else min(1.0, max(0.0, (following - at) / 1000 / speed))


def _walk(after: Callable[[int], int | None], shown: int, upto: int) -> Iterator[int]:
    for _ in range(MOST):
        following = after(shown)
        if following is None or following > upto:
            return
        yield (shown := following)
