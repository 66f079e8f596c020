"""Fills a broker with topics and with groups that have committed offsets; or keeps some of them committing.

  python -m bench._fill --bootstrap HOST:PORT [--preset m|xl] [--moving 0.01 --seconds 60]

Presets: m is 1,000 topics of 10 partitions and 1,000 groups of 30 positions; xl is 499 topics of 5 partitions and
65,184 groups of 3 positions.
"""

from __future__ import annotations

import argparse
import random
import time
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

from confluent_kafka import ConsumerGroupTopicPartitions, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

RECORDS = 5
EVERY = 10.0
IN_FLIGHT = 200


@dataclass(frozen=True)
class Size:
    """Each group reads three topics: all their partitions, or one of each."""

    topics: int
    partitions: int
    groups: int
    all_partitions: bool

    def positions(self, group: int, offset: int) -> list[TopicPartition]:
        read = [(group * 3 + i) % self.topics for i in range(3)]
        parts = range(self.partitions) if self.all_partitions else [group % self.partitions]
        return [TopicPartition(topic(t), p, offset) for t in read for p in parts]


PRESETS = {"m": Size(1000, 10, 1000, True), "xl": Size(499, 5, 65_184, False)}


def topic(number: int) -> str:
    return f"t{number:05d}"


def fill(bootstrap: str, size: Size) -> None:
    """Topics, records, committed offsets."""
    admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 0})
    for i in range(0, size.topics, 100):
        new = [NewTopic(topic(t), size.partitions, 1) for t in range(i, min(i + 100, size.topics))]
        for future in admin.create_topics(new, request_timeout=120).values():
            future.result()
    producer = Producer({"bootstrap.servers": bootstrap, "log_level": 0, "linger.ms": 50})
    for t in range(size.topics):
        for n in range(size.partitions * RECORDS):
            producer.produce(topic(t), b"x", partition=n % size.partitions)
        producer.poll(0)
        if t % 50 == 0:
            producer.flush(120)
    producer.flush(120)
    commit(admin, size, range(size.groups), 1)


def commit(admin: AdminClient, size: Size, groups: Iterable[int], offset: int) -> None:
    """Each group's positions, a bounded number of groups in flight."""
    flying: deque[tuple[int, object]] = deque()
    for group in groups:
        flying.append((group, _alter(admin, size, group, offset)))
        if len(flying) >= IN_FLIGHT:
            _settle(admin, size, flying.popleft(), offset)
    while flying:
        _settle(admin, size, flying.popleft(), offset)


def _alter(admin: AdminClient, size: Size, group: int, offset: int) -> object:
    wanted = ConsumerGroupTopicPartitions(f"g{group:06d}", size.positions(group, offset))
    return next(iter(admin.alter_consumer_group_offsets([wanted], request_timeout=60).values()))


def _settle(admin: AdminClient, size: Size, asked: tuple[int, object], offset: int) -> None:
    """A refused partition is in the result, it is not raised: such a group is asked again."""
    group, future = asked
    for _ in range(60):
        try:
            if not any(p.error for p in future.result().topic_partitions):  # type: ignore[attr-defined]
                return
        except KafkaException:
            pass
        time.sleep(0.5)
        future = _alter(admin, size, group, offset)
    raise SystemExit(f"group {group} could not be filled")


def keep_moving(bootstrap: str, size: Size, part: float, seconds: float) -> None:
    """Every ten seconds this part of the groups commits, others each time."""
    admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 0})
    chosen, until = random.Random(4), time.monotonic() + seconds
    while time.monotonic() < until:
        began = time.monotonic()
        commit(admin, size, chosen.sample(range(size.groups), int(size.groups * part)), chosen.randint(2, RECORDS))
        time.sleep(max(0.0, began + EVERY - time.monotonic()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bootstrap", required=True)
    parser.add_argument("--preset", choices=PRESETS, default="m")
    parser.add_argument("--moving", type=float, default=0.0)
    parser.add_argument("--seconds", type=float, default=60.0)
    args = parser.parse_args()
    if args.moving:
        keep_moving(args.bootstrap, PRESETS[args.preset], args.moving, args.seconds)
    else:
        fill(args.bootstrap, PRESETS[args.preset])


if __name__ == "__main__":
    main()
