"""MirrorMaker 2 without a worker to ask: its copies are told by their names and its heartbeats.

``ALIAS.heartbeats`` exists only where a MirrorMaker copies from ALIAS; a topic ``ALIAS.name`` there is then inferred to
be the copy of ``name``, if ALIAS is what a watched cluster is called here. https://kafka.apache.org/documentation/#georeplication
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from collectors.base import Budget, Collection, now_ms
from collectors.kafka import listing
from collectors.mirrors import HEARTBEATS
from collectors.sources import Asked
from lineage.identity import node_id, split_id
from lineage.observations import EdgeSeen, Ms, Reading


class Mirrored:
    """A Collector of copies by name."""

    name, source = "mirrored", "mirrored"

    def __init__(self, asked: Asked) -> None:
        self.cluster, self.interval = asked.cluster.name, asked.cluster.every.configs
        self._asked, self._watched = asked, {c.name for c in asked.config.clusters}

    def collect(self, budget: Budget) -> Collection:
        """One Reading of inferred copies. Raises CollectorError."""
        at = now_ms()
        topics = {topic for topic, _ in listing.leaders(self._asked.kafka(), budget)}
        edges = [e for e in copies(self.cluster, topics, at) if split_id(e.source)[1][0] in self._watched]
        reading = Reading(
            cluster=self.cluster, at=at, source=self.source, scope="", nodes=[], edges=edges, complete=True,
            interval=self.interval,
        )  # fmt: skip
        return Collection([reading])


def copies(cluster: str, topics: Iterable[str], at: Ms) -> Iterator[EdgeSeen]:
    """Edges from each original to its copy; the original's cluster is called as MirrorMaker calls it."""
    every = set(topics)
    aliases = sorted(t[: -len(HEARTBEATS) - 1] for t in every if t.endswith(f".{HEARTBEATS}"))
    for alias in (a for a in aliases if a and a != cluster):
        for copy in sorted(t for t in every if t.startswith(f"{alias}.")):
            original = copy[len(alias) + 1 :]
            if original != HEARTBEATS and not original.endswith((".internal", f".{HEARTBEATS}")):
                ends = (node_id("topic", alias, original), node_id("topic", cluster, copy))
                yield EdgeSeen("replicates", *ends, at, at, strength="inferred", detail="by its name, and heartbeats")
