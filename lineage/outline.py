"""What of a frame stays as long as the structure does: worked out once, for every moment that shows this structure."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, NamedTuple

from lineage.frames import Said
from lineage.graph import Edge, Node
from lineage.identity import edge_id
from lineage.identity import node_id as _node_id
from lineage.identity import split_id as _split_id
from lineage.ledger import SEEN, Claimed, Entry, Ledger

Triple = tuple[str, str, str]  # cluster, group, topic
IDS = 100_000  # names that are kept taken apart: every frame asks for the same ones
node_id, split_id = lru_cache(IDS)(_node_id), lru_cache(IDS)(_split_id)


class Reader(NamedTuple):
    """Whose lag it is."""

    service: str | None  # its name
    team: str | None


class Holds(NamedTuple):
    """What a cluster holds: how many of each, and how many of its partitions are ill."""

    topics: int = 0
    groups: int = 0
    partitions: int = 0
    offline: int = 0
    under_replicated: int = 0
    below_min_isr: int = 0


class Bone(NamedTuple):
    """An edge without its numbers."""

    id: str
    names: tuple[str, ...]  # its id, and the ids that its sources know it by
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
        edges = sorted(self.edges.items())
        claimed = [_claimed(e) for _, e in edges]
        ledger = Ledger(claimed)
        writers = Counter([e.target for e in self.edges.values() if e.relation == "writes" and e.strength in SEEN])
        return tuple([self._bone(k, e, ledger.entry(c), writers) for (k, e), c in zip(edges, claimed, strict=True)])

    def _bone(self, name: str, edge: Edge, entry: Entry, writers: Mapping[str, int]) -> Bone:
        cluster, read, reader = _whose(edge.relation, edge.source, edge.target, edge.key)
        ends = [j["ends"] for e in edge.evidence for j in e.get("joins") or () if "ends" in j]
        names = (name, *[edge_id(edge.relation, a, b) for a, b in ends])
        assigned = self._assigned(reader, read[2]) if read else 0
        alone = edge.relation == "writes" and writers[edge.target] == 1
        return Bone(name, names, edge, entry, cluster, read, reader, assigned, alone)

    def _assigned(self, group: str, topic: str) -> int:
        members = self.nodes[group].attrs.get("members") if group in self.nodes else None
        return sum(len(m["assigned"].get(topic, ())) for m in members or ())

    @cached_property
    def holds(self) -> Mapping[str, Holds]:
        """By cluster."""
        found: dict[str, Counter[str]] = defaultdict(Counter)
        for node in self.nodes.values():
            found[node.cluster][f"{node.kind}s"] += 1
            if node.kind == "topic":
                found[node.cluster].update({k: node.attrs.get(k) or 0 for k in Holds._fields[2:]})
        return {k: Holds(**{name: counts[name] for name in Holds._fields}) for k, counts in found.items()}

    @cached_property
    def touched(self) -> Mapping[str | Triple, list[int]]:
        """Places of the bones that the numbers of a subject, or the lag of a group on a topic, are part of."""
        found: dict[str | Triple, list[int]] = defaultdict(list)
        for place, bone in enumerate(self.bones):
            counted = bone.alone or any(e["source"] == "log_end" for e in bone.edge.evidence)
            for key in {*bone.names, bone.edge.target if counted else "", bone.reader, bone.read}:
                if key:
                    found[key].append(place)
        return found

    def reader(self, pair: Triple) -> Reader | None:
        """Whose the lag of this group on this topic is; None where one of them does not stand."""
        if pair not in self._readers:
            self._readers[pair] = self._reader(*pair)
        return self._readers[pair]

    @cached_property
    def _readers(self) -> dict[Triple, Reader | None]:
        return {}

    def _reader(self, cluster: str, group: str, topic: str) -> Reader | None:
        node = self.nodes.get(node_id("group", cluster, group))
        if node is None or node_id("topic", cluster, topic) not in self.nodes:
            return None
        service = node.attrs.get("service")
        owner = self.nodes.get(service) if service else node
        return Reader(split_id(service)[1][-1] if service else None, owner.team if owner else None)

    @cached_property
    def ordered(self) -> tuple[tuple[Node, tuple[int, ...]], ...]:
        """The nodes in order of their ids, each with the places of its edges among the bones."""
        touching: dict[str, list[int]] = defaultdict(list)
        for place, bone in enumerate(self.bones):
            touching[bone.edge.source].append(place)
            touching[bone.edge.target].append(place)
        return tuple((node, tuple(touching[k])) for k, node in sorted(self.nodes.items()))


@lru_cache(IDS)
def _whose(relation: str, source: str, target: str, key: str) -> tuple[str, Triple | None, str]:
    """The cluster of an edge, the group and topic whose lag it shows, and the node of that group."""
    cluster = split_id(source if relation == "reads" else target)[1][0]
    if relation != "reads" or not source.startswith("topic:"):
        return cluster, None, ""
    at, topic = split_id(source)[1][:2]
    group = split_id(target)[1][-1] if target.startswith("group:") else key
    return cluster, (at, group, topic), node_id("group", at, group) if group else ""


def _claimed(edge: Edge) -> Claimed:
    return Claimed(edge.relation, edge.source, edge.target, frozenset([e["strength"] for e in edge.evidence]))
