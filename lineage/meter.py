"""The running numbers of one cluster: log ends, positions, and the lag that follows from them. Pure; time is given."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from math import ceil
from typing import Any, NamedTuple

from lineage.lag import Passed, earliest, message_lag, passed_at
from lineage.observations import Commit, Ms, PositionsFrame
from lineage.verdicts import REWOUND_FOR, RULES_VERSION, Facts, Judgement, Part, Point, Shore, judge, patience

KEPT_ENDS = 128  # points of a partition's log end; older ones are thinned, never cut off
POINTS_MS = 330_000  # how long the sums of a group and topic are kept: the longest window, and less than a block
SUMS_MS = 150_000  # how long a topic's are
SPEED_MS = 600_000  # over which the log start's speed is taken
DECAY_MS = 600_000  # each so long, a pace that was not met again gives way
MARKERS = 2  # offsets that transactions leave at a partition's end
LOOKED = "looked:"  # and an offset: the metric by which a restart knows what was looked at
Pair = tuple[str, str]  # group, topic


@dataclass
class Log:
    """One partition's range, and when its end was where."""

    start: int | None = None
    end: int | None = None
    seen_at: Ms = 0
    ends: list[tuple[Ms, int]] = field(default_factory=list)
    starts: list[tuple[Ms, int]] = field(default_factory=list)  # about ten minutes of log starts
    looked: dict[int, int] = field(default_factory=dict)  # offset -> the first from there on that may hold a record

    def see(self, start: int | None, end: int | None, at: Ms, before: Ms) -> bool:
        """Takes a range asked at ``at``; ``before`` is when it was last known to be as it was. True if it moved."""
        moved = (start, end) != (self.start, self.end)
        if end is not None and (not self.ends or end != self.ends[-1][1]):
            self._end(end, at, before)
        if start is not None and (not self.starts or start != self.starts[-1][1]):
            recent = [s for s in self.starts if s[0] > at - SPEED_MS][-60:]
            before_them = [s for s in self.starts if s[0] <= at - SPEED_MS][-1:]
            self.starts = [*before_them, *recent, (at, start)]
        self.start, self.end, self.seen_at = start, end, at
        return moved

    def _end(self, end: int, at: Ms, before: Ms) -> None:
        if self.ends and end < self.ends[-1][1]:
            self.looked.clear()
            self.ends.clear()  # a recreated or truncated log: its past says nothing of the new one
        elif self.ends and self.ends[-1][0] < before < at:
            self.ends.append((before, self.ends[-1][1]))
        self.ends.append((at, end))
        if len(self.ends) > KEPT_ENDS:
            half = KEPT_ENDS // 2
            self.ends[:half] = self.ends[0:half:2]

    def speeds(self, at: Ms) -> tuple[float, float, float] | None:
        """How fast retention moved the log start of late: slowest, mean, fastest; None where it did not move."""
        begin = max(at - SPEED_MS, self.starts[0][0]) if self.starts else at
        steps = [s for s in self.starts if s[0] > begin]
        if not steps or at <= begin:
            return None
        then = next(s[1] for s in reversed(self.starts) if s[0] <= begin)
        mean = (steps[-1][1] - then) / ((at - begin) / 1000)
        between = [(b[1] - a[1]) / ((b[0] - a[0]) / 1000) for a, b in pairwise(steps)]
        return (min(mean, *between), mean, max(mean, *between)) if between else (mean, mean, mean)

    def unread(self, committed: int) -> int:
        """Offsets from ``committed`` on that may hold records: what was deleted or was seen to be empty does not."""
        return max(0, (self.end or 0) - self.first(committed))

    def first(self, committed: int) -> int:
        """The first offset from ``committed`` on that may hold a record."""
        return self._after(max(committed, self.start or 0))

    def _after(self, offset: int) -> int:
        """Past what was seen to be empty."""
        if (known := self.looked.get(offset)) is not None:
            return known
        return next((upto for begin, upto in self.looked.items() if begin <= offset < upto), offset)

    def is_looked_at(self, offset: int) -> bool:
        """Whether it is known if a record lies at this offset."""
        return any(begin <= offset <= upto for begin, upto in self.looked.items())

    def is_doubtful(self, committed: int) -> bool:
        """Whether what is unread is no more than transactions leave as markers, and nobody looked."""
        return 0 < self.unread(committed) <= MARKERS and not self.is_looked_at(committed)

    def look(self, offset: int, first: int, standing: Collection[int]) -> dict[int, int | None]:
        """Nothing lies from ``offset`` up to ``first``; what no position is ``standing`` in is forgotten.

        Returns what a restart has to know that it did not: ranges without records, and what is not just markers.
        """
        places, looked = sorted(standing), self.looked | {offset: first}
        kept = {a: b for a, b in looked.items() if bisect_left(places, a) < bisect_right(places, b)}
        gone = self.looked.keys() - kept
        same, self.looked = self.looked.get(offset) == first, kept
        matters = offset in kept and not same and (first > offset or (self.end or 0) - offset <= MARKERS)
        return dict.fromkeys(gone) | ({offset: first} if matters else {})

    def deleted(self, committed: int) -> int:
        """Offsets that retention took before ``committed`` passed them, less those that held nothing."""
        return max(0, (self.start or 0) - self._after(committed))


@dataclass
class Position:
    """One committed offset. ``moved_at``: when it was last seen to move, or first seen at all.

    ``passed``: when the oldest unread record was written, the one at ``oldest`` (None: as restored).
    """

    committed: int
    committed_at: Ms | None
    moved_at: Ms
    passed: Passed | None = None
    oldest: int | None = field(default=None, compare=False)


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
    pace: float | None = None  # longest usual seconds from a record to its commit, in tenths
    longest: float = 0.0  # the longest of this block
    block: int = -1
    rewound: dict[int, tuple[Ms, int]] = field(default_factory=dict)  # partition -> when, and from which offset
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

    def pass_over(self, waited: float, at: Ms, limit: float) -> None:
        """Learns from a commit ``waited`` seconds after there was something to read.

        A pause counts at most as the patience that it broke, so that one long stall does not hide the next, while a
        group that commits rarely is known after a few commits.
        """
        block = at // DECAY_MS
        if block != self.block:
            if self.block >= 0 and self.pace is not None and self.longest < self.pace:
                self.pace = max(self.longest, round(0.8 * self.pace, 1))
            self.block, self.longest = block, 0.0
        counted = ceil(10 * min(waited, limit)) / 10
        self.longest = max(self.longest, counted)
        self.pace = max(self.pace or 0.0, counted)

    def step_back(self, part: int, at: Ms, old: int, new: int) -> None:
        """Remembers a position that was set back until it is there again."""
        if new < old and part not in self.rewound:
            self.rewound[part] = (at, old)
        elif part in self.rewound and new >= self.rewound[part][1]:
            del self.rewound[part]


class Alive(NamedTuple):
    """A group's state, its members where they are known, and since when it is listed without any."""

    state: str
    members: int | None
    emptied_at: Ms | None = None
    listed: Sequence[Mapping[str, Any]] = ()  # the members, as described
    every: float = 10.0  # seconds between two listings

    def owner(self, topic: str, part: int) -> str:
        """The member that a partition is assigned to; "" where that is not known."""
        held = (m for m in self.listed if part in m["assigned"].get(topic, ()))
        return next((f"{m['client_id'] or m['id']} at {m['host']}" for m in held), "")


NOBODY = Alive("Unknown", None)


class Meter:
    """Log ends and positions of a cluster, and the lag of every group and topic."""

    def __init__(self) -> None:
        self.logs: dict[str, dict[int, Log]] = {}
        self.tracks: dict[Pair, Track] = {}
        self.readers: dict[str, set[str]] = defaultdict(set)
        self.sums: dict[str, list[tuple[Ms, int]]] = {}  # topic -> (time, sum of log ends)
        self.frozen_at: Ms = 0  # as of when positions were last told
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

    def see_position(self, group: str, topic: str, seen: Commit, at: Ms) -> bool:
        """A committed offset as frozen at ``at``. True if it moved or is new."""
        part, offset, committed_at = seen.partition, seen.offset, seen.committed_at
        track = self.tracks.get((group, topic))
        if track is None:
            track = self.tracks[group, topic] = Track(at)
            self.readers[topic].add(group)
            self.pairs_changed = True
        old = track.parts.get(part)
        if old and old.committed == offset and committed_at in (None, old.committed_at):
            return False
        moved = old is None or old.committed != offset
        moved_at = old.moved_at if old and not moved else self._exactly(committed_at, at) if old else at
        log = self.logs.get(topic, {}).get(part)
        if old and moved:
            if log is None or log.end is None or old.committed <= log.end:  # beyond it stood who read another log
                track.step_back(part, moved_at, old.committed, offset)
            if offset > old.committed:
                self._learn(track, log, old, seen, at)
        track.parts[part] = Position(offset, committed_at, moved_at)
        self.moved_positions.add((group, topic, part))
        self.touched.add((group, topic))
        return moved

    def _exactly(self, committed_at: Ms | None, at: Ms) -> Ms:
        """When a commit was made that came since positions were told before; whatever the broker's clock says."""
        return at if committed_at is None else max(min(committed_at, at), self.frozen_at)

    def _learn(self, track: Track, log: Log | None, old: Position, seen: Commit, at: Ms) -> None:
        came = old.passed or (passed_at(log.ends, old.committed) if log else None)
        begin = max(old.moved_at, came.at if came else 0)
        first = self._exactly(seen.first_at or seen.committed_at, at)
        track.pass_over(max(0, first - begin, seen.gap) / 1000, at, self.patience(track))

    def patience(self, track: Track) -> float:
        """Seconds after which the group counts as stalled, as it was last judged."""
        alive, interval = track.rests_on[:2] if track.rests_on else (NOBODY, 10.0)
        return patience(track.pace, interval, alive.every)

    def see_record(
        self, topic: str, part: int, offset: int, found: int | None, upto: int, written: Passed | None
    ) -> dict[int, int | None]:
        """What lies at ``offset``: the next record is ``found``, or there is none below ``upto``.

        ``written``: when it was, where its timestamp can be trusted: since then is behind who stands there.
        Returns what Log.look does.
        """
        log = self.logs.get(topic, {}).get(part)
        if log is None:
            return {}
        first = upto if found is None else found
        held = [(g, p) for g in self.readers.get(topic, ()) if (p := self.tracks[g, topic].parts.get(part))]
        news = log.look(offset, first, [p.committed for _, p in held])
        for group, position in held:
            if not offset <= position.committed <= first:
                continue
            self.touched.add((group, topic))
            if first > position.committed:
                self.moved_positions.add((group, topic, part))
            if written is None or found is None or log.first(position.committed) != found:
                continue
            if written.error and passed_at(log.ends, found):
                continue  # what we saw ourselves holds; a producer's clock, and how long it kept a record back, may not
            if position.passed is None or position.oldest != found or written.error < position.passed.error:
                position.passed, position.oldest = written, found
                self.moved_positions.add((group, topic, part))
        return news

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
                    self.see_position(group, topic, c, o.at)
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
            self.sums[topic] = [*[s for s in self.sums.get(topic, ()) if s[0] > at - SUMS_MS], (at, total)][-90:]
        for pair in self.touched:
            if pair in self.tracks:
                self.tracks[pair].point(at, self._end_sum(pair))
        self.frozen_at, self.ends_at = max(self.frozen_at, at), max(self.ends_at, ends_at)

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
        facts = self._facts(pair, at, alive, interval)
        verdict = judge(facts)
        since = track.row.since if track.row and track.row.verdict == verdict.verdict else at
        passed = self._oldest(pair)
        last = min(at, max((p.committed_at or p.moved_at for p in track.parts.values()), default=at))
        row = _row(facts, verdict, since, passed, sampled_at, len(track.parts))._replace(last_commit=last)
        (self.unsettled.discard if verdict.verdict == "ok" and not row.lag else self.unsettled.add)(pair)
        track.row, track.due, track.rests_on = row, _due(facts, last), (alive, interval, compacted, sampled_at)
        return row

    def _oldest(self, pair: Pair) -> Passed | None:
        """Since when the oldest unread record is there; None where one partition's answer is not known.

        What is taken for markers makes nobody late.
        """
        parts, logs = self.tracks[pair].parts, self.logs.get(pair[1], {})
        unread = [(pos, logs[p]) for p, pos in parts.items() if p in logs and logs[p].unread(pos.committed)]
        behind = [pos for pos, log in unread if pos.passed or not log.is_doubtful(pos.committed)]
        if any(pos.passed is None for pos in behind):
            return None
        return earliest([pos.passed for pos in behind if pos.passed])

    def stands(self, pair: Pair, at: Ms, alive: Alive, interval: float, compacted: bool, sampled_at: Ms | None) -> bool:
        """Whether judging this pair, which nothing touched, would give the row that it has."""
        track = self.tracks[pair]
        still = pair not in self.touched and at < track.due
        return still and track.rests_on == (alive, interval, compacted, sampled_at)

    def _facts(self, pair: Pair, at: Ms, alive: Alive, interval: float) -> Facts:
        t, logs = self.tracks[pair], self.logs.get(pair[1], {})
        lags = {p: message_lag(pos.committed, logs[p].end if p in logs else None) for p, pos in t.parts.items()}
        problem = next((f"partition {p}: {m.reason}" for p, m in lags.items() if m.lag is None), "")
        behind = {p: m.lag for p, m in lags.items() if m.lag}
        limit = patience(t.pace, interval, alive.every)
        self._pass(pair, behind, at, limit)
        parts = [self._part(pair, p, at, alive, limit) for p in behind]
        found = {p: logs[p].speeds(at) for p in behind if logs[p].unread(t.parts[p].committed)}
        part, (rewound_at, origin) = min(t.rewound.items(), key=lambda r: -r[1][0], default=(0, (None, 0)))
        return Facts(
            at=at, lag=None if problem else sum(m.lag or 0 for m in lags.values()), problem=problem,
            unread=None if problem else sum(p.unread for p in parts), parts=[p for p in parts if p.unread],
            partitions=len(t.parts), state=alive.state, members=alive.members, history=t.points, pace=t.pace,
            interval=interval, groups_every=alive.every,
            empty_for=None if alive.emptied_at is None else max(0, at - alive.emptied_at) / 1000,
            commits_alone=alive.emptied_at is not None and max((p.moved_at for p in t.parts.values()), default=0)
            > alive.emptied_at + 1000 * max(interval, alive.every),
            rewound_at=rewound_at, rewound_part=part, rewound_by=max(0, origin - t.parts[part].committed)
            if part in t.parts else 0,
            deleted=sum(logs[p].deleted(t.parts[p].committed) for p in behind),
            shores=[Shore(p, t.parts[p].committed - (logs[p].start or 0), *s) for p, s in found.items() if s],
        )  # fmt: skip

    def _part(self, pair: Pair, part: int, at: Ms, alive: Alive, limit: float) -> Part:
        position, log = self.tracks[pair].parts[part], self.logs[pair[1]][part]
        # What retention took it had waited for: that the next record is younger makes no wait shorter.
        came = position.passed.at if position.passed and (log.start or 0) <= position.committed else 0
        waits = max(0, at - max(position.moved_at, came)) / 1000
        unread, doubtful = log.unread(position.committed), log.is_doubtful(position.committed)
        repeats = (position.committed_at or 0) > position.moved_at + 1000
        return Part(part, unread, waits, doubtful, alive.owner(pair[1], part) if waits > limit else "", repeats)

    def _pass(self, pair: Pair, behind: dict[int, int], at: Ms, limit: float) -> None:
        """When each oldest unread record was written; that changes only when it is another one.

        What lies there for longer than the group's patience, and may be markers alone, is taken for these: unknown.
        """
        for part, position in self.tracks[pair].parts.items():
            log = self.logs[pair[1]][part] if part in behind else None
            passed = self._when(position, log) if log and log.unread(position.committed) else None
            if passed and log and log.is_doubtful(position.committed):
                passed = passed if at - max(position.moved_at, passed.at) <= limit * 1000 else None
            if passed != position.passed:
                position.passed = passed
                self.moved_positions.add((*pair, part))

    def _when(self, position: Position, log: Log) -> Passed | None:
        first, known = log.first(position.committed), position.oldest
        same = first == known or (known is None and (log.start or 0) <= position.committed)
        position.oldest = first
        return position.passed if same and position.passed is not None else passed_at(log.ends, first)


def _due(f: Facts, last: Ms) -> Ms:
    """Until when the judgement of what moves no more stays the same, words included; 0: not to the next tick."""
    waits = [p.waits for p in f.parts]
    moved = max(last, f.rewound_at or 0, f.history[-1].at if f.history else f.at)
    if f.shores or f.at - moved <= POINTS_MS or (waits and min(waits) <= 300):
        return 0
    limit = patience(f.pace, f.interval, f.groups_every)
    left = [limit - w for w in waits]
    left += [REWOUND_FOR - (f.at - f.rewound_at) / 1000] if f.rewound_at else []
    left += [f.groups_every / 2 - f.empty_for] if f.empty_for is not None else []
    turns = [f.at + round(s * 1000) for s in left if s >= 0]
    return min((*(f.at + _grain(w) for w in waits), *turns), default=f.at + 60_000)


def _grain(waits: float) -> Ms:
    """How long the words for so many seconds stay the same, as evidence.ago counts."""
    grain = next(s for s in (86_400, 3_600, 60) if waits >= 2 * s)
    return round((grain - waits % grain) * 1000)


def _row(f: Facts, j: Judgement, since: Ms, passed: Passed | None, sampled_at: Ms | None, parts: int) -> LagRow:
    return LagRow(
        lag=f.lag, behind_since=passed.at if passed else None, error=passed.error if passed else None,
        verdict=j.verdict, reason=j.reason, rules_version=RULES_VERSION, since=since, unread=f.unread,
        rate_in=j.rate_in, rate_out=j.rate_out, catch_up=j.catch_up, loss_in=j.loss_in, members=f.members,
        sampled_at=sampled_at, last_commit=None, parts=parts,
    )  # fmt: skip
