"""Looks at the record where a group stands: whether there is one at all, and when it was written.

Only where offsets lie behind a position. Assigned, in no group, committed records only; a few places at a time, within
a little time and few bytes; again where there was nothing and the log went on, and now and then where there was a
record, which a cleaner may have taken since.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final

from confluent_kafka import (
    TIMESTAMP_CREATE_TIME,
    TIMESTAMP_LOG_APPEND_TIME,
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    TopicPartition,
)

from collectors.kafka.client import KafkaClient
from collectors.kafka.sampling import size_of
from lineage.observations import RecordAt

PAUSE: Final = 1.5  # seconds between two looks, at least
EVERY: Final = 30.0  # seconds between two looks at all places of a cluster that has more than a few
FEW: Final = 10_000  # positions
MARKERS: Final = 2  # offsets that transactions leave at a log's end
MOST: Final = 20  # places a look
AGAIN: Final = 300.0  # seconds after which a record that was found is looked for again
MOST_AGAIN: Final = 2  # such places a look
SECONDS: Final = 1.0  # the tick waits
BYTES: Final = 4 * 1024 * 1024
AGAIN_RANK: Final = 4
KINDS: Final = {TIMESTAMP_CREATE_TIME: "create", TIMESTAMP_LOG_APPEND_TIME: "append"}
LIMITS: Final = {
    "isolation.level": "read_committed",
    "auto.offset.reset": "earliest",  # what retention deleted: the first that is left
    "enable.partition.eof": True,
    "fetch.wait.max.ms": 50,
    "fetch.message.max.bytes": 4096,
    "fetch.queue.backoff.ms": 10,  # a second by default, after each message that is at hand
    "queued.min.messages": 1,
    "queued.max.messages.kbytes": 64,
}
Place = tuple[str, int, int]  # topic, partition, offset


class RecordTimes:
    """One cluster's; remembers what it saw of the places at which somebody stands, and of no others."""

    def __init__(self, client: KafkaClient, clock: Callable[[], float] = time.monotonic) -> None:
        self._client, self._clock = client, clock
        self._consumer: Consumer | None = None
        self._standing: frozenset[Place] = frozenset()
        self._known: dict[Place, int | None] = {}  # up to where there was nothing; None: there is a record
        self._rests: dict[Place, float] = {}  # until when (monotonic) a place is left alone
        self._looked = self._scanned = float("-inf")

    def due(self) -> bool:
        """Whether it is time for a look."""
        return self._clock() - self._looked >= PAUSE

    def scans(self, positions: int) -> bool:
        """Whether the next look is given all places, of so many positions; else what moved and ``doubtful``."""
        return positions <= FEW or self._clock() - self._scanned >= EVERY

    def doubtful(self) -> Iterable[Place]:
        """Places that held nothing so far: what came since may be nothing as well."""
        return [p for p, upto in self._known.items() if upto is not None]

    def look(self, lagging: Mapping[Place, int], whole: bool) -> list[RecordAt]:
        """What lies at places behind their log's end (``whole``: all that are). Raises KafkaException."""
        self._looked = self._clock()
        news = sorted((self._rank(p, end), p) for p, end in lagging.items() if self._is_news(p, end))
        if whole:
            self._scan(lagging)
        first = [p for rank, p in news if rank == 0][: MOST // 2]
        first += [p for rank, p in news if rank == AGAIN_RANK][:MOST_AGAIN]
        places = [*first, *(p for rank, p in news if 0 < rank < AGAIN_RANK)][:MOST]
        found = list(self._read(places)) if places else []
        self._known |= {(r.topic, r.partition, r.offset): r.upto if r.found is None else None for r in found}
        answered = {(r.topic, r.partition, r.offset) for r in found}
        self._rests |= dict.fromkeys(set(places) - answered, self._looked + EVERY)
        self._rests |= {p: self._looked + AGAIN for p in answered if self._known[p] is None}
        return found

    def forget(self) -> None:
        """What was told may not have arrived: all places are looked at again."""
        self._known, self._rests = {}, {}

    def _scan(self, lagging: Mapping[Place, int]) -> None:
        self._scanned, self._standing = self._looked, frozenset(lagging)
        self._known = {p: upto for p, upto in self._known.items() if p in lagging}
        self._rests = {p: until for p, until in self._rests.items() if p in lagging}

    def _is_news(self, place: Place, end: int) -> bool:
        if self._rests.get(place, 0.0) > self._looked:
            return False
        upto = self._known.get(place, 0)
        return upto is None or upto < end

    def _rank(self, place: Place, end: int) -> int:
        """What is looked at first: what held nothing so far, what may be markers alone, what stands still."""
        if place in self._known:
            return AGAIN_RANK if self._known[place] is None else 0
        return 1 if end - place[2] <= MARKERS else 2 if place in self._standing else 3

    def _read(self, places: list[Place]) -> Iterator[RecordAt]:
        """One place of a partition at a time: several groups may stand at several."""
        until = time.monotonic() + SECONDS
        try:
            self._consumer = self._consumer or self._client.consumer(**LIMITS)
            while places and time.monotonic() < until:
                turn = {(t, p): o for t, p, o in reversed(places)}
                places = [p for p in places if turn[p[0], p[1]] != p[2]]
                begin = {(t, p, o): max(o, self._known.get((t, p, o)) or 0) for (t, p), o in turn.items()}
                yield from _turn(self._consumer, begin, until)
            self._consumer.unassign()
        except KafkaException:
            self.close()
            raise

    def close(self) -> None:
        """Lets go of its connections; the next look makes them anew."""
        if self._consumer is not None:
            self._consumer.close()
        self._consumer = None


def _turn(consumer: Consumer, turn: Mapping[Place, int], until: float) -> Iterator[RecordAt]:
    """Reads from where each place is not known yet; at most one place of each partition."""
    consumer.assign([TopicPartition(t, p, begin) for (t, p, _), begin in turn.items()])
    left, size = {(t, p): o for t, p, o in turn}, 0
    while left and time.monotonic() < until and size < BYTES:
        for message in consumer.consume(len(left), timeout=0.1):
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
