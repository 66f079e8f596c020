"""What differs between two frames, as the graph draws them. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from lineage.frames import Changed, EdgeState, Frame, GraphDiff, NodeState
from lineage.graph import Edge, Node
from lineage.identity import edge_id


def drawable(node: NodeState) -> bool:
    """Teams are no nodes of the drawing, and a group of a service is drawn as that service."""
    return node.kind != "team" and not (node.kind == "group" and node.attrs.get("service"))


def between(
    one: Frame,
    two: Frame,
    nodes: tuple[Mapping[str, Node], Mapping[str, Node]],
    edges: tuple[Mapping[str, Edge], Mapping[str, Edge]],
) -> GraphDiff:
    """From frame ``one`` to ``two``; ``nodes`` and ``edges`` are the structure of each."""
    a, b = _nodes(one), _nodes(two)
    c, d = _edges(one, a), _edges(two, b)
    return GraphDiff(
        added_nodes=_only(b, a), removed_nodes=_only(a, b), added_edges=_only(d, c), removed_edges=_only(c, d),
        changed_nodes=_changed(a.keys() & b.keys(), *nodes), changed_edges=_changed(c.keys() & d.keys(), *edges),
    )  # fmt: skip


def _nodes(frame: Frame) -> dict[str, NodeState]:
    return {k: n for k, n in frame.nodes.items() if drawable(n)}


def _edges(frame: Frame, nodes: Mapping[str, NodeState]) -> dict[str, EdgeState]:
    kept = (e for e in frame.edges if e.source in nodes and e.target in nodes)
    return {edge_id(e.relation, e.source, e.target, e.key): e for e in kept}


def _only(these: Mapping[str, Any], without: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(these[k] for k in sorted(these.keys() - without.keys()))


def _changed(ids: Iterable[str], one: Mapping[str, Any], two: Mapping[str, Any]) -> tuple[Changed, ...]:
    apart = (k for k in sorted(ids) if one[k] is not two[k] and one[k] != two[k])
    return tuple((k, *_differing(one[k].as_dict(), two[k].as_dict())) for k in apart)


def _differing(before: dict[str, Any], after: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Only the fields that differ, attributes beside them."""
    a, b = ({**d, **d.pop("attrs", {})} for d in (before, after))
    fields = [k for k in sorted(a.keys() | b.keys()) if a.get(k) != b.get(k)]
    return {k: a.get(k) for k in fields if k in a}, {k: b.get(k) for k in fields if k in b}
