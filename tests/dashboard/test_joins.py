"""Saying who is who: by whom, in which words, and that it reaches the stream and the audit log."""

from __future__ import annotations

from typing import Any

import pytest
import redis
from django.test import Client
from pytest_django import Settings

from dashboard import access
from dashboard.models import AuditEntry
from lineage.observations import FIELD, STREAM, JoinSaid, decode
from lineage.recorder import Tape
from tests.dashboard.made import T0
from tests.lineage import world as w

SAME = {"kind": "group", "cluster": "c", "name": "audit", "service": "audit-service", "verdict": "same"}


def said(client: Client, body: dict[str, Any], scope: str = "operate") -> Any:
    head = {"HTTP_AUTHORIZATION": f"Bearer {access.new_token('t', scope)}"}
    return client.post("/api/v1/joins", body, "application/json", **head)


def test_what_is_said_goes_on_the_stream_and_into_the_audit_log(
    client: Client, tape: Tape, valkey_url: str, settings: Settings
) -> None:
    settings.REDIS_URL = valkey_url
    answer = said(client, SAME)
    assert (answer.status_code, answer.json()["by"]) == (202, "t")
    ((_, fields),) = redis.Redis.from_url(valkey_url).xrange(STREAM)
    found = decode(fields[FIELD])
    assert isinstance(found, JoinSaid)
    assert (found.kind, found.cluster, found.name, found.service, found.verdict, found.by) == (
        "group", "c", "audit", "audit-service", "same", "t",
    )  # fmt: skip
    assert AuditEntry.objects.filter(action="join said", subject="audit-service").exists()


def test_who_may_only_read_may_not_say_it(client: Client, tape: Tape, viewer: None) -> None:
    assert said(client, SAME, scope="read").status_code == 403
    assert client.post("/api/v1/joins", SAME, "application/json").status_code == 401


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"cluster": ""}, "a group has one"),
        ({"kind": "service"}, "a group has one"),
        ({"kind": "transactional_id", "cluster": ""}, "so has a transactional id"),
        ({"kind": "service", "cluster": "", "name": "a", "service": "a"}, "its own name"),
        ({"verdict": "perhaps"}, "verdict"),
        ({"name": ""}, "name"),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(client: Client, tape: Tape, change: dict[str, str], told: str) -> None:
    answer = said(client, SAME | change)
    assert answer.status_code == 422
    assert told in answer.json()["detail"]


def test_names_alike_are_offered_until_somebody_has_spoken(client: Client, tape: Tape, viewer: None) -> None:
    tape.take(w.spans(T0 + 5_000, "writes", "service:audit-service", "topic:c/orders"))
    tape.cut(T0 + 10_000)
    offered = client.get("/api/v1/joins").json()["suggestions"]
    assert [(s["name"], s["service"]) for s in offered] == [("audit", "audit-service")]
    said_no = JoinSaid(
        cluster="c", at=T0 + 11_000, kind="group", name="audit", service="audit-service", verdict="different", by="ada"
    )
    tape.take(said_no)
    tape.cut(T0 + 20_000)
    now = client.get("/api/v1/joins").json()
    assert now["suggestions"] == []
    assert [(s["name"], s["verdict"], s["by"]) for s in now["said"]] == [("audit", "different", "ada")]
