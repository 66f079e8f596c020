"""Where the next frame or the next change is, seen from a moment on the tape. Runs in a thread."""

from __future__ import annotations

from lineage import history


def stepped(at: int, by: str, n: int) -> int:
    """The moment ``n`` frames or changes away, as far as the tape reaches. Raises TapeBegins."""
    bounds = history.bounds()
    if bounds is None:
        raise history.TapeBegins(None)
    begin, end = bounds
    return max(begin, min(end, _change(at, n, begin) if by == "change" else _frame(at, n, begin)))


def _change(at: int, n: int, begin: int) -> int:
    for _ in range(abs(n)):
        found = history.change_after(at) if n > 0 else history.change_before(history.tick_at(max(at, begin)).at)
        at = found if found is not None else at
    return at


def _frame(at: int, n: int, begin: int) -> int:
    for _ in range(abs(n)):
        found = history.tick_after(at) if n > 0 else history.tick_before(history.tick_at(max(at, begin)).at)
        at = found if found is not None else at
    return at
