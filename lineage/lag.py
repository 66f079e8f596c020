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
    Between two samples the records are taken to be spread evenly; the error reaches to the farther sample.
    """
    for i in range(len(history) - 1, 0, -1):
        (t0, e0), (t1, e1) = history[i - 1], history[i]
        if e0 <= offset < e1:
            at = round(t0 + (offset - e0 + 0.5) / (e1 - e0) * (t1 - t0))
            return Passed(at, max(at - t0, t1 - at) / 1000)
    return None


def earliest(found: Sequence[Passed]) -> Passed | None:
    """The earliest of several moments, none of which is known exactly: its interval need not be one of theirs."""
    if not found:
        return None
    low = min(p.at - p.error * 1000 for p in found)
    high = min(p.at + p.error * 1000 for p in found)
    at = round((low + high) / 2)
    return Passed(at, round(max(at - low, high - at) / 1000, 3))


SANE: Ms = 946_684_800_000  # the year 2000: what claims to be older is no time
CLOCKS = 1.0  # seconds by which a producer's clock is taken to be wrong


def written(stamp: Ms | None, kind: str, seen_at: Ms) -> Passed | None:
    """When a record was written, by its own timestamp; None where that cannot be trusted.

    A broker's time (``append``) holds. A producer's (``create``) holds where it lies between 2000 and now, and neither
    does where it is of a time to come.
    """
    if stamp is None or kind not in ("append", "create") or not SANE <= stamp <= seen_at + CLOCKS * 1000:
        return None
    return Passed(stamp, CLOCKS if kind == "create" else 0.0)


def time_lag(
    lag: int | None, unread: int | None, behind_since: Ms | None, error: float | None, sampled_at: Ms
) -> tuple[float | None, float | None]:
    """(seconds, error): how long ago the oldest unread record was written; 0 where nothing is, never negative."""
    if 0 in (lag, unread):
        return 0.0, 0.0
    return (None, None) if behind_since is None else (max(0, sampled_at - behind_since) / 1000, error)
