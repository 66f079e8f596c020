"""Kafka Connect's answers, as a worker of 4.3 gives them, and what is told of them."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from collectors.base import Budget, run
from collectors.connect import UNTRACKED, Connect
from collectors.sources import Asked, jobs
from lineage.config import ClusterConfig, Config, Endpoint
from lineage.observations import CollectorRan, EdgeSeen, NodeSeen, Reading, encode
from tests.collectors.serving import Answer, serving

SINK = "io.confluent.connect.jdbc.JdbcSinkConnector"
PW = "hunter2-hunter2"


def said(name: str, type: str, config: dict[str, str], *tasks: str, state: str = "RUNNING", trace: str = "") -> Any:
    told = [{"id": i, "state": s, "worker_id": "w:8083", "version": "4.3.1"} for i, s in enumerate(tasks)]
    for task in told:
        if task["state"] == "FAILED" and trace:
            task["trace"] = trace
    status = {"name": name, "connector": {"state": state, "worker_id": "w:8083"}, "tasks": told, "type": type}
    return {name: {"info": {"name": name, "config": config, "tasks": [], "type": type}, "status": status}}


class Worker:
    """What a worker would answer."""

    def __init__(self, *connectors: Any, used: dict[str, list[str]] | None = None, topics: int = 200) -> None:
        self.listing = {k: v for c in connectors for k, v in c.items()}
        self.used, self.topics, self.asked = used or {}, topics, 0

    def __call__(self, method: str, path: str, body: bytes) -> Answer:
        self.asked += 1
        if path.startswith("/connectors?"):
            return 200, "application/json", json.dumps(self.listing).encode()
        name = path.split("/")[2]
        if self.topics != 200:
            error = {"error_code": self.topics, "message": "Topic tracking is disabled."}
            return self.topics, "application/json", json.dumps(error).encode()
        return 200, "application/json", json.dumps({name: {"topics": self.used.get(name, [])}}).encode()


def config_of(url: str) -> Config:
    return Config(clusters=(ClusterConfig("k", "localhost:9092", connect=(Endpoint(url, "main"),)),))


def collected(answer: Any, budget: Budget | None = None) -> tuple[dict[str, Reading], CollectorRan]:
    with serving(answer) as url:
        config = config_of(url)
        *seen, ran = run(Connect(Asked(config, config.clusters[0], "main", lambda: None)), budget or Budget(seconds=20))
    assert isinstance(ran, CollectorRan)
    return {o.source: o for o in seen if isinstance(o, Reading)}, ran


def edges(reading: Reading) -> set[tuple[str, str, str, str]]:
    return {(e.relation, e.source, e.target, e.strength) for e in reading.edges}


def nodes(reading: Reading) -> dict[str, NodeSeen]:
    return {n.id: n for n in reading.nodes}


JDBC = {"connector.class": SINK, "topics": "orders, returns", "connection.url": "jdbc:postgresql://db/shop"}


def test_a_sink_reads_the_topics_it_used_and_writes_its_system() -> None:
    readings, ran = collected(Worker(said("s", "sink", JDBC, "RUNNING"), used={"s": ["orders"]}))
    assert edges(readings["connect"]) == {
        ("reads", "topic:k/orders", "connector:k/main/s", "observed"),
        ("writes", "connector:k/main/s", "system:postgres://db/shop", "inferred"),
    }
    assert edges(readings["connect_config"]) == {
        ("reads", "topic:k/orders", "connector:k/main/s", "declared"),
        ("reads", "topic:k/returns", "connector:k/main/s", "declared"),
        ("writes", "connector:k/main/s", "system:postgres://db/shop", "declared"),
    }
    assert (ran.error, ran.note, ran.interval) == (None, "1 connectors, 0 failed", 30.0)
    assert all(r.complete and r.scope == "main" for r in readings.values())


DEBEZIUM = "io.debezium.connector.{}.Connector"


def test_a_database_bears_the_names_that_debezium_gives_it_in_records() -> None:
    place = {"database.hostname": "db", "database.password": PW}
    orders = {
        "connector.class": DEBEZIUM.format("postgresql"),
        "database.dbname": "orders",
        "topic.prefix": "crm",
        **place,
    }
    older = {**orders, "topic.prefix": "", "database.server.name": "old"}
    whole = {"connector.class": DEBEZIUM.format("mysql"), "topic.prefix": "shop", **place}
    forged = {**whole, "topic.prefix": f"//u:{PW}@x", "database.hostname": "other"}
    asked = Worker(
        *(said(n, "source", c, "RUNNING") for n, c in zip("abcd", (orders, older, whole, forged), strict=True))
    )
    readings, _ = collected(asked)
    named = {n.id: n.attrs.get("debezium") for n in readings["connect"].nodes if n.id.startswith("system:")}
    assert named == {
        "system:postgres://db/orders": ["postgresql://crm/orders", "postgresql://old/orders"],
        "system:mysql://db": ["mysql://shop"],
        "system:mysql://other": None,
    }
    assert PW not in repr(readings)


def test_a_source_reads_its_system_and_writes_the_topics_it_used() -> None:
    config = {"connector.class": "FileStreamSource", "file": "/in.txt", "topic": "lines"}
    readings, _ = collected(Worker(said("f", "source", config, "RUNNING"), used={"f": ["lines-renamed"]}))
    assert edges(readings["connect"]) == {
        ("writes", "connector:k/main/f", "topic:k/lines-renamed", "observed"),
        ("reads", "system:file://main/in.txt", "connector:k/main/f", "inferred"),
    }
    assert ("writes", "connector:k/main/f", "topic:k/lines", "declared") in edges(readings["connect_config"])


def test_what_has_moved_nothing_is_only_declared() -> None:
    readings, _ = collected(Worker(said("s", "sink", JDBC, "FAILED")))
    assert edges(readings["connect"]) == set()
    assert {e.strength for e in readings["connect_config"].edges} == {"declared"}


def test_a_dead_letter_topic_is_declared_from_each_topic_to_it_under_the_sinks_group() -> None:
    config = {**JDBC, "errors.deadletterqueue.topic.name": "dead", "consumer.override.group.id": "own"}
    readings, _ = collected(Worker(said("s", "sink", config, "RUNNING"), used={"s": ["orders"]}))
    dead = {(e.relation, e.source, e.group) for e in readings["connect_config"].edges if e.target == "topic:k/dead"}
    assert dead == {
        ("writes", "connector:k/main/s", "own"),
        ("dead_letters", "topic:k/orders", "own"),
        ("dead_letters", "topic:k/returns", "own"),
    }
    assert nodes(readings["connect"])["connector:k/main/s"].attrs["group"] == "own"


def test_a_failed_task_makes_the_connector_failed_and_says_why_in_one_line() -> None:
    trace = "org.apache.kafka.connect.errors.ConnectException: no table\n\tat a.B.c(B.java:1)\n\tat d.E"
    readings, ran = collected(Worker(said("s", "sink", JDBC, "RUNNING", "FAILED", trace=trace)))
    attrs = nodes(readings["connect"])["connector:k/main/s"].attrs
    assert (attrs["state"], attrs["class"], attrs["type"]) == ("FAILED", SINK, "sink")
    assert attrs["failure"] == "org.apache.kafka.connect.errors.ConnectException: no table"
    assert [t["state"] for t in attrs["tasks"]] == ["RUNNING", "FAILED"]
    assert ran.note == "1 connectors, 1 failed"


@pytest.mark.parametrize("state", ["PAUSED", "STOPPED", "UNASSIGNED"])
def test_other_states_are_told_as_they_are(state: str) -> None:
    readings, _ = collected(Worker(said("s", "sink", JDBC, state, state=state)))
    assert nodes(readings["connect"])["connector:k/main/s"].attrs["state"] == state


def test_without_tracking_topics_are_as_declared_and_that_is_said_after_one_question() -> None:
    worker = Worker(*(said(f"s{i}", "sink", JDBC, "RUNNING") for i in range(5)), topics=403)
    readings, ran = collected(worker)
    assert (ran.error, worker.asked) == (None, 2)
    assert UNTRACKED in ran.note
    assert edges(readings["connect"]) == set()
    assert len(nodes(readings["connect"])) == 6
    assert ("reads", "topic:k/orders", "connector:k/main/s4", "declared") in edges(readings["connect_config"])


def test_a_connector_deleted_while_we_ask_is_left_out() -> None:
    readings, ran = collected(Worker(said("s", "sink", JDBC, "RUNNING"), topics=404))
    assert ran.error is None
    assert "connector:k/main/s" not in nodes(readings["connect"])


def test_a_name_with_slashes_and_blanks_is_one_segment_of_its_id_and_of_the_question() -> None:
    asked: list[str] = []
    worker = Worker(said("a/b c", "sink", JDBC, "RUNNING"))

    def answer(method: str, path: str, body: bytes) -> Answer:
        asked.append(path)
        return worker(method, path, body)

    readings, _ = collected(answer)
    assert asked[1] == "/connectors/a%2Fb%20c/topics"
    assert "connector:k/main/a%2Fb c" in nodes(readings["connect"])


SECRETS = {
    **JDBC,
    "connection.url": f"jdbc:postgresql://u{PW}:{PW}@db/shop?user=u{PW}&password={PW}",
    "connection.password": PW,
    "aws.secret.access.key": PW,
    "consumer.override.sasl.jaas.config": f'M required username="x" password="{PW}";',
    "transforms.t.headers": f"Authorization: Bearer {PW}",
    "topics.regex": "ord.*",
    "note": PW,
    "errors.deadletterqueue.topic.name": f"{PW} is no topic",
}


def test_nothing_of_a_configuration_full_of_passwords_is_observed() -> None:
    trace = f"java.sql.SQLException: jdbc:postgresql://u{PW}:{PW}@db/shop?password={PW} for {PW}"
    readings, ran = collected(Worker(said("s", "sink", SECRETS, "FAILED", trace=trace), used={"s": ["orders"]}))
    told = b"".join(encode(o) for o in (*readings.values(), ran))
    assert PW.encode() not in told
    assert b"SQLException" in told
    assert b"postgres://db/shop" in told


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ((500, "text/html", b"<h1>Oops</h1>"), "with 500"),
        ((200, "text/html", b"<html>proxy</html>"), "text/html instead of JSON"),
        ((200, "application/json", b'["a"]'), "older than Kafka 2.3"),
        ((200, "application/json", b'"a"'), "no list of connectors"),
        ((200, "application/json", b"[" + b" " * 100 * 2**20), "more than 16 MB"),
        ((401, "application/json", b"{}"), "with 401"),
    ],
)
def test_a_worker_in_trouble_is_a_sentence_that_names_it(answer: Answer, told: str) -> None:
    readings, ran = collected(lambda *_: answer)
    assert not readings
    assert 'the Connect worker "main"' in str(ran.error)
    assert told in str(ran.error)


def test_a_worker_that_hangs_is_left_when_the_budget_ends() -> None:
    def hanging(*_: object) -> Answer:
        time.sleep(4)
        return 200, "application/json", b"{}"

    readings, ran = collected(hanging, Budget(seconds=0.6))
    assert not readings
    assert ran.unreachable
    assert ran.duration < 3


@pytest.mark.parametrize("junk", [None, 1, [], {"info": 3, "status": []}, {"info": {"config": None}}, {"status": {}}])
def test_answers_of_another_shape_never_break_it(junk: Any) -> None:
    readings, ran = collected(Worker({"x": junk}))
    assert ran.error is None
    assert readings["connect"].complete


def test_each_configured_worker_is_asked_and_nothing_where_there_is_none() -> None:
    both = (Endpoint("http://a:1", "a"), Endpoint("http://b:1", "b"))
    config = Config(clusters=(ClusterConfig("k", "h:1", connect=both), ClusterConfig("l", "h:2")))
    assert [(c.name, t) for kind, c, t in jobs(config) if kind.name == "connect"] == [("k", "a"), ("k", "b")]


def test_every_claim_is_of_the_moment_of_asking() -> None:
    readings, ran = collected(Worker(said("s", "sink", JDBC, "RUNNING"), used={"s": ["orders"]}))
    claims: list[EdgeSeen] = [e for r in readings.values() for e in r.edges]
    assert {e.last_seen - ran.at for e in claims} <= set(range(1000))
