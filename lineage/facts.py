"""What is known of the watched clusters right now, as the observations left it. Pure bookkeeping; time is given."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from lineage.evidence import Piece, earlier
from lineage.identity import edge_id, segment
from lineage.meter import Alive, Meter
from lineage.observations import (
    ClusterSeen,
    CollectorRan,
    ConfigsSeen,
    EdgeSeen,
    Group,
    GroupDetail,
    GroupsDescribed,
    GroupsListed,
    JoinSaid,
    Member,
    Ms,
    NodeSeen,
    ProducersSeen,
    Reading,
    Topic,
    TopicsListed,
)


@dataclass
class TopicFact:
    """A topic as last listed. ``layout``: a list of id, leader, replicas, in-sync replicas for each partition."""

    topic_id: str
    internal: bool
    layout: list[list[Any]]
    first_seen: Ms
    configs: dict[str, str] = field(default_factory=dict)

    @property
    def compacted(self) -> bool:
        return "compact" in self.configs.get("cleanup.policy", "")


@dataclass
class GroupFact:
    """A group as last listed and described; ``members`` None until described."""

    type: str
    state: str
    protocol: str
    first_seen: Ms
    members: list[dict[str, Any]] | None = None
    described_at: Ms = 0
    describable: bool = True
    reason: str = ""
    assignor: str = ""
    emptied_at: Ms | None = None  # since when it is listed without members

    def alive(self, every: float = 10.0) -> Alive:
        """For the verdict: members are unknown where they cannot be described; ``every``: seconds between listings."""
        listed = self.members if self.members is not None and self.describable else None
        return Alive(self.state, None if listed is None else len(listed), self.emptied_at, listed or (), every)


class ClaimKey(NamedTuple):
    """What makes two sightings of an edge the same claim. ``scope``: the reading that lists it, or ""."""

    source: str
    relation: str
    start: str
    end: str
    group: str
    client_id: str
    scope: str = ""


class Saying(NamedTuple):
    """What a person may say something of: that a name is a service."""

    kind: str
    cluster: str
    name: str
    service: str

    @property
    def key(self) -> str:
        """One text for it."""
        return "/".join(map(segment, self))


@dataclass
class ReadingFact:
    """What the newest readings of one source and scope told; ``interval`` in seconds."""

    at: Ms
    interval: float
    nodes: dict[str, NodeSeen] = field(default_factory=dict)
    claims: set[ClaimKey] = field(default_factory=set)


@dataclass
class ClusterFact:
    """One watched cluster."""

    meter: Meter = field(default_factory=Meter)
    attrs: dict[str, Any] = field(default_factory=dict)  # cluster_id, controller, brokers, error
    topics: dict[str, TopicFact] = field(default_factory=dict)
    groups: dict[str, GroupFact] = field(default_factory=dict)
    seen: dict[str, Ms] = field(default_factory=dict)  # kind of observation -> time of the newest taken
    complete: dict[str, Ms] = field(default_factory=dict)  # "topics", "groups" -> the newest complete listing
    epoch: int = -1
    stale: dict[str, Ms] = field(default_factory=dict)  # group -> when its position was last sure
    writes: dict[str, tuple[Ms, Ms]] = field(default_factory=dict)  # topic -> first and last time its end moved on
    producers: dict[str, tuple[int, Ms]] = field(default_factory=dict)  # topic -> ids, newest write
    unnamed: dict[str, Ms] = field(default_factory=dict)  # topic -> newest write by an id without a transactional id

    def expected_brokers(self) -> set[int]:
        """Every broker that is there, and those that should hold a replica."""
        alive = {b["id"] for b in self.attrs.get("brokers", ())}
        return alive | {r for t in self.topics.values() for p in t.layout for r in p[2] if r >= 0}


class Facts:
    """Everything. ``dirty``: something changed that the graph is made of."""

    def __init__(self) -> None:
        self.clusters: dict[str, ClusterFact] = {}
        self.claims: dict[ClaimKey, Piece] = {}
        self.readings: dict[str, ReadingFact] = {}  # by scope_of
        self.said: dict[Saying, dict[str, Any]] = {}  # verdict, by, at
        self.collectors: dict[tuple[str, str], dict[str, Any]] = {}
        self.dirty = True

    def cluster(self, name: str) -> ClusterFact:
        """The cluster of this slug, made if it is new."""
        return self.clusters.setdefault(name, ClusterFact())


class Systems:
    """Which system is meant by the name that Debezium gives it in its records, where a configuration proves it."""

    def __init__(self, facts: Facts) -> None:
        self._named: dict[tuple[str, str], set[str]] = defaultdict(set)  # cluster, name -> systems
        for scope, reading in facts.readings.items():
            cluster = scope.partition(":")[2].partition("/")[0]
            for node in reading.nodes.values():
                for name in node.attrs.get("debezium", ()):
                    self._named[cluster, name].add(node.id)

    def meant(self, node: str, cluster: str) -> str:
        """The system behind this id in records of a cluster; itself where none or several could be meant."""
        kind, _, name = node.partition(":")
        server = name.rpartition("/")[0]  # of a connector that is not told which databases to read
        found = self._named.get((cluster, name)) or self._named.get((cluster, server)) if kind == "system" else None
        return min(found) if found and len(found) == 1 else node


def newer(cluster: ClusterFact, kind: str, at: Ms) -> bool:
    """Whether an observation of this kind is newer than all taken before; a late or repeated one is not."""
    if at <= cluster.seen.get(kind, -1):
        return False
    cluster.seen[kind] = at
    return True


def see_cluster(facts: Facts, o: ClusterSeen) -> None:
    cluster = facts.cluster(o.cluster)
    if not newer(cluster, "cluster", o.at):
        return
    bound = cluster.attrs.get("cluster_id") or o.cluster_id
    twin = next(
        (n for n, c in facts.clusters.items() if n != o.cluster and c.attrs.get("cluster_id") == o.cluster_id), ""
    )
    error = f"the cluster id was {bound} and is now {o.cluster_id}" if bound != o.cluster_id else ""
    if twin and o.cluster_id:
        error = f"cluster id {o.cluster_id} is watched under two names: {twin} and {o.cluster}"
    brokers = [
        {"id": b.id, "host": b.host, "port": b.port, "rack": b.rack} for b in sorted(o.brokers, key=lambda b: b.id)
    ]
    facts.dirty |= [b["id"] for b in cluster.attrs.get("brokers", ())] != [b["id"] for b in brokers]
    cluster.attrs = {"cluster_id": bound, "controller": o.controller, "brokers": brokers, "error": error or None}


def see_topics(facts: Facts, o: TopicsListed) -> None:
    cluster = facts.cluster(o.cluster)
    if not newer(cluster, "topics", o.at):
        return
    for topic in o.topics:
        _see_topic(facts, cluster, topic, o.at)
    if o.complete:
        cluster.complete["topics"] = o.at
        for name in cluster.topics.keys() - {t.name for t in o.topics}:
            _end_topic(facts, cluster, name)


def _see_topic(facts: Facts, cluster: ClusterFact, topic: Topic, at: Ms) -> None:
    parts = sorted(topic.partitions, key=lambda p: p.id)
    layout = [[p.id, p.leader, list(p.replicas), list(p.isr)] for p in parts]
    old = cluster.topics.get(topic.name)
    if old and old.topic_id and topic.topic_id and old.topic_id != topic.topic_id:
        _end_topic(facts, cluster, topic.name)  # deleted and made anew under the same name
        old = None
    if old and (old.topic_id, old.internal, old.layout) == (topic.topic_id, topic.internal, layout):
        return
    configs = old.configs if old else {}
    cluster.topics[topic.name] = TopicFact(
        topic.topic_id, topic.internal, layout, old.first_seen if old else at, configs
    )
    facts.dirty = True


def _end_topic(facts: Facts, cluster: ClusterFact, name: str) -> None:
    cluster.topics.pop(name, None)
    cluster.writes.pop(name, None)
    cluster.producers.pop(name, None)
    cluster.unnamed.pop(name, None)
    cluster.meter.drop_topic(name)
    facts.dirty = True


def see_configs(facts: Facts, o: ConfigsSeen) -> None:
    cluster = facts.cluster(o.cluster)
    if not newer(cluster, "configs", o.at):
        return
    for name, configs in o.configs.items():
        topic = cluster.topics.get(name)
        if topic and topic.configs != configs:
            topic.configs, facts.dirty = dict(sorted(configs.items())), True


def see_groups(facts: Facts, o: GroupsListed) -> None:
    cluster = facts.cluster(o.cluster)
    if not newer(cluster, "groups", o.at):
        return
    for group in o.groups:
        _see_group(facts, cluster, group, o.at)
    if o.complete:
        cluster.complete["groups"] = o.at
        for name in cluster.groups.keys() - {g.id for g in o.groups}:
            cluster.groups.pop(name)
            cluster.meter.drop_group(name)
            facts.dirty = True


def _see_group(facts: Facts, cluster: ClusterFact, group: Group, at: Ms) -> None:
    fact = cluster.groups.get(group.id)
    if fact is None:
        fact = cluster.groups[group.id] = GroupFact(group.type, group.state, group.protocol, at)
        facts.dirty = True
    if (fact.type, fact.state, fact.protocol) != (group.type, group.state, group.protocol):
        fact.type, fact.state, fact.protocol, facts.dirty = group.type, group.state, group.protocol, True
    nobody = group.state in ("Empty", "Dead")
    fact.emptied_at = (at if fact.emptied_at is None else fact.emptied_at) if nobody else None
    if nobody and fact.members != [] and at > fact.described_at:
        fact.members, fact.described_at, facts.dirty = [], at, True


def see_described(facts: Facts, o: GroupsDescribed) -> None:
    cluster = facts.cluster(o.cluster)
    for detail in o.groups:
        fact = cluster.groups.get(detail.id)
        if fact and o.at > fact.described_at:
            fact.described_at = o.at
            _describe(facts, fact, detail)


def _describe(facts: Facts, fact: GroupFact, detail: GroupDetail) -> None:
    members = [_member(m) for m in sorted(detail.members, key=lambda m: m.id)] if detail.describable else fact.members
    if detail.assignor and detail.assignor != fact.assignor:  # a group without members tells none: it had this one
        fact.assignor, facts.dirty = detail.assignor, True
    if (members, detail.describable, detail.reason) != (fact.members, fact.describable, fact.reason):
        fact.members, fact.describable, fact.reason, facts.dirty = members, detail.describable, detail.reason, True


def _member(m: Member) -> dict[str, Any]:
    assigned = {t: sorted(p) for t, p in sorted(m.assigned.items())}
    named = {"id": m.id, "client_id": m.client_id, "host": m.host, "instance_id": m.instance_id}
    return {**named, "subscribed": sorted(m.subscribed), "assigned": assigned}


def see_producers(facts: Facts, o: ProducersSeen) -> None:
    cluster = facts.cluster(o.cluster)
    for topic, producers in o.topics.items():
        before = cluster.producers.get(topic)
        newest = max((p.last_at for p in producers), default=0)
        cluster.producers[topic] = (len({p.producer_id for p in producers}), newest)
        cluster.unnamed[topic] = max((p.last_at for p in producers if not p.named), default=0)
        facts.dirty |= bool(before is None and producers)


def see_edge(facts: Facts, source: str, e: EdgeSeen) -> ClaimKey:
    """Takes one claim; a span's repeated sighting only moves its numbers."""
    key = ClaimKey(source, e.relation, e.source, e.target, e.group, e.client_id)
    old = facts.claims.get(key)
    if old is None:
        facts.claims[key] = Piece(source, e.strength, e.first_seen, e.last_seen, e.count, e.detail)
        facts.dirty = True
    else:
        last, count = max(old.last_seen, e.last_seen), old.count + e.count
        strength = e.strength if e.strength == "observed" else old.strength
        first = earlier(old.first_seen, e.first_seen)
        facts.dirty |= strength != old.strength or first != old.first_seen
        facts.claims[key] = Piece(source, strength, first, last, count, old.detail)
    return key


def see_said(facts: Facts, o: JoinSaid) -> None:
    """Takes what a person said; it holds until something newer is said of the same."""
    saying = Saying(o.kind, o.cluster, o.name, o.service)
    if o.at <= facts.said.get(saying, {}).get("at", -1):
        return
    # What was taken back is kept: that it was said, and by whom, is part of what is known.
    facts.said[saying], facts.dirty = {"verdict": o.verdict, "by": o.by, "at": o.at}, True


def scope_of(o: Reading) -> str:
    """The name under which readings of one source follow each other."""
    return f"{o.source}:{o.cluster}/{o.scope}"


def see_reading(facts: Facts, o: Reading, edges: Iterable[EdgeSeen]) -> list[ClaimKey]:
    """Takes a reading, its edges with their clusters named; the claims that it confirms. A late one changes nothing."""
    scope = scope_of(o)
    known = facts.readings.setdefault(scope, ReadingFact(-1, o.interval))
    if o.at <= known.at:
        return []
    known.at, known.interval = o.at, o.interval
    nodes = {**({} if o.complete else known.nodes), **{n.id: n for n in o.nodes}}
    facts.dirty |= {k: _constant(n) for k, n in nodes.items()} != {k: _constant(n) for k, n in known.nodes.items()}
    known.nodes = nodes
    confirmed = [_hear_edge(facts, scope, o.source, e) for e in edges]
    if o.complete:
        for gone in known.claims.difference(confirmed):
            facts.claims.pop(gone, None)
            facts.dirty = True
        known.claims.clear()
    known.claims.update(confirmed)
    return confirmed


def see_more(facts: Facts, scope: str, source: str, edges: Iterable[EdgeSeen]) -> list[ClaimKey]:
    """Takes what the newest reading of that scope told before the clusters of these edges could be named."""
    confirmed = [_hear_edge(facts, scope, source, e) for e in edges]
    facts.readings[scope].claims.update(confirmed)
    return confirmed


def figures(before: ReadingFact | None, o: Reading, edges: Iterable[EdgeSeen]) -> Iterator[tuple[str, str, Any]]:
    """The numbers that a reading tells, as subject, metric, value; None for those it tells no more."""
    gone = before.nodes.values() if before and o.complete else ()
    told = {(n.id, f): v for n in o.nodes for f, v in n.figures.items()}
    yield from ((n.id, f, None) for n in gone for f in n.figures if (n.id, f) not in told)
    yield from ((node, figure, value) for (node, figure), value in told.items())
    yield from edge_figures(edges)
    subject = f"reading:{scope_of(o)}"
    yield subject, "read_at", o.at
    yield subject, "every", o.interval


def edge_figures(edges: Iterable[EdgeSeen]) -> Iterator[tuple[str, str, Any]]:
    """The numbers of edges whose clusters are named."""
    for e in edges:
        edge = edge_id(e.relation, e.source, e.target, e.group)
        yield edge, "edge_rate", e.rate
        yield edge, "edge_lag", e.lag


def _constant(node: NodeSeen) -> tuple[Any, ...]:
    return node.name, node.attrs, node.team, node.figures.keys()


def _hear_edge(facts: Facts, scope: str, source: str, e: EdgeSeen) -> ClaimKey:
    key = ClaimKey(source, e.relation, e.source, e.target, e.group, e.client_id, scope)
    old = facts.claims.get(key)
    first = earlier(old.first_seen, e.first_seen) if old else e.first_seen
    new = Piece(source, e.strength, first, max(old.last_seen if old else 0, e.last_seen), e.count, e.detail)
    facts.dirty |= old is None or (old.strength, old.first_seen, old.detail) != (e.strength, first, e.detail)
    facts.claims[key] = new
    return key


def see_run(facts: Facts, o: CollectorRan) -> Mapping[str, Any]:
    """Takes a collector's report; its constant part."""
    kept = {"source": o.source, "error": o.error, "permanent": o.permanent, "needs": sorted(o.needs), "note": o.note}
    facts.collectors[o.cluster, o.collector] = {**kept, "interval": o.interval, "unreachable": o.unreachable}
    return facts.collectors[o.cluster, o.collector]
