"""Which topic's records go on into which other topic, from traces that were met in both.

A trace is kept in every topic or in none: only where ``hash(trace id) mod share`` is 0. Where more are met than may be
remembered, the share doubles and what no longer passes is forgotten, so that what stays is still whole.

The order in time shows a flow, never who made it, and of two topics that a third one feeds it may be wrong. So a
pair whose order was ever met the other way round is no flow.
"""

from __future__ import annotations

import zlib
from collections import OrderedDict
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final

from lineage.observations import EdgeSeen, Ms

MOST: Final = 20_000  # traces
MOST_TOPICS: Final = 32  # of one trace
MOST_PAIRS: Final = 20_000
REMEMBERED_MS: Final = 600_000
MOST_SHARE: Final = 1 << 16
DETAIL: Final = "the same traces in both topics, in this order"


@dataclass(slots=True)
class Trace:
    """When it was first met in each topic, and which hops were told."""

    first: dict[str, Ms] = field(default_factory=dict)
    told: set[tuple[str, str]] = field(default_factory=set)


class Hops:
    """The traces of the last minutes, a bounded number of them."""

    def __init__(self, most: int = MOST) -> None:
        self.share = 1
        self._most = most
        self._traces: OrderedDict[bytes, Trace] = OrderedDict()
        self._touched: set[bytes] = set()
        self._orders: OrderedDict[tuple[str, str], None] = OrderedDict()

    def keeps(self, trace: bytes) -> bool:
        """Whether records of this trace are kept, in whichever topic."""
        return zlib.crc32(trace) % self.share == 0

    def see(self, trace: bytes, topic: str, at: Ms) -> None:
        """One record of a trace, in a topic (its node's id)."""
        known = self._traces.setdefault(trace, Trace())
        if topic in known.first or len(known.first) < MOST_TOPICS:
            known.first[topic] = min(at, known.first.get(topic, at))
            self._touched.add(trace)
        if len(self._traces) > self._most:
            self.thin()

    def thin(self) -> None:
        """Keeps half as many traces from now on."""
        if self.share < MOST_SHARE:
            self.share *= 2
            for trace in [t for t in self._traces if not self.keeps(t)]:
                del self._traces[trace]
        while len(self._traces) > self._most:  # hashes that do not spread, by chance or by intent
            self._traces.popitem(last=False)

    def thicken(self) -> None:
        """Keeps twice as many, where there is room."""
        if self.share > 1 and len(self._traces) < self._most // 4:
            self.share //= 2

    def close(self, now: Ms) -> list[EdgeSeen]:
        """The flows met since the last time, now that every topic was looked at; forgets what is old."""
        touched = [t for k in self._touched if (t := self._traces.get(k))]
        self._touched.clear()
        for trace in touched:
            self._order(trace)
        found: dict[tuple[str, str], list[Ms]] = {}
        for trace in touched:
            self._flows(trace, found)
        for key in [k for k, t in self._traces.items() if max(t.first.values(), default=0) < now - REMEMBERED_MS]:
            del self._traces[key]
        return [_edge(pair, min(times), min(max(times), now), len(times)) for pair, times in found.items()]

    def _order(self, trace: Trace) -> None:
        way = sorted(trace.first.items(), key=lambda e: e[1])
        for i, (one, at) in enumerate(way):
            for other, later in way[i + 1 :]:
                if at < later:
                    self._orders[one, other] = None
                    self._orders.move_to_end((one, other))
        while len(self._orders) > MOST_PAIRS:
            self._orders.popitem(last=False)

    def _flows(self, trace: Trace, found: dict[tuple[str, str], list[Ms]]) -> None:
        way = sorted(trace.first.items(), key=lambda e: e[1])
        for (one, at), (other, later) in pairwise(way):
            pair = (one, other)
            if at < later and (other, one) not in self._orders and pair not in trace.told:
                trace.told.add(pair)
                found.setdefault(pair, []).append(later)


def _edge(pair: tuple[str, str], first: Ms, last: Ms, count: int) -> EdgeSeen:
    return EdgeSeen("derives", *pair, min(first, last), last, count, "inferred", DETAIL)
