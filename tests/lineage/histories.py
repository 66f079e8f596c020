"""Recorded histories, written down: what a cluster showed over time, the verdict that is right, and why.

Curves are lists of (second, offset), straight between; ``read`` is how far the readers came and is committed every
``every`` seconds; ``commits`` gives the commits themselves instead. The last second is the moment judged.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from lineage.meter import Alive, LagRow, Meter
from lineage.observations import Commit

T0 = 1_790_000_000_000
Curve = Sequence[tuple[float, float]]


def at(curve: Curve, t: float) -> int:
    """A curve's value; level before its first and after its last point."""
    i = bisect_right(curve, t, key=lambda p: p[0])
    if i == 0:
        return int(curve[0][1])
    if i == len(curve):
        return int(curve[-1][1])
    (a, x), (b, y) = curve[i - 1], curve[i]
    return int(x + (y - x) * (t - a) / (b - a) + 1e-6)


def steps(curve: Curve, t: float) -> int | None:
    """The last step at or before ``t``; None before the first."""
    i = bisect_right(curve, t, key=lambda p: p[0])
    return int(curve[i - 1][1]) if i else None


@dataclass(frozen=True)
class History:
    """One history of a group on a topic. ``members``: (second, how many); None: not known."""

    name: str
    expect: str
    why: str
    until: float
    ends: Sequence[Curve]
    read: Sequence[Curve] = ()
    commits: Sequence[Curve] = ()
    every: float = 5.0
    interval: float = 2.0
    members: Sequence[tuple[float, int | None]] = ((0, 2),)
    starts: Sequence[Curve] = ()
    empty: Sequence[tuple[float, int, int, int]] = ()  # second, partition, from, up to: looked at, no records
    owners: Sequence[str] = ()
    says: str = ""
    published: str = ""  # what Burrow's own test of this case expects of its rules
    allowed: int = 0  # lag that Burrow was told to pass over
    looks: tuple[int, int] = (10, 10)  # log ends that Burrow keeps, and seconds between them
    recommits: bool = False

    def committed(self, part: int, t: float) -> int | None:
        """What stands committed at ``t``."""
        if self.commits:
            return steps(self.commits[part], t)
        return at(self.read[part], t // self.every * self.every)

    def followed(self, part: int, t: float) -> Commit | None:
        """What a follower tells at ``t``: when what stands there was committed, and how since the sample before."""
        before = max(0.0, t - self.interval)
        if self.commits:
            times = [s for s, _ in self.commits[part]]
            moments = times[bisect_right(times, before) : bisect_right(times, t)]
        else:
            moments = [n * self.every for n in range(int(before // self.every) + 1, int(t // self.every) + 1)]
        offset, moves = self.committed(part, before), list[int]()
        for moment in moments:
            if (new := self.committed(part, moment)) != offset:
                offset, moves = new, [*moves, T0 + round(1000 * moment)]
        if offset is None or not moves:
            return None if offset is None else Commit(part, offset)
        gap = max((b - a for a, b in pairwise(moves)), default=0)
        return Commit(part, offset, moves[-1], moves[0] if len(moves) > 1 else None, gap)

    def alive(self, t: float) -> Alive:
        """What the listings of groups, every ten seconds, say at ``t``."""
        told = t // 10 * 10
        began, count = max((m for m in self.members if m[0] <= told), default=self.members[0], key=lambda m: m[0])
        since = T0 + round(-(-began // 10) * 10_000) if count == 0 else None
        held: list[dict[str, Any]] = [
            {"id": o, "client_id": o, "host": "/10.0.0.7", "assigned": {"t": [p]}} for p, o in enumerate(self.owners)
        ]
        return Alive("Empty" if count == 0 else "Stable" if count else "Unknown", count, since, held, 10.0)


def play(h: History, followed: bool = False) -> Iterator[tuple[float, LagRow]]:
    """The rows that the meter gives, tick by tick; none before the first commit."""
    meter, looked = Meter(), list(h.empty)
    for n in range(round(h.until / h.interval) + 1):
        t = n * h.interval
        now = T0 + round(t * 1000)
        for part, curve in enumerate(h.ends):
            start = steps(h.starts[part], t) if h.starts else 0
            meter.see_log("t", part, start, at(curve, t), now)
            if (offset := h.committed(part, t)) is not None:
                again = now // 5000 * 5000 if h.recommits else None
                exact = h.followed(part, t) if followed and not h.recommits else None
                meter.see_position("g", "t", exact or Commit(part, offset, again), now)
        while looked and looked[0][0] <= t:
            _, part, begin, end = looked.pop(0)
            meter.see_record("t", part, begin, None, end, None)
        meter.close_frame(now, now, ["t"])
        if ("g", "t") in meter.tracks:
            yield t, meter.judge_pair(("g", "t"), now, h.alive(t), h.interval, False, None)
        meter.touched.clear()


def last(h: History, followed: bool = False) -> LagRow:
    """The row at the moment judged."""
    return list(play(h, followed))[-1][1]


def line(rate: float, until: float = 7200, begin: float = 0, base: float = 0) -> Curve:
    """So many a second from ``begin`` on."""
    return [(0, base), (begin, base), (until, base + rate * (until - begin))] if begin else [
        (0, base), (until, base + rate * until)
    ]  # fmt: skip


def _burrow(times: Sequence[float], offsets: Sequence[float], lags: Sequence[float]) -> dict[str, Any]:
    """A case of offsets, lags at their commits and times, shifted to begin at 0."""
    shifted = [t - times[0] for t in times]
    ends = [(t, o + g) for t, o, g in zip(shifted, offsets, lags, strict=True)]
    return {"ends": [ends], "commits": [list(zip(shifted, offsets, strict=True))]}


HUNDREDS = [100, 200, 300, 400, 500]
RISING = [1000, 2000, 3000, 4000, 5000]
SECONDS = [float(s) for s in range(15)]

BURROW = [
    History("burrow 0: nothing unread once, lag grows since", "ok",
            "200 records are 20 s of what arrives, and this group commits every 100 s: within its rhythm", 400,
            **_burrow(HUNDREDS, RISING, [0, 50, 100, 150, 200]),
            members=((0, 1),), published="OK"),
    History("burrow 1: 400 s after the last commit", "stalled",
            "commits came every 100 s; 200 records lie there and none came for 400 s, longer than three such gaps", 800,
            **_burrow(HUNDREDS, RISING, [0, 50, 100, 150, 200]), members=((0, 1),), published="OK"),
    History("burrow 2: 500 s after the last commit", "stalled", "as before and longer", 900,
            **_burrow(HUNDREDS, RISING, [0, 50, 100, 150, 200]), members=((0, 1),), published="STOP"),
    History("burrow 3: always behind, then no commit", "stopped", "the same silence, and here nobody is there", 900,
            **_burrow(HUNDREDS, RISING, [50, 100, 150, 200, 250]), members=((0, 1), (402, 0)), published="STOP"),
    History("burrow 4: the same offset committed again and again", "stalled",
            "200 unread and the offset has not moved for 500 s; that lag was 0 once changes nothing", 500,
            **_burrow(HUNDREDS, [1000] * 5, [0, 50, 100, 150, 200]), members=((0, 1),), recommits=True, published="OK"),
    History("burrow 5: the same offset, always behind", "stalled", "the offset stands, lag grows", 500,
            **_burrow(HUNDREDS, [1000] * 5, [100, 150, 200, 250, 300]), members=((0, 1),), recommits=True,
            published="STALL"),
    History("burrow 6: the same offset, the same lag", "stalled", "100 records lie there and are not read", 500,
            **_burrow(HUNDREDS, [1000] * 5, [100] * 5), members=((0, 1),), recommits=True,
            published="STALL"),
    History("burrow 7: set back, and past that place again", "ok", "what was set back is made good: it keeps pace", 400,
            **_burrow(HUNDREDS, [1000, 2000, 3000, 2000, 4000], [100, 150, 200, 1250, 300]), members=((0, 1),),
            published="OK"),
    History("burrow 8: silent, and nothing unread", "ok", "everything is read, however long ago", 900,
            **_burrow(HUNDREDS, RISING, [50, 100, 150, 200, 0]), members=((0, 1),), published="OK"),
    History("burrow 9: fifteen commits, then 900 records and no commit for 18 s", "falling_behind",
            "51/s arrive and none is committed: behind and growing; whether it stopped nobody knows after 18 s", 32,
            ends=[[(0, 79), (14, 93), (14.5, 100), (32, 1024)]], commits=[[(s, 79 + s) for s in SECONDS]],
            members=((0, 1),), published="STOP", looks=(5, 3)),
    History("burrow 10: the same, and one record came just now", "ok", "1 record, 2 s old", 32,
            ends=[[(0, 79), (14, 93), (30, 93), (31, 94)]], commits=[[(s, 79 + s) for s in SECONDS]],
            members=((0, 1),), published="OK"),
    History("burrow 11: as 0, with commits between whose lag is not known", "ok", "as 0", 452,
            ends=[[(0, 1000), (400, 5200), (450, 5740)]],
            commits=[[(s, 1000 + s * 10) for s in range(0, 451, 50)]], members=((0, 1),), published="OK"),
    History("burrow 12: one behind for long", "ok",
            "one offset, nothing arrives: a transaction's marker looks like that; no threshold had to be set", 450,
            **_burrow([100, 200, 300], [1000, 2000, 2000], [2, 1, 1]), members=((0, 1),), published="OK", allowed=1),
    History("burrow 13: as 5, with a lag that is allowed", "stalled", "300 are unread and the offset stands", 500,
            **_burrow(HUNDREDS, [1000] * 5, [100, 150, 200, 250, 300]), members=((0, 1),), recommits=True,
            published="STALL", allowed=99),
    History("burrow 14: as 7, with a lag that is allowed", "ok", "as 7", 400,
            **_burrow(HUNDREDS, [1000, 2000, 3000, 2000, 4000], [100, 150, 200, 1250, 300]), members=((0, 1),),
            published="OK", allowed=99),
    History("burrow 15: set back, and not there again", "rewound", "500 short of where it was, 200 s later", 500,
            **_burrow(HUNDREDS, [1000, 2000, 3000, 2000, 2500], [100, 150, 200, 1250, 1800]), members=((0, 1),),
            says="set back by", published="REWIND"),
]  # fmt: skip

OURS = [
    History("steady", "ok", "40/s arrive and are read, committed every 5 s: a sawtooth that means nothing", 300,
            [line(40)], [line(40)]),
    History("steady, committed every 30 s", "ok", "between two commits lag rises to 1 200: its rhythm", 620,
            [line(40)], [line(40)], every=30),
    History("30 s commits, in their first minute", "unknown", "one commit seen: no rate yet, and no alarm", 4,
            [line(40, base=500)], [line(40)], every=30),
    History("batch every two minutes", "ok", "known after some batches: 120 s is this group's own pace", 1600,
            [line(10)], [line(10)], every=120),
    History("quiet: all read an hour ago", "ok", "nothing is unread, so silence is nothing", 3600,
            [line(40, 60)], [line(40, 60)]),
    History("quiet, without members", "ok", "nobody there and nothing to read", 3600,
            [line(40, 60)], [line(40, 60)], members=((0, 1), (100, 0))),
    History("quiet, then one burst just now", "ok",
            "500 records are 4 s old; that the last commit was an hour ago says nothing", 3604,
            [[(0, 0), (60, 600), (3600, 600), (3602, 1100)]], [line(10, 60)]),
    History("quiet, then a burst that nobody takes", "stalled", "members are there and 500 lie for five minutes", 3900,
            [[(0, 0), (60, 600), (3600, 600), (3602, 1100)]], [line(10, 60)], says="no commit for"),
    History("quiet, members gone, then a burst", "stopped", "500 unread and nobody there", 3630,
            [[(0, 0), (60, 600), (3600, 600), (3602, 1100)]], [line(10, 60)], members=((0, 1), (90, 0)),
            says="no members, 500 unread"),
    History("bursts every ten minutes, each read at once", "ok", "between bursts nothing is unread", 3700,
            [[(0, 0)] + [p for n in range(1, 7) for p in ((n * 600, n * 900 - 900), (n * 600 + 3, n * 900))]],
            [[(0, 0)] + [p for n in range(1, 7) for p in ((n * 600, n * 900 - 900), (n * 600 + 15, n * 900))]]),
    History("reader slower than the writer", "falling_behind", "40/s arrive, 25/s are read", 300,
            [line(40)], [line(25)], says="growing"),
    History("slower, committed every 30 s", "falling_behind", "each commit leaves it further behind", 620,
            [line(40)], [line(25)], every=30),
    History("one of six partitions is read slowly", "falling_behind", "the reason names the partition", 300,
            [line(40)] * 6, [line(40)] * 5 + [line(5)], owners=list("abcdef"), says="partition 5"),
    History("catching up", "catching_up", "20 000 behind, read at 200/s while 40/s arrive", 60,
            [line(40, base=20000)], [line(200)], says="shrinking"),
    History("catching up after a pause", "catching_up", "ten minutes of silence made good at five times the speed", 700,
            [line(40)], [[(0, 0), (60, 2400), (660, 2400), (780, 26400)]]),
    History("members there, commits stand", "stalled", "42/s arrive and no commit for 4 min", 310,
            [line(42)], [line(42, 60)], says="2 members are there and records arrive (42/s), but no commit for 4 min"),
    History("the same offset committed every 5 s", "stalled", "a poll that commits and a worker that hangs", 310,
            [line(42)], [line(42, 60)], recommits=True, says="same offset"),
    History("stalled, and nothing arrives any more", "stalled", "300 records lie unread all the same", 900,
            [line(40, 60)], [line(35, 60)]),
    History("one of six partitions stands", "stalled", "its member is named; the group as a whole seems well", 400,
            [line(40)] * 6, [line(40)] * 5 + [line(40, 60)], owners=list("abcdef"),
            says="partition 5 (member f at /10.0.0.7)"),
    History("one member of two stands", "stalled", "its three partitions are named, and the member", 400,
            [line(40)] * 6, [line(40)] * 3 + [line(40, 60)] * 3, owners=["a", "a", "a", "b", "b", "b"],
            says="partitions 3, 4, 5 (member b"),
    History("a backlog drained one partition after the other", "catching_up",
            "partition 1 waits its turn while 0 is read at 500/s: not stuck", 150,
            [line(1, base=100000)] * 2, [line(500), line(0)]),
    History("members gone", "stopped", "nobody there for three minutes, 40/s arrive", 300,
            [line(40)], [line(40, 120)], members=((0, 1), (122, 0)), says="no members"),
    History("members gone one listing ago", "stopped", "noticed within two intervals of groups", 142,
            [line(40)], [line(40, 120)], members=((0, 1), (122, 0))),
    History("a restart of one member", "ok", "empty for four seconds, and back", 320,
            [line(40)], [[(0, 0), (300, 12000), (308, 12000), (315, 12600), (900, 36000)]],
            members=((0, 1), (302, 0), (306, 1))),
    History("members cannot be described, silent", "unknown", "whether anybody is there is not known", 400,
            [line(40)], [line(40, 60)], members=((0, None),), says="not known"),
    History("members cannot be described, reading", "ok", "it reads: that needs no member list", 400,
            [line(40)], [line(40)], members=((0, None),)),
    History("a simple consumer that commits by hand, without members", "ok",
            "no group members ever and all is read", 400, [line(40)], [line(40)], every=1, members=((0, 0),)),
    History("set back by an admin", "rewound", "back by 20 000 and not there again", 130,
            [[(0, 40000)]], commits=[[(0, 30000), (60, 40000), (100, 20000)]], says="20\u202f000"),
    History("set back to the earliest, six minutes ago, reading", "catching_up",
            "told long enough; now it is a backlog that shrinks", 500,
            [line(40, base=40000)], [[(0, 0), (100, 44000), (105, 44000), (106, 0), (900, 50000)]]),
    History("a rebalance repeats a few", "ok", "back by 20 and past it 5 s later", 200,
            [line(40)], commits=[[(s, s * 40 - (60 if s == 150 else 0)) for s in range(0, 201, 1)]]),
    History("position beyond the log end", "unknown", "a topic made anew: never negative, never 0", 100,
            [[(0, 5000), (50, 5000), (51, 10)]], commits=[[(0, 5000)]], says="beyond the log end"),
    History("transaction markers at the end", "ok", "1 offset, looked at: no record there", 900,
            [[(0, 0), (60, 601)]], [line(10, 60)], empty=((90, 0, 600, 601),), says="holds no records"),
    History("markers, nobody looked", "ok", "1 offset and nothing arrives: doubt is no alarm", 900,
            [[(0, 0), (60, 601)]], [line(10, 60)], says="markers"),
    History("an aborted transaction of 400 records at the end", "ok", "looked at: 401 offsets without a record to read",
            900, [[(0, 0), (60, 600), (70, 1001)]], [line(10, 60)], empty=((80, 0, 600, 1001),), says="no records"),
    History("markers without members", "ok", "nobody there, and nothing to read", 900,
            [[(0, 0), (60, 601)]], [line(10, 60)], members=((0, 1), (100, 0)), empty=((90, 0, 600, 601),)),
    History("compacted: gaps before the end", "ok", "what lies between was compacted away", 900,
            [[(0, 0), (60, 900)]], [line(10, 60)], empty=((80, 0, 600, 900),)),
    History("compacted gap, then real records nobody takes", "stalled", "300 offsets hold nothing, 100 do", 1200,
            [[(0, 0), (60, 900), (600, 900), (610, 1000)]], [line(10, 60)], empty=((80, 0, 600, 900),), says="100"),
    History("one real record, looked at, nobody takes it", "stalled", "it was looked at: not a marker", 900,
            [[(0, 0), (60, 600), (61, 602)]], [line(10, 60)], empty=((70, 0, 600, 601),), says="1 unread"),
    History("just created, behind", "unknown", "first seen 4 s ago", 104,
            [line(40)], commits=[[(100, 10)]], says="not watched long enough"),
    History("just created, at the end", "ok", "nothing unread", 104, [line(0, base=50)], commits=[[(100, 50)]]),
    History("retention overtakes a slow reader", "will_lose_data", "the log start moves at 40/s, it reads 25/s", 900,
            [line(40)], [line(25, base=200)],
            starts=[[(0, 0)] + [(s, s * 40 - 16000) for s in range(420, 901, 60)]], says="retention reaches"),
    History("retention overtakes who stands", "will_lose_data", "no member reads and the log start comes nearer", 900,
            [line(40)], [line(40, 700)], members=((0, 1),),
            starts=[[(0, 0)] + [(s, s * 40 - 12000 - s % 120 * 10) for s in range(420, 901, 60)]], says=" to "),
    History("retention took unread records", "will_lose_data", "members are there; 1 000 were deleted before", 300,
            [line(40)], [line(10)], starts=[[(0, 0), (200, 4000)]], says="deleted before they were read"),
    History("retention far behind", "ok", "the log start moves, hours away from what is unread", 900,
            [line(40, base=10_000_000)], [line(40, base=10_000_000)],
            starts=[[(0, 0)] + [(s, s * 40) for s in range(60, 901, 60)]]),
    History("a caught-up reader at retention's heels", "ok", "five seconds of retention and all is read", 900,
            [line(40)], [line(40)], every=1,
            starts=[[(0, 0)] + [(s, s * 40 - 300) for s in range(10, 901, 10)]]),
    History("markers that retention took", "ok", "the log start passed a marker: nothing was lost", 900,
            [[(0, 0), (60, 601)]], [line(10, 60)], empty=((90, 0, 600, 601),), starts=[[(0, 0), (300, 601)]]),
    History("swept once a minute", "ok", "seen in steps of a minute, keeps pace", 1800,
            [line(40)], [line(40)], interval=60),
    History("swept once a minute, stands", "stalled", "ten minutes without a commit", 1800,
            [line(40)], [line(40, 1200)], interval=60),
    History("one partition has no commit yet", "ok", "what is committed keeps pace", 300,
            [line(40)] * 2, commits=[[(s, s * 40) for s in range(301)], [(400, 0)]]),
]  # fmt: skip


def _each(size: float, seconds: float, count: int, took: float = 0.01, late: float = 0.0) -> Curve:
    """``size`` more every ``seconds``, ``took`` long, ``late`` after they are due."""
    points: list[tuple[float, float]] = [(0, 0)]
    for n in range(1, count + 1):
        due = n * seconds + late
        points += [(due, (n - 1) * size), (due + took, n * size)]
    return points


def _trim(rate: float, begin: float, until: float, every: float, base: float = 0) -> Curve:
    """A log start that retention moves in steps."""
    count = int((until - begin) // every)
    return [(0, base)] + [(begin + n * every, base + n * every * rate) for n in range(1, count + 1)]


DAY, NIGHT = 86_400, 7_200  # a nightly job runs from two o'clock for twenty minutes
NIGHTS: Curve = [(0, 0)] + [
    p
    for d in range(4)
    for p in (
        (d * DAY + NIGHT, max(0, (d - 1) * DAY + NIGHT) * 5 if d else 0),
        (d * DAY + NIGHT + 1200, (d * DAY + NIGHT) * 5),
    )
]
FLAPPING = ((0, 2), *(m for n in range(10, 40) for m in ((n * 30, 0), (n * 30 + 10, 2))))

# Written blind: from docs/lag.md and what somebody on call would say, without a look at the rules' code or a run.
BLIND = [
    History("blind: nightly job, at noon, nobody there", "stopped",
            "records are unread and no member exists: by the word's own meaning; that it comes back at two only its "
            "owner knows",
            3 * DAY + 43_200, [line(5, 4 * DAY)], [NIGHTS], every=60, interval=60,
            members=((0, 0), *(m for d in range(4) for m in ((d * DAY + NIGHT, 1), (d * DAY + NIGHT + 1260, 0))))),
    History("blind: nightly job, in the middle of its run", "catching_up",
            "a day's records are being read at 360/s while 5/s arrive", 3 * DAY + NIGHT + 600,
            [line(5, 4 * DAY)], [NIGHTS], every=30, interval=30,
            members=((0, 0), *(m for d in range(4) for m in ((d * DAY + NIGHT, 1), (d * DAY + NIGHT + 1260, 0))))),
    History("blind: a process that stays and reads once a day, at noon", "stalled",
            "was expected ok; but a pace gives way within hours (decisions/0005): 180 000 unread for 9 h are worth a "
            "word",
            3 * DAY + 43_200, [line(5, 4 * DAY)], [NIGHTS], every=60, interval=60, members=((0, 1),)),
    History("blind: commits only every five minutes", "ok", "250 s after a commit, for four hours so", 14_650,
            [line(20, 20_000)], [line(20, 20_000)], every=300, interval=10),
    History("blind: commits every five minutes, then none for 22", "stalled",
            "more than four of its own pauses, 26 000 unread, members there", 4920,
            [line(20)], [line(20, 3600)], every=300, interval=10),
    History("blind: one record an hour, just written", "ok", "it is 3 s old and was always taken within seconds",
            6 * 3600 + 3,
            [_each(1, 3600, 8)], [_each(1, 3600, 8, late=5)], every=1, interval=1),
    History("blind: one record an hour, read, 50 minutes ago", "ok", "nothing to read", 6 * 3600 + 3000,
            [_each(1, 3600, 8)], [_each(1, 3600, 8, late=5)], every=1, interval=5),
    History("blind: one record an hour, three not taken", "stalled", "three records lie there for hours, a member is "
            "there",
            7 * 3600 + 600, [_each(1, 3600, 7)], [_each(1, 3600, 4, late=5)], interval=10, members=((0, 1),)),
    History("blind: one record an hour, three not taken and nobody there", "stopped", "the same, without a member",
            7 * 3600 + 600, [_each(1, 3600, 7)], [_each(1, 3600, 4, late=5)], interval=10,
            members=((0, 1), (16_000, 0))),
    History("blind: stopped, and retention ten minutes away", "will_lose_data",
            "the log start comes nearer in segments of two minutes at 40/s, 24 000 are left to it; graver than "
            "stopped", 3600,
            [line(40)], [line(40, 1800)], starts=[_trim(40, 2400, 3600, 120)], members=((0, 1), (1802, 0))),
    History("blind: stopped, and retention three days away", "stopped", "11 000 000 offsets at 40/s: beyond a day",
            1800,
            [line(40, base=12_000_000)], commits=[[(s, 11_000_000 + s * 40) for s in range(0, 901, 5)]],
            starts=[_trim(40, 0, 1800, 60)], members=((0, 1), (902, 0))),
    History("blind: retention moves, and the reader draws away from it", "catching_up",
            "it reads 200/s, retention deletes 40/s behind it: retention never reaches it", 400,
            [line(40, base=200_000)], commits=[[(s, 100_000 + s * 200) for s in range(0, 401, 5)]],
            starts=[_trim(40, 0, 400, 10, 50_000)]),
    History("blind: retention deleted all that a stopped group had not read", "stopped",
            "6 000 records are gone unread: no health. Was expected will_lose_data; but nothing is left to be saved",
            1500,
            [line(40, 300)], [line(40, 150)], starts=[[(0, 0), (1200, 12_000)]], members=((0, 1), (152, 0)),
            says="6\u202f000 records were deleted"),
    History("blind: moved forward to the end by an admin", "ok", "the stuck backlog was skipped on purpose, it reads "
            "on", 700,
            [line(40)], [[(0, 0), (60, 2400), (500, 2400), (501, 20_040), (900, 36_000)]],
            members=((0, 2), (480, 0), (510, 2))),
    History("blind: members flap, and it keeps pace all the same", "ok",
            "gone for ten seconds of thirty, made good each time", 1018,
            [line(40)], [[(0, 0)] + [p for n in range(10, 40) for p in ((n * 30, n * 1200), (n * 30 + 8, n * 1200),
                                                                        (n * 30 + 14, n * 1200 + 560))]],
            members=FLAPPING),
    History("blind: members flap, and nothing is committed", "stalled",
            "a rebalance that never ends: members are there most of the time, no commit for ten minutes", 918,
            [line(40)], [line(40, 300)], members=FLAPPING),
    History("blind: topic deleted and made anew, group began anew with it", "ok",
            "both began at 0 again; 12 000 back is another topic's position, and it reads what is written", 500,
            [[(0, 0), (300, 12_000), (301, 0), (900, 23_960)]], [[(0, 0), (300, 12_000), (310, 12_000), (311, 400),
            (900, 23_960)]]),
    History("blind: the log's end was cut by an unclean election", "ok",
            "200 were lost by the broker, beyond the end for five seconds, then both went on", 400,
            [[(0, 0), (300, 12_000), (301, 11_800), (900, 35_760)]], [[(0, 0), (300, 12_000), (306, 12_000), (900,
            35_760)]]),
    History("blind: partitions were added", "ok", "two more from 300 s on, committed from 312 s on", 600,
            [line(40), line(40), line(40, 900, 300), line(40, 900, 300)],
            commits=[[(s, s * 40) for s in range(0, 601, 5)]] * 2 + [[(s, (s - 300) * 40) for s in range(312, 601,
            4)]] * 2),
    History("blind: six partitions, a marker at the end of each, an hour quiet", "ok",
            "one offset each and nothing arrives: transactions end so", 3600, [[(0, 0), (60, 601)]] * 6, [line(10,
            60)] * 6,
            interval=10),
    History("blind: transactions of a minute", "ok",
            "a read_committed reader gets what was committed each minute; that is its rhythm", 1850,
            [line(100)], [line(100)], every=60),
    History("blind: a transaction that hangs", "stalled",
            "the last stable offset stands: nobody gets past it though members poll; ten minutes", 1800,
            [line(40)] * 3, [line(40), line(40), line(40, 1200)], says="partition 2"),
    History("blind: large lag that is constant", "ok",
            "100 000 behind, 40/s written and read: it reads what is written, neither nearer nor farther", 1800,
            [line(40, base=100_000)], [line(40)]),
    History("blind: a slow leak", "ok",
            "39/s of 40/s for two hours. Was expected falling_behind; but five minutes do not tell less than a "
            "twentieth from "
            "noise: time lag tells it, docs/lag.md says so", 7200, [line(40)], [line(39)], interval=10),
    History("a leak of a tenth", "falling_behind", "36/s of 40/s: what the blind one found never seen at ticks of 30 "
            "s", 86_400,
            [line(40, 90_000)], [line(36, 90_000)], every=30, interval=30, says="growing"),
    History("a leak of a tenth, ticks of 10 s", "falling_behind", "as before", 7200, [line(40)], [line(36)],
            interval=10),
    History("a leak of 7 %, ticks of 2 s", "falling_behind", "37.2/s of 40/s", 3600, [line(40)], [line(37.2)]),
    History("Flink, five minutes between checkpoints", "ok", "its rhythm, though nobody is ever listed", 3850,
            [line(40)], [line(40)], every=300, interval=10, members=((0, 0),)),
    History("assigned by itself and a second behind", "ok", "nobody listed, commits every second", 600,
            [line(40)], [[(0, 0), (1, 0), (7200, 7199 * 40)]], every=1, members=((0, 0),)),
    History("set back while stopped, and nobody came", "stopped", "an admin's commit is no sign of life for long", 700,
            [line(40)], [[(0, 0), (100, 4000), (200, 4000), (201, 1000), (7200, 1000)]], members=((0, 1), (102, 0))),
    History("a marker deleted behind a group that had read all", "ok", "one offset is no loss", 900,
            [[(0, 0), (100, 4001)]], [line(40, 100)], starts=[[(0, 0), (500, 4001)]], members=((0, 1), (202, 0))),
    History("blind: evening peak", "falling_behind", "120/s come, it can read 100/s", 7000,
            [[(0, 0), (3600, 180_000), (7200, 612_000), (10_800, 792_000)]],
            [[(0, 0), (3600, 180_000), (7200, 540_000), (8640, 684_000), (10_800, 792_000)]]),
    History("blind: after the evening peak", "catching_up", "50/s come, 100/s are read, 32 000 left", 8000,
            [[(0, 0), (3600, 180_000), (7200, 612_000), (10_800, 792_000)]],
            [[(0, 0), (3600, 180_000), (7200, 540_000), (8640, 684_000), (10_800, 792_000)]]),
    History("blind: Flink, offsets at checkpoints every minute, never members", "ok",
            "it assigns partitions itself, so no member is ever listed; it commits all the same and keeps pace", 1850,
            [line(40)], [line(40)], every=60, members=((0, 0),)),
    History("blind: Flink, then no checkpoint for ten minutes", "stopped",
            "ten of its own pauses, 24 000 unread, no members",
            2400, [line(40)], [line(40, 1800)], every=60, members=((0, 0),)),
    History("blind: one partition of six set back", "rewound", "partition 4 goes back by 8 000, the others read on",
            330,
            [line(40)] * 6, [line(40)] * 4 + [[(0, 0), (299, 11_960), (300, 4000), (900, 28_000)]] + [line(40)],
            says="partition 4"),
    History("blind: a poison record", "stalled", "member a reads on partition 0 and cannot get past one record on 1",
            700,
            [line(40)] * 4, [line(40), line(40, 100), line(40), line(40)], owners=["a", "a", "b", "b"],
            says="partition 1"),
    History("blind: new group from the earliest of a large topic", "catching_up",
            "10 000 000 behind, 5 000/s read while 40/s arrive", 120, [line(40, base=10_000_000)], [line(5000)]),
]  # fmt: skip

HISTORIES = [*BURROW, *OURS, *BLIND]
