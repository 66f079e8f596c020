"""Readings of sources that list all they know: what they tell of nodes and edges, and when that ends."""

from __future__ import annotations

from pathlib import Path

from lineage import history
from lineage.frames import EdgeState
from lineage.identity import node_id
from lineage.observations import CollectorRan, EdgeSeen, NodeSeen, Reading
from lineage.recorder import Tape
from tests.lineage import world as w
from tests.lineage.test_tape import opened
from tests.lineage.world import T0

SINK, OTHER = "connector:c/main/sink", "connector:c/main/other"


def sinks(at: int) -> dict[str, EdgeState]:
    return {e.target: e for e in history.frame_at(at).edges if e.target.startswith("connector:")}


def test_a_source_tells_of_its_nodes_and_of_those_that_the_cluster_lists(tape: Tape) -> None:
    opened(tape)
    tape.take(w.reading(T0 + 500, "sink", tasks=3))
    tape.cut(T0 + 1_000)
    frame = history.frame_at(T0 + 1_000)
    node = frame.nodes[SINK]
    assert (node.kind, node.name, node.cluster, node.attrs["class"], node.attrs["tasks"]) == (
        "connector", "sink", "c", "Sink", 3,
    )  # fmt: skip
    assert frame.nodes["topic:c/orders"].attrs["sinks"] == 1
    assert (sinks(T0 + 1_000)[SINK].strength, sinks(T0 + 1_000)[SINK].lag) == ("observed", 3)


def test_a_number_that_moves_is_no_change_and_counts_do_not_add_up(tape: Tape) -> None:
    opened(tape)
    for n in range(3):
        tape.take(w.reading(T0 + 500 + n * 1_000, "sink", tasks=n + 1))
        tape.cut(T0 + 1_000 + n * 1_000)
    assert history.changes_between(T0 + 1_000, T0 + 3_000) == []
    edge = sinks(T0 + 3_000)[SINK]
    assert (edge.lag, edge.evidence[0].count, edge.evidence[0].last_seen) == (3, 1, T0 + 2_500)


def test_only_a_complete_reading_of_the_same_scope_ends_what_it_lacks(tape: Tape) -> None:
    opened(tape)
    tape.take(w.reading(T0 + 100, "sink", "other"))
    tape.take(w.reading(T0 + 200, "sink", scope="second"))
    tape.take(w.reading(T0 + 300, "sink", complete=False))
    tape.cut(T0 + 1_000)
    assert set(sinks(T0 + 1_000)) == {SINK, OTHER, "connector:c/second/sink"}
    tape.take(w.reading(T0 + 1_300, "sink"))
    tape.cut(T0 + 2_000)
    assert set(sinks(T0 + 2_000)) == {SINK, "connector:c/second/sink"}
    assert OTHER not in history.frame_at(T0 + 2_000).nodes
    assert set(sinks(T0 + 1_000)) == {SINK, OTHER, "connector:c/second/sink"}


def test_a_late_or_repeated_reading_changes_nothing(tape: Tape) -> None:
    opened(tape)
    tape.take(w.reading(T0 + 500, "sink"))
    tape.take(w.reading(T0 + 400, "other"))
    tape.take(w.reading(T0 + 500, "other"))
    tape.cut(T0 + 1_000)
    assert set(sinks(T0 + 1_000)) == {SINK}


def test_a_source_that_falls_silent_grows_stale_and_expires_on_its_own_clock(tape: Tape) -> None:
    opened(tape)
    tape.take(w.reading(T0, "sink"))
    tape.cut(T0 + 1_000)
    tape.cut(T0 + 100_000)
    assert not history.frame_at(T0 + 100_000).nodes[SINK].stale
    tape.cut(T0 + 200_000)
    assert history.frame_at(T0 + 200_000).nodes[SINK].stale
    tape.cut(T0 + 86_500_000)
    assert SINK not in history.frame_at(T0 + 86_500_000).nodes


def test_a_topic_that_the_cluster_does_not_list_is_not_made(tape: Tape) -> None:
    opened(tape)
    tape.take(w.reading(T0 + 500, "sink", topic="imaginary"))
    tape.cut(T0 + 1_000)
    frame = history.frame_at(T0 + 1_000)
    assert SINK in frame.nodes
    assert "topic:c/imaginary" not in frame.nodes
    assert not [e for e in frame.edges if e.target == SINK]


def test_a_new_recorder_goes_on_where_the_reading_stood(tape: Tape, data_dir: Path) -> None:
    opened(tape)
    tape.take(w.reading(T0 + 500, "sink", "other"))
    tape.cut(T0 + 1_000)
    before = history.frame_at(T0 + 1_000)
    tape.close()
    again = Tape(w.config(), data_dir)
    again.cut(T0 + 2_000)
    assert {k: n.attrs for k, n in history.frame_at(T0 + 2_000).nodes.items()} == {
        k: n.attrs for k, n in before.nodes.items()
    }
    again.take(w.reading(T0 + 2_500, "other"))
    again.cut(T0 + 3_000)
    assert set(sinks(T0 + 3_000)) == {OTHER}
    again.close()


def test_a_querys_group_is_drawn_as_the_query(tape: Tape) -> None:
    opened(tape)
    query = node_id("query", "c", "main", "CSAS_1")
    edge = EdgeSeen("reads", "topic:c/orders", query, T0, T0, group="billing-cg")
    node = NodeSeen(query, "CSAS_1", {"class": "ksqlDB query", "group": "billing-cg"})
    told = {"source": "ksqldb", "scope": "main", "nodes": [node], "edges": [edge]}
    tape.take(Reading(cluster="c", at=T0 + 500, complete=True, interval=30.0, **told))
    tape.cut(T0 + 1_000)
    readers = [(e.target, e.key) for e in history.frame_at(T0 + 1_000).edges if e.source == "topic:c/orders"]
    assert (query, "billing-cg") in readers
    assert "billing-cg" not in {key for target, key in readers if target != query}


def test_a_source_beside_the_cluster_that_is_away_does_not_make_the_cluster_look_away(tape: Tape) -> None:
    opened(tape)
    said = "the ksqlDB server does not answer"
    for at, source in ((T0 + 500, "ksqldb"), (T0 + 1_500, "kafka")):
        tape.take(CollectorRan(cluster="c", at=at, collector=source, source=source, duration=1, requests=1, error=said))
        tape.cut(at + 500)
    assert [history.frame_at(T0 + at).clusters[0].error for at in (1_000, 2_000)] == [None, said]


def declared(at: int, *topics: str, complete: bool = True) -> Reading:
    edges = [EdgeSeen("writes", "service:pay", f"topic:?/{t}", at, at, strength="declared") for t in topics]
    told = {"source": "declared", "scope": "playhead.yaml", "nodes": [NodeSeen("service:pay", "pay")], "edges": edges}
    return Reading(cluster="", at=at, complete=complete, interval=120.0, **told)


def written(at: int) -> set[str]:
    return {e.target for e in history.frame_at(at).edges if e.source == "service:pay"}


def test_what_is_declared_of_a_topic_before_it_is_listed_is_drawn_once_it_is(tape: Tape) -> None:
    tape.take(declared(T0 - 500, "orders", "nowhere"))
    tape.take(declared(T0 - 400, "payments", complete=False))
    opened(tape)
    tape.take(w.topics(T0 + 200, "orders", "payments", "__consumer_offsets"))
    tape.cut(T0 + 1_000)
    assert written(T0 + 1_000) == {"topic:c/orders", "topic:c/payments"}


def test_what_a_later_reading_says_no_more_is_not_drawn_when_its_topic_comes(tape: Tape) -> None:
    tape.take(declared(T0 - 500, "orders", "payments"))
    tape.take(declared(T0 - 400, "payments"))
    opened(tape)
    tape.take(w.topics(T0 + 200, "orders", "payments", "__consumer_offsets"))
    tape.cut(T0 + 1_000)
    assert written(T0 + 1_000) == {"topic:c/payments"}
    tape.take(declared(T0 + 1_500))
    tape.cut(T0 + 2_000)
    assert written(T0 + 2_000) == set()
