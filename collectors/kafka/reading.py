"""One consumer that reads back what is asked: assigned, in no group, committed records only, within its allowance."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Message, TopicPartition

from collectors.base import Budget, CollectorError
from collectors.kafka.client import KafkaClient
from collectors.kafka.errors import missing
from collectors.kafka.logends import readable_ranges
from collectors.kafka.pace import Pace
from lineage.observations import Ms

MOST_PARTITIONS = 256
MOST_PAGE = 4 * 1024 * 1024  # bytes of records that one page may read
BATCH = 200
PIECE = 256 * 1024  # bytes
ROUND = 0.05  # seconds
Offsets = dict[int, int]


class NotThere(CollectorError):
    """What was asked for does not exist."""


class Cancelled(Exception):
    """Nobody waits for it any more."""


@dataclass
class Errand:
    """What reading one page may cost, and whether it is still wanted."""

    pace: Pace
    wanted: Callable[[], bool]
    budget: Budget
    tell: Callable[[int, int], None] = lambda records, size: None
    bytes: int = 0
    stopped: str = ""
    _looked: float = field(default=0.0)

    def goes_on(self) -> bool:
        """Whether more may be read; ``stopped`` says why not. Raises Cancelled."""
        now = time.monotonic()
        if now - self._looked > 0.5:
            self._looked = now
            if not self.wanted():
                raise Cancelled
        if self.budget.left() <= 0:
            self.stopped = "time"
        elif self.bytes >= MOST_PAGE:
            self.stopped = "bytes"
        return not self.stopped

    def ask(self) -> None:
        """Waits until one more request is allowed. Raises Cancelled, CollectorError."""
        self.budget.spend()
        self.pace.requests.take(1)
        self._wait(self.pace.requests.wait)

    def read(self, size: int) -> None:
        """Counts bytes that came, and waits until more may come."""
        self.bytes += size
        self.pace.bytes.take(size)
        self._wait(self.pace.bytes.wait)

    def _wait(self, seconds: Callable[[], float]) -> None:
        while (left := seconds()) > 0 and self.goes_on():
            time.sleep(min(left, 0.1))


@dataclass(frozen=True)
class Raw:
    """A record as it came."""

    partition: int
    offset: int
    at: Ms | None
    clock: str
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes | None]]

    @property
    def size(self) -> int:
        """Bytes of key, value and headers."""
        named = sum(len(n) + len(v or b"") for n, v in self.headers)
        return len(self.key or b"") + len(self.value or b"") + named


class Reader:
    """One consumer of one cluster; used by one thread."""

    def __init__(self, client: KafkaClient, bytes_per_second: int) -> None:
        self._client = client
        most = max(16_384, min(262_144, bytes_per_second // 4))
        limits = {"fetch.message.max.bytes": most, "queued.max.messages.kbytes": 2048, "queued.min.messages": 500}
        quick = {"fetch.wait.max.ms": 100, "fetch.error.backoff.ms": 100, "enable.partition.eof": True}
        self._consumer = client.consumer(**{"isolation.level": "read_committed", **limits, **quick})

    def close(self) -> None:
        """Ends the consumer; it has nothing to commit."""
        try:
            self._consumer.close()
        except (KafkaException, RuntimeError):
            return

    def leaders(self, topic: str, partition: int | None, errand: Errand) -> dict[tuple[str, int], int]:
        """The leaders of the topic's partitions, or of the one. Raises CollectorError."""
        errand.ask()
        found = self._client.admin.list_topics(topic, timeout=errand.budget.timeout(5)).topics.get(topic)
        if found is None or (found.error and found.error.code() == KafkaError.UNKNOWN_TOPIC_OR_PART):
            raise NotThere(f"there is no topic {topic} on the cluster now")
        if found.error is not None:
            raise KafkaException(found.error)
        wanted = [p for p in found.partitions.values() if partition is None or p.id == partition]
        if not wanted:
            raise NotThere(f"{topic} has no partition {partition}; it has 0 to {len(found.partitions) - 1}")
        if len(wanted) > MOST_PARTITIONS:
            remedy = "choose one partition"
            raise CollectorError(f"{topic} has {len(wanted)} partitions, more than are read at once", remedy=remedy)
        return {(topic, p.id): p.leader for p in wanted}

    def ranges(self, leaders: Mapping[tuple[str, int], int], errand: Errand) -> tuple[Offsets, Offsets]:
        """Where each partition begins and where its committed records end. Raises CollectorError."""
        errand.ask()
        errand.ask()
        starts, ends, errors = readable_ranges(self._client.admin, leaders, errand.budget)
        if errors and not ends:
            raise errors[0]
        return {p: o for (_, p), o in starts.items()}, {p: o for (_, p), o in ends.items()}

    def places_at(self, topic: str, ends: Offsets, at: Ms, errand: Errand) -> Offsets:
        """The first offset of each partition whose record was written at this moment or later; the end where none."""
        errand.ask()
        asked = [TopicPartition(topic, p, at) for p in ends]
        found = self._consumer.offsets_for_times(asked, timeout=errand.budget.timeout(5))
        return {tp.partition: _place(tp, ends[tp.partition]) for tp in found}

    def read(self, topic: str, start: Offsets, ends: Offsets, errand: Errand, sink: Any) -> None:
        """Reads each partition from ``start`` up to ``ends``: ``sink.put``, ``sink.end``, until ``sink.full()``.

        ``sink.enough(partition)`` pauses one that is ahead of the others. Raises CollectorError, Cancelled.
        """
        waiting = {p for p, at in start.items() if at < ends[p]}
        for p in start.keys() - waiting:
            sink.end(p)
        if not waiting:
            return
        assigned = [TopicPartition(topic, p, start[p]) for p in sorted(waiting)]
        self._consumer.assign(assigned)
        try:
            self._loop(topic, waiting, ends, errand, sink)
        finally:
            self._consumer.resume(assigned)  # a pause outlives its assignment
            self._consumer.unassign()

    def _loop(self, topic: str, waiting: set[int], ends: Offsets, errand: Errand, sink: Any) -> None:
        paused: set[int] = set()
        assigned = set(waiting)
        while waiting and not sink.full() and errand.goes_on():
            if size := self._some(topic, waiting, ends, sink):
                errand.read(size)
                errand.tell(sink.count, errand.bytes)
            self._hold(topic, assigned, waiting, paused, sink)

    def _some(self, topic: str, waiting: set[int], ends: Offsets, sink: Any) -> int:
        """Takes what is there, one by one, so that no more is held than is counted; its size."""
        size, wait = 0, ROUND
        for _ in range(BATCH):
            message = self._consumer.poll(wait)
            if message is None:
                break
            size, wait = size + self._one(topic, message, waiting, ends, sink), 0.0
            if size >= PIECE or sink.full():
                break
        return size

    def _hold(self, topic: str, assigned: set[int], waiting: set[int], paused: set[int], sink: Any) -> None:
        """Pauses those that are ahead of the others, and those that have ended."""
        resting = {p for p in assigned if p not in waiting or sink.enough(p)}
        if more := resting - paused:
            self._consumer.pause([TopicPartition(topic, p) for p in more])
        if less := paused - resting:
            self._consumer.resume([TopicPartition(topic, p) for p in less])
        paused.clear()
        paused.update(resting)

    def _one(self, topic: str, message: Message, waiting: set[int], ends: Offsets, sink: Any) -> int:
        """Hands one message on; its size."""
        p = message.partition()
        if error := message.error():
            self._error(error, p, waiting, sink)
            return 0
        if message.topic() != topic:
            return 0
        raw = _raw(message)
        if p not in waiting:
            return raw.size
        if raw.offset < ends[p]:
            sink.put(raw)
        if raw.offset >= ends[p] - 1:
            waiting.discard(p)
            sink.end(p)
        return raw.size

    def _error(self, error: KafkaError, partition: int | None, waiting: set[int], sink: Any) -> None:
        if error.code() == KafkaError.TOPIC_AUTHORIZATION_FAILED:
            raise missing("Read Topic *", self._client.bootstrap_servers, self._client.principal)
        gone = error.code() in (KafkaError._PARTITION_EOF, KafkaError._AUTO_OFFSET_RESET)
        if gone and partition is not None and partition in waiting:
            waiting.discard(partition)
            sink.end(partition)
        elif error.fatal():
            raise KafkaException(error)


def _place(found: TopicPartition, end: int) -> int:
    if found.error is not None:
        raise KafkaException(found.error)
    return end if found.offset < 0 else min(found.offset, end)


def _raw(message: Message) -> Raw:
    kind, at = message.timestamp()
    headers = message.headers() or []
    pairs = headers.items() if isinstance(headers, dict) else headers
    return Raw(
        partition=message.partition() or 0,
        offset=message.offset() or 0,
        at=at if kind else None,
        clock="append" if kind == 2 else "create",
        key=_bytes(message.key()),
        value=_bytes(message.value()),
        headers=[(n, _bytes(v)) for n, v in pairs],
    )


def _bytes(data: Any) -> bytes | None:
    return data.encode() if isinstance(data, str) else data
