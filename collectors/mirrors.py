"""MirrorMaker 2 in Connect: which topic is the copy of which, in another cluster, and how far behind the copy is.

https://kafka.apache.org/documentation/#georeplication. A MirrorSourceConnector's configuration names both clusters.
What it has copied is told by the source offsets that Connect keeps for it (KIP-875, Kafka 3.5), partition by partition,
and by the topics it used. It joins no group on the source cluster: nothing there shows that it reads.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from collectors.base import Budget, Collection, CollectorError, now_ms
from collectors.connect import Connector, endpoint_of, listed, used_topics
from collectors.kafka import listing
from collectors.kafka.logends import log_ranges
from collectors.sources import Asked
from collectors.systems import system
from collectors.web import Refused, Web
from lineage.config import ClusterConfig, Config
from lineage.identity import node_id, split_id
from lineage.observations import EdgeSeen, Ms, NodeSeen, Reading

SOURCE_CLASS = "MirrorSourceConnector"
HEARTBEATS = "heartbeats"
BY_RULE = "it copies, and keeps here which offset became which"
BY_OFFSETS, BY_TOPICS = "the source offsets that Connect keeps for it", "its list of topics used"
Copied = dict[str, dict[int, int]]  # original -> partition -> offset of the last record copied


@dataclass(frozen=True)
class Mirror:
    """One MirrorSourceConnector: from which cluster, and how it names the copies."""

    alias: str
    bootstrap: str
    separator: str
    identity: bool  # IdentityReplicationPolicy: copies bear the name of what they copy
    syncs: str = ""  # the alias in the name of its topic of offset syncs; "" where it keeps none
    syncs_here: bool = False  # kept in the cluster that it copies into

    def original(self, copy: str) -> str | None:
        """The name of what this topic is a copy of; None where it is none."""
        if copy == HEARTBEATS or self.identity:  # heartbeats keep their prefix under either policy
            return None if copy == HEARTBEATS or copy.endswith(f"{self.separator}{HEARTBEATS}") else copy
        prefix = self.alias + self.separator
        return copy[len(prefix) :] if copy.startswith(prefix) and len(copy) > len(prefix) else None

    def copy(self, original: str) -> str:
        """The name of this topic's copy."""
        return original if self.identity and original != HEARTBEATS else f"{self.alias}{self.separator}{original}"

    def source(self, config: Config, other_than: str) -> ClusterConfig | None:
        """The watched cluster that it copies from: by its addresses, else by its alias."""
        theirs = _servers(self.bootstrap)
        clusters = [c for c in config.clusters if c.name != other_than]
        by_address = (c for c in clusters if theirs & _servers(c.bootstrap_servers))
        by_alias = (c for c in clusters if c.name == self.alias)
        return next(by_address, None) or next(by_alias, None)

    def kept(self) -> str:
        """Its topic of offset syncs; "" where it keeps none."""
        return self.separator.join(("mm2-offset-syncs", self.syncs, "internal")) if self.syncs else ""

    def outside(self) -> str | None:
        """The system that stands for a source cluster that is not watched."""
        host, _, port = self.bootstrap.split(",")[0].strip().rpartition(":")
        found = system("kafka", host, port)
        return found.id if found else None


def _servers(bootstrap: str) -> set[str]:
    return {s.strip().lower() for s in bootstrap.split(",") if s.strip()}


def mirror_of(config: Mapping[str, str]) -> Mirror | None:
    """What this connector copies; None where it is no MirrorSourceConnector."""
    if not config.get("connector.class", "").endswith(SOURCE_CLASS):
        return None
    alias, here = config.get("source.cluster.alias", "source"), config.get("offset-syncs.topic.location") == "target"
    kept = config.get("emit.offset-syncs.enabled", "true") == "true"
    return Mirror(
        alias=alias,
        bootstrap=config.get("source.cluster.bootstrap.servers", ""),
        separator=config.get("replication.policy.separator", "."),
        identity=config.get("replication.policy.class", "").endswith("IdentityReplicationPolicy"),
        syncs=(alias if here else config.get("target.cluster.alias", "target")) if kept else "",
        syncs_here=here,
    )


class Mirrors:
    """A Collector of one worker's MirrorMakers."""

    source = "mirrors"

    def __init__(self, asked: Asked) -> None:
        self.name, self.cluster, self.target = f"mirrors:{asked.target}", asked.cluster.name, asked.target
        self.interval, self._asked = asked.cluster.every.topology, asked
        self._web = Web(endpoint_of(asked), f'the Connect worker "{asked.target}"')

    def collect(self, budget: Budget) -> Collection:
        """One Reading of copies with their lag. Raises CollectorError; without the source's ends lag is unknown."""
        at, edges, errors = now_ms(), list[EdgeSeen](), list[str]()
        for connector in listed(self._web, budget):
            if mirror := mirror_of(connector.config):
                edges += self._copies(at, connector, mirror, budget, errors)
        nodes = [_inner(e) for e in edges if e.detail == BY_RULE]
        reading = Reading(
            cluster=self.cluster, at=at, source=self.source, scope=self.target, nodes=nodes, edges=edges, complete=True,
            interval=self.interval,
        )  # fmt: skip
        return Collection([reading], error="; ".join(dict.fromkeys(errors)) or None)

    def _copies(
        self, at: Ms, connector: Connector, mirror: Mirror, budget: Budget, errors: list[str]
    ) -> list[EdgeSeen]:
        reader = node_id("connector", self.cluster, self.target, connector.name)
        copied = self._offsets(connector.name, budget)
        used = used_topics(self._web, connector.name, budget) or ()
        originals = {o: BY_TOPICS for t in used if (o := mirror.original(t))} | dict.fromkeys(copied, BY_OFFSETS)
        originals.pop(HEARTBEATS, None)
        source = mirror.source(self._asked.config, self.cluster)
        if source is None:
            outside = mirror.outside() if originals else None
            return [EdgeSeen("reads", outside, reader, at, at, detail=BY_TOPICS)] if outside else []
        behind = self._behind(source, copied, budget, errors)
        return list(self._edges(at, reader, source.name, mirror, originals, behind))

    def _edges(
        self, at: Ms, reader: str, source: str, mirror: Mirror, originals: Mapping[str, str], lag: Mapping[str, int]
    ) -> Iterator[EdgeSeen]:
        for original, detail in sorted(originals.items()):
            origin, copy = node_id("topic", source, original), node_id("topic", self.cluster, mirror.copy(original))
            yield EdgeSeen("reads", origin, reader, at, at, detail=detail, lag=lag.get(original))
            yield EdgeSeen("writes", reader, copy, at, at, detail=detail)
            yield EdgeSeen("replicates", origin, copy, at, at, detail=detail, lag=lag.get(original))
        if originals and (kept := mirror.kept()):
            where = node_id("topic", self.cluster if mirror.syncs_here else source, kept)
            yield EdgeSeen("writes", reader, where, at, at, strength="inferred", detail=BY_RULE)

    def _offsets(self, name: str, budget: Budget) -> Copied:
        """What was copied; {} where the worker is older than these offsets."""
        try:
            answer = self._web.get(f"/connectors/{quote(name, safe='')}/offsets", budget)
        except Refused as refused:
            if refused.status in (404, 405):
                return {}
            raise
        out: Copied = defaultdict(dict)
        for entry in answer.get("offsets") or () if isinstance(answer, dict) else ():
            match entry:
                case {"partition": {"topic": str(topic), "partition": int(part)}, "offset": {"offset": int(offset)}}:
                    out[topic][part] = offset
        return dict(out)

    def _behind(self, source: ClusterConfig, copied: Copied, budget: Budget, errors: list[str]) -> dict[str, int]:
        """Records of each original that are not copied yet; asked after the offsets, so that lag is never negative."""
        if not copied:
            return {}
        try:
            client: Any = self._asked.kafka(source)
            leaders = {k: v for k, v in listing.leaders(client, budget).items() if k[0] in copied}
            starts, ends, _ = log_ranges(client.admin, leaders, budget)
        except CollectorError as error:
            errors.append(f"how far copies from {source.name} are behind is unknown: {error}")
            return {}
        return {t: lag for t in copied if (lag := _lag(t, copied[t], leaders, starts, ends)) is not None}


def _inner(edge: EdgeSeen) -> NodeSeen:
    """The topic of offset syncs as the connector's own business."""
    told = {"application": edge.source, "role": "offset syncs", "store": ""}
    return NodeSeen(edge.target, split_id(edge.target)[1][-1], told)


Offsets = Mapping[tuple[str, int], int]


def _lag(topic: str, copied: Mapping[int, int], leaders: Offsets, starts: Offsets, ends: Offsets) -> int | None:
    """The sum over all partitions; None where one is not known, or does not fit (a topic made anew)."""
    total = 0
    for key in (k for k in leaders if k[0] == topic):
        if key not in ends or key not in starts:
            return None
        read = copied[key[1]] + 1 if key[1] in copied else starts[key]
        if read > ends[key]:
            return None
        total += ends[key] - read
    return total
