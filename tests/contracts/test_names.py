"""Names that nobody would choose, put on a real broker by hand: all the way to API, page and WebSocket."""

from __future__ import annotations

import html
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote
from xml.etree import ElementTree

import httpx
import pytest
from confluent_kafka.admin import NewTopic
from websockets.sync.client import connect

from lineage.identity import node_id, text
from tests.contracts import brokers, raw
from tests.contracts.shop import Shop
from tests.contracts.tree import Tree, running

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
MARKUP = "<script>alert('x')</script>&\""
TOPIC = "-._" + "Az09" * 61 + "._"  # every kind of character that is legal, and as long as is legal
GROUPS = (
    b"nul-\x00-x", b"nul-", b"ctl-\x01\x1b[31m\x7f", b"two\nlines", "rtl-\u202e-\u0301".encode(), b"a/b%2Fc",
    b"..", b" ", f"g-{MARKUP}".encode(), "astral-\U0001f600".encode(), b"x" * 1_000, b"q?a=1#b&c;d", b"\\x41 {}${}",
)  # fmt: skip
NOT_UTF8 = b"bad-\xff\xfe"


@dataclass
class World:
    tree: Tree
    groups: dict[str, str] = field(default_factory=dict)  # id -> name

    def get(self, path: str, **params: str) -> httpx.Response:
        return httpx.get(f"{self.tree.url}{path}", params=params or None, timeout=20)

    def open(self, view: str, **params: str) -> dict[str, Any]:
        """The first message of a view."""
        with connect(self.tree.url.replace("http", "ws") + "/ws/v1/view") as socket:
            socket.send(json.dumps({"type": "open", "view": view, "params": params}))
            found: dict[str, Any] = json.loads(socket.recv(20))
            return found


def commit(broker: str, group: bytes) -> None:
    for _ in range(100):  # the coordinator may still be loading
        if raw.commit(broker, group, TOPIC, 0, 4) == 0:
            return
        time.sleep(0.1)
    raise AssertionError(group)


def spans() -> dict[str, Any]:
    pairs = {"messaging.system": "kafka", "messaging.destination.name": TOPIC, "messaging.client.id": MARKUP + "\0"}
    attributes = [{"key": k, "value": {"stringValue": v}} for k, v in pairs.items()]
    resource = {"attributes": [{"key": "service.name", "value": {"stringValue": f"s/\0\x02{MARKUP}"}}]}
    one = {"kind": 4, "attributes": attributes}
    return {"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": [one]}]}]}


@pytest.fixture(scope="module", params=["embedded", pytest.param("apache", marks=pytest.mark.kafka)])
def world(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A broker full of them, watched by the whole of Playhead."""
    work = tmp_path_factory.mktemp("names")
    (work / "broker").mkdir()
    config = work / "playhead.yaml"
    known = [*GROUPS, *([NOT_UTF8] if request.param == "apache" else [])]  # the embedded one refuses what is no UTF-8
    with (brokers.embedded if request.param == "embedded" else brokers.apache)(work / "broker") as address:
        shop = Shop(address)
        shop.admin.create_topics([NewTopic(TOPIC, 1, 1)])[TOPIC].result(30)
        shop.produce(TOPIC, [10])
        for group in known:
            commit(address, group)
        every = "{positions: 1s, groups: 1s, topology: 2s}"
        config.write_text(f"clusters: [{{name: k, bootstrap_servers: '{address}', every: {every}}}]\n")
        open_to_all = {"PLAYHEAD_ANONYMOUS": "viewer", "PLAYHEAD_OTLP": "open", "PLAYHEAD_CONFIG": str(config)}
        with running(work, **open_to_all) as tree, shop.member("living", TOPIC, **{"client.id": MARKUP}):
            # Apache's Java puts a replacement character in the place of each byte that is no UTF-8.
            names = [text(g.decode("utf-8", "replace")) for g in known]
            made = World(tree, {node_id("group", "k", n): n for n in names})
            tree.started()
            assert httpx.post(f"{tree.url}/v1/traces", json=spans()).status_code == 200
            tree.until(lambda: missing(made), 40)
            yield made


def missing(world: World) -> set[str]:
    """What is not drawn with its lag, and whether the living group's member and the service are there."""
    try:
        lag = {i["group"]: i["lag"] for i in world.get("/api/v1/lag").json().get("items", [])}
        graph = world.get("/api/v1/graph").text
        group = world.get("/api/v1/groups/" + quote("group:k/living", safe="")).json()
    except httpx.TransportError as error:
        return {repr(error)}
    return (
        {n for n in world.groups.values() if lag.get(n) != 6}
        | ({"member"} if not group.get("members") else set())
        | ({"service"} if "service:s%2F" not in graph else set())
    )


def escaped(id: str) -> str:
    return quote(id, safe="")


def test_every_group_has_its_lag_on_the_api(world: World) -> None:
    items = {i["group"]: (i["lag"], i["topic"]) for i in world.get("/api/v1/lag").json()["items"]}
    assert {g: items[g] for g in world.groups.values()} == dict.fromkeys(world.groups.values(), (6, TOPIC))
    nodes = {n["id"]: n["name"] for n in world.get("/api/v1/graph").json()["nodes"] if n["kind"] == "group"}
    assert {i: nodes.get(i) for i in world.groups} == world.groups
    for name in world.groups.values():
        assert [i["group"] for i in world.get("/api/v1/lag", group=name).json()["items"]] == [name]


def test_every_groups_url_opens_on_api_page_and_websocket(world: World) -> None:
    for id, name in world.groups.items():
        answer = world.get(f"/api/v1/groups/{escaped(id)}")
        assert (answer.status_code, answer.json().get("name")) == (200, name), answer.text
        page = world.get(f"/groups/{escaped(id)}")
        assert page.status_code == 200, id
        assert html.escape(name) in page.text
        assert MARKUP not in page.text
        frame = world.open("group", id=id)
        assert frame["type"] == "frame", frame
        assert frame["tables"]["info"]["info"]["name"] == name
        assert [r["lag"] for r in frame["tables"]["lag"].values()] == [6]


def test_every_groups_history_is_found_by_its_id(world: World) -> None:
    for id in world.groups:
        answer = world.get("/api/v1/series", subject=id, metric="lag", **{"from": "-2m"})
        assert answer.status_code == 200, answer.text
        assert [v for _, v in answer.json()["points"] if v is not None][-1] == 6, id
        assert world.get("/api/v1/changes", subject=id).json()["items"][0]["kind"] == "appeared"


def test_the_topic_with_every_legal_character_opens_everywhere(world: World) -> None:
    id = node_id("topic", "k", TOPIC)
    assert len(TOPIC) == 249
    assert world.get(f"/api/v1/topics/{escaped(id)}").json()["name"] == TOPIC
    assert TOPIC in world.get(f"/topics/{escaped(id)}").text
    assert world.open("topic", id=id)["tables"]["info"]["info"]["name"] == TOPIC


def test_markup_in_a_client_id_stays_text(world: World) -> None:
    id = node_id("group", "k", "living")
    (member,) = world.get(f"/api/v1/groups/{escaped(id)}").json()["members"]
    assert member["client_id"] == MARKUP
    assert MARKUP not in world.get(f"/groups/{escaped(id)}").text
    (row,) = world.open("group", id=id)["tables"]["members"].values()
    assert row["client_id"] == MARKUP


def test_a_service_of_any_name_out_of_spans_opens_everywhere(world: World) -> None:
    name = text(f"s/\0\x02{MARKUP}")
    id = node_id("service", name)
    assert world.get(f"/api/v1/services/{escaped(id)}").json()["name"] == name
    page = world.get(f"/services/{escaped(id)}")
    assert page.status_code == 200
    assert MARKUP not in page.text
    assert world.open("service", id=id)["tables"]["info"]["info"]["name"] == name


@pytest.mark.parametrize("page", ["/map", "/lag", "/topics", "/services", "/teams", "/collectors"])
def test_lists_of_them_are_pages_without_their_markup(world: World, page: str) -> None:
    answer = world.get(page)
    assert answer.status_code == 200
    assert MARKUP not in answer.text
    assert world.open(page[1:])["type"] == "frame"


def test_exports_and_metrics_stay_what_they_are(world: World) -> None:
    assert ElementTree.fromstring(world.get("/api/v1/export/svg").content).tag.endswith("svg")
    for kind in ("json", "dot", "mermaid"):
        assert world.get(f"/api/v1/export/{kind}").status_code == 200
    lines = [n for n in world.get("/metrics").text.split("\n") if n.startswith("kafka_consumergroup_lag{")]
    assert len(lines) >= len(world.groups)


@pytest.mark.parametrize("path", ["/groups/", "/api/v1/groups/", "/topics/", "/api/v1/topics/", "/services/"])
@pytest.mark.parametrize(
    "id", ["group:k/nul-%00-x", "%00", "group:k/%FF%FE", "group:k/%ED%A0%80", "%2e%2e%2f", "x" * 9_000]
)
def test_an_id_of_nothing_is_not_there(world: World, path: str, id: str) -> None:
    answer = world.get(path + id)
    assert answer.status_code in {400, 404}, answer.text[:500]


@pytest.mark.parametrize(
    "query", ["subject=group:k/%00&metric=lag", "subject=%ED%A0%80&metric=lag", "subject=group:&metric=lag"]
)
def test_a_question_about_nothing_gets_an_answer(world: World, query: str) -> None:
    for path in ("/api/v1/series", "/api/v1/changes", "/api/v1/lag", "/api/v1/graph", "/map", "/lag"):
        answer = world.get(f"{path}?{query}&group=%00&topic=%FF&q=%00&cluster=%00")
        assert answer.status_code < 500, (path, answer.text[:500])
