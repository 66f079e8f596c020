"""Connectors in the graph: their sink groups are theirs, and copies explain who writes."""

from __future__ import annotations

from pathlib import Path

from lineage import history
from lineage.observations import EdgeSeen, EdgesSeen, NodeSeen, Reading
from lineage.recorder import Tape
from tests.lineage import world as w
from tests.lineage.test_tape import opened
from tests.lineage.world import T0

SINK = "connector:c/main/files"


def worker(at: int, *edges: EdgeSeen, group: str = "audit") -> Reading:
    nodes = [NodeSeen(SINK, "files", {"state": "RUNNING", "group": group})]
    return Reading(
        cluster="c", at=at, source="connect", scope="main", nodes=nodes, edges=list(edges), complete=True, interval=30
    )  # fmt: skip


def test_a_sinks_group_is_drawn_as_the_connector_with_its_lag(tape: Tape) -> None:
    opened(tape)
    tape.take(w.frame(T0, {"orders": 10}, {"audit": {"orders": 4}}, keyframe=True))
    tape.take(worker(T0 + 100, EdgeSeen("reads", "topic:c/orders", SINK, T0, T0, group="audit")))
    tape.cut(T0 + 1_000)
    frame = history.frame_at(T0 + 1_000)
    (edge,) = (e for e in frame.edges if e.source == "topic:c/orders" and e.key == "audit")
    assert (edge.target, edge.lag, edge.strength) == (SINK, 6, "observed")
    assert {"connect", "positions"} <= {e.source for e in edge.evidence}
    assert frame.nodes["group:c/audit"].attrs["service"] == SINK
    assert {i.service for i in frame.lag if i.group == "audit"} == {"files"}


def test_a_rule_does_not_take_a_group_from_its_connector(tape: Tape) -> None:
    opened(tape)
    tape.take(w.frame(T0, {"orders": 10}, {"billing-cg": {"orders": 4}}, keyframe=True))
    tape.take(worker(T0 + 100, group="billing-cg"))
    tape.cut(T0 + 1_000)
    assert {e.target for e in history.frame_at(None).edges if e.key == "billing-cg"} == {SINK}


def test_a_copy_explains_who_writes_and_a_permission_does_not(tape: Tape) -> None:
    opened(tape)
    for s in range(0, 12, 2):
        tape.take(w.frame(T0 + s * 1000, {"orders": s * 5}, keyframe=s == 0))
        tape.cut(T0 + s * 1000 + 100)
    assert "writer:c/orders" in history.frame_at(None).nodes
    tape.take(worker(T0 + 11_000, EdgeSeen("writes", "service:x", "topic:c/orders", T0, T0, strength="permitted")))
    tape.cut(T0 + 12_000)
    assert "writer:c/orders" in history.frame_at(None).nodes
    tape.take(worker(T0 + 12_000, EdgeSeen("replicates", "topic:d/orders", "topic:c/orders", T0, T0 + 12_000)))
    tape.cut(T0 + 13_000)
    assert "writer:c/orders" not in history.frame_at(None).nodes


def sinks(at: int, *names: str) -> Reading:
    nodes = [NodeSeen(f"connector:c/main/{n}", n, {"state": "RUNNING", "group": "audit"}) for n in names]
    edges = [EdgeSeen("reads", "topic:c/orders", n.id, at, at) for n in nodes]
    return Reading(
        cluster="c", at=at, source="connect", scope="main", nodes=nodes, edges=edges, complete=True, interval=30
    )


def read_by(tape: Tape, *readings: Reading) -> None:
    opened(tape)
    tape.take(w.frame(T0, {"orders": 10}, {"audit": {"orders": 4}}, keyframe=True))
    for reading in readings:
        tape.take(reading)
    tape.cut(T0 + 10_000)


def test_a_claim_without_a_group_is_one_edge_with_the_groups_lag_and_the_name_is_kept(tape: Tape) -> None:
    read_by(tape, sinks(T0 + 300, "files"))
    frame = history.frame_at(None)
    (edge,) = [e for e in frame.edges if e.target == SINK]
    assert (edge.key, edge.lag) == ("audit", 6)
    assert {"connect", "positions"} <= {e.source for e in edge.evidence}
    assert frame.nodes[SINK].attrs["known_as"] == [{"kind": "group", "cluster": "c", "name": "audit", "how": "connect"}]


def test_a_group_that_two_connectors_name_stays_itself(tape: Tape) -> None:
    read_by(tape, sinks(T0 + 300, "files", "others"))
    frame = history.frame_at(None)
    assert frame.nodes["group:c/audit"].attrs["service"] is None
    assert [e for e in frame.edges if e.target == "group:c/audit"]


def test_a_deleted_connector_gives_its_group_back(tape: Tape) -> None:
    read_by(tape, sinks(T0 + 300, "files"), sinks(T0 + 5_000))
    frame = history.frame_at(None)
    assert SINK not in frame.nodes
    assert frame.nodes["group:c/audit"].attrs["service"] is None


def databases(at: int, *named: tuple[str, str], scope: str = "main") -> Reading:
    """Connectors that read these systems, with what Debezium calls them."""
    nodes = [NodeSeen(system, system, {"type": "postgres", "debezium": [name]}) for system, name in named]
    edges = [EdgeSeen("reads", system, f"connector:c/{scope}/cdc", at, at) for system, _ in named]
    return Reading(
        cluster="c", at=at, source="connect", scope=scope, nodes=nodes, edges=edges, complete=True, interval=30
    )  # fmt: skip


def tables(tape: Tape, *readings: Reading, name: str = "postgresql://crm/shop", cluster: str = "c") -> set[str]:
    """The systems that a Debezium record's own word is drawn from."""
    opened(tape)
    edge = EdgeSeen("derives", f"system:{name}", f"topic:{cluster}/orders", T0, T0)
    tape.take(EdgesSeen(cluster=cluster, at=T0 + 50, source="headers", edges=[edge]))
    for reading in readings:
        tape.take(reading)
    tape.cut(T0 + 10_000)
    frame = history.frame_at(None)
    assert {k for k in frame.nodes if k.startswith("system:")} >= {
        e.source for e in frame.edges if e.relation == "derives"
    }
    return {e.source for e in frame.edges if e.relation == "derives"}


def test_debeziums_name_is_the_database_of_the_connector_that_bears_it(tape: Tape) -> None:
    found = tables(tape, databases(T0 + 100, ("system:postgres://db/shop", "postgresql://crm/shop")))
    assert found == {"system:postgres://db/shop"}
    assert "system:postgresql://crm/shop" not in history.frame_at(None).nodes


def test_a_connector_that_names_no_database_reads_all_of_its_server(tape: Tape) -> None:
    assert tables(tape, databases(T0 + 100, ("system:mysql://db", "mysql://crm")), name="mysql://crm/shop") == {
        "system:mysql://db"
    }


def test_a_name_that_could_mean_two_databases_or_none_stays_itself(tape: Tape) -> None:
    one = databases(T0 + 100, ("system:postgres://db/shop", "postgresql://crm/shop"))
    two = databases(T0 + 100, ("system:postgres://other/shop", "postgresql://crm/shop"), scope="eu")
    assert tables(tape, one, two) == {"system:postgresql://crm/shop"}


def test_a_join_with_a_database_ends_with_the_connector_that_proved_it(tape: Tape) -> None:
    one = databases(T0 + 100, ("system:postgres://db/shop", "postgresql://crm/shop"))
    assert tables(tape, one, databases(T0 + 200)) == {"system:postgresql://crm/shop"}


def test_a_restarted_recorder_remembers_whose_name_it_was(tape: Tape, data_dir: Path) -> None:
    one = databases(T0 + 100, ("system:postgres://db/shop", "postgresql://crm/shop"))
    assert tables(tape, one) == {"system:postgres://db/shop"}
    tape.close()
    history.forget()
    again = Tape(w.config(), data_dir)
    again.take(databases(T0 + 11_000))
    again.cut(T0 + 12_000)
    again.close()
    found = {e.source for e in history.frame_at(None).edges if e.relation == "derives"}
    assert found == {"system:postgresql://crm/shop"}
