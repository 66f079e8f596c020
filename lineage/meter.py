"""The running numbers of one cluster: log ends, positions, and the lag that follows from them. Pure; time is given."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from statistics import median
from typing import Any, NamedTuple

from lineage.lag import RULES_VERSION, Facts, Judgement, Passed, Point, judge, message_lag, passed_at, silences
from lineage.observations import Ms, PositionsFrame

KEPT_ENDS = 128  # points of a partition's log end; older ones are thinned, never cut off
POINTS_MS = 150_000  # how long the sums of a group and topic are kept
Pair = tuple[str, str]  # group, topic


@dataclass
class Log:
    """One partition's range, and when its end was where."""

    start: int | None = None
    end: int | None = None
    seen_at: Ms = 0
    ends: list[tuple[Ms, int]] = field(default_factory=list)
    starts: list[tuple[Ms, int]] = field(default_factory=list)  # about ten minutes of log starts

    def see(self, start: int | None, end: int | None, at: Ms, before: Ms) -> bool:
        """Takes a range asked at ``at``; ``before`` is when it was last known to be as it was. True if it moved."""
        moved = (start, end) != (self.start, self.end)
        if end is not None and (not self.ends or end != self.ends[-1][1]):
            self._end(end, at, before)
        if start is not None and (not self.starts or start != self.starts[-1][1]):
            self.starts = [*[s for s in self.starts if s[0] > at - 600_000][-30:], (at, start)]
        self.start, self.end, self.seen_at = start, end, at
        return moved

    def _end(self, end: int, at: Ms, before: Ms) -> None:
        if self.ends and end < self.ends[-1][1]:
            self.ends.clear()  # a recreated or truncated log: its past says nothing of the new one
        elif self.ends and self.ends[-1][0] < before < at:
            self.ends.append((before, self.ends[-1][1]))
        self.ends.append((at, end))
        if len(self.ends) > KEPT_ENDS:
            half = KEPT_ENDS // 2
            self.ends[:half] = self.ends[0:half:2]

    def start_rate(self, at: Ms) -> float | None:
        """How fast retention moves the log start, records a second; None before it moved at all."""
        if len(self.starts) < 2 or at <= self.starts[0][0]:
            return None
        return (self.starts[-1][1] - self.starts[0][1]) / ((at - self.starts[0][0]) / 1000)


@dataclass
class Position:
    """One committed offset. ``moved_at``: when it was last seen to move, or first seen at all."""

    committed: int
    committed_at: Ms | None
    moved_at: Ms
    passed: Passed | None = None


class LagRow(NamedTuple):
    """A lag item as it is stored; ``sampled_at`` None means: when the cluster's positions were."""

    lag: int | None
    behind_since: Ms | None
    error: float | None
    verdict: str
    reason: str
    rules_version: int
    since: Ms
    unread: int | None
    rate_in: float | None
    rate_out: float | None
    catch_up: float | None
    loss_in: float | None
    members: int | None
    sampled_at: Ms | None
    last_commit: Ms | None
    parts: int


GONE = LagRow(None, None, None, "", "", 0, 0, None, None, None, None, None, None, None, None, 0)  # verdict "": ended


@dataclass
class Track:
    """What is remembered of one group on one topic."""

    first_seen: Ms
    parts: dict[int, Position] = field(default_factory=dict)
    points: list[Point] = field(default_factory=list)
    commits: list[Ms] = field(default_factory=list)
    rewound_at: Ms | None = None
    rewound_by: int = 0
    row: LagRow | None = None
    due: Ms = 0  # until then the row stays as it is while nothing moves
    rests_on: tuple[Any, ...] = ()  # what else the row was judged by

    def point(self, at: Ms, end: int) -> None:
        """Remembers the sums at ``at``; what is too old is forgotten but for the last one before."""
        new = Point(at, end, sum(p.committed for p in self.parts.values()))
        if self.points and (self.points[-1].end, self.points[-1].committed) == (new.end, new.committed):
            return
        self.points.append(new)
        while len(self.points) > 2 and self.points[1].at < at - POINTS_MS:
            self.points.pop(0)

    @property
    def commit_every(self) -> float | None:
        """The usual seconds between commits; None before three were seen."""
        if len(self.commits) < 3:
            return None
        return median(b - a for a, b in zip(self.commits, self.commits[1:], strict=False)) / 1000


class Alive(NamedTuple):
    """A group's state, and its members where they are known."""

    state: str
    members: int | None


NOBODY = Alive("Unknown", None)


class Meter:
    """Log ends and positions of a cluster, and the lag of every group and topic."""

    def __init__(self) -> None:
        self.logs: dict[str, dict[int, Log]] = {}
        self.tracks: dict[Pair, Track] = {}
        self.readers: dict[str, set[str]] = defaultdict(set)
        self.sums: dict[str, list[tuple[Ms, int]]] = {}  # topic -> (time, sum of log ends)
        self.ends_at: Ms = 0
        self.moved_logs: set[tuple[str, int]] = set()
        self.moved_positions: set[tuple[str, str, int]] = set()
        self.ended: set[tuple[str, str, int]] = set()
        self.touched: set[Pair] = set()
        self.unsettled: set[Pair] = set()  # whose verdict may change by time alone
        self.pairs_changed = False

    def see_log(self, topic: str, part: int, start: int | None, end: int | None, at: Ms) -> bool:
        """A range answered at ``at``. True if the end moved on."""
        log = self.logs.setdefault(topic, {}).setdefault(part, Log())
        before = log.end
        if log.see(start, end, at, self.ends_at):
            self.moved_logs.add((topic, part))
            self.touched.update((g, topic) for g in self.readers.get(topic, ()))
        return before is not None and end is not None and end > before

    def see_position(self, group: str, topic: str, part: int, offset: int, committed_at: Ms | None, at: Ms) -> bool:
        """A committed offset as frozen at ``at``. True if it moved or is new."""
        track = self.tracks.get((group, topic))
        if track is None:
            track = self.tracks[group, topic] = Track(at)
            self.readers[topic].add(group)
            self.pairs_changed = True
        old = track.parts.get(part)
        if old and old.committed == offset and committed_at in (None, old.committed_at):
            return False
        moved = old is None or old.committed != offset
        if old and offset < old.committed:
            track.rewound_at, track.rewound_by = at, old.committed - offset
        track.parts[part] = Position(offset, committed_at, at if moved or old is None else old.moved_at)
        if old and (not track.commits or track.commits[-1] < (committed_at or at)):
            track.commits = [*track.commits[-9:], committed_at or at]
        self.moved_positions.add((group, topic, part))
        self.touched.add((group, topic))
        return moved

    def end_position(self, group: str, topic: str, part: int) -> None:
        """A tombstone, or a complete sweep that lacks it."""
        track = self.tracks.get((group, topic))
        if track is None or track.parts.pop(part, None) is None:
            return
        self.ended.add((group, topic, part))
        self.touched.add((group, topic))
        if not track.parts:
            self._drop((group, topic))

    def _drop(self, pair: Pair) -> None:
        self.tracks.pop(pair, None)
        self.readers[pair[1]].discard(pair[0])
        self.unsettled.discard(pair)
        self.touched.discard(pair)
        self.pairs_changed = True

    def drop_group(self, group: str) -> list[Pair]:
        """Everything of a group that is gone; the pairs that end with it."""
        return [pair for pair in [p for p in self.tracks if p[0] == group] if self._end_pair(pair)]

    def drop_topic(self, topic: str) -> list[Pair]:
        """Everything of a topic that is gone (or was made anew); the pairs that end with it."""
        self.logs.pop(topic, None)
        self.sums.pop(topic, None)
        return [p for p in [(g, topic) for g in self.readers.get(topic, ())] if self._end_pair(p)]

    def _end_pair(self, pair: Pair) -> bool:
        for part in list(self.tracks[pair].parts):
            self.end_position(*pair, part)
        return True

    def see_frame(self, o: PositionsFrame) -> None:
        """Takes a frame's positions; a complete one ends those that it does not name."""
        named: set[tuple[str, str, int]] = set()
        for group, topics in o.commits.items():
            for topic, commits in topics.items():
                for c in commits:
                    self.see_position(group, topic, c.partition, c.offset, c.committed_at, o.at)
                    named.add((group, topic, c.partition))
        for group, topic, part in o.ended:
            if (group, topic, part) not in named:
                self.end_position(group, topic, part)
        if o.keyframe and o.complete:
            held = {(*pair, p) for pair, t in self.tracks.items() for p in t.parts}
            for gone in sorted(held - named):
                self.end_position(*gone)

    def close_frame(self, at: Ms, ends_at: Ms, topics: Iterable[str]) -> None:
        """After a frame's ranges and positions: sums of ``topics`` and of the pairs that moved."""
        for topic in topics:
            total = sum(log.end or 0 for log in self.logs.get(topic, {}).values())
            self.sums[topic] = [*[s for s in self.sums.get(topic, ()) if s[0] > at - POINTS_MS], (at, total)][-90:]
        for pair in self.touched:
            if pair in self.tracks:
                self.tracks[pair].point(at, self._end_sum(pair))
        self.ends_at = max(self.ends_at, ends_at)

    def _end_sum(self, pair: Pair) -> int:
        logs = self.logs.get(pair[1], {})
        parts = self.tracks[pair].parts
        return sum((logs[p].end if p in logs else None) or pos.committed for p, pos in parts.items())

    def topic_rate(self, topic: str, at: Ms, window: Ms = 30_000) -> float | None:
        """Records a second written over the last ``window``; None before two samples."""
        sums = self.sums.get(topic, ())
        if not sums:
            return None
        old = next((s for s in reversed(sums) if s[0] <= at - window), sums[0])
        began = max(old[0], at - window)
        return None if at - began < 1000 else round(max(0, sums[-1][1] - old[1]) / ((at - began) / 1000), 2)

    def judge_pair(
        self, pair: Pair, at: Ms, alive: Alive, interval: float, compacted: bool, sampled_at: Ms | None
    ) -> LagRow:
        """The lag row of one pair, as of a frame frozen at ``at``."""
        track = self.tracks[pair]
        facts = self._facts(pair, at, alive, interval, compacted)
        verdict = judge(facts)
        since = track.row.since if track.row and track.row.verdict == verdict.verdict else at
        passed = [p.passed for p in track.parts.values() if p.passed]
        row = _row(facts, verdict, since, min(passed, default=None) if passed else None, sampled_at, len(track.parts))
        if facts.lag and any(p.passed is None for i, p in track.parts.items() if self._lag_of(pair[1], i, p)):
            row = row._replace(behind_since=None, error=None)
        (self.unsettled.discard if verdict.verdict == "ok" and not row.lag else self.unsettled.add)(pair)
        track.row, track.due, track.rests_on = row, _due(facts), (alive, interval, compacted, sampled_at)
        return row

    def stands(self, pair: Pair, at: Ms, alive: Alive, interval: float, compacted: bool, sampled_at: Ms | None) -> bool:
        """Whether judging this pair, which nothing touched, would give the row that it has."""
        track = self.tracks[pair]
        still = pair not in self.touched and at < track.due
        return still and track.rests_on == (alive, interval, compacted, sampled_at)

    def _lag_of(self, topic: str, part: int, position: Position) -> int | None:
        log = self.logs.get(topic, {}).get(part)
        return message_lag(position.committed, log.end if log else None).lag

    def _facts(self, pair: Pair, at: Ms, alive: Alive, interval: float, compacted: bool) -> Facts:
        t, logs = self.tracks[pair], self.logs.get(pair[1], {})
        lags = {p: message_lag(pos.committed, logs[p].end if p in logs else None) for p, pos in t.parts.items()}
        problem = next((f"partition {p}: {m.reason}" for p, m in lags.items() if m.lag is None), "")
        behind = {p: m.lag for p, m in lags.items() if m.lag}
        self._pass(pair, behind)
        starts = {p: logs[p].start or 0 for p in t.parts if p in logs}
        deleted = sum(max(0, starts[p] - t.parts[p].committed) for p in behind if p in starts)
        total = None if problem else sum(m.lag or 0 for m in lags.values())
        unread = None if total is None or (compacted and total) else total - deleted
        rates = [r for p in behind if p in logs and (r := logs[p].start_rate(at))]
        slack = min((t.parts[p].committed - starts[p] for p in behind if p in starts), default=None)
        last = max((p.committed_at or p.moved_at for p in t.parts.values()), default=at)
        return Facts(
            at=at, lag=total, problem=problem, unread=unread, behind=len(behind), state=alive.state,
            members=alive.members, history=t.points, last_commit=min(last, at), commit_every=t.commit_every,
            interval=interval, rewound_at=t.rewound_at, rewound_by=t.rewound_by, deleted=deleted,
            start_rate=max(rates, default=None), slack=slack,
        )  # fmt: skip

    def _pass(self, pair: Pair, behind: dict[int, int]) -> None:
        for part, position in self.tracks[pair].parts.items():
            if part not in behind:
                passed = None
            elif position.passed is not None:
                continue  # when the record was written does not change while the position stands
            else:
                passed = passed_at(self.logs[pair[1]][part].ends, position.committed)
            if passed != position.passed:
                position.passed = passed
                self.moved_positions.add((*pair, part))


def _due(f: Facts) -> Ms:
    """Until when the judgement of what moves no more stays the same, words included; 0: not to the next tick."""
    quiet, moved = f.at - f.last_commit, max(f.rewound_at or 0, f.history[-1].at if f.history else f.at)
    if f.start_rate or min(quiet, f.at - moved) <= POINTS_MS:
        return 0
    grain = next(ms for ms in (86_400_000, 3_600_000, 60_000) if quiet >= 2 * ms)  # as evidence.ago counts
    limits = (f.last_commit + round(s * 1000) for s in silences(f))
    return min((f.last_commit + (quiet // grain + 1) * grain, *(at + 1 for at in limits if at >= f.at)))


def _row(f: Facts, j: Judgement, since: Ms, passed: Passed | None, sampled_at: Ms | None, parts: int) -> LagRow:
    return LagRow(
        lag=f.lag, behind_since=passed.at if passed else None, error=passed.error if passed else None,
        verdict=j.verdict, reason=j.reason, rules_version=RULES_VERSION, since=since, unread=f.unread,
        rate_in=j.rate_in, rate_out=j.rate_out, catch_up=j.catch_up, loss_in=j.loss_in, members=f.members,
        sampled_at=sampled_at, last_commit=f.last_commit, parts=parts,
    )  # fmt: skip
