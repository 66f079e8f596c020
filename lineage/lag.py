"""How far behind a group is, and what that means. Pure rules: every figure and every clock is an argument.

Times are ms UTC, durations seconds, rates records a second. None is unknown; lag is never negative.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from lineage.evidence import ago
from lineage.observations import Ms

RULES_VERSION = 1
WINDOW = 30.0  # seconds of history that rates and trends rest on, more where commits are rare
GRACE_STOPPED = 15.0
GRACE_STALLED = 20.0
REWOUND_FOR = 60.0  # seconds that a step back is told
WORTH = 5.0  # seconds of traffic that a lag must be worth before it counts as falling behind
LOSS_HORIZON = 86_400.0

VERDICTS = ("ok", "catching_up", "falling_behind", "stalled", "stopped", "rewound", "will_lose_data", "unknown")


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


class Point(NamedTuple):
    """Sums over the partitions of a group on a topic from ``at`` on, until the next point."""

    at: Ms
    end: int
    committed: int


@dataclass(frozen=True)
class Facts:
    """All that a verdict rests on. ``state`` is the group's; ``members`` None where it cannot be described."""

    at: Ms
    lag: int | None
    problem: str
    unread: int | None
    behind: int  # partitions with something unread
    state: str
    members: int | None
    history: Sequence[Point]
    last_commit: Ms  # when a position last moved, or when the watching began
    commit_every: float | None  # usual seconds between commits
    interval: float  # seconds between samples
    rewound_at: Ms | None = None
    rewound_by: int = 0
    deleted: int = 0  # records that retention took before they were read
    start_rate: float | None = None  # how fast the log start moves
    slack: int | None = None  # least distance of a committed offset from the log start


class Judgement(NamedTuple):
    """The verdict, why, and the figures it rests on."""

    verdict: str
    reason: str
    rate_in: float | None
    rate_out: float | None
    catch_up: float | None
    loss_in: float | None


class Trend(NamedTuple):
    """What the window shows: rates, and the least lag of its first and its last third."""

    rate_in: float
    rate_out: float
    early: int
    late: int
    seconds: float


def judge(facts: Facts) -> Judgement:
    """The verdict on a group and topic at one moment."""
    trend = trend_of(facts)
    catch_up, loss_in = _catch_up(facts, trend), _loss_in(facts, trend)
    verdict, reason = _verdict(facts, trend, catch_up, loss_in)
    rate_in, rate_out = (round(trend.rate_in, 3), round(trend.rate_out, 3)) if trend else (None, None)
    return Judgement(verdict, reason, rate_in, rate_out, catch_up, loss_in)


def trend_of(facts: Facts) -> Trend | None:
    """The window's trend; None where less than two samples' time was watched."""
    window = min(120.0, max(WINDOW, 4 * (facts.commit_every or 0.0), 3 * facts.interval))
    begin = max(facts.at - round(window * 1000), facts.history[0].at) if facts.history else facts.at
    seconds = (facts.at - begin) / 1000
    if seconds < min(2 * facts.interval, 10.0) or seconds <= 0:
        return None
    then, now = _step(facts.history, begin), facts.history[-1]
    third = (facts.at - begin) // 3
    early, late = _least(facts.history, begin, begin + third), _least(facts.history, facts.at - third, facts.at)
    return Trend((now.end - then.end) / seconds, (now.committed - then.committed) / seconds, early, late, seconds)


def _step(history: Sequence[Point], at: Ms) -> Point:
    return history[max(0, bisect_right(history, at, key=lambda p: p.at) - 1)]


def _least(history: Sequence[Point], begin: Ms, end: Ms) -> int:
    inside = [p for p in history if begin <= p.at <= end]
    return min(p.end - p.committed for p in (_step(history, begin), *inside))


def _verdict(f: Facts, trend: Trend | None, catch_up: float | None, loss_in: float | None) -> tuple[str, str]:
    if f.lag is None:
        return "unknown", f.problem
    if f.rewound_at is not None and f.at - f.rewound_at <= REWOUND_FOR * 1000:
        return "rewound", f"committed went back by {_n(f.rewound_by)} {ago(f.at - f.rewound_at)} ago"
    if f.lag == 0:
        return "ok", "everything is read"
    if (lost := _losing(f, catch_up, loss_in)) is not None:
        return "will_lose_data", lost
    return _silent(f) or _moving(f, trend)


def _losing(f: Facts, catch_up: float | None, loss_in: float | None) -> str | None:
    if f.deleted and f.members:
        return f"{_n(f.deleted)} records were deleted before they were read"
    if loss_in is None or loss_in > LOSS_HORIZON or (catch_up is not None and catch_up < loss_in):
        return None
    return f"retention reaches unread records in {ago(loss_in * 1000)}, before they are read"


def silences(f: Facts) -> tuple[float, float]:
    """Seconds without a commit after which a group without members is stopped, and one with members is stalled."""
    return max(GRACE_STOPPED, 3 * f.interval), max(GRACE_STALLED, 3 * (f.commit_every or 0.0), 3 * f.interval)


def _silent(f: Facts) -> tuple[str, str] | None:
    """The verdicts of a group that commits nothing any more; None while it commits."""
    quiet, (stopped, stalled) = (f.at - f.last_commit) / 1000, silences(f)
    what = f"{_n(f.lag or 0)} unread, no commit for {ago(quiet * 1000)}"
    if f.members == 0 or (f.members is None and f.state in ("Empty", "Dead")):
        return ("stopped", f"no members, {what}") if quiet > stopped else None
    if quiet <= stalled:
        return None
    if _only_markers(f):
        return "ok", f"{_n(f.lag or 0)} behind and nothing arrives: as transaction markers leave it"
    if f.members is None:
        return "unknown", f"{what}; whether it has members is not known"
    return "stalled", f"{f.members} {'member' if f.members == 1 else 'members'}, {what}"


def _only_markers(f: Facts) -> bool:
    arrives = bool(f.history) and f.history[-1].end > _step(f.history, f.last_commit).end
    return not arrives and (f.lag or 0) <= 2 * f.behind


def _moving(f: Facts, trend: Trend | None) -> tuple[str, str]:
    lag = f.lag or 0
    if trend is None:
        return "unknown", f"{_n(lag)} behind; not watched long enough for a rate"
    rates = f"reads {_r(trend.rate_out)}/s, {_r(trend.rate_in)}/s arrive"
    worth = trend.rate_in * max(WORTH, 2 * (f.commit_every or 0.0))
    if _grows(trend) and lag > worth and trend.seconds >= min(WINDOW, 20.0) * 0.7:
        return "falling_behind", f"{_n(lag)} behind and growing: {rates}"
    if trend.rate_out > trend.rate_in and trend.late < 0.9 * trend.early and trend.early - trend.late > 1:
        return ("catching_up", f"{_n(lag)} behind and shrinking: {rates}") if lag > worth else ("ok", f"{rates}")
    return "ok", f"keeps pace, {_n(lag)} behind: {rates}"


def _grows(trend: Trend) -> bool:
    slower = trend.rate_out < 0.95 * trend.rate_in
    return slower and trend.late > trend.early + max(1.0, 0.05 * trend.rate_in * trend.seconds)


def _catch_up(f: Facts, trend: Trend | None) -> float | None:
    left = f.unread if f.unread is not None else f.lag
    if trend is None or not left or trend.rate_out <= trend.rate_in * 1.02:
        return None
    return round(left / (trend.rate_out - trend.rate_in), 1)


def _loss_in(f: Facts, trend: Trend | None) -> float | None:
    if not f.lag or f.slack is None or not f.start_rate or f.slack <= 0:
        return None
    speed = f.start_rate - (trend.rate_out if trend else 0.0)
    return round(f.slack / speed, 1) if speed > 0 else None


def _n(number: int) -> str:
    return f"{number:,}".replace(",", "\u202f")


def _r(rate: float) -> str:
    return f"{rate:.0f}" if rate >= 10 else f"{rate:.1f}"
