"""What a record says of its way is read in every dialect; no bytes make it fail or say what is not there."""

from __future__ import annotations

import base64
import json
import struct

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from collectors.kafka.marks import WANTED, Failed, Table, kind, look, named, trace_of, wanted

NOW = 1_790_000_000_000
TRACE = "0af7651916cd43dd8448eb211c80319c"
SPAN = "b7ad6b7169203331"


def zigzag(number: int) -> bytes:
    coded, out = number << 1, bytearray()
    while coded > 127:
        out.append(coded & 127 | 128)
        coded >>= 7
    return bytes([*out, coded])


PATHWAY = b"\x01\x02\x03\x04\x05\x06\x07\x08" + zigzag(NOW - 5000) + zigzag(NOW - 10)


@pytest.mark.parametrize("flags", ["00", "01", "03", "ff"])
def test_a_trace_is_read_with_any_flags(flags: str) -> None:
    assert trace_of({"traceparent": f"00-{TRACE}-{SPAN}-{flags}".encode()}) == bytes.fromhex(TRACE)


@pytest.mark.parametrize(
    "given",
    [
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE}-{SPAN}-01-more",
        f"00-{TRACE.upper()}-{SPAN}-01",
        f"00-{TRACE[:-1]}-{SPAN}-01",
        "",
    ],
)
def test_what_the_recommendation_calls_invalid_is_no_trace(given: str) -> None:
    assert trace_of({"traceparent": given.encode()}) is None


def test_a_later_version_may_say_more() -> None:
    assert trace_of({"traceparent": f"01-{TRACE}-{SPAN}-01-more".encode()}) == bytes.fromhex(TRACE)


def test_cloudevents_name_their_source_in_both_modes() -> None:
    binary = look({"ce_source": b"/shop/orders", "ce_specversion": b"1.0"}, None, b"{}", NOW)
    event = {"specversion": "1.0", "id": "1", "type": "t", "source": "/shop/till", "data": {"source": "no"}}
    parent = f"00-{TRACE}-{SPAN}-03"
    mode = {"content-type": b"application/cloudevents+json; charset=utf-8"}
    structured = look(mode, None, json.dumps({**event, "traceparent": parent}).encode(), NOW)
    batch = look({"content-type": b"application/cloudevents-batch+json"}, None, json.dumps([event]).encode(), NOW)
    assert (binary.source, structured.source, batch.source) == ("/shop/orders", "/shop/till", "/shop/till")
    assert structured.trace == bytes.fromhex(TRACE)
    assert look({"content-type": b"application/json"}, None, json.dumps(event).encode(), NOW).source == ""


def test_a_source_is_kept_without_its_secrets() -> None:
    assert named("https://bob:hunter2@shop.example/orders?token=hunter2#hunter2") == "https://shop.example/orders"
    assert named("urn:shop:orders") == "urn:shop:orders"
    assert named("http://[::1") == ""


@pytest.mark.parametrize(
    ("headers", "failed"),
    [
        (
            {"__connect.errors.topic": b"orders", "__connect.errors.connector.name": b"sink"},
            Failed("orders", "connect-sink", "Connect"),
        ),
        (
            {"kafka_dlt-original-topic": b"orders", "kafka_dlt-original-consumer-group": b"billing"},
            Failed("orders", "billing", "Spring"),
        ),
        ({"__streams.errors.topic": b"orders"}, Failed("orders", "", "Kafka Streams")),
        ({"__streams.errors.topic": b"no topic's name"}, None),
        ({}, None),
    ],
)
def test_a_dead_letter_says_where_it_failed(headers: dict[str, bytes], failed: Failed | None) -> None:
    assert look(headers, None, b"x", NOW).failed == failed


def test_a_pathway_says_when_it_began_in_both_encodings() -> None:
    coded = base64.b64encode(PATHWAY)
    assert look({"dd-pathway-ctx-base64": coded}, None, b"", NOW).pathway == NOW - 5000
    assert look({"dd-pathway-ctx": PATHWAY}, None, b"", NOW).pathway == NOW - 5000
    assert look({"dd-pathway-ctx": PATHWAY}, None, b"", NOW - 10 * 86_400_000).pathway is None


def test_schemas_are_told_by_frame_and_by_header() -> None:
    framed = b"\x00" + struct.pack(">I", 77) + b"avro"
    marks = look({}, framed, framed, NOW)
    assert (marks.key_schema, marks.value_schema, marks.value_kind) == (77, 77, "schema")
    headers = {"__key_schema_id": b"\x00\x00\x00\x00\x05", "__value_schema_id": b"\x01" + bytes(range(16))}
    marks = look(headers, b"k", b"v", NOW)
    assert (marks.key_schema, marks.value_schema) == (5, "00010203-0405-0607-0809-0a0b0c0d0e0f")


@given(st.integers(0, 2**63 - 1))
def test_a_serialized_number_is_no_schema(number: int) -> None:
    assert look({}, struct.pack(">q", number), None, NOW).key_schema is None


@pytest.mark.parametrize("wrapped", [False, True])
def test_debezium_says_which_table_a_change_was_read_from(wrapped: bool) -> None:
    source = {
        "connector": "postgresql",
        "name": "shop",
        "db": "orders",
        "schema": "public",
        "table": "lines",
        "ts_ms": 1,
    }
    change = {"before": None, "after": {"id": 1}, "source": source, "op": "c"}
    value = {"schema": {"fields": [{"field": "source"}]}, "payload": change} if wrapped else change
    assert look({}, None, json.dumps(value).encode(), NOW).table == Table(
        "postgresql", "shop", "orders", "public.lines"
    )


@pytest.mark.parametrize("value", [{"source": "web", "connector": 1}, {"source": {"connector": "x"}}, {"source": None}])
def test_other_sources_are_no_tables(value: object) -> None:
    assert look({}, None, json.dumps(value).encode(), NOW).table is None


@pytest.mark.parametrize(
    ("data", "content", "expected"),
    [
        (None, b"", "null"),
        (b"", b"", "empty"),
        (b' {"a": 1}\n', b"", "json"),
        (b"{broken", b"", "text"),
        (b"plain", b"", "text"),
        ("ä".encode() * 600, b"", "text"),
        (b"\xff\xfe", b"", "bytes"),
        (b"a\x00b", b"", "bytes"),
        (b"Obj\x01...", b"", "avro"),
        (b"\x08\x01", b"application/x-protobuf", "protobuf"),
        (b"\x02a", b"application/avro", "avro"),
        (b"\x00\x00\x00\x00\x01x", b"", "schema"),
    ],
)
def test_kinds_of_values(data: bytes | None, content: bytes, expected: str) -> None:
    assert kind(data, content) == expected


names = st.sampled_from(sorted(WANTED)) | st.text(max_size=20)
hostile = st.binary(max_size=300) | st.sampled_from(
    [PATHWAY, b"\x80" * 40, b"{" * 3000, b'{"source":' * 500, b"\x00" * 9]
)


@given(st.lists(st.tuples(names, hostile | st.none()), max_size=130), hostile | st.none(), hostile | st.none())
@example([("ce_source", b"http://[")], None, b'{"source":{"connector":"x","name":"\xff"}}')
@example([("content-type", b"application/cloudevents+json")], b"", b"[" * 200_000)
def test_no_bytes_make_it_fail(headers: list[tuple[str, bytes | None]], key: bytes | None, value: bytes | None) -> None:
    marks = look(wanted(headers), key, value, NOW)
    assert marks.trace is None or len(marks.trace) == 16
    assert marks.pathway is None or 0 < marks.pathway < NOW + 2 * 86_400_000
    for said in (marks.source, marks.failed.group if marks.failed else "", *(vars_of(marks.table))):
        assert len(said) <= 255 * 4
        said.encode()  # no surrogate gets into a name


def vars_of(table: Table | None) -> tuple[str, ...]:
    return (table.connector, table.name, table.database, table.table) if table else ()
