"""Spans in, claims out: three vocabularies, two encodings, calls across requests, and anything hostile."""

from __future__ import annotations

import contextlib
import json
import struct
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from collectors import otlp, otlp_wire
from collectors.otlp import Calls, decode_traces
from lineage.identity import split_id, text
from lineage.observations import EdgeSeen, EdgesSeen
from lineage.ports import BadDocument

NOW = 1_790_000_000_000
PROTOBUF, JSON = "application/x-protobuf", "application/json; charset=utf-8"
PRODUCER, CONSUMER, SERVER, CLIENT, INTERNAL = 4, 5, 2, 3, 1
TRACE = "0af7651916cd43dd8448eb211c80319c"


@pytest.fixture(autouse=True)
def _nothing_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(otlp, "_calls", Calls())


def span(kind: int | str, attributes: dict[str, Any] | None = None, **kw: Any) -> dict[str, Any]:
    """A span as OTLP's JSON has it, one second before NOW."""
    start = (NOW - 1000) * 1_000_000
    pairs = [{"key": k, "value": value(v)} for k, v in (attributes or {}).items()]
    times = {"startTimeUnixNano": str(start), "endTimeUnixNano": str(start + 5_000_000)}
    return {"name": "x", "kind": kind, "attributes": pairs, **times, **kw}


def value(of: Any) -> dict[str, Any]:
    if isinstance(of, bool):
        return {"boolValue": of}
    return {"intValue": str(of)} if isinstance(of, int) else {"stringValue": of}


def request(service: str | None, *spans: dict[str, Any], host: str = "") -> dict[str, Any]:
    named = {"service.name": service, "host.name": host}
    attributes = [{"key": k, "value": {"stringValue": v}} for k, v in named.items() if v]
    return {"resourceSpans": [{"resource": {"attributes": attributes}, "scopeSpans": [{"spans": list(spans)}]}]}


def as_json(document: dict[str, Any]) -> bytes:
    return json.dumps(document).encode()


def as_protobuf(document: dict[str, Any]) -> bytes:
    """The same request in protobuf: Google's reader of JSON expects base64 where OTLP has hexadecimal."""
    out = ExportTraceServiceRequest()
    for block in document["resourceSpans"]:
        target = out.resource_spans.add()
        put(target.resource.attributes, block["resource"]["attributes"])
        scope = target.scope_spans.add()
        for s in block["scopeSpans"][0]["spans"]:
            one = scope.spans.add(kind=s["kind"], name=s["name"])
            one.start_time_unix_nano, one.end_time_unix_nano = int(s["startTimeUnixNano"]), int(s["endTimeUnixNano"])
            one.trace_id, one.span_id = bytes.fromhex(s.get("traceId", "")), bytes.fromhex(s.get("spanId", ""))
            one.parent_span_id = bytes.fromhex(s.get("parentSpanId", ""))
            put(one.attributes, s["attributes"])
    return out.SerializeToString()


def put(target: Any, pairs: list[dict[str, Any]]) -> None:
    for pair in pairs:
        one = target.add(key=pair["key"])
        for name, of in pair["value"].items():
            field = {"stringValue": "string_value", "intValue": "int_value", "boolValue": "bool_value"}[name]
            setattr(one.value, field, int(of) if name == "intValue" else of)


def edges(document: dict[str, Any], now: int = NOW) -> list[EdgeSeen]:
    """The claims, the same from both encodings."""
    out = [claims(as_json(document), JSON, now)]
    if all(isinstance(s["kind"], int) for b in document["resourceSpans"] for s in b["scopeSpans"][0]["spans"]):
        otlp._calls = Calls()
        out.append(claims(as_protobuf(document), PROTOBUF, now))
        assert out[0] == out[1]
    return out[0]


def claims(body: bytes, content_type: str, now: int = NOW) -> list[EdgeSeen]:
    observations = decode_traces(body, content_type, now)
    assert all(isinstance(o, EdgesSeen) and o.source == "otlp" and o.cluster == "" for o in observations)
    return [e for o in observations if isinstance(o, EdgesSeen) for e in o.edges]


CURRENT = {
    "messaging.system": "kafka",
    "messaging.operation.type": "process",
    "messaging.destination.name": "orders",
    "messaging.consumer.group.name": "fraud-cg",
    "messaging.client.id": "fraud-1",
    "messaging.kafka.offset": 17,
}
OLDER = {
    "messaging.system": "kafka",
    "messaging.operation": "process",
    "messaging.destination.name": "orders",
    "messaging.kafka.consumer.group": "fraud-cg",
    "messaging.client_id": "fraud-1",
}
OLDEST = {"messaging.system": "kafka", "messaging.operation": "process", "messaging.destination": "orders"}


@pytest.mark.parametrize("attributes", [CURRENT, OLDER], ids=["current", "1.24"])
def test_a_service_reads_a_topic_through_its_group(attributes: dict[str, Any]) -> None:
    [edge] = edges(request("fraud", span(CONSUMER, attributes), host="box"))
    assert (edge.relation, edge.source, edge.target) == ("reads", "topic:?/orders", "service:fraud")
    assert (edge.group, edge.client_id, edge.host, edge.strength) == ("fraud-cg", "fraud-1", "box", "observed")


def test_the_oldest_vocabulary_names_no_group() -> None:
    [edge] = edges(request("fraud", span(CONSUMER), span(CONSUMER, OLDEST)))
    assert (edge.relation, edge.source, edge.group) == ("reads", "topic:?/orders", "")


@pytest.mark.parametrize(
    ("kind", "attributes"),
    [
        (PRODUCER, {"messaging.operation.type": "send", "messaging.destination.name": "orders"}),
        (CLIENT, {"messaging.operation.type": "send", "messaging.destination.name": "orders"}),
        (PRODUCER, {"messaging.operation": "publish", "messaging.destination.name": "orders"}),
        (PRODUCER, {"messaging.operation": "receive", "messaging.destination": "orders"}),
        (PRODUCER, {"messaging.destination": "orders"}),
        ("SPAN_KIND_PRODUCER", {"messaging.destination.name": "orders"}),
        ("4", {"messaging.destination.name": "orders"}),
    ],
)
def test_a_service_writes_a_topic(kind: int | str, attributes: dict[str, Any]) -> None:
    [edge] = edges(request("payments", span(kind, {"messaging.system": "kafka", **attributes})))
    assert (edge.relation, edge.source, edge.target) == ("writes", "service:payments", "topic:?/orders")


@pytest.mark.parametrize(
    ("attributes", "mark"),
    [
        ({"server.address": "Kafka-1", "server.port": 9092}, "@kafka-1:9092"),  # confluent-kafka's package
        ({"server.address": "kafka-1:9092,kafka-2:9092", "server.port": 1}, "@kafka-1:9092"),
        ({"server.address": '["kafka-1:9092", "kafka-2:9092"]'}, "@kafka-1:9092"),  # aiokafka's
        ({"server.address": '"kafka-1:9092"'}, "@kafka-1:9092"),
        ({"messaging.url": '["kafka-1:9092"]'}, "@kafka-1:9092"),  # kafka-python's
        ({"server.address": "[2001:db8::1]:9092"}, "?"),
        ({"server.address": "127.0.0.1", "server.port": 9092}, "?"),  # so does every machine call itself
        ({"server.address": "localhost:9092"}, "?"),
        ({"server.address": "kafka-1"}, "?"),
        ({"server.address": "[1, 2]"}, "?"),
        ({"server.address": "[" * 255}, "?"),
        ({"messaging.url": "{}", "server.port": "x"}, "?"),
        ({"messaging.kafka.cluster.id": "ID", "server.address": "kafka-1", "server.port": 9092}, "@ID"),
    ],
)
def test_the_broker_that_a_client_was_told_of_marks_the_topic(attributes: dict[str, Any], mark: str) -> None:
    [edge] = edges(request("fraud", span(CONSUMER, {**OLDEST, **attributes})))
    assert edge.source == f"topic:{mark}/orders"


def test_the_kafka_cluster_id_marks_the_topic() -> None:
    [edge] = edges(
        request("fraud", span(CONSUMER, {**CURRENT, "messaging.kafka.cluster.id": "MkU3OEVBNTcwNTJENDM2Qk"}))
    )
    assert edge.source == "topic:@MkU3OEVBNTcwNTJENDM2Qk/orders"


@pytest.mark.parametrize(
    "attributes",
    [
        {**CURRENT, "messaging.system": "rabbitmq"},
        {**CURRENT, "messaging.destination.temporary": True},
        {**CURRENT, "messaging.destination.anonymous": True},
        {"messaging.system": "kafka", "messaging.operation.type": "process"},
        {"http.route": "/"},
    ],
)
def test_what_is_no_lasting_kafka_topic_gives_no_edge(attributes: dict[str, Any]) -> None:
    assert edges(request("fraud", span(CONSUMER, attributes))) == []


@pytest.mark.parametrize("operation", ["settle", "commit", ""])
def test_an_inner_span_that_neither_sends_nor_receives_gives_no_edge(operation: str) -> None:
    assert edges(request("fraud", span(INTERNAL, {**OLDEST, "messaging.operation": operation}))) == []


@pytest.mark.parametrize("name", [None, "unknown_service", "unknown_service:python"])
def test_a_service_without_a_name_gives_no_edge(name: str | None) -> None:
    assert edges(request(name, span(CONSUMER, CURRENT))) == []


def test_spans_that_say_the_same_are_one_claim_with_a_count_and_both_times() -> None:
    early = span(CONSUMER, CURRENT, startTimeUnixNano=str((NOW - 9000) * 1_000_000))
    [edge] = edges(request("fraud", span(CONSUMER, CURRENT), early, span(CONSUMER, CURRENT)))
    assert (edge.count, edge.first_seen, edge.last_seen) == (3, NOW - 9000, NOW - 995)


def test_a_clock_that_runs_ahead_is_set_back_to_now_and_named() -> None:
    ahead = str((NOW + 12_000) * 1_000_000)
    [edge] = edges(request("fraud", span(CONSUMER, CURRENT, startTimeUnixNano=ahead, endTimeUnixNano=ahead)))
    assert (edge.first_seen, edge.last_seen) == (NOW, NOW)
    assert edge.detail == "process span; its clock runs 12 s ahead"


def test_a_span_without_times_was_seen_now() -> None:
    [edge] = edges(request("fraud", span(CONSUMER, CURRENT, startTimeUnixNano="0", endTimeUnixNano="0")))
    assert (edge.first_seen, edge.last_seen) == (NOW, NOW)


def client_and_server() -> tuple[dict[str, Any], dict[str, Any]]:
    ids = {"traceId": TRACE, "spanId": "00f067aa0ba902b7"}
    called = {"traceId": TRACE, "spanId": "b7ad6b7169203331", "parentSpanId": "00f067aa0ba902b7"}
    return request("shop", span(CLIENT, **ids)), request("stock", span(SERVER, **called))


def test_a_call_is_seen_within_one_request() -> None:
    first, second = client_and_server()
    [edge] = edges({"resourceSpans": first["resourceSpans"] + second["resourceSpans"]})
    assert (edge.relation, edge.source, edge.target) == ("calls", "service:shop", "service:stock")
    assert (edge.strength, edge.count) == ("observed", 1)


@pytest.mark.parametrize("turned", [False, True], ids=["caller first", "called first"])
def test_a_call_is_seen_across_requests_and_encodings(turned: bool) -> None:
    parts = client_and_server()[:: -1 if turned else 1]
    assert claims(as_json(parts[0]), JSON) == []
    [edge] = claims(as_protobuf(parts[1]), PROTOBUF)
    assert (edge.relation, edge.source, edge.target) == ("calls", "service:shop", "service:stock")


def test_a_service_that_serves_itself_calls_nobody() -> None:
    first, second = client_and_server()
    second["resourceSpans"][0]["resource"] = first["resourceSpans"][0]["resource"]
    assert edges({"resourceSpans": first["resourceSpans"] + second["resourceSpans"]}) == []


@pytest.mark.parametrize("key", ["peer.service", "service.peer.name"])
def test_a_client_that_names_its_peer_is_weaker_evidence(key: str) -> None:
    [edge] = edges(request("shop", span(CLIENT, {key: "stock"})))
    assert (edge.relation, edge.target, edge.strength) == ("calls", "service:stock", "inferred")
    assert edges(request("shop", span(CLIENT, {key: "orders-db", "db.system": "postgresql"}))) == []


def test_what_is_remembered_for_calls_is_bounded() -> None:
    calls = Calls(remembered=10)
    for n in range(1000):
        one = otlp_wire.Span(
            "s", "", b"t" * 16, struct.pack(">Q", n + 1), struct.pack(">Q", n + 5000), SERVER, 0, 0, {}
        )
        assert list(calls.meet(one)) == []
    assert len(calls._services) == len(calls._waiting) == 10


def test_hostile_names_are_kept_but_cut() -> None:
    name = "<script>alert(1)</script>/%2e\x00\u202e" + "x" * 10_000
    [edge] = edges(request(name, span(PRODUCER, {**OLDEST, "messaging.destination": name})))
    kind, (cluster, topic) = otlp_split(edge.target)
    assert (kind, cluster, topic) == ("topic", "?", text(name[:249]))
    assert otlp_split(edge.source)[1] == (text(name[:255]),)


def otlp_split(node: str) -> tuple[str, tuple[str, ...]]:
    return split_id(node)


def test_attributes_beyond_the_limit_are_not_looked_at() -> None:
    many = {f"a{n}": "x" for n in range(otlp_wire.MAX_ATTRIBUTES)}
    assert edges(request("fraud", span(CONSUMER, {**many, **CURRENT}))) == []


@pytest.mark.parametrize(
    ("body", "content_type", "message"),
    [
        (b"{}", "text/plain", "content type 'text/plain'; expected application/x-protobuf or application/json"),
        (b"{", JSON, "the body is no OTLP trace request in JSON"),
        (b'{"resourceSpans": [{"scopeSpans": 5}]}', JSON, r"\$\.resourceSpans\[0\]\.scopeSpans"),
        (b"[" * 100_000, JSON, "no OTLP trace request in JSON"),
        (b"\x0a\xff", PROTOBUF, "the body is no OTLP trace request in protobuf"),
        (b"\x0a" * 100_000, PROTOBUF, "no OTLP trace request in protobuf"),
        (b"x" * (otlp_wire.MAX_BODY + 1), PROTOBUF, "send smaller batches"),
    ],
)
def test_what_cannot_be_read_is_refused_in_a_sentence(body: bytes, content_type: str, message: str) -> None:
    with pytest.raises(BadDocument, match=message):
        decode_traces(body, content_type, NOW)


@pytest.mark.parametrize("prefix", [b"", b"\x7b\x7c"], ids=["plain", "behind a group"])
def test_millions_of_empty_spans_are_refused_before_they_are_made(prefix: bytes) -> None:
    def field(inner: bytes, number: int) -> bytes:
        size, out = len(inner), bytearray([number << 3 | 2])
        while size > 127:
            out.append(size & 127 | 128)
            size >>= 7
        return bytes(out) + bytes([size]) + inner

    body = prefix + field(field(b"\x12\x00" * 3_000_000, 2), 1)
    with pytest.raises(BadDocument, match="more than 50,000 spans"):
        decode_traces(body, PROTOBUF, NOW)


def test_an_empty_request_is_a_good_one() -> None:
    assert decode_traces(b"", PROTOBUF, NOW) == []
    assert decode_traces(b"{}", JSON, NOW) == []
    assert decode_traces(b'{"resourceSpans": null, "unknown": [1]}', JSON, NOW) == []


scraps = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.just("\ud800"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
keys = st.sampled_from(sorted(otlp_wire.SPAN_KEYS)) | st.text(max_size=5)
pairs = st.fixed_dictionaries({"key": keys, "value": st.fixed_dictionaries({"stringValue": st.text()}) | scraps})
odd_spans = st.fixed_dictionaries(
    {},
    optional={
        "traceId": st.just(TRACE) | scraps,
        "spanId": st.just("00f067aa0ba902b7") | scraps,
        "parentSpanId": st.just("00f067aa0ba902b7") | scraps,
        "kind": st.integers(0, 5) | scraps,
        "startTimeUnixNano": st.integers().map(str) | scraps,
        "endTimeUnixNano": st.integers() | scraps,
        "attributes": st.lists(pairs, max_size=6),
    },
)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=300), st.sampled_from([PROTOBUF, JSON, "application/protobuf", ""]))
def test_any_bytes_are_read_or_refused(body: bytes, content_type: str) -> None:
    with contextlib.suppress(BadDocument):
        assert isinstance(decode_traces(body, content_type, NOW), list)


@settings(max_examples=300, deadline=None)
@given(st.lists(odd_spans, max_size=4), st.text(min_size=1, max_size=20))
def test_any_odd_json_is_read_or_refused(spans: list[dict[str, Any]], service: str) -> None:
    try:
        found = claims(json.dumps(request(service, *spans)).encode(), JSON)
    except BadDocument:
        return
    assert all(0 < e.first_seen <= e.last_seen <= NOW for e in found)


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_any_broken_protobuf_is_read_or_refused(data: st.DataObject) -> None:
    good = bytearray(as_protobuf(request("fraud", span(CONSUMER, CURRENT), span(PRODUCER, OLDEST))))
    for _ in range(data.draw(st.integers(1, 5))):
        good[data.draw(st.integers(0, len(good) - 1))] = data.draw(st.integers(0, 255))
    try:
        found = claims(bytes(good[: data.draw(st.integers(0, len(good)))]), PROTOBUF)
    except BadDocument:
        return
    assert all(0 < e.first_seen <= e.last_seen <= NOW for e in found)
