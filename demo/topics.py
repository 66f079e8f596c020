"""The shop's topics. Making them is idempotent: what is there already is left as it is."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from confluent_kafka import OFFSET_END, Consumer, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic  # type: ignore[attr-defined]

DAY_MS = "86400000"
PROBE_SECONDS = 1.0
BUSY_FETCHES = 30  # within that time; one that waits is asked two or three times
DELETE = {"cleanup.policy": "delete", "retention.ms": DAY_MS}
COMPACT = {"cleanup.policy": "compact"}


@dataclass(frozen=True)
class Topic:
    name: str
    partitions: int
    configs: Mapping[str, str] = field(default_factory=lambda: DELETE)


TOPICS = (
    Topic("orders", 6),
    Topic("order-validations", 6),
    Topic("orders-validated", 6),
    Topic("orders-enriched", 6),
    Topic("payments", 3),
    Topic("payments.dlq", 1, {**DELETE, "retention.ms": "604800000"}),
    Topic("shipments", 3),
    Topic("emails", 3),
    Topic("recommendations", 3),
    Topic("customers", 3, COMPACT),
    Topic("legacy.catalogue.products", 3, COMPACT),
    Topic("mainframe.stock-levels", 1),
    Topic("apps_opened", 4),
    Topic("opened_per_day", 3, COMPACT),
)
# The broker's own default first; some that speak the protocol want a number.
REPLICATION = (-1, 1)


def create(kafka: Mapping[str, str], patience: float = 60.0) -> None:
    """Make what is missing. Raises KafkaException when the broker refuses, or is silent for `patience` seconds."""
    admin = AdminClient({**kafka, "log_level": 0})
    _wait(admin, time.monotonic() + patience)
    missing: tuple[Topic, ...] = TOPICS
    for replication in REPLICATION:
        missing = tuple(t for t in missing if not _create(admin, t, replication, last=replication == REPLICATION[-1]))


def fetches_wait(kafka: Mapping[str, str]) -> bool:
    """Whether the broker holds a fetch back until there is something, as Apache Kafka does.

    One that answers at once makes every idle consumer ask thousands of times a second.
    """
    fetches: list[int] = []

    def count(stats: str) -> None:
        brokers = json.loads(stats)["brokers"].values()
        fetches.append(sum(b.get("req", {}).get("Fetch", 0) for b in brokers))

    probe = {"group.id": "none", "enable.auto.commit": False, "statistics.interval.ms": 100, "stats_cb": count}
    consumer = Consumer({**kafka, **probe, "log_level": 0})
    consumer.assign([TopicPartition(TOPICS[-1].name, 0, OFFSET_END)])
    deadline = time.monotonic() + PROBE_SECONDS
    while time.monotonic() < deadline and (not fetches or fetches[-1] < BUSY_FETCHES):
        consumer.poll(0.05)
    consumer.close()
    return not fetches or fetches[-1] < BUSY_FETCHES


def _wait(admin: AdminClient, deadline: float) -> None:
    while True:
        try:
            admin.list_topics(timeout=3)
            return
        except KafkaException:
            if time.monotonic() > deadline:
                raise


def _create(admin: AdminClient, topic: Topic, replication: int, last: bool) -> bool:
    new = NewTopic(topic.name, topic.partitions, replication, config=dict(topic.configs))
    try:
        admin.create_topics([new])[topic.name].result(15)
    except KafkaException as error:
        if error.args[0].code() == KafkaError.TOPIC_ALREADY_EXISTS:
            return True
        if last:
            raise
        return False
    return True
