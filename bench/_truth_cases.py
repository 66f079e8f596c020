"""The groups of bench.truth: what is written and committed, and the book that is kept of it."""

from __future__ import annotations

import time
import uuid
from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from confluent_kafka import Consumer, ConsumerGroupTopicPartitions, KafkaException, Message, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from collectors.base import now_ms
from lineage.observations import Ms

STEPS = 10  # a second
BROKERS = {"message.timestamp.type": "LogAppendTime"}
COMPACTED = BROKERS | {"cleanup.policy": "compact", "segment.ms": "1000", "min.cleanable.dirty.ratio": "0.01"}


class Record(NamedTuple):
    """A record was appended at some time from ``low`` to ``high``; the same where the broker says when.

    The broker stamps it before it can be read, which it surely can once it is acknowledged, at ``acked``.
    """

    offset: int
    low: Ms
    high: Ms
    acked: Ms
    gone_at: Ms | None = None  # when its transaction was aborted


@dataclass
class Book:
    """What truly happened on one partition; each time is when the broker had answered."""

    records: list[Record] = field(default_factory=list)
    commits: list[tuple[Ms, int]] = field(default_factory=list)
    starts: list[tuple[Ms, Ms, int]] = field(default_factory=list)  # when it was asked for, and answered

    def committed(self, at: Ms) -> int | None:
        return next((c for t, c in reversed(self.commits) if t <= at), None)

    def oldest(self, at: Ms, committed: int, late: Ms | None = None) -> Record | None:
        """The oldest record that could be read at ``at`` from ``committed`` on; None: nothing is unread.

        Deletions are those that were answered by then; with ``late`` those that were asked for up to so much later.
        """
        gone = [s for asked, told, s in self.starts if (told <= at if late is None else asked <= at + late)]
        begin = max(committed, *gone[-1:], 0)
        first = bisect_left(self.records, begin, key=lambda r: r.offset)
        there = (r for r in self.records[first:] if r.gone_at is None or r.gone_at > at)
        found = next(there, None)
        return found if found and found.low <= at else None


class Group:
    """One topic of one partition and one group on it, with their book."""

    def __init__(self, address: str, case: str, config: dict[str, str]) -> None:
        self.case, self.base = case, {"bootstrap.servers": address, "log_level": 0}
        self.topic = self.group = f"{case}-{uuid.uuid4().hex[:6]}"
        self.book, self.admin = Book(), AdminClient(self.base)
        self.admin.create_topics([NewTopic(self.topic, 1, 1, config=config)])[self.topic].result(60)
        self._stamped = "message.timestamp.type" in config
        self._producer = Producer({**self.base, "linger.ms": 0})
        self._transactions: Producer | None = None
        self._consumer = Consumer({**self.base, "group.id": self.group, "enable.auto.commit": False})
        self._sent: list[Record] = []

    @property
    def end(self) -> int:
        """One past the last record that was acknowledged."""
        return self.book.records[-1].offset + 1 if self.book.records else 0

    @property
    def at(self) -> int:
        return self.book.commits[-1][1] if self.book.commits else 0

    def write(self, count: int, keys: int = 0, stamp: Ms = 0) -> None:
        """Returns when they are acknowledged; ``stamp`` is the producer's time, for topics that take it."""
        sent = now_ms()
        for n in range(count):
            key = f"k{n % keys}" if keys else uuid.uuid4().hex
            self._producer.produce(self.topic, b"x", key, 0, on_delivery=self._told(sent), timestamp=stamp)
        self._flush(self._producer)

    def transact(self, count: int, commit: bool) -> None:
        """Writes in a transaction, which ends before it returns."""
        if self._transactions is None:
            self._transactions = Producer({**self.base, "transactional.id": self.group, "linger.ms": 0})
            self._transactions.init_transactions(60)
        self._transactions.begin_transaction()
        sent, before = now_ms(), len(self.book.records)
        for _ in range(count):
            self._transactions.produce(self.topic, b"x", partition=0, on_delivery=self._told(sent))
        self._flush(self._transactions)
        if commit:
            return self._transactions.commit_transaction(30)
        self._transactions.abort_transaction(30)
        self.book.records[before:] = [r._replace(gone_at=now_ms()) for r in self.book.records[before:]]

    def _told(self, sent: Ms) -> Callable[..., None]:
        def told(error: object, message: Message) -> None:
            if error is not None:
                raise RuntimeError(f"{self.topic}: {error}")
            acked = now_ms()
            low, high = (message.timestamp()[1],) * 2 if self._stamped else (sent, acked)
            self._sent.append(Record(message.offset() or 0, low, high, acked))

        return told

    def _flush(self, producer: Producer) -> None:
        if producer.flush(30):
            raise RuntimeError(f"{self.topic}: not acknowledged within 30 s")
        self.book.records += sorted(self._sent)
        self._sent = []

    def commit(self, offset: int) -> None:
        """Only forward and to what is there, as a consumer does."""
        if offset > self.at or not self.book.commits:
            self._commit(min(offset, self.end))

    def _commit(self, offset: int) -> None:
        for attempt in range(100):  # the coordinator may still be loading
            try:
                self._consumer.commit(offsets=[TopicPartition(self.topic, 0, offset)], asynchronous=False)
                break
            except KafkaException:
                if attempt == 99:
                    raise
                time.sleep(0.2)
        self.book.commits.append((now_ms(), offset))

    def rewind(self, offset: int) -> None:
        asked = [ConsumerGroupTopicPartitions(self.group, [TopicPartition(self.topic, 0, offset)])]
        self.admin.alter_consumer_group_offsets(asked)[self.group].result(30)
        self.book.commits.append((now_ms(), offset))

    def delete(self, upto: int) -> None:
        part, asked = TopicPartition(self.topic, 0, upto), now_ms()
        self.admin.delete_records([part])[part].result(30)
        self.book.starts.append((asked, now_ms(), upto))

    def until_compacted(self, gone: int, seconds: float) -> None:
        """Waits until the broker's cleaner took so many records, and keeps in the book what is left. TimeoutError."""
        until = time.monotonic() + seconds
        while len(left := self.left()) > len(self.book.records) - gone:
            if time.monotonic() > until:
                raise TimeoutError(f"{self.topic} was not compacted within {seconds} s")
            self.write(1)  # what rolls the segment
            time.sleep(1)
        self.book.records = [r for r in self.book.records if r.offset in left]

    def left(self) -> set[int]:
        """The offsets at which a reader finds records."""
        reader = Consumer({**self.base, "group.id": "none", "enable.partition.eof": True})
        reader.assign([TopicPartition(self.topic, 0, 0)])
        found: set[int] = set()
        while (message := reader.poll(30)) is not None and message.error() is None:
            found.add(message.offset() or 0)
        reader.close()
        return found

    def close(self) -> None:
        self._consumer.close()


class Case(NamedTuple):
    """``before`` is done before anybody watches; ``step`` ten times a second, told which and how much has passed."""

    config: dict[str, str]
    before: Callable[[Group], None]
    step: Callable[[Group, int, float], None]


def _nothing_yet(g: Group) -> None:
    g.write(20)
    g.commit(g.end)


def _standing(g: Group) -> None:
    g.write(50, stamp=1000)
    g.commit(10)


def _gaps(g: Group) -> None:
    g.write(300, keys=3)
    time.sleep(1.5)
    g.write(50)
    g.until_compacted(297, 90)  # of each key one is left
    g.commit(5)


def _steady(g: Group, n: int, part: float) -> None:
    g.write(2)
    if n % STEPS == 3:
        g.commit(g.end - 40)


def _bursts(g: Group, n: int, part: float) -> None:
    if n % 120 == 20:
        g.write(300)
    if n % STEPS == 4:
        g.commit(g.at + 50)


def _stops(g: Group, n: int, part: float) -> None:
    g.write(2)
    if n % STEPS == 5 and not 0.3 <= part < 0.6:
        g.commit(g.at + 60)


def _quiet(g: Group, n: int, part: float) -> None:
    if n % 170 == 60:
        g.write(1)
    if n % 170 == 145:
        g.commit(g.end)


def _aborts(g: Group, n: int, part: float) -> None:
    if n % 20 == 0 and (part < 0.2 or 0.6 <= part < 0.7):
        g.transact(3, commit=True)
        g.commit(g.end)
    if n % 50 == 7 and (0.2 <= part < 0.3 or 0.75 <= part < 0.8):
        g.transact(3, commit=False)
    if n % 50 == 9 and 0.8 <= part < 0.9:
        g.transact(3, commit=True)  # what is aborted lies before what is to be read


def _compacted(g: Group, n: int, part: float) -> None:
    if n % STEPS == 0:
        g.write(1)
    if n % STEPS == 6 and part >= 0.6:
        g.commit(g.at + 20)


def _rewound(g: Group, n: int, part: float) -> None:
    g.write(2)
    moved_back = any(b < a for (_, a), (_, b) in zip(g.book.commits, g.book.commits[1:], strict=False))
    if part >= 0.4 and not moved_back:
        g.rewind(g.end // 3)
    elif n % STEPS == 7:
        g.commit(g.at + 45)


def _overtaken(g: Group, n: int, part: float) -> None:
    g.write(2)
    if n % STEPS == 8 and part < 0.1:
        g.commit(g.end)
    if n % 50 == 30 and part > 0.25 and g.end > 220:
        g.delete(g.end - 200)


def _of_1970(g: Group, n: int, part: float) -> None:
    g.write(2, stamp=1000 + n)
    if n % STEPS == 9 and part >= 0.4:
        g.commit(g.end - 40)


def _older(g: Group, n: int, part: float) -> None:
    g.write(1)
    if n % STEPS == 2 and part >= 0.6:
        g.commit(g.at + 40)


CASES = {
    "steady": Case(BROKERS, _nothing_yet, _steady),
    "bursts": Case(BROKERS, _nothing_yet, _bursts),
    "stop-and-catch-up": Case(BROKERS, _nothing_yet, _stops),
    "quiet": Case(BROKERS, _nothing_yet, _quiet),
    "aborted": Case(BROKERS, _nothing_yet, _aborts),
    "compacted": Case(COMPACTED, _gaps, _compacted),
    "rewound": Case(BROKERS, _nothing_yet, _rewound),
    "overtaken": Case(BROKERS, _nothing_yet, _overtaken),
    # The broker's own retention would take records of 1970, which the book would not know.
    "stamps-of-1970": Case({"retention.ms": "-1"}, _standing, _of_1970),
    "older-than-tape": Case(BROKERS, _standing, _older),
}
