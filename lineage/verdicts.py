"""What a group's lag means. Pure rules over recorded history and wall time: every figure and clock is an argument.

Times are ms UTC, durations seconds, rates records a second. None is unknown.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

from lineage.evidence import ago
from lineage.observations import Ms

RULES_VERSION = 3
WINDOW = 30.0  # seconds of history that rates and trends rest on, more where commits are rare
LONGEST_WINDOW = 300.0  # within what a restart reads back
PRESUMED_PACE = 30.0  # seconds from a record to its commit, until the group's own are known: the longest usual default
REWOUND_FOR = 300.0  # seconds that a step back is told, unless the group is past that place again before
WORTH = 5.0  # seconds of traffic that a lag must be worth before it counts as falling behind
LOSS_HORIZON = 86_400.0
TRACE = 2  # offsets a partition that transactions may have left: no loss when they are deleted
NOBODY_THERE = ("Empty", "Dead")

VERDICTS = ("ok", "catching_up", "falling_behind", "stalled", "stopped", "rewound", "will_lose_data", "unknown")


class Point(NamedTuple):
    """Sums over the partitions of a group on a topic from ``at`` on, until the next point."""

    at: Ms
    end: int
    committed: int


class Part(NamedTuple):
    """A partition with something unread. ``waits``: seconds that it has been there and nothing was committed.

    ``doubtful``: no more than transaction markers would leave, and nobody looked whether it is records.
    ``repeats``: the same offset was committed again since.
    """

    partition: int
    unread: int
    waits: float
    doubtful: bool = False
    owner: str = ""
    repeats: bool = False


class Shore(NamedTuple):
    """A partition's distance from its log start, and how fast that moves: slowest, mean, fastest."""

    partition: int
    slack: int
    slowest: float
    mean: float
    fastest: float


@dataclass(frozen=True)
class Facts:
    """All that a verdict rests on. ``state`` is the group's; ``members`` None where it cannot be described."""

    at: Ms
    lag: int | None
    problem: str
    unread: int | None
    parts: Sequence[Part]  # those with something unread
    partitions: int
    state: str
    members: int | None
    history: Sequence[Point]
    pace: float | None  # longest usual seconds from a record to its commit
    interval: float  # seconds between samples of positions
    groups_every: float = 10.0  # seconds between listings of groups
    empty_for: float | None = None  # seconds since it was first listed without members
    commits_alone: bool = False  # it committed since: its consumers assign themselves and are listed nowhere
    rewound_at: Ms | None = None  # of a step back that was not made good since
    rewound_by: int = 0
    rewound_part: int = 0
    deleted: int = 0  # records that retention took before they were read
    shores: Sequence[Shore] = ()


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


class Loss(NamedTuple):
    """Seconds until retention reaches what is unread: at the fastest, the mean and the slowest speed."""

    soonest: float
    mean: float
    latest: float | None


def judge(facts: Facts) -> Judgement:
    """The verdict on a group and topic at one moment."""
    trend = trend_of(facts)
    catch_up, loss = _catch_up(facts, trend), _loss(facts, trend)
    verdict, reason = _verdict(facts, trend, catch_up, loss)
    rate_in, rate_out = (round(trend.rate_in, 3), round(trend.rate_out, 3)) if trend else (None, None)
    return Judgement(verdict, reason, rate_in, rate_out, catch_up, round(loss.mean, 1) if loss else None)


def window_of(pace: float | None, interval: float) -> float:
    """Seconds of history that a trend is read from: several commits, however rare they are."""
    return min(LONGEST_WINDOW, max(WINDOW, 4 * (0.0 if pace is None else _rhythm(pace, interval)), 3 * interval))


def _rhythm(pace: float | None, interval: float) -> float:
    """Seconds from a record to its commit as samples show it, which may miss every other commit."""
    return PRESUMED_PACE if pace is None else max(pace, 1.5 * interval)


def patience(pace: float | None, interval: float, groups_every: float) -> float:
    """Seconds that something may lie unread without a commit before the group is stalled.

    Half an interval less than what it is to be noticed in: the next sample may come so late.
    """
    noticed = max(2 * interval, 2 * groups_every, 3 * (PRESUMED_PACE if pace is None else pace))
    return noticed - interval / 2


def trend_of(facts: Facts, window: float | None = None) -> Trend | None:
    """The window's trend; None where less than two samples' time was watched since the log was made, or cut."""
    window = window_of(facts.pace, facts.interval) if window is None else window
    begin = max(facts.at - round(window * 1000), _made(facts.history)) if facts.history else facts.at
    seconds = (facts.at - begin) / 1000
    if seconds < max(2 * facts.interval, 10.0):
        return None
    then, now = _step(facts.history, begin), facts.history[-1]
    third = (facts.at - begin) // 3
    early, late = _least(facts.history, begin, begin + third), _least(facts.history, facts.at - third, facts.at)
    return Trend((now.end - then.end) / seconds, (now.committed - then.committed) / seconds, early, late, seconds)


def _made(history: Sequence[Point]) -> Ms:
    """Since when these are sums of the same logs: what was made anew or cut short has another past."""
    cut = (new.at for new, old in pairwise(reversed(history)) if new.end < old.end)
    return next(cut, history[0].at)


def _step(history: Sequence[Point], at: Ms) -> Point:
    return history[max(0, bisect_right(history, at, key=lambda p: p.at) - 1)]


def _least(history: Sequence[Point], begin: Ms, end: Ms) -> int:
    inside = [p for p in history if begin <= p.at <= end]
    return min(p.end - p.committed for p in (_step(history, begin), *inside))


def _verdict(f: Facts, trend: Trend | None, catch_up: float | None, loss: Loss | None) -> tuple[str, str]:
    if f.lag is None:
        return "unknown", f.problem
    if f.lag == 0:
        return "ok", "everything is read"
    if (lost := _losing(f, catch_up, loss)) is not None:
        return "will_lose_data", lost
    if f.unread == 0 and f.deleted > TRACE * f.partitions and _nobody(f):
        return "stopped", f"no members, and all that was unread is lost: {_n(f.deleted)} records were deleted"
    if f.unread == 0:
        return "ok", f"everything is read: the last {_n(f.lag)} {_offsets(f.lag)} no records"
    if f.rewound_at is not None and f.at - f.rewound_at <= REWOUND_FOR * 1000:
        return "rewound", (
            f"partition {f.rewound_part} was set back by {_n(f.rewound_by)} records "
            f"{span((f.at - f.rewound_at) / 1000)} ago and is not there again; {_n(f.lag)} behind"
        )
    return _silent(f, trend) or _moving(f, trend)


def _offsets(count: int) -> str:
    return "offset holds" if count == 1 else "offsets hold"


def _losing(f: Facts, catch_up: float | None, loss: Loss | None) -> str | None:
    if f.deleted and f.members:
        return f"{_n(f.deleted)} records were deleted before they were read"
    if not f.unread or loss is None or loss.soonest > LOSS_HORIZON:
        return None
    if catch_up is not None and catch_up < loss.soonest:
        return None
    soon, late = span(loss.soonest), "" if loss.latest is None else span(loss.latest)
    when = f"in {soon}" + (" at the soonest" if not late else "" if late == soon else f" to {late}")
    return f"retention reaches unread records {when} at the speeds of the last minutes, before they are read"


def _silent(f: Facts, trend: Trend | None) -> tuple[str, str] | None:
    """The verdicts of a group, or of a partition, on which nothing is committed any more; None while it is."""
    sure = [p for p in f.parts if not p.doubtful]
    longest = max((p.waits for p in sure or f.parts), default=0.0)
    limit = patience(f.pace, f.interval, f.groups_every)
    if _nobody(f) and _left(f, sure, longest, limit):
        return _stopped(f, sure, longest)
    if _nobody(f) and not f.commits_alone:
        return None  # gone just now
    stuck = [p for p in sure if p.waits > limit]
    if not stuck:
        return _markers(f) if not sure and longest > limit else None
    if f.members is None and not _nobody(f):
        told = f"{_n(sum(p.unread for p in stuck))} unread, no commit for {span(longest)}"
        return "unknown", f"{told}; whether it has members is not known"
    if _reads_others(f, trend, stuck):
        return None
    return "stalled", _stalled(f, trend, stuck)


def _left(f: Facts, sure: Sequence[Part], longest: float, limit: float) -> bool:
    """Whether those who are not listed are gone; of who never is only silence tells, and on all partitions."""
    if f.commits_alone:
        return longest > limit and all(p.waits > limit for p in sure)
    gone = f.empty_for if f.empty_for is not None else longest - f.groups_every
    return gone >= f.groups_every / 2


def _nobody(f: Facts) -> bool:
    return f.members == 0 or (f.members is None and f.state in NOBODY_THERE)


def _markers(f: Facts) -> tuple[str, str]:
    return "ok", f"{_n(f.lag or 0)} behind and nothing arrives: as transaction markers leave it"


def _stopped(f: Facts, sure: Sequence[Part], longest: float) -> tuple[str, str]:
    if not sure:
        return _markers(f)
    unread = f.unread if f.unread is not None else f.lag or 0
    lost = f" and {_n(f.deleted)} were deleted before they were read" if f.deleted else ""
    return "stopped", f"no members, {_n(unread)} unread{lost}, the oldest waiting for {span(longest)}"


def _reads_others(f: Facts, trend: Trend | None, stuck: Sequence[Part]) -> bool:
    """Clients drain a backlog one partition after the other: those that wait their turn are not stuck."""
    others = sum(p.unread for p in f.parts) - sum(p.unread for p in stuck)
    return trend is not None and _shrinks(trend) and others > trend.rate_out * WORTH


def _stalled(f: Facts, trend: Trend | None, stuck: Sequence[Part]) -> str:
    unread, longest = sum(p.unread for p in stuck), max(p.waits for p in stuck)
    arrive = f" and records arrive ({_r(trend.rate_in)}/s)" if trend and trend.rate_in > 0 else ""
    still = "but the same offset is committed" if any(p.repeats for p in stuck) else "but no commit"
    if len(stuck) == len(f.parts) and (len(stuck) == f.partitions or trend is None or trend.rate_out <= 0):
        there = "1 member is" if f.members == 1 else f"{f.members or 'no'} members are"
        what = f"{there} there{arrive}, {still} for {span(longest)}: {_n(unread)} unread"
        return what + (f" on {_names(stuck)}" if f.partitions > len(stuck) else "")
    return f"{_names(stuck)}: {_n(unread)} unread, no commit for {span(longest)}, while other partitions are read"


def _names(stuck: Sequence[Part]) -> str:
    """Which partitions, and the member that has them where it is one."""
    worst = sorted(stuck, key=lambda p: (-p.waits, p.partition))[:3]
    names = ", ".join(str(p.partition) for p in sorted(worst)) + (
        f" and {len(stuck) - 3} more" if len(stuck) > 3 else ""
    )
    owners = {p.owner for p in stuck}
    held = f" (member {owners.pop()})" if len(owners) == 1 and "" not in owners else ""
    return f"partition{'' if len(stuck) == 1 else 's'} {names}{held}"


def _moving(f: Facts, trend: Trend | None) -> tuple[str, str]:
    lag = f.unread if f.unread is not None else f.lag or 0
    if trend is None:
        return "unknown", f"{_n(lag)} behind; not watched long enough for a rate"
    rates = f"reads {_r(trend.rate_out)}/s, {_r(trend.rate_in)}/s arrive"
    worth = trend.rate_in * max(WORTH, 2 * _rhythm(f.pace, f.interval))
    if _grows(trend) and lag > worth and trend.seconds >= min(WINDOW, 20.0) * 0.7:
        return "falling_behind", f"{_n(lag)} behind and growing: {rates}{_carried(f)}"
    if _shrinks(trend):
        return ("catching_up", f"{_n(lag)} behind and shrinking: {rates}") if lag > worth else ("ok", f"{rates}")
    if _grows(trend):
        return "ok", f"{_n(lag)} behind, no more than is usual with it yet: {rates}"
    if lag > worth and (slow := trend_of(f, LONGEST_WINDOW)) and _grows(slow):
        rates = f"reads {_r(slow.rate_out)}/s, {_r(slow.rate_in)}/s arrive"
        return "falling_behind", f"{_n(lag)} behind and slowly growing: {rates}{_carried(f)}"
    return "ok", f"keeps pace, {_n(lag)} behind: {rates}"


def _carried(f: Facts) -> str:
    """The one partition that most of the lag lies on, where there is one."""
    worst = max(f.parts, key=lambda p: p.unread, default=None)
    if worst is None or f.partitions < 2 or worst.unread < 0.8 * sum(p.unread for p in f.parts):
        return ""
    return f"; most of it on {_names([worst])}"


def _grows(trend: Trend) -> bool:
    slower = trend.rate_out < 0.95 * trend.rate_in
    return slower and trend.late > trend.early + _noise(trend)


def _shrinks(trend: Trend) -> bool:
    faster = trend.rate_out > 1.05 * trend.rate_in
    return faster and trend.late < trend.early - _noise(trend)


def _noise(trend: Trend) -> float:
    """A change of the lag that is none: a twentieth of what arrives from the first third to the last."""
    return max(1.0, 0.05 * trend.rate_in * trend.seconds * 2 / 3)


def _catch_up(f: Facts, trend: Trend | None) -> float | None:
    left = f.unread if f.unread is not None else f.lag
    if trend is None or not left or trend.rate_in < 0 or trend.rate_out <= trend.rate_in * 1.02:
        return None
    return round(left / (trend.rate_out - trend.rate_in), 1)


def _loss(f: Facts, trend: Trend | None) -> Loss | None:
    """Of the partition that retention reaches first. One that is read gets its share of the group's speed."""
    limit = patience(f.pace, f.interval, f.groups_every)
    still = {p.partition for p in f.parts if p.waits > limit}
    share = max(0.0, trend.rate_out) / max(1, f.partitions - len(still)) if trend else 0.0
    found = (_reached(s, 0.0 if s.partition in still else share) for s in f.shores)
    return min((loss for loss in found if loss), key=lambda loss: loss.mean, default=None)


def _reached(shore: Shore, reads: float) -> Loss | None:
    if shore.slack <= 0 or shore.mean <= reads:
        return None
    latest = shore.slack / (shore.slowest - reads) if shore.slowest > reads else None
    return Loss(shore.slack / (shore.fastest - reads), shore.slack / (shore.mean - reads), latest)


def span(seconds: float) -> str:
    """In words: to ten seconds below five minutes, coarser above, so that a reason seldom changes by time alone."""
    if not 60 <= seconds < 300:
        return ago(seconds * 1000)
    minutes, rest = divmod(int(seconds) // 10 * 10, 60)
    return f"{minutes} min" + (f" {rest} s" if rest else "")


def _n(number: int) -> str:
    return f"{number:,}".replace(",", "\u202f")


def _r(rate: float) -> str:
    return f"{rate:.0f}" if rate >= 10 else f"{rate:.1f}"
