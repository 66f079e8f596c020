"""Looks at the record where a group stands: whether there is one at all, and when it was written.

Only where a position stands still with offsets behind it. Assigned, in no group, committed records only; a few places
at a time, within a little time and few bytes, and each place once.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from typing import Final

from confluent_kafka import (
    TIMESTAMP_CREATE_TIME,
    TIMESTAMP_LOG_APPEND_TIME,
    Consumer,
    KafkaError,
    Message,
    TopicPartition,
)

from collectors.base import now_ms
from collectors.kafka.client import KafkaClient
from collectors.kafka.sampling import size_of
from lineage.observations import RecordAt, RecordsSeen

EVERY: Final = 30.0  # seconds between two looks; a position that stood through both is looked at
MOST: Final = 20  # places a look
SECONDS: Final = 2.0
BYTES: Final = 4 * 1024 * 1024
KINDS: Final = {TIMESTAMP_CREATE_TIME: "create", TIMESTAMP_LOG_APPEND_TIME: "append"}
LIMITS: Final = {
    "isolation.level": "read_committed",
    "auto.offset.reset": "earliest",  # what retention deleted: the first that is left
    "enable.partition.eof": True,
    "fetch.wait.max.ms": 50,
    "fetch.message.max.bytes": 4096,
    "queued.min.messages": 1,
    "queued.max.messages.kbytes": 64,
}
Place = tuple[str, int, int]  # topic, partition, offset
Lagging = tuple[Place, int]  # a place, and its log's end


class RecordTimes:
    """One cluster's; remembers what it saw of the places at which somebody stands, and of no others."""

    def __init__(self, cluster: str, client: KafkaClient) -> None:
        self._cluster, self._client = cluster, client
        self._standing: set[Place] = set()
        self._known: dict[Place, int | None] = {}  # up to where there was nothing; None: there is a record
        self._looked = float("-inf")

    def due(self) -> bool:
        """Whether it is time for a look."""
        return time.monotonic() - self._looked >= EVERY

    def look(self, lagging: Iterable[Lagging]) -> RecordsSeen | None:
        """What lies at places that stood still since the last look. Raises KafkaException."""
        self._looked = time.monotonic()
        now = dict(lagging)
        still = [p for p in now if p in self._standing]
        self._standing = set(now)
        self._known = {p: upto for p, upto in self._known.items() if p in now}
        places = [p for p in still if self._is_news(p, now[p])][:MOST]
        if not places:
            return None
        at = now_ms()
        found = list(self._read(places))
        self._known |= {(r.topic, r.partition, r.offset): r.upto if r.found is None else None for r in found}
        return RecordsSeen(cluster=self._cluster, at=at, records=found)

    def _is_news(self, place: Place, end: int) -> bool:
        if place not in self._known:
            return True
        upto = self._known[place]
        return upto is not None and upto < end

    def _read(self, places: list[Place]) -> Iterator[RecordAt]:
        """One place of a partition at a time: several groups may stand at several."""
        consumer = self._client.consumer(**LIMITS)
        until = time.monotonic() + SECONDS
        try:
            while places and time.monotonic() < until:
                turn = {(t, p): o for t, p, o in reversed(places)}
                places = [p for p in places if turn[p[0], p[1]] != p[2]]
                yield from _turn(consumer, turn, until)
        finally:
            consumer.close()


def _turn(consumer: Consumer, turn: dict[tuple[str, int], int], until: float) -> Iterator[RecordAt]:
    consumer.assign([TopicPartition(t, p, o) for (t, p), o in turn.items()])
    left, size = dict(turn), 0
    while left and time.monotonic() < until and size < BYTES:
        for message in consumer.consume(MOST, timeout=0.1):
            place = (message.topic() or "", message.partition() or 0)
            if place not in left:
                continue
            if (seen := _seen(message, left[place])) is not None:
                yield seen
            size += 0 if message.error() else size_of(message)
            del left[place]


def _seen(message: Message, offset: int) -> RecordAt | None:
    """What a record, or the end of its partition, says of the place; None where it was refused."""
    topic, partition, at = message.topic() or "", message.partition() or 0, message.offset() or 0
    if (error := message.error()) is not None:
        return RecordAt(topic, partition, offset, None, at) if error.code() == KafkaError._PARTITION_EOF else None
    kind, stamp = message.timestamp()
    return RecordAt(topic, partition, offset, at, at + 1, stamp if kind in KINDS else None, KINDS.get(kind, ""))
