"""The graph of who writes, reads and calls what: immutable values, and what can be asked of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import networkx as nx

from lineage.frames import Change
from lineage.identity import edge_id, split_id


@dataclass(frozen=True)
class Node:
    """The constant part of a node (its numbers are in the frame)."""

    id: str
    kind: str
    name: str
    cluster: str
    team: str | None
    owner_source: str | None
    first_seen: int
    attrs: Mapping[str, Any] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """For a Change: JSON can hold it."""
        return {**{k: getattr(self, k) for k in NODE_FIELDS}, "attrs": dict(self.attrs)}


@dataclass(frozen=True)
class Edge:
    """The constant part of an edge; ``evidence`` are dicts with source, strength, first_seen, detail, joins."""

    source: str
    target: str
    key: str
    relation: str
    strength: str
    first_seen: int
    evidence: tuple[Mapping[str, Any], ...] = ()

    @property
    def id(self) -> str:
        return edge_id(self.relation, self.source, self.target, self.key)

    @property
    def scope(self) -> tuple[str, ...]:
        """What it speaks of: of edges of one scope that never stood together, the newest word counts."""
        if self.relation == "reads" and self.source.startswith("topic:"):
            group = self.key or (split_id(self.target)[1][-1] if self.target.startswith("group:") else "")
            if group:
                return ("reads", self.source, group)
        return (self.id,)

    def as_dict(self) -> dict[str, Any]:
        """For a Change: JSON can hold it."""
        return {**{k: getattr(self, k) for k in EDGE_FIELDS}, "evidence": [dict(e) for e in self.evidence]}


NODE_FIELDS = ("id", "kind", "name", "cluster", "team", "owner_source", "first_seen")
EDGE_FIELDS = ("source", "target", "key", "relation", "strength", "first_seen")


@dataclass(frozen=True)
class Diff:
    """What must be added, removed and changed to come from one graph to another; ids, sorted."""

    added_nodes: tuple[str, ...]
    added_edges: tuple[str, ...]
    removed_nodes: tuple[str, ...]
    removed_edges: tuple[str, ...]
    changed_nodes: tuple[str, ...]
    changed_edges: tuple[str, ...]


class LineageGraph:
    """Nodes and edges by id, and networkx over them. Never changed after it is made."""

    def __init__(self, nodes: Mapping[str, Node], edges: Mapping[str, Edge]) -> None:
        self.nodes = dict(nodes)
        self.edges = {k: e for k, e in edges.items() if e.source in self.nodes and e.target in self.nodes}
        self.nx: nx.MultiDiGraph[str] = nx.MultiDiGraph()
        self.nx.add_nodes_from(self.nodes)
        for k, e in self.edges.items():
            self.nx.add_edge(e.source, e.target, key=k)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, LineageGraph) and (self.nodes, self.edges) == (other.nodes, other.edges)

    __hash__ = None  # type: ignore[assignment]

    def upstream(self, node: str, depth: int | None = None) -> set[str]:
        """Every node whose data reaches ``node`` in at most ``depth`` steps. KeyError where it is not known."""
        return self._reach(self.nx.reverse(copy=False), node, depth)

    def downstream(self, node: str, depth: int | None = None) -> set[str]:
        """Every node that ``node``'s data reaches in at most ``depth`` steps. KeyError where it is not known."""
        return self._reach(self.nx, node, depth)

    def _reach(self, graph: nx.MultiDiGraph[str], node: str, depth: int | None) -> set[str]:
        if node not in self.nodes:
            raise KeyError(node)
        return set(nx.single_source_shortest_path_length(graph, node, cutoff=depth)) - {node}

    def cycles(self) -> list[list[str]]:
        """Groups of nodes that feed each other, each sorted, smallest name first."""
        flow: nx.DiGraph[str] = nx.DiGraph()
        flow.add_edges_from((e.source, e.target) for e in self.edges.values() if e.relation != "calls")
        return sorted(sorted(c) for c in nx.strongly_connected_components(flow) if len(c) > 1)

    def diff(self, later: LineageGraph) -> Diff:
        """What leads from this graph to ``later``."""
        n, e = _compare(self.nodes, later.nodes), _compare(self.edges, later.edges)
        return Diff(n[0], e[0], n[1], e[1], n[2], e[2])

    def apply(self, changes: Iterable[Change]) -> LineageGraph:
        """This graph after ``changes`` in their order; those of verdicts do not touch it."""
        nodes, edges = dict(self.nodes), dict(self.edges)
        for change in changes:
            if change.kind != "verdict":
                _apply_one(nodes, edges, change)
        return LineageGraph(nodes, edges)


def _compare(
    old: Mapping[str, Any], new: Mapping[str, Any]
) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    changed = (k for k in old.keys() & new.keys() if old[k] != new[k])
    return tuple(sorted(new.keys() - old.keys())), tuple(sorted(old.keys() - new.keys())), tuple(sorted(changed))


def _apply_one(nodes: dict[str, Node], edges: dict[str, Edge], change: Change) -> None:
    if "|" in change.subject and change.subject.split("|", 1)[0] in RELATIONS:
        _apply_edge(edges, change)
    else:
        _apply_node(nodes, change)


RELATIONS = frozenset({"writes", "reads", "calls", "derives", "replicates", "dead_letters"})


def _apply_node(nodes: dict[str, Node], change: Change) -> None:
    if change.after is None:
        nodes.pop(change.subject, None)
        return
    now = nodes[change.subject].as_dict() if change.subject in nodes else {"attrs": {}}
    attrs = {**now["attrs"], **change.after.get("attrs", {})}
    gone = set((change.before or {}).get("attrs", {})) - set(change.after.get("attrs", {}))
    fields = {**now, **change.after, "attrs": {k: v for k, v in attrs.items() if k not in gone}}
    nodes[change.subject] = Node(**fields)


def _apply_edge(edges: dict[str, Edge], change: Change) -> None:
    if change.after is None:
        edges.pop(change.subject, None)
        return
    now = edges[change.subject].as_dict() if change.subject in edges else {}
    fields = {**now, **change.after}
    edges[change.subject] = Edge(**{**fields, "evidence": tuple(fields["evidence"])})
