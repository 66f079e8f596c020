"""What records say of themselves: sampled in all topics, summed up, then forgotten. No key and no payload is kept.

* dead letters: the topic they were read from, the group that failed and wrote them (observed);
* Debezium's changes: the database they were read from (observed);
* CloudEvents: who they name as their source. The record exists, but its word is all there is for it (inferred);
* the same trace in two topics, in this order: a flow from one into the other, never who made it (inferred);
* schemas' numbers, kinds of keys and values, how many keys and values are null, how long ago pathways began.
"""

from __future__ import annotations

import logging
import statistics
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from confluent_kafka import Message
from redis import RedisError

from collectors.base import Budget, Collection, CollectorError, Kept, now_ms
from collectors.kafka import listing
from collectors.kafka.client import KafkaClient
from collectors.kafka.errors import grant
from collectors.kafka.hops import Hops
from collectors.kafka.marks import Failed, Marks, SchemaId, Table, look, trace_of, wanted
from collectors.kafka.remembered import Known, packed, unpacked
from collectors.kafka.sampling import DEEP, Sampler
from lineage.config import ClusterConfig
from lineage.identity import node_id
from lineage.observations import AnyObservation, EdgeSeen, EdgesSeen, Ms, NodeSeen, Reading

if TYPE_CHECKING:
    from collectors.sources import Asked

log = logging.getLogger(__name__)
RIGHT: Final = "Read Topic *"
SECONDS: Final = 15.0  # of a run; it holds a thread
MOST_SOURCES: Final = 20  # of one topic; more are things, not producers
MOST_SCHEMAS: Final = 20
Claim = tuple[str, str, str, str, str, str]  # relation, source, target, strength, group, detail


@dataclass
class Seen:
    """What a topic's records said since the process began: what is shown of it."""

    schemas: set[SchemaId] = field(default_factory=set)
    key_kinds: set[str] = field(default_factory=set)
    value_kinds: set[str] = field(default_factory=set)
    sources: set[str] = field(default_factory=set)

    def attrs(self) -> dict[str, list[SchemaId]]:
        told: dict[str, list[SchemaId]] = {
            "schema_ids_seen": sorted(self.schemas, key=lambda s: (isinstance(s, str), s)),
            "key_kinds": sorted(self.key_kinds),
            "value_kinds": sorted(self.value_kinds),
        }
        return {name: values for name, values in told.items() if values}

    def known(self, places: dict[int, int]) -> Known:
        return Known(places, list(self.schemas), list(self.key_kinds), list(self.value_kinds), list(self.sources))


@dataclass
class Looked:
    """One topic in the window under way. ``paths`` are milliseconds from a pathway's beginning."""

    met: int = 0
    looked: int = 0
    traced: int = 0
    kept: int = 0
    full: bool = False
    null_keys: int = 0
    null_values: int = 0
    paths: list[Ms] = field(default_factory=list)

    def figures(self) -> dict[str, float | None]:
        part = {"null_keys": self.null_keys / self.looked, "null_values": self.null_values / self.looked}
        told: dict[str, float | None] = {name: round(value, 2) for name, value in part.items()}
        return {**told, "pathway_ms": statistics.median(self.paths) if self.paths else None}


class Headers:
    """A Collector. A run goes on with the window of the one before until every topic was read."""

    name, source = "headers", "headers"

    def __init__(self, config: ClusterConfig, client: KafkaClient, kept: Kept | None = None) -> None:
        self.cluster, self.interval = config.name, config.every.records
        self._config, self._client = config, client
        self._kept, self._resumed = kept, kept is None
        self.sampler, self.hops = Sampler(client, config.records), Hops()
        self._seen: dict[str, Seen] = {}
        self._window: dict[str, Looked] = {}
        self._claims: dict[Claim, list[Ms]] = {}

    def collect(self, budget: Budget) -> Collection:
        """A Reading of the topics looked at and EdgesSeen. Raises CollectorError."""
        self._resume()
        at, until = now_ms(), time.monotonic() + min(SECONDS, budget.left() * 0.6)
        if not self.sampler.window.todo:
            self._begin(at, budget)
        before = set(self._window)
        self.sampler.read(until, budget, self._take)
        told = [self._told(t) for t, looked in self._window.items() if t not in before and looked.looked]
        edges = [*self._claimed(), *(self._flows(at) if not self.sampler.window.todo else ())]
        out: list[AnyObservation] = []
        if told:
            kept = {"nodes": told, "edges": [], "complete": False, "interval": self.interval}
            out.append(Reading(cluster=self.cluster, at=at, source=self.source, scope="", **kept))  # type: ignore[arg-type]
        if edges:
            out.append(EdgesSeen(cluster=self.cluster, at=at, source=self.source, edges=edges))
        self._keep()
        return self._collection(out)

    def _begin(self, at: Ms, budget: Budget) -> None:
        leaders = listing.leaders(self._client, budget)
        wanted = {k: n for k, n in leaders.items() if not k[0].startswith("__") and self._config.wants_topic(k[0])}
        self._window.clear()
        self.sampler.begin(wanted, at, budget)
        names = {topic for topic, _ in wanted}
        self._seen = {t: seen for t, seen in self._seen.items() if t in names}

    def _collection(self, out: list[AnyObservation]) -> Collection:
        refused = self.sampler.refused
        if not refused:
            return Collection(out, self._note())
        line = grant(RIGHT, self._client.bootstrap_servers, self._client.principal)
        return Collection(out, f"{len(refused)} topics may not be read, {min(refused)} first: {line}", [RIGHT])

    def _note(self) -> str:
        window = self.sampler.window
        parts = [f"{window.met:,} of {window.written:,} new records were met in {window.topics:,} topics"]
        if window.todo:
            parts.append(f"{len(window.todo):,} topics come with the next run")
        if window.resting:
            parts.append(f"{window.resting:,} with large records rest")
        if self.hops.share > 1:
            parts.append(f"1 of {self.hops.share} traces is kept, the same ones in every topic")
        return "; ".join(parts).replace(",", " ")

    # What outlasts the process

    def _resume(self) -> None:
        if self._resumed or self._kept is None:
            return
        try:
            data = self._kept.read()
        except RedisError as error:  # without it everything would be counted again
            raise CollectorError("Redis does not answer: where sampling had come to is not known") from error
        for topic, known in unpacked(data, self._client.bootstrap_servers).items():
            self.sampler.next[topic] = known.next
            told = (known.schemas, known.key_kinds, known.value_kinds, known.sources)
            self._seen[topic] = Seen(*(set(values) for values in told))  # type: ignore[arg-type]
        self._resumed = True

    def _keep(self) -> None:
        """Before the run is told: who dies in between leaves a run uncounted, none counted twice."""
        if self._kept is None:
            return
        empty = Seen()
        topics = {t: self._seen.get(t, empty).known(places) for t, places in self.sampler.next.items()}
        try:
            self._kept.write(packed(self._client.bootstrap_servers, topics))
        except RedisError:
            log.warning("Redis does not answer: after a restart the records of this run count again")

    # Records

    def _take(self, message: Message, at: Ms) -> bool:
        topic, most = message.topic() or "", self._config.records.per_topic
        looked = self._window.setdefault(topic, Looked())
        headers = wanted(_pairs(message))
        looked.met += 1
        if looked.looked < most:
            looked.looked += 1
            marks = look(headers, _bytes(message.key()), _bytes(message.value()), at)
            self._mark(topic, looked, marks, at)
            trace = marks.trace
        else:
            trace = trace_of(headers)
        if trace:
            looked.traced += 1
            if self.hops.keeps(trace):
                looked.kept += 1
                self.hops.see(trace, node_id("topic", self.cluster, topic), at)
        looked.full = looked.kept >= most or looked.met >= most * DEEP
        return not looked.full and (looked.looked < most or looked.traced > 0)

    def _mark(self, topic: str, looked: Looked, marks: Marks, at: Ms) -> None:
        seen = self._seen.setdefault(topic, Seen())
        looked.null_keys += marks.key_kind == "null"
        looked.null_values += marks.value_kind == "null"
        seen.key_kinds.add(marks.key_kind)
        seen.value_kinds.add(marks.value_kind)
        for schema in (marks.key_schema, marks.value_schema):
            if schema is not None and len(seen.schemas) < MOST_SCHEMAS:
                seen.schemas.add(schema)
        if marks.pathway is not None and at >= marks.pathway:
            looked.paths.append(at - marks.pathway)
        if marks.source and len(seen.sources) <= MOST_SOURCES:
            seen.sources.add(marks.source)
        for claim in self._says(topic, marks, seen):
            self._claims.setdefault(claim, []).append(at)

    def _says(self, topic: str, marks: Marks, seen: Seen) -> Iterator[Claim]:
        node = node_id("topic", self.cluster, topic)
        if marks.failed and marks.failed.topic != topic:
            yield from self._dead(node, marks.failed)
        if marks.table:
            yield "derives", system(marks.table), node, "observed", "", f"Debezium's source block: {marks.table.table}"
        if marks.source and marks.source in seen.sources and len(seen.sources) <= MOST_SOURCES:
            detail = "CloudEvents' source: a record's own word for who wrote it"
            yield "writes", node_id("service", marks.source), node, "inferred", "", detail

    def _dead(self, node: str, failed: Failed) -> Iterator[Claim]:
        origin, detail = node_id("topic", self.cluster, failed.topic), f"headers of {failed.framework}"
        yield "dead_letters", origin, node, "observed", failed.group, detail
        if failed.group:
            yield "writes", node_id("group", self.cluster, failed.group), node, "observed", "", detail

    # Observations

    def _told(self, topic: str) -> NodeSeen:
        told = {"attrs": self._seen[topic].attrs(), "figures": self._window[topic].figures()}
        return NodeSeen(node_id("topic", self.cluster, topic), topic, **told)  # type: ignore[arg-type]

    def _claimed(self) -> Iterator[EdgeSeen]:
        now, claims, self._claims = now_ms(), self._claims, {}
        for (relation, source, target, strength, group, detail), times in claims.items():
            last = min(max(times), now)
            first = min(min(times), last)
            yield EdgeSeen(relation, source, target, first, last, len(times), strength, detail, group)

    def _flows(self, at: Ms) -> list[EdgeSeen]:
        """The window's flows; where many topics had more traces than are kept, fewer are kept from now on."""
        full = Counter(looked.full for looked in self._window.values() if looked.traced)
        if full[True] > full[False]:
            self.hops.thin()
        elif not full[True]:
            self.hops.thicken()
        return self.hops.close(at)


def for_asked(asked: Asked) -> Headers:
    """The collector, with a memory that outlasts the process."""
    kept = asked.kept(f"headers:{asked.cluster.name}") if asked.kept else None
    return Headers(asked.cluster, asked.kafka(), kept)


def system(table: Table) -> str:
    """The database as a node: Debezium tells its logical name, not where it stands."""
    return node_id("system", f"{table.connector}://{table.name}/{table.database}".rstrip("/"))


def _pairs(message: Message) -> list[tuple[str, bytes | None]]:
    headers = message.headers() or []
    pairs: Any = headers.items() if isinstance(headers, dict) else headers
    return list(pairs)


def _bytes(data: bytes | str | None) -> bytes | None:
    return data.encode() if isinstance(data, str) else data
