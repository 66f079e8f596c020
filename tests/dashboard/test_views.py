from __future__ import annotations

from dataclasses import replace

import pytest

from dashboard.views import NAMES, NotThere, build, draws
from lineage.frames import Frame, PartitionLag
from tests.dashboard.made import T0, cluster, collector, edge, frame, lag, node, topic


@pytest.fixture
def shop() -> Frame:
    writer, orders = node("service", "shop", team="sales"), topic("orders", team="sales")
    billing, audit = node("service", "billing"), node("group", "audit", members=[], state="Empty")
    joined = node("group", "billing-cg", service=billing.id, state="Stable", members=[{"id": "m1", "client_id": "b"}])
    edges = [
        edge(writer, orders, "writes"),
        edge(orders, billing, "reads", "billing-cg", lag=7, verdict="stopped"),
        edge(orders, audit, "reads", "audit", lag=None, verdict="unknown"),
        edge(billing, writer, "calls"),
    ]
    items = (
        lag("billing-cg", "orders", "stopped", lag=7, service=billing.id, team="sales"),
        lag("audit", "orders", "unknown", lag=None, sampled_at=T0 - 9000),
    )
    team = node("team", "sales", contact="#sales")
    return frame([writer, orders, billing, audit, joined, team], edges, lag=items)


@pytest.mark.parametrize(
    "name",
    [n for n in NAMES if n not in {"topic", "group", "service", "team", "panel", "connector", "query", "system"}],
)
def test_every_view_says_how_the_clusters_are_and_how_fresh_it_is(shop: Frame, name: str) -> None:
    view = build(name, shop, {})
    assert view.tables["clusters"]["c"]["status"] == "ok"
    assert view.meta["fresh"] == [1, 1]
    assert view.meta["total_lag"] == 7
    assert view.meta["title"]


@pytest.mark.parametrize("name", [n for n in NAMES if not draws(n)])
def test_a_view_that_draws_nothing_needs_neither_nodes_nor_edges(shop: Frame, name: str) -> None:
    for params in ({}, {"cluster": "c", "team": "team:sales"}, {"group": "audit", "q": "ord", "verdict": "unknown"}):
        assert build(name, replace(shop, nodes={}, edges=()), params) == build(name, shop, params)


def test_an_empty_frame_shows_empty_tables_and_unknown_lag() -> None:
    for name in ("map", "lag", "topics", "services", "teams", "collectors"):
        view = build(name, frame([], clusters=(), collectors=()), {})
        assert not view.tables[view.main]
        assert view.meta["total_lag"] is None


def test_lag_rows_leave_out_the_time_that_is_their_clusters(shop: Frame) -> None:
    rows = build("lag", shop, {}).tables["rows"]
    assert "sampled_at" not in rows["c/billing-cg/orders"]
    assert rows["c/audit/orders"]["sampled_at"] == "2025-06-15T15:09:51.000Z"
    assert rows["c/audit/orders"]["lag"] is None


def test_lag_is_counted_by_verdict_before_the_filter_by_verdict(shop: Frame) -> None:
    view = build("lag", shop, {"verdict": "stopped"})
    assert list(view.tables["rows"]) == ["c/billing-cg/orders"]
    assert view.meta["counts"] == {"stopped": 1, "unknown": 1}
    assert not build("lag", shop, {"cluster": "other"}).tables["rows"]


def test_names_with_slashes_have_keys_of_their_own() -> None:
    f = frame([], lag=(lag("a/b", "c"), lag("a", "b/c")))
    assert len(build("lag", f, {}).tables["rows"]) == 2


def test_a_topic_in_a_line(shop: Frame) -> None:
    row = build("topics", shop, {}).tables["rows"]["topic:c/orders"]
    assert (row["writers"], row["readers"], row["worst_verdict"], row["retention_ms"]) == (1, 2, "stopped", 60_000)
    assert row["size"] is None


def test_a_topics_page_names_writers_readers_evidence_and_partitions(shop: Frame) -> None:
    logs = [{"partition": 0, "leader": 1, "replicas": [1], "isr": [1], "log_start": 0, "log_end": 9, "sampled_at": T0}]
    view = build("topic", shop, {"id": "topic:c/orders"}, {"logs": logs})
    assert [r["name"] for r in view.tables["writers"].values()] == ["shop"]
    assert {r["name"] for r in view.tables["readers"].values()} == {"billing", "audit"}
    assert view.tables["partitions"]["0"]["log_end"] == 9
    assert "sampled_at" not in view.tables["partitions"]["0"]
    assert {e["detail"] for e in view.tables["evidence"].values()} == {"from spans"}
    assert view.tables["configs"]["retention.ms"]["value"] == "60000"


def test_a_topics_page_lists_the_schemas_that_are_named_after_it() -> None:
    subject = {"name": "orders-value", "part": "value", "version": 3, "type": "AVRO", "compatibility": "FULL"}
    frame_of = frame([topic("orders", subjects=[subject]), topic("plain")])
    shown = build("topic", frame_of, {"id": "topic:c/orders"}).tables["subjects"]
    assert shown == {"orders-value": subject}
    assert build("topic", frame_of, {"id": "topic:c/plain"}).tables["subjects"] == {}


def test_a_groups_page_shows_members_and_every_position(shop: Frame) -> None:
    positions = {("c", "billing-cg", "orders"): (PartitionLag(0, 3, T0, 0, 10, 7, 1.5, "m1"),)}
    view = build("group", shop, {"id": "group:c/billing-cg"}, {"partitions": positions})
    assert view.tables["info"]["info"]["verdict"] == "stopped"
    assert view.tables["partitions"]["orders/0"]["lag"] == 7
    assert list(view.tables["members"]) == ["m1"]
    assert len(view.tables["evidence"]) == 1  # that of its service's read


def test_a_service_in_a_line_and_on_its_page(shop: Frame) -> None:
    rows = build("services", shop, {}).tables["rows"]
    assert set(rows) == {"service:shop", "service:billing", "group:c/audit"}
    assert (rows["service:billing"]["reads"], rows["service:billing"]["calls"]) == (1, 1)
    page = build("service", shop, {"id": "service:billing"}).tables
    assert list(page["groups"]) == ["group:c/billing-cg"]
    assert [i["topic"] for i in page["lag"].values()] == ["orders"]


def test_teams_say_what_they_own_and_what_nobody_owns(shop: Frame) -> None:
    view = build("teams", shop, {})
    row = view.tables["rows"]["team:sales"]
    assert (row["services"], row["topics"], row["contact"], row["worst_verdict"]) == (1, 1, "#sales", "stopped")
    assert view.meta["coverage"] == [2, 4]
    assert view.meta["unowned"] == {"services": 1, "topics": 0, "groups": 1}
    assert set(build("team", shop, {"id": "team:sales"}).tables["topics"]) == {"topic:c/orders"}


def test_a_stale_or_failing_collector_is_not_fresh() -> None:
    collectors = (collector("a"), collector("b", stale=True), collector("c", error="refused", needs=("Describe",)))
    view = build("collectors", frame([], collectors=collectors), {})
    assert view.meta["fresh"] == [1, 3]
    assert view.tables["rows"]["c/c"]["needs"] == ["Describe"]


def test_a_cluster_that_is_down_is_in_every_view() -> None:
    f = frame([], clusters=(cluster(status="down", error="nobody answers", sampled_at=None),))
    assert build("lag", f, {}).tables["clusters"]["c"]["error"] == "nobody answers"


@pytest.mark.parametrize("wanted", ["service:shop", "topic:c/orders", "group:c/audit", "team:sales"])
def test_the_panel_shows_whatever_is_selected(shop: Frame, wanted: str) -> None:
    assert build("panel", shop, {"id": wanted}).tables["info"]["info"]["id"] == wanted


def test_the_panel_shows_an_edge_with_its_evidence(shop: Frame) -> None:
    view = build("panel", shop, {"id": "reads|topic:c/orders|service:billing|billing-cg"})
    assert view.tables["info"]["info"]["sentence"] == "spans say so"
    assert len(view.tables["lag"]) == 1


@pytest.mark.parametrize("name", ["topic", "group", "service", "team", "panel"])
@pytest.mark.parametrize("wanted", ["", "nonsense", "topic:c/none", "team:none", "a|b|c"])
def test_what_is_not_there_is_said(shop: Frame, name: str, wanted: str) -> None:
    with pytest.raises(NotThere):
        build(name, shop, {"id": wanted})
