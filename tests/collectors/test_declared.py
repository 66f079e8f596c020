"""What documents declare: AsyncAPI, Backstage, EventCatalog, playhead.yaml itself."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors import asyncapi, backstage, openlineage
from collectors.base import Budget, CollectorError, run
from collectors.declared import Declared
from collectors.documents import documents
from collectors.sources import NOWHERE, Asked, jobs
from lineage.config import parse
from lineage.observations import CollectorRan, EdgesSeen, Reading
from lineage.ports import BadDocument

V3 = """
asyncapi: 3.0.0
info: {title: Payments Service}
channels:
  created: {address: orders.created.v1, bindings: {$ref: '#/components/channelBindings/b'}}
  done: {address: payments.v1}
  each: {address: 'user/{id}'}
operations:
  pay: {action: send, channel: {$ref: '#/channels/done'}}
  take:
    action: receive
    channel: {$ref: '#/channels/created'}
    bindings: {kafka: {groupId: {type: string, enum: [pay-cg]}}}
  many: {action: send, channel: {$ref: '#/channels/each'}}
  round: {action: send, channel: {$ref: '#/components/channels/a'}}
components:
  channelBindings: {b: {kafka: {topic: orders.created}}}
  channels: {a: {$ref: '#/components/channels/b'}, b: {$ref: '#/components/channels/a'}}
"""
V2 = """
asyncapi: 2.6.0
info: {title: x, x-service-name: shipping}
channels:
  orders: {publish: {message: {}}}
  shipments: {subscribe: {message: {}}, bindings: {kafka: {topic: shipments.v2}}}
"""
BACKSTAGE = """
kind: Component
metadata:
  name: fraud
  annotations: {kafka.apache.org/consumer-groups: "c/fraud-cg, d/other"}
spec: {owner: group:default/risk, lifecycle: production, consumesApis: [orders]}
---
kind: Group
metadata: {name: risk}
spec: {profile: {email: risk@example.com}}
---
kind: Component
metadata: {name: lone}
spec: {owner: user:default/ada}
"""


def collected(text: str, tmp_path: Path) -> tuple[Reading | None, CollectorRan]:
    """The one collector that this playhead.yaml asks for."""
    config = parse(text, "playhead.yaml", {})
    (target,) = (t for kind, _, t in jobs(config) if kind.name == "declared")
    *found, ran = run(Declared(Asked(config, NOWHERE, target, lambda: None)), Budget(seconds=5))
    assert isinstance(ran, CollectorRan)
    (reading,) = found or [None]
    assert reading is None or isinstance(reading, Reading)
    return reading, ran


def edges(told: Any) -> set[tuple[str, str, str]]:
    return {(e.relation, e.source, e.target) for e in told}


def test_asyncapi_3_sends_and_receives() -> None:
    nodes, found = asyncapi.told(documents(V3.encode(), "a")[0], "a.yaml", 5)
    assert edges(found) == {
        ("writes", "service:Payments Service", "topic:?/payments.v1"),
        ("reads", "topic:?/orders.created", "service:Payments Service"),
    }
    assert {e.strength for e in found} == {"declared"}
    assert nodes[0].attrs["declared_groups"] == ["?/pay-cg"]


def test_asyncapi_2_says_what_others_do() -> None:
    _, found = asyncapi.told(documents(V2.encode(), "a")[0], "a.yaml", 5)
    assert edges(found) == {
        ("reads", "topic:?/orders", "service:shipping"),
        ("writes", "service:shipping", "topic:?/shipments.v2"),
    }


def test_backstage_tells_owners_and_groups_and_no_edges() -> None:
    nodes, found = backstage.told(documents(BACKSTAGE.encode(), "b"), "catalog-info.yaml")
    by = {n.id: n for n in nodes}
    assert by["service:fraud"].team == "risk"
    assert by["service:fraud"].attrs["declared_groups"] == ["c/fraud-cg", "d/other"]
    assert by["service:lone"].team == ""
    assert by["team:risk"].attrs == {"email": "risk@example.com"}
    assert found == []


def test_an_eventcatalog_folder(tmp_path: Path) -> None:
    written = {
        "services/Pay/index.mdx": "---\nid: pay\nowners: [{id: money}]\nsends: [{id: Paid}]\n"
        "receives: [{id: Ordered, from: [{id: other}]}]\n---\nText --- more",
        "events/Paid/index.mdx": "---\nid: Paid\nchannels: [{id: paid-channel}]\n---\n",
        "events/Ordered/index.md": "---\nid: Ordered\n---\n",
        "channels/paid/index.mdx": "---\nid: paid-channel\naddress: payments.v1\n---\n",
        "channels/other/index.mdx": "---\nid: other\naddress: orders.v1\n---\n",
        "services/Pay/versioned/0.1/index.mdx": "---\nid: pay\nsends: []\n---\n",
    }
    for name, body in written.items():
        path = tmp_path / "cat" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(body)
    reading, ran = collected(f"catalogs: [{{eventcatalog: {tmp_path}/cat}}]", tmp_path)
    assert reading is not None
    assert edges(reading.edges) == {
        ("writes", "service:pay", "topic:?/payments.v1"),
        ("reads", "topic:?/orders.v1", "service:pay"),
    }
    assert reading.nodes[0].team == "money"
    assert (ran.error, reading.source, reading.complete) == (None, "eventcatalog", True)


def test_playhead_yaml_declares_too(tmp_path: Path) -> None:
    reading, _ = collected("declared: [{service: pay, cluster: c, writes: [p], reads: [o], calls: [fraud]}]", tmp_path)
    assert reading is not None
    assert edges(reading.edges) == {
        ("writes", "service:pay", "topic:c/p"),
        ("reads", "topic:c/o", "service:pay"),
        ("calls", "service:pay", "service:fraud"),
    }


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("asyncapi: 1.0.0", "no AsyncAPI document of version 2 or 3 (asyncapi: 1.0.0)"),
        ("a: [", "no YAML that can be read"),
        ("asyncapi: 3.0.0", "info.title is missing"),
        ("", "is empty"),
        ("&a [*a]", "no AsyncAPI document"),
    ],
)
def test_a_document_that_is_none_is_named_and_tells_nothing(body: str, told: str, tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(body)
    reading, ran = collected(f"catalogs: [{{asyncapi: {tmp_path}/a.yaml}}]", tmp_path)
    assert reading is None
    assert told in (ran.error or "")
    assert "a.yaml" in (ran.error or "")


def test_a_file_that_is_not_there_says_where_its_path_stands(tmp_path: Path) -> None:
    _, ran = collected(f"catalogs: [{{asyncapi: {tmp_path}/gone.yaml}}]", tmp_path)
    assert (ran.permanent, ran.note) == (True, "give its path under catalogs: in playhead.yaml")


KEYS = ("asyncapi", "info", "title", "channels", "operations", "action", "channel", "$ref", "bindings", "kafka", "x")
anything = st.recursive(
    st.none() | st.integers() | st.sampled_from(["3.0.0", "2.0.0", "send", "#/channels/x", "#/operations"]),
    lambda c: st.lists(c, max_size=3) | st.dictionaries(st.sampled_from(KEYS), c, max_size=4),
)


@given(anything)
def test_any_document_is_told_or_refused(document: Any) -> None:
    body = {"asyncapi": "3.0.0", "info": {"title": "x"}, **(document if isinstance(document, dict) else {})}
    for one in (document, body, {**body, "asyncapi": "2.0.0"}):
        try:
            _, found = asyncapi.told(one, "a", 5)
        except CollectorError:
            continue
        assert all(e.strength == "declared" for e in found)


RUN = {
    "eventType": "COMPLETE",
    "eventTime": "2026-11-22T10:00:00Z",
    "job": {"namespace": "airflow", "name": "daily"},
    "inputs": [
        {"namespace": "kafka://k1:9092", "name": "orders"},
        {"namespace": "postgres://u:p@db:5432", "name": "a.b"},
    ],
    "outputs": [{"namespace": "kafka://elsewhere:1", "name": "totals"}],
}
WATCHED = parse("clusters: [{name: c, bootstrap_servers: 'k1:9092,k2:9092'}]", "f", {})
NOW = 1_800_000_000_000


def lineage(*events: Any) -> set[tuple[str, str, str]]:
    found = openlineage.decode(json.dumps(list(events)).encode(), NOW, WATCHED)
    assert all(isinstance(o, EdgesSeen) for o in found)
    return {e for o in found if isinstance(o, EdgesSeen) for e in edges(o.edges)}


def test_a_run_that_completed_read_and_wrote() -> None:
    assert lineage(RUN) == {
        ("reads", "topic:c/orders", "service:daily"),
        ("reads", "system:postgres://db/a.b", "service:daily"),
        ("writes", "service:daily", "topic:?/totals"),
    }


def test_a_run_that_only_started_or_failed_proves_no_flow() -> None:
    assert lineage({**RUN, "eventType": "START"}, {**RUN, "eventType": "FAIL"}) == set()


@pytest.mark.parametrize(
    ("event", "told"),
    [
        ({}, "event 0: job.name is missing"),
        ({**RUN, "eventTime": "yesterday"}, "is no RFC 3339 time"),
        ({**RUN, "eventTime": "2026-11-22T10:00:00"}, "has no offset"),
    ],
)
def test_an_event_that_cannot_be_read_is_named(event: Any, told: str) -> None:
    with pytest.raises(BadDocument, match=told):
        lineage(event)
