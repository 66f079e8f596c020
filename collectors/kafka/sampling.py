"""Reads the same short window of wall time in all topics, some of them in each run, within an allowance.

Assigned, in no group, nothing committed. What a partition got since the last look is read whole where that is little;
where it is much, only from the window's beginning on. A topic has a share of bytes; who takes more (a single record of
10 MB comes whole: a broker sends at least one batch) rests until the others have had as much.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from collectors.base import Budget
from collectors.kafka.client import KafkaClient
from collectors.kafka.logends import log_ends
from collectors.kafka.pace import SAMPLED, Pace
from lineage.config import Records
from lineage.observations import Ms

WINDOW_MS: Final = 10_000
SETTLING_MS: Final = 2_000  # a record may come this much later than its time says
SHARE: Final = 64 * 1024  # bytes that a topic may take of a window
DEEP: Final = 50  # times ``per_topic``: records of a topic that are met, looking for the traces that are kept
AT_ONCE: Final = 250  # partitions
LEAST: Final = 200  # bytes that a record counts at least: small ones cost their handling
SILENCE: Final = 3.0  # seconds without a record, after which the rest of a piece is given up
AT_MOST: Final = 0.02  # seconds that records are gathered: meanwhile nothing is paused, and large ones keep coming
SPREAD: Final = 45.0  # seconds of reading that a window takes at most, where all topics take their share of it
LEAST_SHARE: Final = 2 * 1024
A_PARTITION: Final = (2 * 1024, 16 * 1024)  # bytes of a partition that one answer holds, where no batch is larger
FETCH: Final = 128 * 1024  # bytes of one answer, where no single batch is larger
LIMITS: Final = {
    "isolation.level": "read_committed",
    "auto.offset.reset": "earliest",
    "enable.partition.eof": True,
    "fetch.wait.max.ms": 50,
    "fetch.error.backoff.ms": 200,
    "fetch.queue.backoff.ms": 10,  # by default a second, after each FETCH: that alone was more than a window may take
    "message.max.bytes": FETCH,  # the least that fetch.max.bytes may be
    "fetch.max.bytes": FETCH,
    "queued.max.messages.kbytes": 16,  # read ahead little: what a partition brings beyond its share is dropped
    "queued.min.messages": 500,
}
Place = tuple[str, int]
Take = Callable[[Message, Ms], bool]  # a record and its time; whether its topic is wanted further


def size_of(message: Message) -> int:
    """Bytes of key, value and headers, and a little for the rest."""
    headers: Any = message.headers() or ()
    return len(message) + len(message.key() or b"") + 20 + sum(len(n) + len(v or b"") + 2 for n, v in headers)


@dataclass
class Window:
    """What is under way: the stretch of time, where logs ended when it began, which topics are still to be read."""

    begin: Ms = 0
    end: Ms = 0
    todo: deque[str] = field(default_factory=deque)
    ends: dict[str, dict[int, int]] = field(default_factory=dict)
    topics: int = 0  # with new records
    share: int = SHARE  # bytes that a topic may take of it
    resting: int = 0
    written: int = 0  # records since the last look
    met: int = 0


class Sampler:
    """One cluster's; what it remembers between two runs is bounded by the number of partitions."""

    def __init__(self, client: KafkaClient, limits: Records) -> None:
        self._client, self._per_topic = client, limits.per_topic
        self.pace = Pace(limits.bytes_per_second * SAMPLED, limits.requests_per_second * SAMPLED)
        self.window = Window()
        self.refused: set[str] = set()
        self.next: dict[str, dict[int, int]] = {}  # topic -> partition -> the first offset not looked at
        self._debt: dict[str, int] = {}

    def begin(self, leaders: Mapping[Place, int], now: Ms, budget: Budget) -> None:
        """A new window over these partitions. Raises CollectorError."""
        ends: dict[str, dict[int, int]] = {}
        for (topic, part), end in log_ends(self._client.admin, leaders, budget, self._ask).items():
            ends.setdefault(topic, {})[part] = end
        self._debt = {t: left for t, debt in self._debt.items() if t in ends and (left := debt - SHARE) > 0}
        self.next = {t: parts for t, parts in self.next.items() if t in ends}
        moved = [t for t, parts in ends.items() if parts != self.next.get(t, dict.fromkeys(parts, 0))]
        todo = [t for t in moved if t not in self._debt]
        begin = now - SETTLING_MS - WINDOW_MS
        share = int(max(LEAST_SHARE, min(SHARE, self.pace.bytes.per_second * SPREAD / max(1, len(todo)))))
        self.window = Window(begin, begin + WINDOW_MS, deque(todo), ends, len(moved), share, len(moved) - len(todo))
        self.refused.clear()

    def read(self, until: float, budget: Budget, take: Take) -> None:
        """Goes on with the window until this moment (monotonic). Raises CollectorError."""
        if not self.window.todo:
            return
        consumer = self._client.consumer(**LIMITS, **{"fetch.message.max.bytes": self._at_once()})
        try:
            consumer.list_topics(timeout=budget.timeout())
            while self.window.todo and time.monotonic() < until:
                self._piece(consumer, self._chosen(), until, budget, take)
        except KafkaException as error:
            raise self._client.error(error, "sampling records") from error
        finally:
            consumer.close()

    def _at_once(self) -> int:
        """What one answer should hold of a partition: what comes beyond a topic's share is fetched for nothing."""
        ends = self.window.ends
        partitions = sum(len(parts) for parts in ends.values()) / max(1, len(ends))
        least, most = A_PARTITION
        return int(max(least, min(most, self.window.share / max(1.0, partitions))))

    def _chosen(self) -> list[str]:
        chosen: list[str] = []
        count = 0
        while self.window.todo and (not chosen or count < AT_ONCE):
            chosen.append(self.window.todo.popleft())
            count += len(self.window.ends[chosen[-1]])
        return chosen

    def _piece(self, consumer: Consumer, topics: list[str], until: float, budget: Budget, take: Take) -> None:
        stops = {(t, p): end for t in topics for p, end in self.window.ends[t].items()}
        starts, busy = self._starts(consumer, topics, budget)
        reading = _Reading(self, consumer, {k: stops[k] for k in starts if starts[k] < stops[k]}, busy, take)
        try:
            if reading.waiting:
                self._ask(1)
                consumer.assign([TopicPartition(*k, starts[k]) for k in reading.waiting])
                reading.run(until)
                consumer.unassign()
                self.pace.bytes.take(FETCH)  # what was fetched ahead for nothing
        finally:
            self._done(topics, reading, time.monotonic() >= until)

    def _done(self, topics: list[str], reading: _Reading, cut: bool) -> None:
        """Where they are looked on from; where time ended it, those that nothing was read of come first in the next."""
        untouched = {t for t, _ in reading.waiting if t not in reading.bytes} if cut else ()
        self.window.todo.extendleft(reversed([t for t in topics if t in untouched]))
        for topic in topics:
            if topic in untouched:
                continue
            self.window.written += sum(new for _, new in self._new(topic))
            self.next[topic] = dict(self.window.ends[topic])
            if (taken := reading.bytes.get(topic, 0)) > SHARE:
                self._debt[topic] = taken - SHARE

    def _new(self, topic: str) -> Iterator[tuple[int, int]]:
        """How many records each partition got since the last look. Of a topic met for the first time some of the last.

        A log that ends before where it was looked at was begun anew.
        """
        known, ends = self.next.get(topic), self.window.ends[topic]
        for part, end in ends.items():
            seen = known.get(part, 0) if known is not None else end - min(end, self._room(topic))
            yield part, end - seen if seen <= end else min(end, self._room(topic))

    def _room(self, topic: str) -> int:
        return -(-self._per_topic // len(self.window.ends[topic]))

    def _starts(
        self, consumer: Consumer, topics: list[str], budget: Budget
    ) -> tuple[dict[Place, int], Mapping[Place, int]]:
        """Where reading begins: at what is new, at the window's beginning, or so far from the end as is allowed.

        And the first new offset of those of which there is more than is read whole.
        """
        starts: dict[Place, int] = {}
        busy: dict[Place, int] = {}
        for topic in topics:
            room, ends = self._room(topic), self.window.ends[topic]
            for part, new in self._new(topic):
                starts[topic, part] = ends[part] - min(new, room)
                if new > room:
                    busy[topic, part] = ends[part] - new
        return starts | self._at_window(consumer, busy, budget), busy

    def _at_window(self, consumer: Consumer, busy: Mapping[Place, int], budget: Budget) -> dict[Place, int]:
        """Of the busy ones: the first offset in the window, where one is to be had."""
        if not busy:
            return {}
        budget.spend()
        self._ask(1)
        asked = [TopicPartition(*place, self.window.begin) for place in busy]
        found = consumer.offsets_for_times(asked, timeout=budget.timeout(5))
        good = [tp for tp in found if tp.error is None and tp.offset >= 0]
        return {(tp.topic, tp.partition): max(tp.offset, busy[tp.topic, tp.partition]) for tp in good}

    def _ask(self, requests: int) -> None:
        self.pace.requests.take(requests)
        time.sleep(min(self.pace.requests.wait(), 5.0))


class _Reading:
    """One assignment, read until each partition is at its stop, past the window, or no longer wanted."""

    def __init__(
        self, sampler: Sampler, consumer: Consumer, stops: dict[Place, int], busy: Collection[Place], take: Take
    ) -> None:
        self._sampler, self._consumer, self._take = sampler, consumer, take
        self.waiting, self._busy = stops, busy
        self.bytes: dict[str, int] = {}

    def run(self, until: float) -> None:
        heard = time.monotonic()
        while self.waiting and (now := time.monotonic()) < until and now - heard < SILENCE:
            wait = self._sampler.pace.bytes.wait()
            if wait > 0:
                time.sleep(min(wait, max(0.0, until - now), 0.5))
                heard = time.monotonic()
                continue
            got = self._consumer.consume(100, AT_MOST)
            heard = time.monotonic() if got else heard
            self._rest([place for message in got for place in self._one(message) if self._done(place)])

    def _done(self, place: Place) -> bool:
        return self.waiting.pop(place, None) is not None

    def _rest(self, places: list[Place]) -> None:
        if places and self.waiting:
            self._consumer.pause([TopicPartition(*k) for k in places])

    def _one(self, message: Message) -> Iterator[Place]:
        """The places that are done with this message."""
        place = (message.topic() or "", message.partition() or 0)
        if error := message.error():
            yield from self._error(error, place)
            return
        size, window = size_of(message), self._sampler.window
        topic, stop = place[0], self.waiting.get(place)
        self.bytes[topic] = self.bytes.get(topic, 0) + size
        self._sampler.pace.bytes.take(size if stop is None else max(LEAST, size))
        if stop is None:
            return
        kind, at = message.timestamp()
        window.met += 1
        wanted = self._take(message, at if kind else window.begin)
        if not wanted or self.bytes[topic] > window.share:
            yield from [k for k in self.waiting if k[0] == topic]
        elif (message.offset() or 0) >= stop - 1 or (place in self._busy and kind and at >= window.end):
            yield place

    def _error(self, error: KafkaError, place: Place) -> Iterator[Place]:
        if error.code() == KafkaError.TOPIC_AUTHORIZATION_FAILED:
            self._sampler.refused.add(place[0])
            yield from [k for k in self.waiting if k[0] == place[0]]
        elif error.fatal():
            raise KafkaException(error)
        else:
            yield place
