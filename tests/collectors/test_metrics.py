"""Prometheus's and Jaeger's answers over real HTTP, in the shape of their documentation."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given, settings

from collectors import metrics
from collectors.base import Budget, Collection, CollectorError, run
from collectors.metrics import Jaeger, Prometheus
from collectors.sources import NOWHERE, Asked, jobs
from lineage.config import parse
from lineage.observations import CollectorRan, EdgeSeen, Reading, encode
from tests.collectors.hostile import spoiled
from tests.collectors.serving import Answer, serving

MICROMETER, KIP_714 = (
    "kafka_producer_topic_record_send_total", "clients_org_apache_kafka_producer_topic_record_send_total",
)  # fmt: skip
UNSET = object()
Vector = list[dict[str, Any]]


def series(rate: str = "2.5", **labels: str) -> dict[str, Any]:
    return {"metric": labels, "value": [1_790_000_000.1, rate]}


def vector(result: Any) -> dict[str, Any]:
    return {"status": "success", "data": {"resultType": "vector", "result": result}}


class Server:
    """Answers for one metric each; nothing for the others."""

    def __init__(self) -> None:
        self.by_metric: dict[str, Vector] = {}
        self.broken: set[str] = set()
        self.dependencies: Any = {"data": [], "total": 0, "errors": None}
        self.asked: list[str] = []
        self.always: Any = UNSET

    def answer(self, _: str, path: str, __: bytes) -> Answer:
        if path.startswith("/api/dependencies"):
            return 200, "application/json", json.dumps(self.dependencies).encode()
        query = parse_qs(urlsplit(path).query)["query"][0]
        self.asked.append(query)
        if any(f"rate({m}" in query for m in self.broken):
            error = {"status": "error", "errorType": "execution", "error": "query timed out"}
            return 503, "application/json", json.dumps(error).encode()
        found = next((v for m, v in self.by_metric.items() if f"rate({m}" in query), [])
        body = vector(found) if self.always is UNSET else self.always
        return 200, "application/json", json.dumps(body).encode()


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
def url(server: Server) -> Iterator[str]:
    with serving(server.answer) as at:
        yield at


def asked(url: str) -> Asked:
    text = f'metrics: {{prometheus: {{url: "{url}"}}, jaeger: {{url: "{url}"}}}}\nservices:\n'
    rule = "  - {match: {client_id: '^(?P<name>.+)-app-.*$'}, service: '{name}'}\n"
    return Asked(parse(text + rule, "playhead.yaml", {}), NOWHERE, "", lambda: None)


def told(found: Collection) -> dict[tuple[str, str, str], EdgeSeen]:
    reading = found.observations[0]
    assert isinstance(reading, Reading)
    assert not reading.complete
    return {(e.relation, e.source, e.target): e for e in reading.edges}


def asks(url: str) -> dict[tuple[str, str, str], EdgeSeen]:
    return told(Prometheus(asked(url)).collect(Budget(seconds=20)))


def writes(service: str, topic: str) -> tuple[str, str, str]:
    return "writes", f"service:{service}", f"topic:?/{topic}"


def test_nothing_is_asked_without_configuration() -> None:
    assert not [k for k, _, _ in jobs(parse("", "", {})) if k.name in ("prometheus", "jaeger", "registry", "ksqldb")]


def test_a_producer_counter_that_grew_is_a_write_of_the_service_in_its_labels(server: Server, url: str) -> None:
    server.by_metric[MICROMETER] = [
        series("2.5", topic="orders", service="orders", client_id="producer-1", job="shop/other"),
        series("0.5", topic="orders", service="orders", client_id="producer-2"),
        series("1", topic="payments", job="shop/payments"),
    ]
    found = asks(url)
    edge = found[writes("orders", "orders")]
    assert (edge.rate, edge.count, edge.strength) == (3.0, 900, "observed")
    assert edge.detail == f"{MICROMETER} over 5 min"
    assert set(found) == {writes("orders", "orders"), writes("payments", "payments")}


def test_the_query_sums_what_moved_by_topic_client_and_service(server: Server, url: str) -> None:
    asks(url)
    labels = "topic, client_id, principal, service_name, service, application, app, job"
    counter = f'{MICROMETER}{{topic!=""}}[300s]'
    assert server.asked[0] == f"topk(5000, sum by ({labels}) (rate({counter})) > 0)"
    assert len(server.asked) == 6


def test_what_the_broker_exports_of_its_clients_is_told_by_client_never_by_who_was_scraped(
    server: Server, url: str
) -> None:
    server.by_metric[KIP_714] = [
        series(topic="orders", client_id="checkout-app-7", job="kafka", service="kafka-brokers"),
        series(topic="orders", client_id="billing", principal="User:billing", job="kafka"),
        series(topic="orders", client_id="producer-1", job="kafka"),
    ]
    collected = Prometheus(asked(url)).collect(Budget(seconds=20))
    assert set(told(collected)) == {writes("checkout", "orders"), writes("billing", "orders")}
    assert collected.note == f"2 edges move; 1 series of {KIP_714} name nobody"


def test_a_record_counted_under_two_names_is_one(server: Server, url: str) -> None:
    for metric in (MICROMETER, "kafka_producer_record_send_total"):
        server.by_metric[metric] = [series("4", topic="orders", service="orders")]
    assert asks(url)[writes("orders", "orders")].rate == 4.0


def test_a_counter_that_stands_still_or_goes_ends_nothing_and_its_edge_grows_old(
    server: Server, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metrics, "now_ms", lambda: 1_000_000)
    one = Prometheus(asked(url))
    server.by_metric[MICROMETER] = [series(topic="orders", service="orders")]
    told(one.collect(Budget(seconds=20)))
    monkeypatch.setattr(metrics, "now_ms", lambda: 1_600_000)
    server.by_metric.clear()
    edge = told(one.collect(Budget(seconds=20)))[writes("orders", "orders")]
    assert (edge.rate, edge.first_seen, edge.last_seen) == (0.0, 1_000_000, 1_000_000)
    monkeypatch.setattr(metrics, "now_ms", lambda: 1_000_000 + 86_400_001)
    assert told(one.collect(Budget(seconds=20))) == {}


def test_a_service_graph_gives_calls_but_not_through_a_broker(server: Server, url: str) -> None:
    server.by_metric[metrics.GRAPH] = [
        series(client="web", server="orders"),
        series(client="orders", server="payments", connection_type=""),
        series(client="orders", server="mailer", connection_type="messaging_system"),
        series(client="orders", server="postgres", connection_type="database"),
        series(client="orders", server="bank", connection_type="virtual_node"),
        series(client="user", server="web", connection_type="virtual_node"),
    ]
    collected = Prometheus(asked(url)).collect(Budget(seconds=20))
    assert {k[1:]: e.strength for k, e in told(collected).items()} == {
        ("service:web", "service:orders"): "observed",
        ("service:orders", "service:payments"): "observed",
        ("service:orders", "service:bank"): "inferred",
    }
    assert "no calls between services: 1 of database, 1 of messaging_system" in collected.note


def test_one_query_that_fails_leaves_the_others_and_their_rates_unknown_not_zero(server: Server, url: str) -> None:
    one = Prometheus(asked(url))
    server.by_metric = {MICROMETER: [series(topic="a", service="s")], KIP_714: [series(topic="b", client_id="c")]}
    one.collect(Budget(seconds=20))
    server.broken = {KIP_714}
    found = one.collect(Budget(seconds=20))
    assert "1 of its queries failed: Prometheus at" in (found.error or "")
    assert "query timed out" in (found.error or "")
    edges = told(found)
    assert (edges[writes("s", "a")].rate, edges[writes("c", "b")].rate) == (2.5, None)


def test_where_no_query_is_answered_it_is_an_error() -> None:
    with (
        serving(lambda *_: (200, "text/html", b"<html>login</html>")) as url,
        pytest.raises(CollectorError, match="text/html instead of JSON"),
    ):
        asks(url)


def test_jaeger_counts_children_so_its_calls_are_inferred(server: Server, url: str) -> None:
    server.dependencies["data"] = [
        {"parent": "web", "child": "orders", "callCount": 12},
        {"parent": "orders", "child": "orders", "callCount": 3},
        {"parent": "web", "child": "orders", "callCount": 5},
        {"parent": "web", "child": "idle", "callCount": 0},
    ]
    found = told(Jaeger(asked(url)).collect(Budget(seconds=20)))
    assert [(k, e.count, e.strength) for k, e in found.items()] == [
        (("calls", "service:web", "service:orders"), 17, "inferred")
    ]


def test_whatever_they_answer_is_a_sentence_or_a_reading(server: Server, url: str) -> None:
    @settings(max_examples=60, deadline=None)
    @given(
        answer=spoiled(vector([series(topic="orders", service="s", client_id="c"), series(client="a", server="b")])),
        dependencies=spoiled({"data": [{"parent": "a", "child": "b", "callCount": 1}], "errors": None}),
    )
    def holds(answer: Any, dependencies: Any) -> None:
        server.always, server.dependencies = answer, dependencies
        for one in (Prometheus(asked(url)), Jaeger(asked(url))):
            found = run(one, Budget(seconds=20))
            assert isinstance(found[-1], CollectorRan)
            assert "unexpected" not in (found[-1].error or "")
            assert all(encode(o) for o in found)

    holds()
