"""Transactional producers of Apache Kafka: who wrote what, what is open, what hangs."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Producer

from collectors.base import Budget, now_ms, run
from collectors.kafka.client import KafkaClient
from collectors.kafka.producers import Producers
from lineage.config import ClusterConfig, parse
from lineage.identity import named_writer
from lineage.observations import CollectorRan, EdgeSeen, NodeSeen, ProducersSeen, Reading
from tests.contracts import brokers
from tests.contracts.shop import Shop, name

pytestmark = pytest.mark.kafka
# A record of a transaction that no coordinator knows: what hangs in the wild comes from brokers that let it through.
LENIENT = "transaction.partition.verification.enable=false\n"
RULES = parse('services: [{match: {transactional_id: "^pay-.*"}, service: payments}]', "", {}).services


@pytest.fixture(scope="module")
def lenient(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with brokers.apache(tmp_path_factory.mktemp("lenient"), LENIENT) as address:
        yield address


class Look:
    """One collection after another with one collector, as a worker does it."""

    def __init__(self, address: str) -> None:
        self.client = KafkaClient("k", address, {})
        self.collector = Producers(ClusterConfig("k", address), self.client, RULES)
        self.seen: list[Any] = []

    def again(self) -> Reading:
        self.seen = run(self.collector, Budget(seconds=60))
        ran = self.seen[-1]
        assert isinstance(ran, CollectorRan)
        assert (ran.error, ran.needs) == (None, [])
        return next(o for o in self.seen if isinstance(o, Reading))

    def writes(self, topic: str) -> dict[str, EdgeSeen]:
        return {e.source: e for e in self.again().edges if e.target == f"topic:k/{topic}"}

    def topic(self, topic: str) -> NodeSeen:
        return next(n for n in self.again().nodes if n.id == f"topic:k/{topic}")

    def producers(self, topic: str) -> list[bool]:
        """Whether each producer id of the topic has a name."""
        told = next(o for o in self.seen if isinstance(o, ProducersSeen))
        return sorted(p.named for p in told.topics[topic])


@contextmanager
def looking(address: str) -> Iterator[Look]:
    look = Look(address)
    try:
        yield look
    finally:
        look.client.close()


def transactional(address: str, who: str) -> Producer:
    producer = Producer({"bootstrap.servers": address, "transactional.id": who, "log_level": 0})
    producer.init_transactions(60)
    return producer


def write(producer: Producer, topic: str) -> None:
    producer.begin_transaction()
    producer.produce(topic, b"x", partition=0)
    producer.flush(30)


def test_a_transactional_id_writes_what_its_producer_id_wrote_long_after_its_transaction(lenient: str) -> None:
    shop, who = Shop(lenient), name("etl")
    one, two = shop.topic(1), shop.topic(1)
    producer = transactional(lenient, who)
    with looking(lenient) as look:
        for topic in (one, two):
            write(producer, topic)
            producer.commit_transaction(30)
        for topic in (one, two):
            (edge,) = look.writes(topic).values()
            assert (edge.source, edge.strength, edge.count) == (named_writer("k", who), "observed", 1)
            assert abs(edge.last_seen - now_ms()) < 60_000
            assert look.producers(topic) == [True]
        assert look.topic(one).figures == {"active_producers": 1, "named_producers": 1, "open_transactions": 0}


def test_ids_of_one_program_are_one_writer_and_a_rule_names_its_service(lenient: str) -> None:
    topic = Shop(lenient).topic(1)
    for n in range(3):
        for who in (f"pay-{n}", f"batch-{n}"):
            producer = transactional(lenient, who)
            write(producer, topic)
            producer.commit_transaction(30)
    with looking(lenient) as look:
        found = look.writes(topic)
        assert {k: (e.count, e.strength) for k, e in found.items()} == {
            "service:payments": (3, "observed"),
            named_writer("k", "batch-*"): (3, "observed"),
        }
        assert found["service:payments"].detail == "transactional id pay-*"


def test_who_writes_without_a_transactional_id_stays_unknown(lenient: str) -> None:
    shop = Shop(lenient)
    topic = shop.topic(1)
    shop.produce(topic, [1], **{"enable.idempotence": True})
    with looking(lenient) as look:
        assert look.writes(topic) == {}
        assert look.producers(topic) == [False]
        assert look.topic(topic).figures == {"active_producers": 1, "named_producers": 0, "open_transactions": 0}


def test_an_open_transaction_is_counted_and_does_not_hang(lenient: str) -> None:
    topic = Shop(lenient).topic(1)
    producer = transactional(lenient, name("open"))
    write(producer, topic)
    with looking(lenient) as look:
        told = look.topic(topic)
        assert (told.figures["open_transactions"], told.attrs) == (1, {})
        producer.abort_transaction(30)
        assert look.topic(topic).figures["open_transactions"] == 0


def test_a_transaction_that_nobody_will_end_is_named(lenient: str) -> None:
    topic = Shop(lenient).topic(1)
    began = now_ms() - 20 * 60_000
    with looking(lenient) as look:
        producer_id = orphan(look.client, topic, began)
        told = look.topic(topic)
        assert told.attrs["hanging"] == [
            {"partition": 0, "producer_id": producer_id, "since": began, "transactional_id": None}
        ]
        ran = look.seen[-1]
        assert f"1 hanging transactions, {topic} partition 0 by producer id {producer_id} first" in ran.note


def orphan(client: KafkaClient, topic: str, at: int) -> int:
    """Writes a record of a transaction whose producer id no coordinator knows; that producer id."""
    from kafka.protocol.producer import InitProducerIdRequest, ProduceRequest
    from kafka.record.default_records import DefaultRecordBatchBuilder

    send = client.python._manager
    for _ in range(100):  # a broker that just started has no producer ids to give yet
        given = send.run(send.send, InitProducerIdRequest(transactional_id=None, transaction_timeout_ms=60_000))
        if given.error_code == 0:
            break
        time.sleep(0.2)
    assert given.error_code == 0
    batch = DefaultRecordBatchBuilder(2, 0, 1, given.producer_id, given.producer_epoch, 0, 10_000)
    batch.append(0, timestamp=at, key=None, value=b"x", headers=[])
    Topic = ProduceRequest.TopicProduceData
    part = Topic.PartitionProduceData(index=0, records=bytes(batch.build()))
    request = ProduceRequest(
        transactional_id="nobody", acks=-1, timeout_ms=10_000, max_version=11,
        topic_data=[Topic(name=topic, partition_data=[part])],
    )  # fmt: skip
    answer = send.run(send.send, request)
    assert answer.responses[0].partition_responses[0].error_code == 0
    return int(given.producer_id)


STREAMS = "org.apache.kafka.streams.examples.wordcount.WordCountDemo"


def test_a_streams_application_writes_what_its_transactional_ids_wrote(lenient: str, tmp_path: Path) -> None:
    from confluent_kafka.admin import NewTopic

    shop, app = Shop(lenient), name("words")
    source, sink = "streams-plaintext-input", "streams-wordcount-output"
    for future in shop.admin.create_topics([NewTopic(source, 1, 1), NewTopic(sink, 1, 1)]).values():
        future.result(30)
    config = {"bootstrap.servers": lenient, "application.id": app, "state.dir": tmp_path, "replication.factor": 1}
    config |= {"processing.guarantee": "exactly_once_v2", "commit.interval.ms": 100}
    properties = tmp_path / "streams.properties"
    properties.write_text("".join(f"{k}={v}\n" for k, v in config.items()))
    with brokers.running(brokers.java(STREAMS, str(properties)), tmp_path / "log"), looking(lenient) as look:
        shop.produce(source, [3])
        until = time.monotonic() + 120
        while not (found := look.writes(sink)) and time.monotonic() < until:
            time.sleep(0.5)
        (edge,) = found.values()
        assert (edge.source, edge.strength) == (f"group:k/{app}", "inferred")
        assert edge.detail == f"transactional id {app}-*, as Kafka Streams names {app}'s"
        inside = {e.target for e in look.again().edges if e.source == f"group:k/{app}"}
        assert {t.rpartition("-")[2] for t in inside} == {"output", "repartition", "changelog"}
