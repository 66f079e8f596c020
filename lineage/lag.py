"""How far behind a group is, in records and in time. Pure: every figure and every clock is an argument.

Times are ms UTC, durations seconds, rates records a second. None is unknown; lag is never negative.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from lineage.observations import Ms


class MessageLag(NamedTuple):
    """Difference of offsets, or None with the reason."""

    lag: int | None
    reason: str


def message_lag(committed: int | None, log_end: int | None) -> MessageLag:
    """Log end less committed, as Apache's tool counts. Committed beyond the end is unknown, not clamped."""
    if committed is None:
        return MessageLag(None, "nothing is committed")
    if log_end is None:
        return MessageLag(None, "the log end is not known")
    if committed > log_end:
        return MessageLag(None, f"committed {committed} is beyond the log end {log_end}: truncated or recreated topic")
    return MessageLag(log_end - committed, "")


class Passed(NamedTuple):
    """When the log end passed an offset, and by how many seconds that may be wrong."""

    at: Ms
    error: float


def passed_at(history: Sequence[tuple[Ms, int]], offset: int) -> Passed | None:
    """When the record at ``offset`` was written, between two recorded log ends; None where history has no answer.

    ``history`` holds (time, log end) in order of time. The record at ``offset`` is there once the end is above it.
    """
    for i in range(len(history) - 1, 0, -1):
        (t0, e0), (t1, e1) = history[i - 1], history[i]
        if e0 <= offset < e1:
            part = (offset - e0 + 1) / (e1 - e0)
            return Passed(round(t0 + part * (t1 - t0)), round((t1 - t0) / 2000, 3))
    return None


SANE: Ms = 946_684_800_000  # the year 2000: what claims to be older is no time
CLOCKS = 1.0  # seconds by which a producer's clock is taken to be wrong


def written(stamp: Ms | None, kind: str, seen_at: Ms) -> Passed | None:
    """When a record was written, by its own timestamp; None where that cannot be trusted.

    A broker's time (``append``) holds. A producer's (``create``) holds where it lies between 2000 and now.
    """
    if stamp is None or kind not in ("append", "create") or not SANE <= stamp <= seen_at:
        return None
    return Passed(stamp, CLOCKS if kind == "create" else 0.0)
