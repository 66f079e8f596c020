"""What was to be seen of an alert from when on: lists that are only added to, so that the past shows what it showed.

An alert's course holds ``[ms, value, verdict]``, and since when it is clear where it only waits to be over. What people
did about it is ``[ms, who, whether they acknowledged]``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lineage.observations import Ms

MOST = 300  # worse by a tenth each time: far more than there are between one and a billion
MOST_ACTS = 100
STEP = 0.1
Entry = Sequence[Any]


def further(
    course: Sequence[Entry], at: Ms, value: float | None, verdict: str, over: bool, clear: Ms | None = None
) -> list[Entry]:
    """The course with this added, where the verdict is another one, the value moved by a tenth (``over``: at all), or
    it is ``clear`` since another moment.
    """
    same = bool(course) and (course[-1][2], clear_since(course[-1])) == (verdict, clear)
    if same and not _moved(course[-1][1], value, 0.0 if over else STEP):
        return list(course)
    entry = [at, value, verdict] if clear is None else [at, value, verdict, clear]
    return [*course, entry] if len(course) < MOST or over else list(course)


def clear_since(entry: Entry) -> Ms | None:
    """Since when what it tells of did not hold."""
    return entry[3] if len(entry) > 3 else None


def _moved(before: float | None, now: float | None, step: float) -> bool:
    if before is None or now is None:
        return before is not now
    return before != now and abs(now - before) >= step * abs(before)


def at(entries: Sequence[Entry], moment: Ms) -> Entry | None:
    """The newest entry that was there at the moment."""
    return next((e for e in reversed(entries) if e[0] <= moment), None)
