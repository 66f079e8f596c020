"""Kafka Connect: what its worker's answers become, and what never leaves a config."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors.base import Budget, CollectorError, run
from collectors.connect import Connect
from collectors.sources import Asked
from collectors.systems import bare, systems
from lineage.config import ClusterConfig, Config, Endpoint
from lineage.observations import CollectorRan, EdgeSeen, NodeSeen, Reading
from tests.collectors.serving import Answer, serving

FILE_SINK = {
    "connector.class": "org.apache.kafka.connect.file.FileStreamSinkConnector",
    "topics": "orders,later",
    "file": "/out/orders.txt",
    "errors.deadletterqueue.topic.name": "orders-dlq",
}
SECRETS = {
    "connection.password": "hunter22",
    "aws.secret.access.key": "AKIAsecret",
    "sasl.jaas.config": "x password=qwerty7;",
}


def connector(config: Mapping[str, str], kind: str, state: str = "RUNNING", trace: str = "") -> dict[str, Any]:
    task = {"id": 0, "state": state, "worker_id": "w:8083", **({"trace": trace} if trace else {})}
    status = {"connector": {"state": "RUNNING", "worker_id": "w:8083"}, "tasks": [task], "type": kind}
    return {"info": {"name": "x", "config": dict(config), "tasks": [], "type": kind}, "status": status}


def collector(url: str, *more: ClusterConfig) -> Connect:
    cluster = ClusterConfig("c", "k:9092", connect=(Endpoint(url, "main"),))
    return Connect(Asked(Config(clusters=(cluster, *more)), cluster, "main", lambda: None))


def worker(connectors: Mapping[str, Any], topics: Mapping[str, list[str]] | int) -> Any:
    def answer(method: str, path: str, body: bytes) -> Answer:
        if path.startswith("/connectors?"):
            return 200, "application/json", json.dumps(connectors).encode()
        name = path.split("/")[2]
        if isinstance(topics, int):
            return topics, "application/json", b'{"error_code": 403, "message": "Topic tracking is disabled."}'
        return 200, "application/json", json.dumps({name: {"topics": topics.get(name, [])}}).encode()

    return answer


def read(
    connectors: Mapping[str, Any], topics: Mapping[str, list[str]] | int, *more: ClusterConfig
) -> tuple[Reading, CollectorRan]:
    with serving(worker(connectors, topics)) as url:
        reading, ran = run(collector(url, *more), Budget(seconds=5))
    assert isinstance(reading, Reading)
    assert isinstance(ran, CollectorRan)
    return reading, ran


def edges(reading: Reading) -> dict[tuple[str, str, str], EdgeSeen]:
    return {(e.relation, e.source, e.target): e for e in reading.edges}


def node(reading: Reading, wanted: str) -> NodeSeen:
    return next(n for n in reading.nodes if n.id == wanted)


def test_a_sink_reads_what_it_used_writes_its_system_and_names_its_group() -> None:
    reading, ran = read({"files": connector(FILE_SINK, "sink")}, {"files": ["orders", "orders-dlq"]})
    found, me = edges(reading), "connector:c/main/files"
    assert found["reads", "topic:c/orders", me].strength == "observed"
    assert found["reads", "topic:c/orders", me].group == "connect-files"
    assert found["reads", "topic:c/later", me].strength == "declared"
    assert found["writes", me, "system:file:///out/orders.txt"].strength == "observed"
    assert found["dead_letters", me, "topic:c/orders-dlq"].strength == "declared"
    assert ("reads", "topic:c/orders-dlq", me) not in found
    attrs = node(reading, me).attrs
    assert (attrs["type"], attrs["state"], attrs["group"], attrs["error"]) == ("sink", "RUNNING", "connect-files", None)
    assert (reading.complete, ran.error, ran.collector) == (True, None, "connect:main")


def test_a_source_writes_topics_from_its_database() -> None:
    config = {"connector.class": "io.confluent.connect.jdbc.JdbcSourceConnector", "topic.prefix": "db-",
              "connection.url": "jdbc:postgresql://me:hunter22@db:5432/orders?password=hunter22"}  # fmt: skip
    reading, _ = read({"in": connector(config, "source")}, {"in": ["db-orders"]})
    found = edges(reading)
    assert found["reads", "system:postgres://db:5432/orders", "connector:c/main/in"].strength == "observed"
    assert found["writes", "connector:c/main/in", "topic:c/db-orders"].strength == "observed"
    assert node(reading, "system:postgres://db:5432/orders").name == "orders"


def test_a_failed_task_makes_its_connector_failed_with_the_reason_and_no_secret() -> None:
    trace = "ConnectException: cannot log in to //me:hunter22@db with password=hunter22\n\tat a.b(C.java)"
    told = connector({**FILE_SINK, **SECRETS}, "sink", "FAILED", trace)
    reading, _ = read({"files": told}, {"files": []})
    me = node(reading, "connector:c/main/files")
    assert (me.attrs["state"], me.figures["tasks_failed"]) == ("FAILED", 1.0)
    assert me.attrs["error"].startswith("ConnectException: cannot log in to //***@db with password=***")
    assert edges(reading)["writes", me.id, "system:file:///out/orders.txt"].strength == "declared"


def test_no_secret_of_a_config_is_in_what_is_told() -> None:
    told = connector({**FILE_SINK, **SECRETS, "x.y": "plain"}, "sink", "FAILED", f"E: {SECRETS['connection.password']}")
    reading, ran = read({"files": told}, {"files": []})
    said = msgspec.json.encode([reading, ran]).decode()
    assert not [v for v in (*SECRETS.values(), "qwerty7", "plain") if v in said]


def test_without_topic_tracking_topics_are_as_configured_and_the_note_says_so() -> None:
    reading, ran = read({"files": connector(FILE_SINK, "sink")}, 403)
    assert {e.strength for e in reading.edges} == {"declared"}
    assert "topic.tracking.enable=false" in ran.note


def test_a_mirror_copies_topics_of_a_watched_cluster() -> None:
    config = {"connector.class": "org.apache.kafka.connect.mirror.MirrorSourceConnector",
              "source.cluster.alias": "A", "source.cluster.bootstrap.servers": "a:9092, a2:9092"}  # fmt: skip
    source = ClusterConfig("berlin", "a2:9092")
    reading, _ = read({"mm": connector(config, "source")}, {"mm": ["A.orders", "A.heartbeats", "other"]}, source)
    found = edges(reading)
    copied = {(s, t) for relation, s, t in found if relation == "replicates"}
    assert copied == {("topic:berlin/orders", "topic:c/A.orders")}
    assert ("reads", "topic:berlin/orders", "connector:c/main/mm") in found
    assert ("writes", "connector:c/main/mm", "topic:c/other") in found


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ((500, "application/json", b'{"message": "rebalancing"}'), "with 500"),
        ((200, "text/html", b"<html>"), "instead of JSON"),
        ((200, "application/json", b"[]"), "did not answer /connectors with a list"),
        ((200, "application/json", b'"' + b"x" * (17 << 20) + b'"'), "more than 16 MB"),
        ((401, "application/json", b"{}"), "with 401"),
    ],
)
def test_a_worker_that_answers_nonsense_is_named_and_tells_nothing(answer: Answer, told: str) -> None:
    with serving(lambda method, path, body: answer) as url, pytest.raises(CollectorError, match="Connect worker") as e:
        collector(url).collect(Budget(seconds=5))
    assert told in str(e.value)


MADE = collector("http://nowhere")
KEYS = ("info", "status", "config", "tasks", "connector", "state", "trace", "type", "topics", "a")
leaves = st.none() | st.integers() | st.text(max_size=5)
anything = st.recursive(
    leaves, lambda c: st.lists(c, max_size=3) | st.dictionaries(st.sampled_from(KEYS), c, max_size=4)
)


@given(st.dictionaries(st.sampled_from(["a", "b/c", "é"]), anything, max_size=3), anything)
def test_whatever_a_worker_answers_is_a_reading_or_a_sentence(connectors: dict[str, Any], topics: Any) -> None:

    class Told:
        what, url = "the worker", "x"

        def get(self, path: str, budget: Budget) -> Any:
            return connectors if path.startswith("/connectors?") else topics

    MADE._web = Told()  # type: ignore[assignment]
    found = run(MADE, Budget(seconds=5))
    ran = found[-1]
    assert isinstance(ran, CollectorRan)
    assert "unexpected" not in (ran.error or "")


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("jdbc:sqlserver://h:1433;databaseName=shop;user=sa;password=x", "sqlserver://h:1433/shop"),
        ("jdbc:postgresql://u:p@h/db?ssl=true", "postgres://h/db"),
        ("https://u:p@es.example:9200/", "https://es.example:9200"),
        ("mongodb+srv://u:p@cluster.example/shop?x=1", "mongodb+srv://cluster.example/shop"),
        ("no address", ""),
        ("http://[::1", ""),
    ],
)
def test_an_address_keeps_neither_user_nor_password(url: str, address: str) -> None:
    assert bare(url) == address


@pytest.mark.parametrize(
    ("config", "address"),
    [
        ({"connector.class": "io.debezium.connector.postgresql.PostgresConnector", "database.hostname": "db",
          "database.port": "5432", "database.dbname": "shop", "database.password": "x"}, "postgres://db:5432/shop"),
        ({"connector.class": "io.confluent.connect.s3.S3SinkConnector", "s3.bucket.name": "lake"}, "s3://lake"),
        ({"connector.class": "io.confluent.connect.elasticsearch.ElasticsearchSinkConnector",
          "connection.url": "http://es:9200"}, "elasticsearch://es:9200"),
        ({"connector.class": "io.confluent.connect.http.HttpSinkConnector", "http.api.url": "https://api/x?key=1"}, "https://api/x"),
    ],
)  # fmt: skip
def test_well_known_connectors_name_their_system(config: dict[str, str], address: str) -> None:
    assert [s.address for s in systems(config)] == [address]


def test_an_unknown_connector_names_none() -> None:
    assert systems({"connector.class": "com.example.Mine", "password": "x", "url": "http://x"}) == []
