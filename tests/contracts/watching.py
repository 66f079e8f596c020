"""All of Playhead's sources, asked as its workers ask them, and the graph that its ingest makes of what they told."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from typing import Self

from collectors.base import Budget, Collector, now_ms, run
from collectors.kafka.client import KafkaClient
from collectors.kafka.follower import Follower
from collectors.otlp import decode_traces
from collectors.sources import Asked, jobs, made
from lineage.config import Config
from lineage.identity import is_unknown_writer
from lineage.ingest import Ingest
from lineage.ledger import SEEN
from lineage.observations import AnyObservation, ClusterSeen, ConfigsSeen, GroupsListed, TopicsListed
from lineage.structure import Structure
from tests.contracts.ecosystem import Ecosystem, Fact

LISTS = (ClusterSeen, TopicsListed, GroupsListed, ConfigsSeen)  # what there is; nothing of who does what


class Watch:
    """Every source of an ecosystem, and what each told so far."""

    def __init__(self, watched: Ecosystem) -> None:
        self.watched, self._heard = watched, 0
        config = watched.config
        self._clients = {c.name: KafkaClient(c.name, c.bootstrap_servers, c.properties) for c in config.clusters}
        self.told: list[tuple[str, AnyObservation]] = []
        self._followers = [Follower(c, self._clients[c.name]) for c in config.clusters]
        self._sources: list[tuple[str, Collector]] = [("positions", follower) for follower in self._followers]
        for kind, cluster, target in jobs(config):
            asked = Asked(config, cluster, target, lambda other=cluster: self._clients[other.name])
            self._sources.append((kind.name, made(kind, asked)))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        for follower in self._followers:
            follower.positions.close()
        for client in self._clients.values():
            client.close()

    def look(self) -> None:
        """Asks every source once, and takes the spans that came."""
        for name, source in self._sources:
            self.told += ((name, found) for found in run(source, Budget(seconds=60)))
        bodies, self._heard = self.watched.spans[self._heard :], len(self.watched.spans)
        for body, media in bodies:
            self.told += (("spans", found) for found in decode_traces(body, media, now_ms()))

    @property
    def names(self) -> list[str]:
        """The sources that told something."""
        return sorted({name for name, _ in self.told})

    def of(self, *names: str) -> list[AnyObservation]:
        """What these sources told, and what there is, in the order in which it came."""
        return [o for name, o in self.told if name in names or isinstance(o, LISTS)]

    def everything(self) -> list[AnyObservation]:
        """What all of them told."""
        return [o for _, o in self.told]

    def until_all_is_found(self, seconds: float) -> Structure:
        """The graph of everything, once each provable fact is in it. Raises AssertionError with what is missing."""
        end = time.monotonic() + seconds
        while True:
            self.look()
            graph = drawn(self.watched.config, self.everything())
            missing = provable(self.watched.truth) - found(self.watched.truth, graph)
            if not missing:
                return graph
            assert time.monotonic() < end, sorted(map(str, missing))


def provable(truth: Iterable[Fact]) -> set[Fact]:
    """What has to be found."""
    return {fact for fact in truth if fact.provable}


def drawn(config: Config, told: Iterable[AnyObservation]) -> Structure:
    """The graph of these observations, as the recorder's ingest makes it."""
    ingest = Ingest(config)
    for observation in told:
        ingest.apply(observation)
    ingest.cut(now_ms())
    return ingest.structure


def found(truth: Iterable[Fact], graph: Structure) -> set[Fact]:
    """The facts that the graph tells as seen: not those that are merely declared."""
    told = [e for e in graph.edges.values() if e.strength in SEEN]
    return {fact for fact in truth if any(fact.is_told_by(edge) for edge in told)}


def untrue(truth: Sequence[Fact], graph: Structure) -> set[str]:
    """Edges said to be seen that tell of nothing that happens.

    That somebody writes a topic is true of every topic that anybody writes.
    """
    written = {topic for fact in truth if fact.relation == "writes" for topic in fact.targets}
    return {
        edge.id
        for edge in graph.edges.values()
        if edge.strength in SEEN
        and not any(fact.is_told_by(edge) for fact in truth)
        and not (is_unknown_writer(edge.source) and edge.target in written)
    }


def unknown(graph: Structure) -> set[str]:
    """The topics whose writer is drawn as unknown."""
    return {edge.target for edge in graph.edges.values() if is_unknown_writer(edge.source)}
