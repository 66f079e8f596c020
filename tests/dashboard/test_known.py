"""What ACLs, producers, applications and share groups tell, on the pages of topics, groups and services."""

from __future__ import annotations

from dashboard.api import wire
from dashboard.views import group, map_view, panel, service, topic
from tests.dashboard.made import T0, collector, edge, frame, node
from tests.dashboard.made import topic as made_topic

OWN = "app-totals-changelog"


def test_a_topic_tells_how_many_write_what_hangs_and_who_may() -> None:
    stuck = [{"partition": 0, "producer_id": 7, "since": T0, "transactional_id": None}]
    may = [{"principal": "User:a", "pattern": "*", "host": "*"}]
    one = made_topic("orders", active_producers=2, named_producers=1, hanging=stuck, may_write=may, may_write_more=3)
    view = topic.build(frame([one]), {"id": one.id}, {})
    info = view.tables["info"]["info"]
    assert (info["active_producers"], info["named_producers"]) == (2, 1)
    assert "application" not in info
    assert wire.node(one, {})["hanging"][0]["since"] == view.tables["hanging"]["0/7"]["since"]
    assert view.tables["hanging"]["0/7"]["since"].startswith("20")
    assert [(r["may"], r.get("principal"), r.get("more")) for r in view.tables["permissions"].values()] == [
        ("write", "User:a", None), ("write", None, 3),
    ]  # fmt: skip


def test_a_topic_tells_what_its_records_hold_and_which_schemas_the_registry_knows_of_them() -> None:
    subjects = [{"name": "orders-value", "version": 3, "schema_id": 13}]
    one = made_topic(
        "orders", schema_ids_seen=[4, 5, 12, 13, 14, "8c0d"], subjects=subjects, key_kinds=["text"],
        schema_versions={"4": [], "5": None, "12": [["audit-value", 1], ["orders-value", 2]]},
        value_kinds=["null", "schema"], null_keys=0.0, null_values=0.05,
    )  # fmt: skip
    asked = frame([one], collectors=(collector("registry", source="registry"),))
    view = topic.build(asked, {"id": one.id}, {})
    assert [(r["schema_id"], r["state"], r["subjects"]) for r in view.tables["schemas"].values()] == [
        (4, "unknown", []),
        (5, "unnamed", []),
        (12, "known", ["audit-value v1", "orders-value v2"]),
        (13, "known", ["orders-value v3"]),
        (14, "unasked", []),
        ("8c0d", "guid", []),
    ]
    info = view.tables["info"]["info"]
    assert (info["value_kinds"], info["null_keys"], info["null_values"]) == (["null", "schema"], 0.0, 0.05)
    alone = topic.build(frame([one]), {"id": one.id}, {}).tables["schemas"]
    assert alone["14"]["state"] == "no_registry"


def test_an_application_shows_its_stores_and_inner_topics_on_its_group_s_and_its_service_s_page() -> None:
    streams = {"framework": "Kafka Streams", "stores": ["totals"], "inner_topics": [OWN]}
    told = {"sources": ["orders"], "stores": ["cache"], "sinks": ["sums"], "dynamic": False, "status": "available"}
    own = node("service", "shop")
    app = node("group", "app", service=own.id, streams=streams, topology=told, assignor="stream", members=[])
    made = frame([own, app, made_topic("sums")], [edge(app, made_topic("sums"), "writes")])
    expected = {
        "group": app.id, "framework": "Kafka Streams", "stores": ["cache", "totals"],
        "inner_topics": [f"topic:c/{OWN}"],
        "sources": ["topic:c/orders"], "sinks": ["topic:c/sums"], "dynamic": False, "description": "available",
    }  # fmt: skip
    on_group = group.build(made, {"id": app.id}, {})
    assert on_group.tables["application"] == {app.id: expected}
    assert [r["name"] for r in on_group.tables["writes"].values()] == ["sums"]
    info = on_group.tables["info"]["info"]
    assert (info["framework"], info["assignor"]) == ("Kafka Streams", "stream")
    assert service.build(made, {"id": own.id}).tables["application"] == {app.id: expected}


def test_an_inner_topic_is_drawn_only_with_internal_ones() -> None:
    app, inner = node("group", "app"), made_topic(OWN, application="group:c/app", role="changelog", store="totals")
    made = frame([app, inner, made_topic("orders")], [edge(app, inner, "writes")])
    assert set(map_view.build(made, {}).tables["nodes"]) >= {"topic:c/orders"}
    assert inner.id not in map_view.build(made, {}).tables["nodes"]
    assert inner.id in map_view.build(made, {"internal": "true"}).tables["nodes"]


def test_a_share_group_shows_what_its_coordinator_tells_of_each_partition() -> None:
    told = {"start orders/0": 12, "lag orders/0": 3, "start a b/1": None, "lag a b/1": None}
    one = node("group", "g", **told)
    rows = group.build(frame([one]), {"id": one.id}, {}).tables["shares"]
    assert rows == {
        "orders/0": {"topic": "orders", "partition": 0, "start": 12, "lag": 3},
        "a b/1": {"topic": "a b", "partition": 1, "start": None, "lag": None},
    }


def test_a_writer_known_by_its_transactional_id_bears_its_name() -> None:
    writer = node("writer", "etl-*", transactional_id="etl-*")
    orders = made_topic("orders")
    made = frame([writer, orders], [edge(writer, orders, "writes")])
    row = map_view.build(made, {}).tables["nodes"][writer.id]
    assert (row["name"], row["sub"]) == ("etl-*", "transactional id")
    assert panel.build(made, {"id": writer.id}).tables["info"]["info"]["transactional_id"] == "etl-*"


def test_the_group_of_connects_workers_is_drawn_only_with_internal_things() -> None:
    workers, other = node("group", "connect-cluster", type="connect"), node("group", "g", type="classic")
    made = frame([workers, other])
    assert map_view.build(made, {}).tables["nodes"].keys() == {other.id}
    assert map_view.build(made, {"internal": "true"}).tables["nodes"].keys() == {other.id, workers.id}
