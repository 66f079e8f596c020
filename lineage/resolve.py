"""Spans name a topic, not its cluster: which cluster is meant.

``topic:?/NAME`` says nothing of the cluster, ``topic:@ID/NAME`` gives Kafka's own cluster id, ``topic:@HOST:PORT/NAME``
the broker that the client was told of. What cannot be told yet waits; a topic that several clusters have is claimed in
each of them, as inferred.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterable, Iterator, Mapping

import msgspec

from lineage.facts import ClusterFact, scope_of
from lineage.identity import node_id, split_id
from lineage.observations import EdgeSeen, Reading

log = logging.getLogger(__name__)
WAITING = 5_000
Addresses = Mapping[str, frozenset[str]]  # of each cluster, as the configuration has them


class Waiting:
    """Claims whose topic no cluster has listed yet, the newest ``WAITING`` of them."""

    def __init__(self, addresses: Addresses | None = None) -> None:
        self._kept: deque[tuple[str, EdgeSeen]] = deque(maxlen=WAITING)
        self._addresses = addresses or {}

    def take(self, clusters: Mapping[str, ClusterFact], source: str, edge: EdgeSeen) -> list[EdgeSeen]:
        """The edge with its cluster named: none while it has to wait, several where several clusters have the topic."""
        found = resolve(clusters, edge, self._addresses)
        if not found:
            self._kept.append((source, edge))
        return found

    def again(self, clusters: Mapping[str, ClusterFact]) -> list[tuple[str, EdgeSeen]]:
        """What can be told now, with its source of evidence."""
        held, self._kept = self._kept, deque(maxlen=WAITING)
        return [(source, edge) for source, waiting in held for edge in self.take(clusters, source, waiting)]

    def __len__(self) -> int:
        return len(self._kept)


class Untold:
    """What the newest readings say of topics that no cluster has listed yet, ``WAITING`` edges of each scope."""

    def __init__(self, addresses: Addresses | None = None) -> None:
        self._kept: dict[str, tuple[str, list[EdgeSeen]]] = {}  # by scope: the source, its edges
        self._addresses = addresses or {}

    def take(self, clusters: Mapping[str, ClusterFact], o: Reading) -> list[EdgeSeen]:
        """The reading's edges with their clusters named. A complete one says everything anew, others add to it."""
        found, left = self._split(clusters, o.source, o.edges)
        scope = scope_of(o)
        before = [] if o.complete else self._kept.pop(scope, ("", []))[1]
        self._kept[scope] = o.source, [*before, *left][-WAITING:]
        return found

    def again(self, clusters: Mapping[str, ClusterFact]) -> Iterator[tuple[str, str, list[EdgeSeen]]]:
        """What can be told now: the scope of its reading, the source, the edges."""
        for scope, (source, waiting) in list(self._kept.items()):
            found, left = self._split(clusters, source, waiting)
            if found:
                self._kept[scope] = source, left
                yield scope, source, found

    def _split(
        self, clusters: Mapping[str, ClusterFact], source: str, edges: Iterable[EdgeSeen]
    ) -> tuple[list[EdgeSeen], list[EdgeSeen]]:
        found: list[EdgeSeen] = []
        left: list[EdgeSeen] = []
        for edge in edges:
            try:
                split_id(edge.source), split_id(edge.target)
                named = resolve(clusters, edge, self._addresses)
            except ValueError as error:
                log.warning("an edge of %s is skipped: %s", source, error)
                continue
            found += named
            left += [] if named else [edge]
        return found, left


def resolve(clusters: Mapping[str, ClusterFact], edge: EdgeSeen, addresses: Addresses | None = None) -> list[EdgeSeen]:
    """The edge in each cluster that it can mean; the edge itself where it names none or names one."""
    end = next((e for e in (edge.source, edge.target) if e.startswith(("topic:?/", "topic:@"))), None)
    if end is None:
        return [edge]
    _, (mark, *rest) = split_id(end)
    topic = rest[0] if rest else ""
    having = [c for c in _meant(clusters, mark, addresses or {}) if topic in clusters[c].topics]
    strength = "inferred" if len(having) > 1 and edge.strength == "observed" else edge.strength
    return [_renamed(edge, end, node_id("topic", c, topic), strength) for c in having]


def _meant(clusters: Mapping[str, ClusterFact], mark: str, addresses: Addresses) -> list[str]:
    said = mark[1:] if mark.startswith("@") else ""
    by_id = [name for name, c in clusters.items() if said and c.attrs.get("cluster_id") == said]
    by_broker = [
        name for name, c in clusters.items() if said and (said in addresses.get(name, ()) or said in _brokers(c))
    ]
    return by_id or by_broker or sorted(name for name in clusters if name)


def _brokers(cluster: ClusterFact) -> set[str]:
    return {f"{b['host']}:{b['port']}".lower() for b in cluster.attrs.get("brokers", ())}


def _renamed(edge: EdgeSeen, old: str, new: str, strength: str) -> EdgeSeen:
    source, target = (new if e == old else e for e in (edge.source, edge.target))
    return msgspec.structs.replace(edge, source=source, target=target, strength=strength)
