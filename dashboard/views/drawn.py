"""What is on the picture, and its rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dashboard.views.common import TROUBLE, Index, Row, edge_key, total, worst
from lineage.frames import EdgeState, NodeState


@dataclass(frozen=True)
class Drawn:
    """What is on the picture before it is folded."""

    nodes: Sequence[NodeState]
    edges: Sequence[EdgeState]


def node_row(index: Index, node: NodeState, place: tuple[float, float]) -> Row:
    """A node as the map draws it."""
    reads = [e for e in index.incoming.get(node.id, []) if e.relation == "reads"]
    out = index.outgoing.get(node.id, [])
    verdicts = [e.verdict for e in (out if node.kind == "topic" else reads)]
    return {
        "id": node.id,
        "kind": node.kind,
        "name": node.name,
        "cluster": node.cluster,
        "team": node.team,
        "x": round(place[0], 1),
        "y": round(place[1], 1),
        "stale": node.stale,
        "rate": node.attrs.get("rate") if node.kind == "topic" else total(e.rate for e in [*reads, *out]),
        "verdict": worst(v for v in verdicts if v in TROUBLE) or worst(verdicts),
        "sub": _sub(node, reads),
        "badge": badge(node),
        "count": None,
    }


def _sub(node: NodeState, reads: Sequence[EdgeState]) -> str | None:
    """The small text under a name."""
    if node.kind == "topic":
        n = node.attrs.get("partitions")
        return None if n is None else f"{n} partition{'' if n == 1 else 's'}"
    if node.kind == "group":
        state = node.attrs.get("state")
        return f"group, {state}" if state else "group"
    if node.attrs.get("transactional_id"):
        return "transactional id"
    if node.kind == "connector":
        return ", ".join(str(node.attrs[k]) for k in ("type", "state") if node.attrs.get(k)) or None
    if node.kind == "system":
        return node.attrs.get("type")
    if node.kind == "writer":
        producers = node.attrs.get("producers")
        known = "producers unknown" if not producers else f"{producers} producer id{'' if producers == 1 else 's'}"
        return f"unknown writer, {known}"
    groups = sorted({e.key for e in reads if e.key})
    return groups[0] if len(groups) == 1 else f"{len(groups)} groups" if groups else None


def badge(node: NodeState) -> str | None:
    """What is wrong with a topic's partitions or a connector's tasks, in a few words."""
    found = ((node.attrs.get("offline"), "offline"), (node.attrs.get("below_min_isr"), "below min ISR"))
    for count, words in (*found, (node.attrs.get("under_replicated"), "under-replicated")):
        if count:
            return f"{count} {words}"
    if node.kind == "connector" and node.attrs.get("state") == "FAILED":
        return _failed(node)
    if node.attrs.get("describable") is False:
        return "exists, cannot be described"
    return None


def _failed(node: NodeState) -> str:
    states = [task.get("state") for task in node.attrs.get("tasks") or ()]
    failed = states.count("FAILED")
    return f"{failed} of {len(states)} task{'' if len(states) == 1 else 's'} failed" if failed else "failed"


def edge_row(index: Index, edge: EdgeState) -> Row:
    """An edge as the map draws it."""
    item = index.lag_of_edge(edge)
    names = ("source", "target", "relation", "key", "strength", "rate", "lag", "verdict", "stale", "sentence", "drift")
    row = {name: getattr(edge, name) for name in names}
    return {"id": edge_key(edge), **row, "time_lag": item.time_lag if item else None}
