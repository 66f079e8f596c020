"""Sampling records on real brokers: what they say becomes evidence, within the allowance, and nothing is changed."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import redis
from confluent_kafka import Producer
from confluent_kafka.admin import NewTopic

from collectors.base import Budget, Collection, Kept
from collectors.kafka.client import KafkaClient
from collectors.kafka.headers import Headers
from collectors.kafka.remembered import Known, packed
from collectors.kafka.sampling import SHARE
from lineage.config import ClusterConfig, Names, Records
from lineage.observations import EdgeSeen, EdgesSeen, NodeSeen, Reading
from tests.contracts.shop import Shop, name

QUICK = Records(bytes_per_second=40_000_000, requests_per_second=1000)


@contextmanager
def sampler(broker: str, *topics: str, records: Records = QUICK, kept: Kept | None = None) -> Iterator[Headers]:
    client = KafkaClient("k", broker, {})
    try:
        yield Headers(ClusterConfig("k", broker, include=Names((*topics,), ("*",)), records=records), client, kept)
    finally:
        client.close()


def put(broker: str, topic: str, *records: dict[str, Any]) -> None:
    producer = Producer({"bootstrap.servers": broker, "log_level": 0, "message.max.bytes": 12_000_000})
    for record in records:
        producer.produce(topic, **record)
    assert producer.flush(60) == 0


def window(headers: Headers) -> list[Collection]:
    """Runs until every topic was read."""
    found = [headers.collect(Budget())]
    for _ in range(20):
        if not headers.sampler.window.todo:
            return found
        found.append(headers.collect(Budget()))
    raise AssertionError(found[-1].note)


def edges(found: list[Collection]) -> list[EdgeSeen]:
    return [e for c in found for o in c.observations if isinstance(o, EdgesSeen) for e in o.edges]


def nodes(found: list[Collection]) -> dict[str, NodeSeen]:
    return {n.name: n for c in found for o in c.observations if isinstance(o, Reading) for n in o.nodes}


def said(found: list[Collection]) -> set[tuple[str, str, str, str, str, int]]:
    return {(e.relation, e.source, e.target, e.group, e.strength, e.count) for e in edges(found)}


def test_dead_letters_sources_and_tables_become_edges(broker: str) -> None:
    shop = Shop(broker)
    origin, dead, table, event = (shop.topic(2) for _ in range(4))
    connect = {"__connect.errors.topic": origin, "__connect.errors.connector.name": "sink"}
    spring = {"kafka_dlt-original-topic": origin, "kafka_dlt-original-consumer-group": "billing"}
    put(broker, dead, *({"value": b"x", "headers": h} for h in (connect, connect, spring)))
    source = {"connector": "mysql", "name": "crm", "db": "shop", "table": "lines", "password": "hunter2"}
    put(broker, table, {"value": json.dumps({"after": {"card": "hunter2"}, "source": source}), "key": b"hunter2"})
    put(broker, event, {"value": b"{}", "headers": {"ce_source": "https://u:hunter2@till/1", "ce_specversion": "1.0"}})
    with sampler(broker, origin, dead, table, event) as headers:
        found = window(headers)
        again = window(headers)
    assert said(found) == {
        ("dead_letters", f"topic:k/{origin}", f"topic:k/{dead}", "connect-sink", "observed", 2),
        ("dead_letters", f"topic:k/{origin}", f"topic:k/{dead}", "billing", "observed", 1),
        ("writes", "group:k/connect-sink", f"topic:k/{dead}", "", "observed", 2),
        ("writes", "group:k/billing", f"topic:k/{dead}", "", "observed", 1),
        ("derives", "system:mysql://crm/shop", f"topic:k/{table}", "", "observed", 1),
        ("writes", "service:https:%2F%2Ftill%2F1", f"topic:k/{event}", "", "inferred", 1),
    }
    assert edges(again) == []  # what was looked at counts once
    assert "hunter2" not in repr(found)


def test_a_trace_met_in_two_topics_is_a_flow_between_them(broker: str) -> None:
    shop = Shop(broker)
    first, second, other = (shop.topic(3) for _ in range(3))
    now = int(time.time() * 1000)
    for i in range(5):
        trace = {"traceparent": f"00-{i + 1:032x}-b7ad6b7169203331-03"}
        put(broker, second, {"value": b"x", "headers": trace, "timestamp": now - 1000 + i})
        put(broker, first, {"value": b"x", "headers": trace, "timestamp": now - 2000 + i})
    put(broker, other, {"value": b"x", "headers": {"traceparent": f"00-{99:032x}-b7ad6b7169203331-03"}})
    with sampler(broker, first, second, other) as headers:
        found = window(headers)
    assert said(found) == {("derives", f"topic:k/{first}", f"topic:k/{second}", "", "inferred", 5)}


def test_a_topic_shows_its_schemas_kinds_and_nulls(broker: str) -> None:
    topic = Shop(broker).topic(1)
    framed = b"\x00\x00\x00\x00\x07avro"
    put(broker, topic, {"value": framed, "key": b"k"}, {"value": b'{"a":1}', "key": None}, {"value": None, "key": b"k"})
    with sampler(broker, topic) as headers:
        node = nodes(window(headers))[topic]
    assert node.id == f"topic:k/{topic}"
    assert node.attrs == {
        "schema_ids_seen": [7],
        "key_kinds": ["null", "text"],
        "value_kinds": ["json", "null", "schema"],
    }
    assert node.figures == {"null_keys": 0.33, "null_values": 0.33, "pathway_ms": None}


def test_of_a_busy_topic_no_more_is_looked_at_than_is_allowed_and_that_from_the_window_on(broker: str) -> None:
    topic = Shop(broker).topic(1)
    now = int(time.time() * 1000)
    with sampler(broker, topic) as headers:
        put(broker, topic, {"value": b"x"})
        window(headers)
        put(broker, topic, *({"value": b"old", "timestamp": now - 3_600_000} for _ in range(300)))
        put(broker, topic, *({"value": b"new", "timestamp": now - 5000} for _ in range(300)))
        found = window(headers)
        looked = headers._window[topic]
    assert looked.looked == 20
    assert "20 of 600 new records were met in 1 topics" in found[-1].note


def test_large_records_cost_one_of_them_and_then_rest_while_the_others_are_read(broker: str) -> None:
    shop = Shop(broker)
    large, small = name("large"), shop.topic(1)
    new = NewTopic(large, 1, 1, config={"max.message.bytes": "12000000"})
    shop.admin.create_topics([new])[large].result(30)
    put(broker, large, *({"value": bytes(10_000_000)} for _ in range(3)))
    put(broker, small, {"value": b"x"})
    with sampler(broker, large, small) as headers:
        assert nodes(window(headers)).keys() == {large, small}
        assert headers.sampler._debt[large] > 9_000_000 - SHARE
        put(broker, large, {"value": bytes(10_000_000)})
        put(broker, small, {"value": b"x"})
        found = window(headers)
    assert nodes(found).keys() == {small}
    assert "1 with large records rest" in found[-1].note


def test_a_narrow_allowance_spreads_one_window_over_several_runs(broker: str) -> None:
    shop = Shop(broker)
    topics = [shop.topic(1) for _ in range(3)]
    for topic in topics:
        put(broker, topic, *({"value": bytes(1000)} for _ in range(20)))
    with sampler(broker, *topics, records=Records(bytes_per_second=100_000, requests_per_second=1000)) as headers:
        began = headers.sampler.window.begin
        first = headers.collect(Budget(seconds=2.0))
        begin = headers.sampler.window.begin
        assert begin > began
        assert headers.sampler.pace.bytes.wait() > 0  # the allowance is overdrawn, and is waited for
        found = [first, *window(headers)]
    assert nodes(found).keys() == set(topics)


def test_a_new_process_counts_nothing_again_and_remembers_what_a_topic_said(broker: str, redis_url: str) -> None:
    shop = Shop(broker)
    origin, dead = shop.topic(1), shop.topic(2)
    failed = {"__connect.errors.topic": origin, "__connect.errors.connector.name": "sink"}
    put(broker, dead, *({"value": b'{"a":1}', "headers": failed} for _ in range(3)))
    kept = Kept(redis.Redis.from_url(redis_url), "headers:k")
    with sampler(broker, origin, dead, kept=kept) as headers:
        first = window(headers)
    with sampler(broker, origin, dead, kept=kept) as headers:
        again = window(headers)
        put(broker, dead, {"value": None, "headers": failed})
        more = window(headers)
    assert [e.count for e in edges(first) if e.relation == "dead_letters"] == [3]
    assert edges(again) == []
    assert [e.count for e in edges(more) if e.relation == "dead_letters"] == [1]
    assert nodes(more)[dead].attrs["value_kinds"] == ["json", "null"]


def test_what_another_cluster_at_this_name_was_asked_is_not_taken_for_this_ones(broker: str, redis_url: str) -> None:
    topic = Shop(broker).topic(1)
    put(broker, topic, {"value": b"x", "headers": {"ce_source": "/till", "ce_specversion": "1.0"}})
    kept = Kept(redis.Redis.from_url(redis_url), "headers:k")
    kept.write(packed("elsewhere:9092", {topic: Known({0: 1}, [], [], [], [])}))
    with sampler(broker, topic, kept=kept) as headers:
        assert [e.count for e in edges(window(headers))] == [1]
    kept.write(b"no bytes of ours")
    with sampler(broker, topic, kept=kept) as headers:
        assert [e.count for e in edges(window(headers))] == [1]


def test_nobody_notices(broker: str) -> None:
    shop = Shop(broker)
    topic = shop.topic(1)
    put(broker, topic, {"value": b"x"})
    topics, groups = shop.state()
    with sampler(broker, topic) as headers:
        window(headers)
    assert shop.state()[0] == topics
    assert shop.state()[1] <= groups
