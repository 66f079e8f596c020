"""Where the next frame or the next change is, seen from a moment on the tape. Runs in a thread."""

from __future__ import annotations

from lineage import history

PROBE = 500  # ms
FURTHEST = 120  # probes


def stepped(at: int, by: str, n: int) -> int:
    """The moment ``n`` frames or changes away, as far as the tape reaches. Raises TapeBegins."""
    bounds = history.bounds()
    if bounds is None:
        raise history.TapeBegins(None)
    begin, end = bounds
    return max(begin, min(end, _change(at, n, begin, end) if by == "change" else _frame(at, n, end)))


def _change(at: int, n: int, begin: int, end: int) -> int:
    found = history.changes_between(begin, at) if n < 0 else history.changes_between(at, end)
    times = sorted({c.at for c in found if (c.at < at if n < 0 else c.at > at)})
    if not times:
        return at
    return times[max(n, -len(times))] if n < 0 else times[min(n, len(times)) - 1]


def _frame(at: int, n: int, end: int) -> int:
    for _ in range(abs(n)):
        at = history.frame_at(at - 1).at if n < 0 else _after(at, end)
    return at


def _after(at: int, end: int) -> int:
    """The next frame: frames tell of the one before them only, so the tape ahead is felt for."""
    for i in range(1, FURTHEST + 1):
        found = history.frame_at(min(end, at + i * PROBE)).at
        if found > at:
            return found
    return at
