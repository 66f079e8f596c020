"""A frame's positions are true as of its time: what was acknowledged by then is in, however soon before."""

from __future__ import annotations

import uuid

import pytest
from confluent_kafka import Consumer, ConsumerGroupTopicPartitions, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from collectors.base import Budget, now_ms
from collectors.kafka.client import KafkaClient
from collectors.kafka.positions_source import PositionsSource
from lineage.config import ClusterConfig
from tests.contracts.shop import commit

pytestmark = pytest.mark.kafka
COMMITS = 100


def standing(source: PositionsSource, topic: str) -> int | None:
    """Where the only group on a topic stands."""
    return next((offset for name, _, offset in source.table.places() if name == topic), None)


def test_a_commit_that_was_just_acknowledged_is_in(apache: str) -> None:
    name, address = f"as-of-{uuid.uuid4().hex[:8]}", {"bootstrap.servers": apache}
    admin = AdminClient(address)
    admin.create_topics([NewTopic(name, 1, 1)])[name].result(30)
    group = Consumer({**address, "group.id": name, "enable.auto.commit": False})
    source = PositionsSource(ClusterConfig("c", apache), KafkaClient("c", apache, {}))
    for n in range(COMMITS):
        commit(group, [TopicPartition(name, 0, n)])
        acknowledged = now_ms()
        source.bring_up_to_date(Budget(seconds=30))
        assert source.method == "followed"
        assert source.true_at >= acknowledged
        assert standing(source, name) == n
    source.close()
    group.close()


def test_a_commit_in_a_transaction_is_in_as_soon_as_its_marker_is(apache: str) -> None:
    name, address = f"as-of-{uuid.uuid4().hex[:8]}", {"bootstrap.servers": apache}
    admin = AdminClient(address)
    admin.create_topics([NewTopic(name, 1, 1)])[name].result(30)
    group = Consumer({**address, "group.id": name, "enable.auto.commit": False})
    group.subscribe([name])
    writer = Producer({**address, "transactional.id": name})
    writer.init_transactions(30)
    source = PositionsSource(ClusterConfig("c", apache), KafkaClient("c", apache, {}))
    for n in range(1, 6):
        writer.begin_transaction()
        writer.produce(name, b"x")
        writer.send_offsets_to_transaction([TopicPartition(name, 0, n)], group.consumer_group_metadata(), 30)
        writer.commit_transaction(30)
        stable = admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions(name)], require_stable=True)
        stable[name].result(30)  # the markers are written after the transaction was answered
        source.bring_up_to_date(Budget(seconds=30))
        assert standing(source, name) == n
        assert source.note == ""
    source.close()
    group.close()
