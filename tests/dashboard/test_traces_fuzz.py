"""OTLP that no exporter would send: refused in words or read, never a fault, and nothing of it half on the stream."""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest
from django.test import Client
from google.protobuf.json_format import ParseDict
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from pytest_django import Settings

from lineage.observations import STREAM, EdgesSeen, decode
from tests.dashboard.test_traces import BODY, JSON, SPAN, head, send, server, stream

__all__ = ["head", "server", "stream"]  # fixtures

PROTOBUF = ParseDict(
    {
        "resourceSpans": [
            {**BODY["resourceSpans"][0], "scopeSpans": [{"spans": [{**SPAN, "traceId": "", "spanId": ""}]}]}
        ]
    },
    ExportTraceServiceRequest(),
).SerializeToString()
KINDS = {"application/json": JSON, "application/x-protobuf": PROTOBUF}
FUZZ = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.just("\0") | st.just({})


@pytest.fixture
def post(client: Client, stream: Any, settings: Settings, db: None) -> Any:
    """Posts as an exporter on this machine, and checks what holds for every answer."""
    settings.PLAYHEAD_OTLP = "open"

    def check(body: bytes, kind: str, **more: Any) -> int:
        before = stream.xlen(STREAM)
        answer = send(client, body, kind, **more)
        new = stream.xrevrange(STREAM, count=stream.xlen(STREAM) - before) if stream.xlen(STREAM) > before else []
        assert answer.status_code in {200, 400, 413, 415}, answer.content[:300]
        assert len(new) <= (answer.status_code == 200)
        for _, fields in new:
            found = decode(fields[b"o"])
            assert isinstance(found, EdgesSeen)
            assert all(e.first_seen <= e.last_seen and e.count > 0 for e in found.edges)
        if answer.status_code != 200:
            assert_explained(answer)
        return int(answer.status_code)

    return check


def assert_explained(answer: Any) -> None:
    """A problem document and OTLP's Status in one for JSON, the Status for all else."""
    if answer["Content-Type"] != "application/json":
        assert answer.content[:1] == b"\x08"
        return
    body = answer.json()
    assert {"type", "title", "status", "detail", "code", "message"} <= body.keys()
    assert body["status"] == answer.status_code


@pytest.mark.parametrize("kind", KINDS)
@FUZZ
@given(data=st.data())
def test_a_damaged_body_is_read_or_refused(post: Any, kind: str, data: st.DataObject) -> None:
    body = bytearray(KINDS[kind])
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(body)))
        end = data.draw(st.integers(at, min(len(body), at + 12)))
        body[at:end] = data.draw(st.binary(max_size=8) | st.sampled_from([body[:at], b"\xff" * 9 + b"\x01", b"[" * 99]))
    post(bytes(body), kind)


@pytest.mark.parametrize("kind", KINDS)
@FUZZ
@given(body=st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(post: Any, kind: str, body: bytes) -> None:
    post(body, kind)


@FUZZ
@given(data=st.data())
def test_any_json_in_the_place_of_any_value_is_read_or_refused(post: Any, data: st.DataObject) -> None:
    value = data.draw(st.recursive(LEAVES, lambda x: st.lists(x, max_size=3) | st.dictionaries(st.text(max_size=9), x)))
    post(json.dumps(replaced(BODY, data, value)).encode(), "application/json")


def replaced(tree: Any, data: st.DataObject, value: Any) -> Any:
    """The tree with one of its values, anywhere, replaced."""
    if not isinstance(tree, (dict, list)) or not tree or not data.draw(st.integers(0, 6)):
        return value
    keys = list(tree) if isinstance(tree, dict) else list(range(len(tree)))
    key = data.draw(st.sampled_from(keys))
    copy: Any = dict(tree) if isinstance(tree, dict) else list(tree)
    copy[key] = replaced(tree[key], data, value)
    return copy


@FUZZ
@given(data=st.data())
def test_any_text_as_a_name_is_read(post: Any, data: st.DataObject) -> None:
    text = st.text(st.characters(exclude_categories=["Cs"]), max_size=300)
    names = {p["key"]: p["value"]["stringValue"] for p in SPAN["attributes"]}  # type: ignore[index,union-attr]
    names |= {"messaging.destination.name": data.draw(text), "messaging.client.id": data.draw(text)}
    names |= {"messaging.consumer.group.name": data.draw(text), "peer.service": data.draw(text)}
    pairs = [{"key": k, "value": {"stringValue": v}} for k, v in names.items()]
    resource = {"attributes": [{"key": "service.name", "value": {"stringValue": data.draw(text)}}]}
    spans = [{**SPAN, "attributes": pairs, "kind": data.draw(st.integers(0, 6))}]
    body = {"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": spans}]}]}
    assert post(json.dumps(body).encode(), "application/json") == 200


@FUZZ
@given(data=st.data())
def test_a_damaged_gzip_is_read_or_refused(post: Any, data: st.DataObject) -> None:
    body = bytearray(gzip.compress(JSON))
    at = data.draw(st.integers(0, len(body)))
    body[at : at + data.draw(st.integers(0, 9))] = data.draw(st.binary(max_size=9))
    post(bytes(body), "application/json", HTTP_CONTENT_ENCODING="gzip")


@pytest.mark.parametrize(
    ("kind", "encoding"),
    [("", ""), ("text/plain", ""), ("application/json; charset=utf-16", ""), ("application/jsonx", ""), ("\x00", ""),
     ("application/json", "br"), ("application/json", "gzip, gzip"), ("application/json", "\x7f")],
)  # fmt: skip
def test_other_types_and_encodings_are_refused(post: Any, kind: str, encoding: str) -> None:
    assert post(JSON, kind, HTTP_CONTENT_ENCODING=encoding) in {400, 415, 200}
