"""Follows ``__consumer_offsets`` with an assigned consumer: it joins no group and commits nothing.

It begins at the last stable offsets, so that a commit whose transaction was open at that moment is still seen. A tick
asks for them again and reads up to just there: what was acknowledged by then is in, what came later waits.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

from confluent_kafka import KafkaError, KafkaException, Message, TopicPartition

from collectors.base import Budget, CollectorError, now_ms
from collectors.kafka.client import KafkaClient
from collectors.kafka.errors import missing
from collectors.kafka.listing import OFFSETS_TOPIC
from collectors.kafka.logends import Offsets, stable_ends
from collectors.kafka.offsets_topic import OffsetRecord, decode
from lineage.observations import Ms

BATCH = 20_000
# Seconds after which a stable end is not waited for: that a marker is the last one shows with the next answer only.
SILENCE = 0.25
Apply = Callable[[OffsetRecord, Ms], None]
LIMITS = {"isolation.level": "read_committed", "queued.max.messages.kbytes": 8192, "enable.partition.eof": True}
LOST = frozenset(
    {
        KafkaError._AUTO_OFFSET_RESET,
        KafkaError.OFFSET_OUT_OF_RANGE,
        KafkaError.UNKNOWN_TOPIC_OR_PART,
        KafkaError._UNKNOWN_PARTITION,
        KafkaError._UNKNOWN_TOPIC,
    }
)


class OffsetsReader:
    """One assignment. ``seen`` counts offset records; ``lost`` turns true when records may have been skipped."""

    def __init__(self, client: KafkaClient, leaders: dict[tuple[str, int], int], budget: Budget) -> None:
        self.partitions = sorted(p for topic, p in leaders if topic == OFFSETS_TOPIC)
        self._leaders = {(OFFSETS_TOPIC, p): leaders[OFFSETS_TOPIC, p] for p in self.partitions}
        self._client = client
        self.seen, self.behind, self.lost = 0, False, False
        stable, high = stable_ends(client.admin, self._leaders, budget)
        if len(stable) < len(self.partitions):
            silent = len(self.partitions) - len(stable)
            raise CollectorError(f"{silent} partitions of {OFFSETS_TOPIC} gave no end offset")
        self.ever_written = any(high.values())
        self._stable, self._high = stable, high
        self._reached = {p: offset for (_, p), offset in stable.items()}
        self._later: list[Message] = []
        self._held: dict[int, float] = {}
        self._consumer = client.consumer(**LIMITS)
        self._consumer.assign([TopicPartition(t, p, offset) for (t, p), offset in stable.items()])

    def read(self, seconds: float, apply: Apply) -> None:
        """Applies what arrives within this time. Raises CollectorError where the topic may not be read."""
        until = time.monotonic() + seconds
        self._take(self._later, apply)
        self._later = []
        while True:
            wait = max(0.0, until - time.monotonic())
            messages = self._consumer.consume(BATCH, timeout=min(wait, 0.5))
            self._take(messages, apply)
            self.behind = len(messages) == BATCH
            if wait == 0.0:
                return

    def catch_up(self, apply: Apply, budget: Budget, most: float = 5.0) -> Ms:
        """Reads to where the topic ends now, at most this many seconds; ``behind`` tells whether that was enough.

        Returns as of when the positions are true. Raises CollectorError where the topic may not be read.
        """
        self._stable, self._high = stable_ends(self._client.admin, self._leaders, budget)
        at, heard = now_ms(), time.monotonic()
        until = heard + most
        waiting, self._later = self._later, []
        self._take(waiting, apply, self._stable)
        while self._lacks() and (now := time.monotonic()) < min(until, heard + SILENCE):
            messages = self._consumer.consume(BATCH, timeout=0.01)
            self._take(messages, apply, self._stable)
            heard = now if messages else heard
        self.behind = self._lacks() and time.monotonic() >= until
        return at

    def _lacks(self) -> bool:
        return any(self._reached.get(p, 0) < end for (_, p), end in self._stable.items())

    def _take(self, messages: Iterable[Message], apply: Apply, ends: Offsets | None = None) -> None:
        """Applies what lies before ``ends``, if given, and keeps the rest for later."""
        for message in messages:
            part, offset, error = message.partition() or 0, message.offset() or 0, message.error()
            if error is not None:
                self._error(error)
            if error is None or error.code() == KafkaError._PARTITION_EOF:
                self._reached[part] = offset if error else offset + 1
            if error is None and ends is not None and offset >= ends.get((OFFSETS_TOPIC, part), offset + 1):
                self._later.append(message)
            elif error is None:
                self._one(message, apply)

    def _one(self, message: Message, apply: Apply) -> None:
        record = decode(_bytes(message.key()), _bytes(message.value()))
        if record is not None:
            self.seen += 1
            apply(record, message.timestamp()[1])

    def _error(self, error: KafkaError) -> None:
        if error.code() == KafkaError.TOPIC_AUTHORIZATION_FAILED:
            raise missing(f"Read Topic {OFFSETS_TOPIC}", self._client.bootstrap_servers, self._client.principal)
        if error.code() in LOST:
            self.lost = True

    def held_back(self, longer_than: float) -> set[int]:
        """Partitions whose stable end has stood below their end for so many seconds: a hanging transaction."""
        now = time.monotonic()
        open_now = {p for (t, p), end in self._high.items() if self._stable.get((t, p), end) < end}
        self._held = {p: self._held.get(p, now) for p in open_now}
        return {p for p, since in self._held.items() if now - since > longer_than}

    def close(self) -> None:
        """Ends the consumer; it has nothing to commit."""
        try:
            self._consumer.close()
        except (KafkaException, RuntimeError):
            return


def _bytes(data: str | bytes | None) -> bytes | None:
    return data.encode() if isinstance(data, str) else data
