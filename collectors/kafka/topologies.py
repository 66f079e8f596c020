"""What a streams group's coordinator tells of its topology: sources, stores and, from Kafka 4.4 on, sinks. No I/O.

The description with the sinks (KIP-1331) exists only where the broker has a plug-in to keep it and the application
pushed it; else its status says that it is not stored.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from lineage.identity import node_id
from lineage.observations import EdgeSeen, Member, Ms, NodeSeen

SOURCE, SINK = 1, 3
STATUS = {1: "not stored", 2: "the broker could not fetch it", 3: "available"}
MOST = 200


class Topology(NamedTuple):
    """``sinks`` by topic: the topics that feed it. ``status`` "" where the broker is older than Kafka 4.4."""

    sources: list[str]
    stores: list[str]
    sinks: dict[str, list[str]]
    dynamic: bool  # it has a sink whose topic is chosen record by record
    status: str


class Described(NamedTuple):
    """One group's answer; ``error`` is Kafka's code, 0 where there was none. ``topology`` only of a streams group."""

    group: str
    error: int
    members: list[Member]
    assignor: str = ""
    topology: Topology | None = None


def topology(group: Mapping[str, Any]) -> Topology | None:
    """What one described streams group has; None where it has no topology yet."""
    parts = (group.get("topology") or {}).get("subtopologies") or []
    told = group.get("topology_description")
    if not parts and not told:
        return None
    nodes = [s["nodes"] for s in (told or {}).get("subtopologies", [])]
    globals_ = [g["source"] for g in (told or {}).get("global_stores", [])]
    sinks = [n for part in nodes for n in part if n["node_type"] == SINK]
    stores = {s for part in nodes for n in part for s in n["stores"]}
    read = {t for p in parts for t in p["source_topics"]} | {t for n in globals_ for t in n["source_topics"]}
    return Topology(
        sources=sorted(read),
        stores=sorted(stores | {_store(group["group_id"], c["name"]) for p in parts for c in _changelogs(p)})[:MOST],
        sinks=_fed(nodes),
        dynamic=any(n["sink_topic"] is None for n in sinks),
        status=STATUS.get(group.get("topology_description_status", 0), ""),
    )


def _changelogs(part: Mapping[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = part["state_changelog_topics"]
    return found


def _store(group: str, changelog: str) -> str:
    return changelog.removeprefix(f"{group}-").removesuffix("-changelog")


def _fed(subtopologies: Iterable[list[dict[str, Any]]]) -> dict[str, list[str]]:
    """Sink topics with the source topics of their own subtopology that lead to them."""
    found: dict[str, set[str]] = defaultdict(set)
    for nodes in subtopologies:
        by_name = {n["name"]: n for n in nodes}
        for source in (n for n in nodes if n["node_type"] == SOURCE):
            for name in _reached(source["name"], by_name):
                node = by_name[name]
                if node["node_type"] == SINK and node["sink_topic"]:
                    found[node["sink_topic"]] |= set(source["source_topics"])
    return {sink: sorted(fed) for sink, fed in sorted(found.items())}


def _reached(start: str, by_name: Mapping[str, Mapping[str, Any]]) -> set[str]:
    seen, waiting = {start}, [start]
    while waiting:
        for name in by_name[waiting.pop()]["successors"]:
            if name in by_name and name not in seen:
                seen.add(name)
                waiting.append(name)
    return seen


def told(cluster: str, group: str, found: Topology, at: Ms) -> tuple[NodeSeen, list[EdgeSeen]]:
    """A group's attributes, and the edges to its sinks: inferred, for a topology says what a running program does.

    Its own repartition topics are sinks as well; they are folded into it like all inner topics.
    """
    node = node_id("group", cluster, group)
    attrs = {"topology": {**found._asdict(), "sinks": sorted(found.sinks)[:MOST]}}
    edges = [
        EdgeSeen(
            "writes", node, node_id("topic", cluster, sink), at, at, 1, "inferred",
            f"a sink of its topology, fed by {', '.join(fed[:3])}" if fed else "a sink of its topology",
        )
        for sink, fed in list(found.sinks.items())[:MOST]
    ]  # fmt: skip
    return NodeSeen(node, group, attrs), edges
