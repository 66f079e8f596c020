"""The page of a connector, a query or a system: what it is, what flows through it and how that is known."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from django.test import Client

from dashboard.api.search import search
from dashboard.views import NotThere, build
from dashboard.views.common import index_of
from dashboard.views.drawn import node_row
from lineage.frames import Frame
from lineage.recorder import Tape
from tests.dashboard.made import T0, edge, frame, lag, node, topic
from tests.lineage import world as w

TASKS = [{"id": 0, "state": "RUNNING", "worker": "w:8083"}, {"id": 1, "state": "FAILED", "failure": "E: no table"}]
SINK = node(
    "connector", "to-db", state="FAILED", type="sink", tasks=TASKS, failure="E: no table", group="connect-to-db"
)
DB, ORDERS = node("system", "postgres://db/shop", type="postgres"), topic("orders")
QUERY = node("query", "CTAS_1", sql="CREATE TABLE x AS SELECT 1;")


@pytest.fixture
def shop() -> Frame:
    edges = [
        edge(ORDERS, SINK, "reads", "connect-to-db", lag=7, verdict="stopped"),
        edge(SINK, DB, "writes", strength="inferred", sentence="its configuration names this"),
    ]
    items = (lag("connect-to-db", "orders", "stopped", lag=7, service=SINK.id),)
    return frame([SINK, DB, ORDERS, QUERY], edges, lag=items)


def test_a_connector_shows_its_tasks_its_failure_and_both_sides_with_their_evidence(shop: Frame) -> None:
    view = build("connector", shop, {"id": SINK.id})
    info = view.tables["info"]["info"]
    assert (info["state"], info["failure"], info["group"]) == ("FAILED", "E: no table", "connect-to-db")
    assert [t["state"] for t in view.tables["tasks"].values()] == ["RUNNING", "FAILED"]
    (came,), (goes,) = view.tables["writers"].values(), view.tables["readers"].values()
    assert (came["id"], came["lag"], came["sentence"]) == (ORDERS.id, 7, "spans say so")
    assert (goes["id"], goes["strength"], goes["sentence"]) == (DB.id, "inferred", "its configuration names this")
    assert len(view.tables["neighbours"]) == 2
    assert [r["lag"] for r in view.tables["lag"].values()] == [7]
    assert len(view.tables["evidence"]) == 2


def test_a_system_and_a_query_have_pages_too(shop: Frame) -> None:
    system = build("system", shop, {"id": DB.id})
    assert [r["id"] for r in system.tables["writers"].values()] == [SINK.id]
    assert system.meta["title"] == "postgres://db/shop"
    assert build("query", shop, {"id": QUERY.id}).tables["info"]["info"]["sql"].startswith("CREATE TABLE")


@pytest.mark.parametrize("wanted", [ORDERS.id, "connector:c/main/gone", ""])
def test_a_page_of_another_kind_or_of_nothing_is_not_there(shop: Frame, wanted: str) -> None:
    with pytest.raises(NotThere):
        build("connector", shop, {"id": wanted})


def test_the_side_panel_knows_a_connectors_lag(shop: Frame) -> None:
    assert [r["lag"] for r in build("panel", shop, {"id": SINK.id}).tables["lag"].values()] == [7]


def test_search_leads_to_the_page(shop: Frame) -> None:
    assert search(shop, "to-db", 5)[0]["url"] == "/connectors/connector%3Ac%2Fto-db"
    assert search(shop, "postgres", 5)[0]["url"].startswith("/systems/system%3Ac%2Fpostgres")


def test_the_map_says_that_a_task_failed(shop: Frame) -> None:
    row = node_row(index_of(shop), SINK, (0, 0))
    assert (row["badge"], row["sub"]) == ("1 of 2 tasks failed", "sink, FAILED")
    assert node_row(index_of(shop), DB, (0, 0))["sub"] == "postgres"


def test_the_map_says_that_a_connector_without_tasks_failed() -> None:
    alone = node("connector", "x", state="FAILED", tasks=[])
    assert node_row(index_of(frame([alone])), alone, (0, 0))["badge"] == "failed"


def test_a_list_says_of_each_what_its_page_says_but_for_what_is_long(shop: Frame) -> None:
    (row,) = build("connectors", shop, {}).tables["rows"].values()
    assert (row["id"], row["state"], row["tasks"], row["failed_tasks"]) == (SINK.id, "FAILED", 2, 1)
    assert (row["inputs"], row["outputs"], row["lag"], row["worst_verdict"]) == (1, 1, 7, "stopped")
    (query,) = build("queries", shop, {}).tables["rows"].values()
    assert query["sql"].startswith("CREATE TABLE")
    assert build("systems", shop, {"q": "mysql"}).tables["rows"] == {}


@pytest.mark.usefixtures("viewer")
def test_the_api_lists_connectors_queries_and_systems_and_answers_for_each(client: Client, tape: Tape) -> None:
    tape.take(w.reading(T0 + 6000, "to-db", "to-s3", tasks=0))
    tape.cut(T0 + 6100)
    body = client.get("/api/v1/connectors", {"limit": 1}).json()
    assert [(c["name"], c["cluster"], c["class"]) for c in body["items"]] == [("to-db", "c", "Sink")]
    assert body["live"]
    more = client.get("/api/v1/connectors", {"limit": 1, "cursor": body["next"]}).json()
    assert [c["name"] for c in more["items"]] == ["to-s3"]
    one = client.get(f"/api/v1/connectors/{quote(body['items'][0]['id'], safe='')}").json()
    assert [r["name"] for r in one["writers"]] == ["orders"]
    assert client.get("/api/v1/systems").json()["items"] == []
    assert client.get("/api/v1/queries/connector%3Ac%2Fmain%2Fto-db").status_code == 404
    page = client.get("/connectors")
    assert (page.status_code, b"to-s3" in page.content) == (200, True)
    assert "/api/v1/queries/{id}" in client.get("/api/v1/openapi.json").json()["paths"]
