"""From what is known to what is drawn: the graph as a pure function of the facts, and what changed between two."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from lineage.config import Config
from lineage.evidence import STALE_MS, Piece, earlier, grade
from lineage.facts import ClaimKey, ClusterFact, Facts, GroupFact, Systems, TopicFact
from lineage.graph import Edge, Node
from lineage.identity import edge_id, is_named_writer, named_writer, node_id, split_id
from lineage.observations import Ms, NodeSeen
from lineage.ownership import Reader, file_name, owner_of, service_by_rule, service_by_span
from lineage.streams import Inner, application, framework, inner_topics, workers_topics

WRITING = frozenset({"writes", "replicates", "dead_letters"})  # how records come into a topic
NAMED, MOST_NAMES = ("kind", "cluster", "name", "how"), 50
LISTED = frozenset({"topic", "group"})  # only the clusters' own listings make these
WRITER_GRACE_MS = 3_000  # a span may come this much later than the record that it explains
WRITER_EXPIRES_MS = 86_400_000


class Source(NamedTuple):
    """Where the moving numbers of one piece of evidence come from."""

    claims: tuple[ClaimKey, ...] = ()
    pair: tuple[str, str, str] | None = None  # cluster, group, topic


@dataclass
class Structure:
    """What is drawn, and from where each edge's moving numbers come."""

    nodes: dict[str, Node] = field(default_factory=dict)
    edges: dict[str, Edge] = field(default_factory=dict)
    sources: dict[str, dict[str, Source]] = field(default_factory=dict)  # edge -> source of evidence -> whence
    details: dict[str, dict[str, Any]] = field(default_factory=dict)


class Delta(NamedTuple):
    """One difference, as a Change will hold it."""

    kind: str
    subject: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    evidence: str


def build(facts: Facts, config: Config, at: Ms, old: Structure) -> Structure:
    """The structure of ``facts`` at ``at``; what ``old`` already had keeps its first-seen times and details."""
    return _Builder(facts, config, at, old).run()


class _Builder:
    def __init__(self, facts: Facts, config: Config, at: Ms, old: Structure) -> None:
        self.facts, self.config, self.at, self.old = facts, config, at, old
        self.out = Structure()
        self.pieces: dict[str, dict[str, list[tuple[Piece, Source]]]] = defaultdict(lambda: defaultdict(list))
        self.ends: dict[str, tuple[str, str, str, str]] = {}
        self.joined: dict[tuple[str, str], str] = {}  # cluster, group -> service id
        self.same = _same(facts)
        self.systems = Systems(facts)
        self.names: dict[str, set[tuple[str, str, str, str]]] = defaultdict(set)  # service -> kind, cluster, name, how

    def run(self) -> Structure:
        self._teams()
        self._readings(listed=False)
        self._joins()
        for name, cluster in self.facts.clusters.items():
            self._cluster(name, cluster)
        self._readings(listed=True)
        self._claims()
        self._writers()
        self._close_edges()
        self._known_as()
        return self.out

    def node(
        self, node: str, name: str, cluster: str, attrs: dict[str, Any], seen: Ms, owned: str | None = None
    ) -> None:
        kind = node.partition(":")[0]
        team, source = self._owner(kind, name, owned)
        before = self.old.nodes.get(node)
        first = before.first_seen if before else seen
        if before and kind == "service":
            first = earlier(before.first_seen, seen)
        self.out.nodes[node] = Node(node, kind, name, cluster, team, source, first, attrs)

    def _owner(self, kind: str, name: str, owned: str | None) -> tuple[str | None, str | None]:
        owner = owner_of(self.config, kind, name)
        if owner is None and owned and owned in self.out.nodes:
            node = self.out.nodes[owned]
            return node.team, node.owner_source
        return (owner.team, owner.source) if owner else (None, None)

    def edge(self, relation: str, source: str, target: str, key: str, piece: Piece, whence: Source) -> None:
        name = edge_id(relation, source, target, key)
        self.ends[name] = (relation, source, target, key)
        self.pieces[name][piece.source].append((piece, whence))

    def _teams(self) -> None:
        for name, team in self.config.teams.items():
            self.node(
                node_id("team", name),
                name,
                "",
                {"contact": team.contact, "url": team.url, "email": team.email},
                self.at,
            )

    def _joins(self) -> None:
        named: dict[str, dict[tuple[str, str], set[str]]] = defaultdict(lambda: defaultdict(set))
        for key, piece in self.facts.claims.items():
            if key.relation == "reads" and key.end.startswith("service:") and piece.strength == "observed":
                spans = named[_cluster_of(key.start)]
                for what, value in (("group", key.group), ("client_id", key.client_id)):
                    if value:
                        spans[what, value].add(self.canonical(key.end))
        sinks = self._sinks()
        for name, cluster in self.facts.clusters.items():
            for group, fact in cluster.groups.items():
                sink = sinks.get((name, group))
                service, how = (sink, "connect") if sink else self._service(name, group, fact, named[name])
                if service:
                    self.joined[name, group] = self.canonical(service)
                    self.names[self.joined[name, group]].add(("group", name, group, how))

    def _sinks(self) -> dict[tuple[str, str], str]:
        """The connector behind a group, as its worker says; a group that two of them name is nobody's."""
        found: dict[tuple[str, str], list[str]] = defaultdict(list)
        for node in self.out.nodes.values():
            if node.kind in ("connector", "query") and (group := node.attrs.get("group")):
                found[node.cluster, group].append(node.id)
        return {pair: nodes[0] for pair, nodes in found.items() if len(nodes) == 1}

    def _service(
        self, cluster: str, group: str, fact: GroupFact, named: Mapping[tuple[str, str], set[str]]
    ) -> tuple[str | None, str]:
        """The service that a group is, and how that is known: rules first, then what spans prove, then a person."""
        clients = frozenset(m["client_id"] for m in fact.members or ())
        if by_rule := service_by_rule(self.config, Reader(group, clients)):
            return node_id("service", by_rule), "rule"
        if by_span := service_by_span(group, sorted(clients), named):
            return by_span, "spans"
        by_client = {self.same.get(("client_id", "", c)) for c in clients} if clients else set()
        said = self.same.get(("group", cluster, group)) or (by_client.pop() if len(by_client) == 1 else None)
        return said, "confirmed"

    def canonical(self, node: str) -> str:
        """The service that a person said this one, or this transactional id, is; itself where nobody said anything."""
        if is_named_writer(node):
            path = split_id(node)[1]
            node = self.same.get(("transactional_id", path[0], path[-1]), node)
        seen = {node}
        while node.startswith("service:") and (to := self.same.get(("service", "", split_id(node)[1][0]))):
            if to in seen:
                break
            seen.add(to)
            node = to
        return node

    def _known_as(self) -> None:
        """Each service's other names, with how it is known that they are one."""
        for kind, cluster, name, service in (s for s, said in self.facts.said.items() if said["verdict"] == "same"):
            if kind not in ("service", "transactional_id"):
                continue
            other = node_id("service", name) if kind == "service" else named_writer(cluster, name)
            one = node_id("service", service)
            if self.canonical(other) == self.canonical(one) and other not in self.out.nodes:
                self.names[self.canonical(one)].add((kind, cluster, name, "confirmed"))
        for service, names in self.names.items():
            if (node := self.out.nodes.get(service)) is not None:
                told = [dict(zip(NAMED, n, strict=True)) for n in sorted(names)[:MOST_NAMES]]
                self.out.nodes[service] = replace(node, attrs={**node.attrs, "known_as": told})

    def _readings(self, *, listed: bool) -> None:
        """What sources tell of nodes: first of those that are theirs, then of those that the clusters list."""
        for scope, reading in sorted(self.facts.readings.items()):
            for told in reading.nodes.values():
                if (told.id.partition(":")[0] in LISTED) == listed:
                    self._told(scope, reading.at, told)

    def _told(self, scope: str, at: Ms, told: NodeSeen) -> None:
        if is_named_writer(told.id) and self.canonical(told.id) != told.id:
            return  # it is a service, as a person said
        if told.id not in self.out.nodes:
            kind, path = split_id(told.id)
            if kind in LISTED:
                return
            self.node(told.id, told.name, path[0] if len(path) > 1 else "", {}, at)
        node = self.out.nodes[told.id]
        attrs = {**node.attrs, **told.attrs, "told_by": [*node.attrs.get("told_by", ()), scope]}
        if told.figures:
            attrs["figures"] = sorted({*node.attrs.get("figures", ()), *told.figures})
        team, source = (node.team, node.owner_source) if node.team or not told.team else (told.team, _told_by(scope))
        self.out.nodes[told.id] = replace(node, attrs=attrs, team=team, owner_source=source)
        detail = self.out.details.setdefault(told.id, {}).setdefault("told", {})
        detail[scope] = {"name": told.name, "attrs": told.attrs, "figures": sorted(told.figures), "team": told.team}

    def _cluster(self, name: str, cluster: ClusterFact) -> None:
        inner = dict(inner_topics(cluster.topics, cluster.groups))
        kept = dict(workers_topics(cluster.topics, cluster.groups))
        for topic, fact in cluster.topics.items():
            node = node_id("topic", name, topic)
            attrs = {**_topic_attrs(fact), **self._folded(name, inner.get(topic) or kept.get(topic))}
            self.node(node, topic, name, attrs, fact.first_seen)
            self.out.details[node] = {"layout": fact.layout}
        own: dict[str, list[tuple[str, Inner]]] = defaultdict(list)
        for topic, found in inner.items():
            own[found.group].append((topic, found))
        for group, known in cluster.groups.items():
            service = self.joined.get((name, group))
            if service:
                self._service_node(service, known.first_seen)
            attrs = {**_group_attrs(known, own[group]), "service": service}
            self.node(node_id("group", name, group), group, name, attrs, known.first_seen, service)
        for group, topic, piece in self._reads(cluster):
            if group in cluster.groups and topic in cluster.topics:
                self._read(name, group, topic, piece)

    def _folded(self, cluster: str, inner: Inner | None) -> dict[str, Any]:
        """An application's inner topic belongs to it: it is drawn only where inner topics are asked for."""
        if inner is None:
            return {}
        application = self.joined.get((cluster, inner.group)) or node_id("group", cluster, inner.group)
        return {"application": application, "role": inner.role, "store": inner.store}

    def _service_node(self, service: str, seen: Ms) -> None:
        if service not in self.out.nodes:
            self.node(service, split_id(service)[1][0], "", {}, seen)

    def _reads(self, cluster: ClusterFact) -> Iterator[tuple[str, str, Piece]]:
        for (group, topic), track in cluster.meter.tracks.items():
            yield group, topic, Piece("positions", "observed", track.first_seen, track.first_seen, len(track.parts))
        for group, fact in cluster.groups.items():
            for topic, count in _assigned(fact).items():
                yield group, topic, Piece("groups", "observed", fact.described_at, fact.described_at, count)

    def _read(self, cluster: str, group: str, topic: str, piece: Piece) -> None:
        service, start = self.joined.get((cluster, group)), node_id("topic", cluster, topic)
        target = service or node_id("group", cluster, group)
        self.edge("reads", start, target, group if service else "", piece, Source((), (cluster, group, topic)))

    def _claims(self) -> None:
        for claim, piece in self.facts.claims.items():
            start = self.systems.meant(claim.start, _cluster_of(claim.end))
            key = claim._replace(start=self.canonical(start), end=self.canonical(claim.end))
            ends = (key.start, key.end)
            if not all(self._claimed(end, piece.first_seen) for end in ends):
                continue
            if key.relation == "derives" and any(self.out.nodes[end].attrs.get("application") for end in ends):
                continue  # one trace in an application's inner topic and in its sink: which comes of which is not told
            drawn = self._drawn(key)
            for name in self._edges_of(drawn):
                known = self.ends.get(name) or (drawn.relation, drawn.start, drawn.end, drawn.group)
                self.edge(*known, piece, Source((claim,)))

    def _drawn(self, key: ClaimKey) -> ClaimKey:
        """The claim as it is drawn: what a group does is done by the service that it is joined to."""
        start, end = self._joined(key.start), self._joined(key.end)
        if key.relation == "writes":
            return key._replace(start=start, end=end, group="")  # by which group is part of a read, and of no write
        if (start, end) == (key.start, key.end):
            return key
        group = split_id(key.end)[1][-1] if key.relation == "reads" else key.group
        return key._replace(start=start, end=end, group=group)

    def _joined(self, node: str) -> str:
        if not node.startswith("group:"):
            return node
        return self.joined.get((_cluster_of(node), split_id(node)[1][-1]), node)

    def _edges_of(self, key: ClaimKey) -> list[str]:
        """The edges that a claim speaks of: a read without a group is that of the groups joined to its service."""
        alone = edge_id(key.relation, key.start, key.end, key.group)
        if key.relation != "reads" or key.group:
            return [alone]
        cluster, topic = _cluster_of(key.start), key.start
        groups = [g for (c, g), service in self.joined.items() if service == key.end and c == cluster]
        known = [edge_id("reads", topic, key.end, g) for g in groups]
        return [k for k in known if k in self.ends] or [alone]

    def _claimed(self, node: str, seen: Ms) -> bool:
        """Whether a claim may speak of this node; services and what nobody lists come to be by it."""
        if node in self.out.nodes:
            there = self.out.nodes[node]
            if there.kind == "service" and (first := earlier(there.first_seen, seen)) != there.first_seen:
                self.out.nodes[node] = replace(there, first_seen=first)
            return True
        kind, path = split_id(node)
        if kind in ("topic", "group"):
            listed = self.facts.clusters.get(path[0])
            if len(path) != 2 or (listed and kind + "s" in listed.complete):
                return False
        self.node(node, path[-1], path[0] if len(path) > 1 else "", {}, seen)
        return True

    def _writers(self) -> None:
        for writer, (cluster, topic, written) in unknown_writers(self.facts, self.at).items():
            node = node_id("topic", cluster, topic)
            self.node(writer, topic, cluster, {}, written.first_seen, node)
            self.edge("writes", writer, node, "", written, Source((), (cluster, "", topic)))

    def _close_edges(self) -> None:
        for name, by_source in self.pieces.items():
            relation, source, target, key = self.ends[name]
            old = self.old.edges.get(name)
            known = {e["source"]: e for e in old.evidence} if old else {}
            ends = (source, target)
            evidence = tuple(_constant(by_source[s], known.get(s), ends) for s in sorted(by_source))
            first = min(e["first_seen"] for e in evidence)
            first = earlier(old.first_seen, first) if old else first
            strength = grade(e["strength"] for e in evidence)
            self.out.edges[name] = Edge(source, target, key, relation, strength, first, evidence)
            self.out.sources[name] = {s: _whence(given) for s, given in by_source.items()}


def is_drawn(kind: str, attrs: Mapping[str, Any]) -> bool:
    """Whether a node stands on the map: no team, no internal topic, no group that a service owns, none of workers."""
    hidden = attrs.get("internal") or attrs.get("application")
    owned = attrs.get("service") or attrs.get("type") == "connect"
    return kind != "team" and not (kind == "topic" and hidden) and not (kind == "group" and owned)


def unknown_writers(facts: Facts, at: Ms) -> dict[str, tuple[str, str, Piece]]:
    """The writer nodes that must stand at ``at``: cluster, topic and evidence by id. No claim explains them."""
    by_whom: dict[str, set[str]] = defaultdict(set)
    for k, p in facts.claims.items():
        if k.relation in WRITING and _explains(p, at):
            by_whom[k.end].add(k.source)
    out: dict[str, tuple[str, str, Piece]] = {}
    for name, cluster in facts.clusters.items():
        written_to = cluster.writes.keys() | cluster.producers.keys()
        own = {t for t, _ in inner_topics(written_to, cluster.groups)}
        own |= {t for t, _ in workers_topics(cluster.topics, cluster.groups)}
        for topic in written_to - own:
            fact, written = cluster.topics.get(topic), unexplained(cluster, topic, at)
            named = by_whom.get(node_id("topic", name, topic), set())
            if fact and written and not fact.internal and not _all_named(named, cluster.unnamed.get(topic, 0), at):
                out[node_id("writer", name, topic)] = (name, topic, written)
    return out


def _all_named(sources: set[str], unnamed: Ms, at: Ms) -> bool:
    """Whether these sources explain who writes: a transactional id explains its own producer ids only."""
    return bool(sources - {"transactions"}) or (bool(sources) and at - unnamed > STALE_MS)


def _explains(piece: Piece, at: Ms) -> bool:
    """What may write, or is said to, need not be who did."""
    return piece.strength in ("observed", "inferred") and at - piece.last_seen <= STALE_MS


def unexplained(cluster: ClusterFact, topic: str, at: Ms) -> Piece | None:
    """The evidence that somebody writes this topic: its log end moves, or producer ids are active there."""
    first, last = cluster.writes.get(topic, (0, 0))
    count, newest = cluster.producers.get(topic, (0, 0))
    if count and newest:
        first, last = first or newest, max(last, newest)
    if not last or at - last > WRITER_EXPIRES_MS or at - first < WRITER_GRACE_MS:
        return None
    return Piece("log_end", "observed", first, last)


def _cluster_of(node: str) -> str:
    path = split_id(node)[1]
    return path[0] if len(path) > 1 else ""


def _topic_attrs(fact: TopicFact) -> dict[str, Any]:
    floor = int(fact.configs.get("min.insync.replicas", "1") or 1)
    online = [p for p in fact.layout if p[1] >= 0]
    return {
        "topic_id": fact.topic_id,
        "internal": fact.internal,
        "partitions": len(fact.layout),
        "replication": max((len(p[2]) for p in fact.layout), default=0),
        "offline": len(fact.layout) - len(online),
        "under_replicated": sum(len(p[3]) < len(p[2]) for p in fact.layout),
        "below_min_isr": sum(len(p[3]) < floor for p in fact.layout),
        "configs": dict(fact.configs),
    }


def _group_attrs(fact: GroupFact, own: list[tuple[str, Inner]]) -> dict[str, Any]:
    kept = {"type": fact.type, "state": fact.state, "protocol": fact.protocol, "describable": fact.describable}
    clients = (m["client_id"] for m in fact.members or ())
    streams = application(framework(fact.type, fact.assignor, clients), own)
    more = {"streams": streams} if streams else {}
    return {**kept, "reason": fact.reason, "members": fact.members, "assignor": fact.assignor, **more}


def _assigned(fact: GroupFact) -> dict[str, int]:
    topics: dict[str, int] = {}
    for member in fact.members or ():
        for topic in member["subscribed"]:
            topics.setdefault(topic, 0)
        for topic, parts in member["assigned"].items():
            topics[topic] = topics.get(topic, 0) + len(parts)
    return topics


def _constant(
    given: list[tuple[Piece, Source]], known: Mapping[str, Any] | None, ends: tuple[str, str]
) -> dict[str, Any]:
    pieces = [p for p, _ in given]
    named = {(c.group, c.client_id, c.scope, c.start, c.end) for _, s in given for c in s.claims}
    joins = [_join(*n, ends) for n in sorted(named)]
    detail = next((p.detail for p in pieces if p.detail), "")
    first = min(p.first_seen for p in pieces)
    kept = {"source": pieces[0].source, "strength": grade(p.strength for p in pieces), "joins": joins}
    return {
        **kept,
        "first_seen": earlier(known["first_seen"], first) if known else first,
        "detail": (known or {}).get("detail") or detail,
    }


def _join(group: str, client_id: str, scope: str, start: str, end: str, ends: tuple[str, str]) -> dict[str, Any]:
    """What a claim named beside the edge; its own ends where a person said that they are others."""
    more: dict[str, Any] = {"scope": scope} if scope else {}
    return {"group": group, "client_id": client_id, **more, **({"ends": [start, end]} if (start, end) != ends else {})}


def _same(facts: Facts) -> dict[tuple[str, str, str], str]:
    """The service that each name is, as the newest word of a person has it."""
    words = sorted((said["at"], s) for s, said in facts.said.items() if said["verdict"] == "same")
    return {(s.kind, s.cluster, s.name): str(node_id("service", s.service)) for _, s in words}


def _whence(given: Iterable[tuple[Piece, Source]]) -> Source:
    sources = [s for _, s in given]
    return Source(tuple(c for s in sources for c in s.claims), next((s.pair for s in sources if s.pair), None))


ASPECTS = (("members", "members"), ("configs", "config"))


def differences(old: Structure, new: Structure) -> list[Delta]:
    """What must change for ``old`` to become ``new``; applied in this order it does."""
    out = [Delta("vanished", k, e.as_dict(), None, _why(e)) for k, e in old.edges.items() if k not in new.edges]
    out += [Delta("vanished", k, n.as_dict(), None, "") for k, n in old.nodes.items() if k not in new.nodes]
    for k, node in new.nodes.items():
        out += _node_deltas(k, old.nodes.get(k), node)
    for k, edge in new.edges.items():
        before = old.edges.get(k)
        if before is None:
            out.append(Delta("appeared", k, None, edge.as_dict(), _why(edge)))
        elif before != edge:
            out.append(_changed("changed", k, before.as_dict(), edge.as_dict(), _why(edge)))
    return out


def _why(edge: Edge) -> str:
    return ", ".join(f"{e['source']} ({e['strength']})" for e in edge.evidence)


def _told_by(scope: str) -> str:
    """``backstage:catalog-info.yaml`` of ``backstage:/etc/catalog-info.yaml``."""
    kind, _, path = scope.partition(":")
    return f"{kind}:{file_name(path)}" if path else scope


def _node_deltas(key: str, old: Node | None, new: Node) -> list[Delta]:
    if old is None:
        return [Delta("appeared", key, None, new.as_dict(), "")]
    if old == new:
        return []
    before, after = old.as_dict(), new.as_dict()
    a, b = before.pop("attrs"), after.pop("attrs")
    out = []
    for attr, kind in ASPECTS:
        if a.get(attr) != b.get(attr):
            one, two = ({"attrs": {attr: side[attr]} if attr in side else {}} for side in (a, b))
            out.append(Delta(kind, key, one, two, ""))
    rest_a, rest_b = _rest(a, b), _rest(b, a)
    if rest_a or rest_b:
        out.append(Delta("changed", key, {"attrs": rest_a}, {"attrs": rest_b}, ""))
    if before != after:
        out.append(
            _changed(
                "owner" if before["team"] != after["team"] else "changed", key, before, after, new.owner_source or ""
            )
        )
    return out


def _rest(attrs: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    aspects = {a for a, _ in ASPECTS}
    return {k: v for k, v in attrs.items() if k not in aspects and (k not in other or other[k] != v)}


def _changed(kind: str, key: str, before: Mapping[str, Any], after: Mapping[str, Any], why: str) -> Delta:
    fields = [f for f in after if before.get(f) != after[f]]
    return Delta(kind, key, {f: before.get(f) for f in fields}, {f: after[f] for f in fields}, why)
