"""OpenLineage events by HTTP: who may send them, what is refused."""

from __future__ import annotations

import gzip
import json
from typing import Any

import redis
from django.test import Client
from pytest_django import Settings

from dashboard import access
from lineage.observations import FIELD, STREAM, EdgesSeen, decode
from tests.collectors.test_declared import RUN


def sent(client: Client, body: bytes, scope: str = "ingest", **head: str) -> Any:
    token = access.new_token("t", scope)
    kind = "application/json"
    return client.post("/api/v1/lineage", body, kind, HTTP_AUTHORIZATION=f"Bearer {token}", **head)


def test_an_event_is_on_the_stream_when_it_is_answered(
    client: Client, db: None, valkey_url: str, settings: Settings
) -> None:
    settings.REDIS_URL = valkey_url
    body = gzip.compress(json.dumps(RUN).encode())
    answer = sent(client, body, HTTP_CONTENT_ENCODING="gzip")
    assert (answer.status_code, answer.json()) == (200, {"taken": 3})
    ((_, fields),) = redis.Redis.from_url(valkey_url).xrange(STREAM)
    assert isinstance(decode(fields[FIELD]), EdgesSeen)


def test_it_needs_the_scope_ingest(client: Client, db: None) -> None:
    assert sent(client, json.dumps(RUN).encode(), scope="read").status_code == 403
    assert client.post("/api/v1/lineage", b"{}", "application/json").status_code == 401


def test_what_cannot_be_read_is_refused_in_a_sentence(client: Client, db: None) -> None:
    answer = sent(client, b"{}")
    assert answer.status_code == 400
    assert "job.name is missing" in answer.json()["detail"]
    assert sent(client, b"x" * (9 << 20)).status_code == 413
