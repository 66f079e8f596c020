"""Follows ``__consumer_offsets`` with an assigned consumer: it joins no group and commits nothing.

It begins at the last stable offsets, so that a commit whose transaction was open at that moment is still seen.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from confluent_kafka import KafkaError, KafkaException, Message, TopicPartition

from collectors.base import Budget, CollectorError
from collectors.kafka.client import KafkaClient
from collectors.kafka.errors import missing
from collectors.kafka.listing import OFFSETS_TOPIC
from collectors.kafka.logends import stable_ends
from collectors.kafka.offsets_topic import OffsetRecord, decode
from lineage.observations import Ms

BATCH = 20_000
Apply = Callable[[OffsetRecord, Ms], None]
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
        self._held: dict[int, float] = {}
        self._consumer = client.consumer(**{"isolation.level": "read_committed", "queued.max.messages.kbytes": 8192})
        self._consumer.assign([TopicPartition(t, p, offset) for (t, p), offset in stable.items()])

    def read(self, seconds: float, apply: Apply) -> None:
        """Applies what arrives within this time. Raises CollectorError where the topic may not be read."""
        until = time.monotonic() + seconds
        while True:
            wait = max(0.0, until - time.monotonic())
            messages = self._consumer.consume(BATCH, timeout=min(wait, 0.5))
            for message in messages:
                self._one(message, apply)
            self.behind = len(messages) == BATCH
            if wait == 0.0:
                return

    def catch_up(self, apply: Apply, most: float = 5.0) -> None:
        """Reads until nothing more is there, at most this many seconds; ``behind`` tells whether that was enough."""
        until = time.monotonic() + most
        while True:
            messages = self._consumer.consume(BATCH, timeout=0.05)
            for message in messages:
                self._one(message, apply)
            self.behind = bool(messages) and time.monotonic() > until
            if not messages or self.behind:
                return

    def _one(self, message: Message, apply: Apply) -> None:
        if error := message.error():
            self._error(error)
            return
        record = decode(_bytes(message.key()), _bytes(message.value()))
        if record is not None:
            self.seen += 1
            apply(record, message.timestamp()[1])

    def _error(self, error: KafkaError) -> None:
        if error.code() == KafkaError.TOPIC_AUTHORIZATION_FAILED:
            raise missing(f"Read Topic {OFFSETS_TOPIC}", self._client.bootstrap_servers, self._client.principal)
        if error.code() in LOST:
            self.lost = True

    def held_back(self, budget: Budget, longer_than: float) -> set[int]:
        """Partitions whose stable end has stood below their end for so many seconds: a hanging transaction."""
        now = time.monotonic()
        stable, high = stable_ends(self._client.admin, self._leaders, budget)
        open_now = {p for (t, p), end in high.items() if stable.get((t, p), end) < end}
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
