"""ksqlDB's queries over real HTTP, in the shape of its documentation and of the server's published classes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collectors.base import Budget, CollectorError, run
from collectors.ksqldb import MOST_SQL, KsqlDb
from collectors.sources import Asked
from lineage.config import parse
from lineage.observations import CollectorRan, Reading, encode
from tests.collectors.hostile import spoiled
from tests.collectors.serving import Answer, serving

SQL = "CREATE STREAM BIG_ORDERS WITH (KAFKA_TOPIC='big-orders') AS SELECT * FROM ORDERS WHERE TOTAL > 100 EMIT CHANGES;"
GROUP = "_confluent-ksql-shop_query_CSAS_BIG_ORDERS_5"
STREAMS = [
    {"type": "STREAM", "name": "ORDERS", "topic": "orders", "keyFormat": "KAFKA", "valueFormat": "JSON"},
    {"type": "STREAM", "name": "BIG_ORDERS", "topic": "big-orders", "keyFormat": "KAFKA", "valueFormat": "JSON"},
]
TABLES = [{"type": "TABLE", "name": "CUSTOMERS", "topic": "customers", "isWindowed": False}]
DESCRIBED = {
    "id": "CSAS_BIG_ORDERS_5",
    "statementText": SQL,
    "windowType": None,
    "fields": [{"name": "TOTAL", "schema": {"type": "INTEGER", "fields": None, "memberSchema": None}}],
    "sources": ["ORDERS", "CUSTOMERS"],
    "sinks": ["BIG_ORDERS"],
    "topology": "Topologies:\n   Sub-topology: 0\n",
    "executionPlan": " > [ SINK ] ",
    "overriddenProperties": {"ksql.streams.sasl.jaas.config": "password=hush"},
    "ksqlHostQueryStatus": {"ksql-1:8088": "RUNNING", "ksql-2:8088": "RUNNING"},
    "queryType": "PERSISTENT",
    "queryErrors": [{"timestamp": 1, "errorMessage": "row {card: 4111}", "type": "USER"}],
    "tasksMetadata": [],
    "consumerGroupId": GROUP,
    "state": "RUNNING",
}
PUSH = {**DESCRIBED, "id": "transient_ORDERS_77", "queryType": "PUSH", "sinks": []}
PLAIN = {
    "queryString": SQL,
    "sinks": ["BIG_ORDERS"],
    "sinkKafkaTopics": ["big-orders"],
    "id": "CSAS_BIG_ORDERS_5",
    "statusCount": {"RUNNING": 1, "ERROR": 1},
    "queryType": "PERSISTENT",
    "state": "ERROR",
}


def listing(streams: Any, tables: Any, queries: Any, kind: str = "queryDescriptions") -> list[dict[str, Any]]:
    return [
        {"@type": "streams", "statementText": "LIST STREAMS;", "streams": streams, "warnings": []},
        {"@type": "tables", "statementText": "LIST TABLES;", "tables": tables, "warnings": []},
        {"@type": "queries", "statementText": "SHOW QUERIES;", kind: queries, "warnings": []},
    ]


class Server:
    def __init__(self) -> None:
        self.extended: tuple[int, Any] = (200, listing(STREAMS, TABLES, [DESCRIBED, PUSH]))
        self.plain: Any = listing(STREAMS, TABLES, [PLAIN, {**PLAIN, "id": "x; DROP STREAM ORDERS"}], "queries")
        self.asked: list[str] = []

    def answer(self, _: str, path: str, body: bytes) -> Answer:
        asked = json.loads(body)["ksql"]
        self.asked.append(asked)
        status, out = 200, self.plain
        if "EXTENDED" in asked:
            status, out = self.extended
        elif "EXPLAIN" in asked:
            out = [{"@type": "queryDescription", "queryDescription": {**DESCRIBED, "queryType": "PERSISTENT"}}]
        return status, "application/vnd.ksql.v1+json", json.dumps(out).encode()


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
def url(server: Server) -> Iterator[str]:
    with serving(server.answer) as at:
        yield at


def collector(url: str) -> KsqlDb:
    text = f'clusters: [{{name: c, bootstrap_servers: "k:1", ksqldb: [{{name: main, url: "{url}"}}]}}]'
    config = parse(text, "playhead.yaml", {})
    return KsqlDb(Asked(config, config.clusters[0], "main", lambda: None))


def reading(one: KsqlDb) -> tuple[Reading, str]:
    found = one.collect(Budget(seconds=20))
    assert isinstance(found.observations[0], Reading)
    return found.observations[0], found.note


QUERY = "query:c/main/CSAS_BIG_ORDERS_5"


def edges(told: Reading) -> list[tuple[str, str, str, str, str]]:
    return [(e.relation, e.source, e.target, e.strength, e.group) for e in told.edges]


def test_a_query_is_a_node_with_its_sql_and_the_topics_behind_its_streams_and_tables(server: Server, url: str) -> None:
    told, note = reading(collector(url))
    assert [(n.id, n.name) for n in told.nodes] == [(QUERY, "CSAS_BIG_ORDERS_5")]
    attrs = told.nodes[0].attrs
    assert (attrs["sql"], attrs["state"], attrs["hosts"], attrs["errors"]) == (SQL, "RUNNING", {"RUNNING": 2}, ["USER"])
    assert edges(told) == [
        ("reads", "topic:c/customers", QUERY, "observed", GROUP),
        ("reads", "topic:c/orders", QUERY, "observed", GROUP),
        ("writes", QUERY, "topic:c/big-orders", "inferred", ""),
    ]
    assert (told.complete, note) == (True, "1 persistent queries; 1 queries of clients are left out")
    assert server.asked == ["LIST STREAMS; LIST TABLES;SHOW QUERIES EXTENDED;"]


def test_nothing_of_overridden_properties_or_of_a_row_that_failed_is_kept(url: str) -> None:
    told = encode(reading(collector(url))[0])
    assert b"hush" not in told
    assert b"4111" not in told


def test_a_query_that_does_not_run_is_not_observed_to_read(server: Server, url: str) -> None:
    broken = {**DESCRIBED, "state": "ERROR", "ksqlHostQueryStatus": {"ksql-1:8088": "ERROR"}}
    server.extended = (200, listing(STREAMS, TABLES, [broken]))
    told, _ = reading(collector(url))
    assert {e.strength for e in told.edges} == {"inferred"}
    assert told.nodes[0].attrs["state"] == "ERROR"


def test_a_server_without_the_extended_listing_explains_each_query_once(server: Server, url: str) -> None:
    server.extended = (400, {"@type": "statement_error", "error_code": 40001, "message": "extraneous input"})
    one = collector(url)
    reading(one)
    told, note = reading(one)
    assert [(r, s, t) for r, s, t, _, _ in edges(told)] == [
        ("reads", "topic:c/customers", QUERY),
        ("reads", "topic:c/orders", QUERY),
        ("writes", QUERY, "topic:c/big-orders"),
    ]
    assert [a for a in server.asked if "EXPLAIN" in a] == ["EXPLAIN CSAS_BIG_ORDERS_5;"]
    assert told.nodes[0].attrs["hosts"] == {"ERROR": 1, "RUNNING": 1}
    assert (told.complete, "1 are not known yet" in note) == (False, True)  # the id that would be a statement


def test_a_stream_whose_topic_is_not_listed_is_named(server: Server, url: str) -> None:
    server.extended = (200, listing(STREAMS, [], [DESCRIBED]))
    told, note = reading(collector(url))
    assert len(told.edges) == 2
    assert "no topic is known for CUSTOMERS" in note


def test_a_long_statement_is_cut(server: Server, url: str) -> None:
    server.extended = (200, listing(STREAMS, TABLES, [{**DESCRIBED, "statementText": "S" * 100_000}]))
    assert len(reading(collector(url))[0].nodes[0].attrs["sql"]) == MOST_SQL


@pytest.mark.parametrize("answer", [{"a": 1}, "x", None, 7])
def test_an_answer_that_is_no_list_is_a_sentence(server: Server, url: str, answer: Any) -> None:
    server.extended = (200, answer)
    with pytest.raises(CollectorError, match="where a list belongs"):
        reading(collector(url))


def test_whatever_a_server_answers_is_a_sentence_or_a_whole_reading(server: Server, url: str) -> None:
    @settings(max_examples=100, deadline=None)
    @given(
        status=st.sampled_from([200, 400]),
        extended=spoiled(listing(STREAMS, TABLES, [DESCRIBED, PUSH])),
        plain=spoiled(listing(STREAMS, TABLES, [PLAIN], "queries")),
    )
    def holds(status: int, extended: Any, plain: Any) -> None:
        server.extended, server.plain = (status, extended), plain
        found = run(collector(url), Budget(seconds=20))
        assert isinstance(found[-1], CollectorRan)
        assert "unexpected" not in (found[-1].error or "")
        assert all(encode(one) for one in found)

    holds()
