"""Topologies of streams groups as Kafka 4.3 and 4.4 describe them."""

from __future__ import annotations

from typing import Any

from collectors.kafka.topologies import told, topology


def node(name: str, kind: int, *successors: str, **more: Any) -> dict[str, Any]:
    given = {"source_topics": [], "sink_topic": None, "stores": [], **more}
    return {"name": name, "node_type": kind, "successors": list(successors), **given}


def group(**more: Any) -> dict[str, Any]:
    part = {
        "subtopology_id": "0",
        "source_topics": ["orders"],
        "repartition_sink_topics": ["app-by-user-repartition"],
        "repartition_source_topics": [],
        "state_changelog_topics": [{"name": "app-totals-changelog"}],
    }
    return {"group_id": "app", "topology": {"epoch": 1, "subtopologies": [part]}, **more}


def described(*nodes: dict[str, Any], status: int = 3) -> dict[str, Any]:
    parts = [{"subtopology_id": "0", "nodes": list(nodes)}]
    source = node("G", 1, source_topics=["rates"])
    both = {"source": source, "processor": node("GP", 2, stores=["rates-store"])}
    return group(
        topology_description={"subtopologies": parts, "global_stores": [both]}, topology_description_status=status
    )


def test_a_broker_before_4_4_tells_sources_and_stores_and_no_sinks() -> None:
    found = topology(group())
    assert found is not None
    assert (found.sources, found.stores, found.sinks, found.status) == (["orders"], ["totals"], {}, "")


def test_a_description_tells_which_sources_feed_which_sink() -> None:
    nodes = [
        node("S1", 1, "P1", source_topics=["orders"]),
        node("S2", 1, "P2", source_topics=["users"]),
        node("P1", 2, "K1", "P2", stores=["totals"]),
        node("P2", 2, "K2", "P1"),  # a loop ends
        node("K1", 3, sink_topic="sums"),
        node("K2", 3, sink_topic="joined"),
        node("K3", 3),
    ]
    found = topology(described(*nodes))
    assert found is not None
    assert found.sinks == {"joined": ["orders", "users"], "sums": ["orders", "users"]}
    assert (found.sources, found.dynamic, found.status) == (["orders", "rates"], True, "available")


def test_a_description_that_is_not_stored_is_said_and_gives_no_sink() -> None:
    for status, words in ((1, "not stored"), (2, "the broker could not fetch it")):
        found = topology(group(topology_description=None, topology_description_status=status))
        assert found is not None
        assert (found.status, found.sinks) == (words, {})


def test_a_group_without_a_topology_tells_none() -> None:
    assert topology({"group_id": "app", "topology": None}) is None


def test_sinks_are_inferred_writes_of_the_group() -> None:
    found = topology(described(node("S", 1, "K", source_topics=["orders"]), node("K", 3, sink_topic="sums")))
    assert found is not None
    seen, (edge,) = told("c", "app", found, 5)
    assert (edge.relation, edge.source, edge.target, edge.strength) == (
        "writes", "group:c/app", "topic:c/sums", "inferred",
    )  # fmt: skip
    assert edge.detail == "a sink of its topology, fed by orders"
    assert seen.attrs["topology"]["sinks"] == ["sums"]
