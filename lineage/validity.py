"""Since when a new version is valid: earlier than it was recorded where evidence came late. Pure; time is given."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from lineage.evidence import CONFIRMED
from lineage.graph import Edge, Node
from lineage.identity import is_named_writer, node_id, split_id
from lineage.observations import Ms
from lineage.structure import Structure

OWN = CONFIRMED | {"log_end"}  # evidence that follows from positions and listings, not from claims


def since(
    old: Structure, new: Structure, opened: Mapping[str, Collection[str]], late: Mapping[str, Ms], seen_at: Ms
) -> dict[str, Ms]:
    """From when on the opened nodes and edges are valid. ``late``: the oldest sighting that came, by topic."""
    ended = {e.scope for k, e in old.edges.items() if k not in new.edges}
    out: dict[str, Ms] = {}
    touched: dict[str, Ms] = {}
    for key in opened.get("edges", ()):
        edge = new.edges[key]
        out[key] = at = min(seen_at, _edge_since(edge, old.edges.get(key), edge.scope in ended, late, seen_at))
        joined = edge.relation == "reads" and edge.key
        group = node_id("group", split_id(edge.source)[1][0], edge.key) if joined else ""
        for end in (edge.source, edge.target, group):
            touched[end] = min(at, touched.get(end, at))
    for key in opened.get("nodes", ()):
        out[key] = min(seen_at, _node_since(new.nodes[key], old.nodes.get(key), touched.get(key), seen_at))
    return out


def _edge_since(edge: Edge, old: Edge | None, rejoined: bool, late: Mapping[str, Ms], seen_at: Ms) -> Ms:
    known = {e["source"]: e["first_seen"] for e in old.evidence} if old else {}
    told = [e["first_seen"] for e in edge.evidence if e["source"] not in OWN]
    fresh = [e for e in edge.evidence if e["source"] not in OWN and known.get(e["source"]) != e["first_seen"]]
    if fresh:
        return int(min(e["first_seen"] for e in fresh))
    topic = edge.source if edge.source.startswith("topic:") else edge.target
    return late.get(topic, seen_at) if rejoined and not told else seen_at


def _node_since(node: Node, old: Node | None, touched: Ms | None, seen_at: Ms) -> Ms:
    """``touched``: since when the newest of its edges are valid; they tell of a service, a named writer, a join."""
    if (node.kind == "service" or is_named_writer(node.id)) and touched is not None:
        return touched
    if old is None:
        return node.first_seen
    joined = old.attrs.get("service") != node.attrs.get("service")
    return touched if joined and touched is not None else seen_at
