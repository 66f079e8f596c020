"""What of a frame stays as long as the structure does: worked out once, for every moment that shows this structure."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, NamedTuple

from lineage.frames import Said
from lineage.graph import Edge, Node
from lineage.identity import node_id as _node_id
from lineage.identity import split_id as _split_id
from lineage.ledger import SEEN, Claimed, Entry, Ledger

Triple = tuple[str, str, str]  # cluster, group, topic
IDS = 100_000  # names that are kept taken apart: every frame asks for the same ones
node_id, split_id = lru_cache(IDS)(_node_id), lru_cache(IDS)(_split_id)


class Bone(NamedTuple):
    """An edge without its numbers."""

    id: str
    edge: Edge
    entry: Entry
    cluster: str
    read: Triple | None  # the group and topic whose lag it shows
    reader: str  # the node of that group
    assigned: int  # partitions that the group's members have of the topic
    alone: bool  # the topic's only writer that was seen


@dataclass(frozen=True)
class Standing:
    """The structure that a frame is made of."""

    nodes: Mapping[str, Node]
    edges: Mapping[str, Edge]
    clusters: Mapping[str, Mapping[str, Any]]
    collectors: Mapping[tuple[str, str], Mapping[str, Any]]
    places: Mapping[str, tuple[float, float]]
    said: tuple[Said, ...] = ()

    @cached_property
    def bones(self) -> tuple[Bone, ...]:
        """The edges in order of their ids."""
        claimed = {k: _claimed(e) for k, e in self.edges.items()}
        ledger = Ledger(claimed.values())
        writers = Counter(e.target for e in self.edges.values() if e.relation == "writes" and e.strength in SEEN)
        return tuple(
            self._bone(k, e, ledger.entry(claimed[k]), e.relation == "writes" and writers[e.target] == 1)
            for k, e in sorted(self.edges.items())
        )

    def _bone(self, name: str, edge: Edge, entry: Entry, alone: bool) -> Bone:
        cluster = split_id(edge.source if edge.relation == "reads" else edge.target)[1][0]
        read, reader, assigned = None, "", 0
        if edge.relation == "reads" and edge.source.startswith("topic:"):
            at, topic = split_id(edge.source)[1][:2]
            group = split_id(edge.target)[1][-1] if edge.target.startswith("group:") else edge.key
            read = (at, group, topic)
            reader = node_id("group", at, group) if group else ""
            assigned = self._assigned(reader, topic)
        return Bone(name, edge, entry, cluster, read, reader, assigned, alone)

    def _assigned(self, group: str, topic: str) -> int:
        members = self.nodes[group].attrs.get("members") if group in self.nodes else None
        return sum(len(m["assigned"].get(topic, ())) for m in members or ())

    @cached_property
    def ordered(self) -> tuple[tuple[Node, tuple[int, ...]], ...]:
        """The nodes in order of their ids, each with the places of its edges among the bones."""
        touching: dict[str, list[int]] = defaultdict(list)
        for place, bone in enumerate(self.bones):
            touching[bone.edge.source].append(place)
            touching[bone.edge.target].append(place)
        return tuple((node, tuple(touching[k])) for k, node in sorted(self.nodes.items()))


def _claimed(edge: Edge) -> Claimed:
    return Claimed(edge.relation, edge.source, edge.target, frozenset(e["strength"] for e in edge.evidence))
