"""What the contract tests put on a broker: topics, records, commits, members. Names are new each time."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

from confluent_kafka import Consumer, ConsumerGroupTopicPartitions, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic


class Shop:
    """Writes to a broker as other people's programs do."""

    def __init__(self, bootstrap: str, properties: dict[str, str] | None = None) -> None:
        self.base = {"bootstrap.servers": bootstrap, "log_level": 0, **(properties or {})}
        self.admin = AdminClient(self.base)

    def topic(self, partitions: int = 3) -> str:
        name = f"topic-{uuid.uuid4().hex[:8]}"
        self.admin.create_topics([NewTopic(name, partitions, 1)])[name].result(30)
        return name

    def produce(self, topic: str, each: list[int], **config: object) -> None:
        """``each[p]`` records into partition p."""
        producer = Producer({**self.base, **config})
        for partition, count in enumerate(each):
            for _ in range(count):
                producer.produce(topic, b"x", partition=partition)
        assert producer.flush(30) == 0

    def transact(self, topic: str, transactional_id: str) -> None:
        """One record into partition 0, in a transaction."""
        producer = Producer({**self.base, "transactional.id": transactional_id})
        producer.init_transactions(60)
        producer.begin_transaction()
        producer.produce(topic, b"x", partition=0)
        producer.commit_transaction(30)

    def commit(self, group: str, topic: str, offsets: dict[int, int]) -> None:
        """Commits as a consumer without a subscription does."""
        consumer = Consumer({**self.base, "group.id": group})
        commit(consumer, [TopicPartition(topic, p, o) for p, o in offsets.items()])
        consumer.close()

    @contextmanager
    def member(self, group: str, topic: str, **config: object) -> Iterator[Consumer]:
        """A consumer that has been given partitions."""
        own = {"group.id": group, "auto.offset.reset": "earliest", "enable.auto.commit": False}
        consumer = Consumer({**self.base, **own, **config})
        consumer.subscribe([topic])
        until = time.monotonic() + 30
        while not consumer.assignment() and time.monotonic() < until:
            consumer.poll(0.1)
        try:
            yield consumer
        finally:
            consumer.close()

    def committed(self, group: str) -> dict[tuple[str, int], int]:
        asked = self.admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions(group)])
        return {(p.topic, p.partition): p.offset for p in asked[group].result(30).topic_partitions}

    def state(self) -> tuple[set[str], set[str]]:
        """Names of topics and groups."""
        groups = self.admin.list_consumer_groups().result(30).valid
        return set(self.admin.list_topics(timeout=30).topics), {g.group_id for g in groups}


def commit(consumer: Consumer, wanted: list[TopicPartition]) -> None:
    """Commits, and returns once that was acknowledged: on a young cluster the coordinator may still be loading."""
    for _ in range(150):
        try:
            consumer.commit(offsets=wanted, asynchronous=False)
            return
        except KafkaException as error:
            refused = error
            time.sleep(0.2)
    raise refused


def name(what: str = "group") -> str:
    return f"{what}-x{uuid.uuid4().hex[:8]}"  # a name of digits alone would be taken for a number of another one
