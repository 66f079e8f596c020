"""A frame out of structure and numbers: pure, so that live and past cannot differ. Ages are relative to the frame."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from lineage.evidence import STALE_MS, holds_until, is_stale
from lineage.frames import ClusterState, CollectorState, EdgeState, EvidenceState, Frame, LagItem, NodeState
from lineage.graph import Node
from lineage.identity import is_unknown_writer
from lineage.lag import time_lag
from lineage.ledger import sentence
from lineage.meter import LagRow
from lineage.observations import Ms
from lineage.outline import Bone, Holds, Standing, Triple, node_id, split_id

PATIENCE = 3.0  # intervals after which a number is stale
LEAST_PATIENCE = 5.0  # seconds
READING_GRACE_MS = 30_000  # what a slow source may be late
WHOLE = ("size", "records", "producers")  # numbers of a topic without a fraction
Place = tuple[int, Ms]  # number and time of a tick
LISTED = {"topic": ("topics_at", "topology"), "group": ("groups_at", "groups")}


class Moved(NamedTuple):
    """What has other numbers or another lag than at an earlier tick."""

    since: Place
    numbers: Iterable[tuple[str, str]]
    lag: Iterable[Triple]


@dataclass(frozen=True)
class Samples:
    """The newest numbers and lag rows up to a tick; ``moved`` where it is known."""

    numbers: Mapping[tuple[str, str], float]
    lag: Mapping[Triple, LagRow]
    moved: Moved | None = None


@dataclass
class Trail:
    """The edges of the last frame of a structure: who goes from tick to tick makes anew only what is another one."""

    place: Place = (0, -1)
    edges: list[EdgeState] = field(default_factory=list)
    until: list[Ms] = field(default_factory=list)  # when the words of each are others, though nothing moved
    late: Mapping[str, bool] = field(default_factory=dict)
    counted: set[str] = field(default_factory=set)  # subjects that have, or had, numbers


def build(
    at: Ms,
    tick: int,
    standing: Standing,
    samples: Samples,
    resolution: str = "full",
    trail: Trail | None = None,
    drawn: bool = True,
) -> Frame:
    """The frame of one tick. A ``trail`` is of the same structure, and goes on to this tick.

    With ``drawn`` false nodes and edges are left out: most of the work, for who shows none of them.
    """
    framing = _Framing(at, standing, samples, _counted(samples, trail) if drawn else set())
    if not drawn:
        return framing.frame(tick, {}, (), resolution)
    edges = framing.edges() if trail is None else framing.edges_after(trail)
    if trail is not None:
        trail.place = (tick, at)
    return framing.frame(tick, framing.nodes(edges), edges, resolution)


def _counted(samples: Samples, trail: Trail | None) -> set[str]:
    """Subjects with numbers, and with a trail perhaps some that had them."""
    if trail is None:
        return {subject for subject, _ in samples.numbers}
    if samples.moved is None or samples.moved.since != trail.place:
        trail.counted = {subject for subject, _ in samples.numbers}
    else:
        trail.counted.update([subject for subject, _ in samples.moved.numbers])
    return trail.counted


class _Framing:
    def __init__(self, at: Ms, standing: Standing, samples: Samples, counted: Set[str]) -> None:
        self.at, self.standing, self.samples = at, standing, samples
        self.counted = counted  # most edges have no numbers of their own
        self.patient: dict[tuple[str, str], float] = {}
        self.confirmed: dict[str, Ms | None] = {}
        self.items = {k: i for k, row in samples.lag.items() if row.verdict and (i := self._item(k, row))}

    def frame(self, tick: int, nodes: Mapping[str, NodeState], edges: tuple[EdgeState, ...], resolution: str) -> Frame:
        return Frame(
            at=self.at, live=False, resolution=resolution, tick=tick, nodes=nodes, edges=edges,
            lag=tuple(i for _, i in sorted(self.items.items())), clusters=self._clusters(),
            collectors=self._collectors(), positions=self.standing.places, said=self.standing.said,
        )  # fmt: skip

    def number(self, subject: str, metric: str) -> float | None:
        return self.samples.numbers.get((subject, metric))

    def time(self, subject: str, metric: str) -> Ms | None:
        value = self.number(subject, metric)
        return None if value is None else int(value)

    def patience(self, cluster: str, kind: str) -> float:
        """Seconds after which a listing or sample of this kind is stale."""
        if (cluster, kind) not in self.patient:
            self.patient[cluster, kind] = self._patience(cluster, kind)
        return self.patient[cluster, kind]

    def confirmed_at(self, cluster: str) -> Ms | None:
        """When the cluster's positions were sampled."""
        if cluster not in self.confirmed:
            self.confirmed[cluster] = self.time(f"cluster:{cluster}", "positions_at")
        return self.confirmed[cluster]

    def _patience(self, cluster: str, kind: str) -> float:
        return max(LEAST_PATIENCE, PATIENCE * (self.number(f"cluster:{cluster}", f"interval:{kind}") or 10.0))

    # Lag

    def _item(self, key: Triple, row: LagRow) -> LagItem | None:
        cluster, group, topic = key
        reader = self.standing.reader(key)
        if reader is None:
            return None  # a position of what is not listed (any more)
        sampled = row.sampled_at or self.confirmed_at(cluster) or self.at
        behind, error = time_lag(row.lag, row.unread, row.behind_since, row.error, sampled)
        return LagItem(
            cluster=cluster, group=group, topic=topic, service=reader.service, team=reader.team,
            lag=row.lag, time_lag=behind, time_lag_error=error, verdict=row.verdict, reason=row.reason,
            rules_version=row.rules_version, since=row.since, unread=row.unread, rate_in=row.rate_in,
            rate_out=row.rate_out, catch_up=row.catch_up, loss_in=row.loss_in, members=row.members, sampled_at=sampled,
        )  # fmt: skip

    # Edges

    def edges(self) -> tuple[EdgeState, ...]:
        return tuple([self._edge(b) for b in self.standing.bones])

    def edges_after(self, trail: Trail) -> tuple[EdgeState, ...]:
        """The same; what of the trail still holds is taken over."""
        late, moved = {c: self._late(c) for c in self.standing.clusters}, self.samples.moved
        if moved is None or moved.since != trail.place or late != trail.late:
            trail.edges, trail.late = list(self.edges()), late
            trail.until = [self._until(e) for e in trail.edges]
            return tuple(trail.edges)
        touched = self.standing.touched
        anew = {n for n, until in enumerate(trail.until) if until <= self.at}
        for key in {subject for subject, _ in moved.numbers}.union(moved.lag):
            anew.update(touched.get(key, ()))
        for n in anew:
            trail.edges[n] = edge = self._edge(self.standing.bones[n])
            trail.until[n] = self._until(edge)
        return tuple(trail.edges)

    def _late(self, cluster: str) -> bool:
        """Whether nothing has confirmed the cluster's positions for too long."""
        return is_stale("positions", 0, self.confirmed_at(cluster), self.at, self.patience(cluster, "positions"))

    def _until(self, edge: EdgeState) -> Ms:
        return min([holds_until(e.last_seen, self.at) for e in edge.evidence], default=self.at + STALE_MS)

    def _edge(self, bone: Bone) -> EdgeState:
        edge, entry = bone.edge, bone.entry
        item = self.items.get(bone.read) if bone.read else None
        counted = bone.id in self.counted
        pieces = tuple([self._evidence(bone, e, counted) for e in edge.evidence])
        confirmed, patience = self.confirmed_at(bone.cluster), self.patience(bone.cluster, "positions")
        stale = all(is_stale(p.source, p.last_seen, confirmed, self.at, patience) for p in pieces)
        return EdgeState(
            source=edge.source, target=edge.target, key=edge.key, relation=edge.relation, strength=edge.strength,
            evidence=pieces, rate=self._rate(bone, item), lag=item.lag if item else self._behind(bone),
            verdict=item.verdict if item else None, stale=stale, drift=entry.drift,
            sentence=sentence(pieces, self.at, entry.contradictions), contradictions=entry.contradictions,
        )  # fmt: skip

    def _behind(self, bone: Bone) -> int | None:
        told = self._told_of(bone, "edge_lag")
        return None if told is None else int(told)

    def _told_of(self, bone: Bone, metric: str) -> float | None:
        """A number that a source told of the edge, or of the ends that it knows the edge's by."""
        for name in bone.names:
            if name in self.counted and (told := self.number(name, metric)) is not None:
                return told
        return None

    def _rate(self, bone: Bone, item: LagItem | None) -> float | None:
        told = self._told_of(bone, "edge_rate")
        if told is not None:
            return told
        if bone.edge.relation == "reads":
            return item.rate_out if item else None
        return self.number(bone.edge.target, "rate") if bone.alone else None

    def _evidence(self, bone: Bone, e: Mapping[str, Any], counted: bool) -> EvidenceState:
        source, first = e["source"], e["first_seen"]
        last, count = self._moving(bone, source, counted)
        recent = self.time(bone.id, f"hour:{source}") if counted else None
        return EvidenceState(source, e["strength"], first, first if last is None else last, e["detail"], count, recent)

    def _moving(self, bone: Bone, source: str, counted: bool) -> tuple[Ms | None, int]:
        if source == "positions":
            row = self.samples.lag.get(bone.read) if bone.read else None
            return (row.last_commit, row.parts) if row else (None, 1)
        if source == "groups":
            return self.time(bone.reader, "described_at"), bone.assigned
        if source == "log_end":
            return self._last_write(bone.edge.target), int(self.number(bone.edge.target, "log_end") or 0)
        if not counted:
            return None, 1
        seen, count = self.time(bone.id, f"last_seen:{source}"), self.number(bone.id, f"count:{source}")
        return seen, int(count or 1)

    def _last_write(self, topic: str) -> Ms | None:
        return max(self.time(topic, "last_write") or 0, self.time(topic, "produced_at") or 0) or None

    # Nodes

    def nodes(self, edges: Sequence[EdgeState]) -> dict[str, NodeState]:
        return {node.id: self._node(node, touching, edges) for node, touching in self.standing.ordered}

    def _node(self, node: Node, touching: Sequence[int], edges: Sequence[EdgeState]) -> NodeState:
        last, stale = self._seen(node, touching, edges)
        return NodeState(
            id=node.id, kind=node.kind, name=node.name, cluster=node.cluster, team=node.team,
            owner_source=node.owner_source, first_seen=node.first_seen, last_seen=last, stale=stale,
            attrs=self._attrs(node),
        )  # fmt: skip

    def _seen(self, node: Node, touching: Sequence[int], edges: Sequence[EdgeState]) -> tuple[Ms, bool]:
        if node.kind == "team":
            return self.at, False
        if node.kind in LISTED and ("partitions" in node.attrs or "state" in node.attrs):
            metric, kind = LISTED[node.kind]
            listed = self.time(f"cluster:{node.cluster}", metric)
            seen = max(node.first_seen, listed or 0)
            return seen, self.at - seen > self.patience(node.cluster, kind) * 1000
        if "told_by" in node.attrs:
            return self._told(node)
        mine = [edges[n] for n in touching]
        seen = max([e.last_seen for edge in mine for e in edge.evidence], default=node.first_seen)
        return seen, all(e.stale for e in mine) if mine else self.at - seen > STALE_MS

    def _told(self, node: Node) -> tuple[Ms, bool]:
        """The newest reading that named it, and whether all that did are overdue."""
        read = [(self.time(f"reading:{s}", "read_at") or 0, f"reading:{s}") for s in node.attrs["told_by"]]
        late = (self.at - at > PATIENCE * (self.number(s, "every") or 0) * 1000 + READING_GRACE_MS for at, s in read)
        return max(node.first_seen, *(at for at, _ in read)), all(late)

    def _attrs(self, node: Node) -> Mapping[str, Any]:
        if "figures" in node.attrs:
            attrs = {k: v for k, v in node.attrs.items() if k != "figures"}
            node = replace(node, attrs={**attrs, **{f: self.number(node.id, f) for f in node.attrs["figures"]}})
        if node.kind == "topic":
            whole = {k: None if (v := self.number(node.id, k)) is None else int(v) for k in WHOLE}
            sampled = self.confirmed_at(node.cluster)
            return {**node.attrs, **whole, "rate": self.number(node.id, "rate"), "log_sampled_at": sampled}
        if is_unknown_writer(node.id):
            topic = node_id("topic", *split_id(node.id)[1])
            return {
                **node.attrs,
                "last_write": self._last_write(topic),
                "producers": self.time(topic, "producers") or None,
            }
        return node.attrs

    # Clusters and collectors

    def _clusters(self) -> tuple[ClusterState, ...]:
        return tuple(self._cluster(n, a) for n, a in sorted(self.standing.clusters.items()))

    def _cluster(self, name: str, attrs: Mapping[str, Any]) -> ClusterState:
        holds, brokers = self.standing.holds.get(name, Holds()), len(attrs.get("brokers", ()))
        sampled, error = self._sampled(name), self._error(name, attrs)
        ill = holds.offline or holds.under_replicated or holds.below_min_isr
        hurt = bool(ill) or brokers < attrs.get("expected", 0)
        return ClusterState(
            name=name, cluster_id=attrs.get("cluster_id"), brokers=brokers, brokers_expected=attrs.get("expected", 0),
            status=self._status(name, sampled, error, hurt), sampled_at=sampled, error=error, **holds._asdict(),
        )  # fmt: skip

    def _sampled(self, name: str) -> Ms | None:
        times = (self.time(f"cluster:{name}", m) for m in ("positions_at", "topics_at", "seen_at"))
        return next((t for t in times if t), None)

    def _status(self, name: str, sampled: Ms | None, error: str | None, hurt: bool) -> str:
        if sampled is None or self.at - sampled > self.patience(name, "positions") * 1000:
            return "down" if error else "unknown"
        return "degraded" if hurt else "ok"

    def _error(self, name: str, attrs: Mapping[str, Any]) -> str | None:
        if attrs.get("error"):
            return str(attrs["error"])
        # A registry or a worker beside the cluster that fails says nothing of the cluster; Collectors names it.
        known = sorted(self.standing.collectors.items())
        mine = [(n, a) for (c, n), a in known if c == name and a.get("source") == "kafka"]
        reached = max((self._ran(name, n, "last_success") for n, _ in mine), default=0)
        errors = (a["error"] for n, a in mine if a.get("error") and not self._disproved(name, n, a, reached))
        return next(errors, None)

    def _disproved(self, cluster: str, collector: str, attrs: Mapping[str, Any], reached: Ms) -> bool:
        """Whether "cannot be reached" is old news: some collector got an answer from the cluster since."""
        return bool(attrs.get("unreachable")) and self._ran(cluster, collector, "last_run") < reached

    def _ran(self, cluster: str, collector: str, metric: str) -> Ms:
        return self.time(f"collector:{cluster}/{collector}", metric) or 0

    def _collectors(self) -> tuple[CollectorState, ...]:
        return tuple(self._collector(c, n, a) for (c, n), a in sorted(self.standing.collectors.items()))

    def _collector(self, cluster: str, name: str, attrs: Mapping[str, Any]) -> CollectorState:
        subject, interval = f"collector:{cluster}/{name}", float(attrs.get("interval") or 0.0)
        last_run = self.time(subject, "last_run") or 0
        return CollectorState(
            name=name, cluster=cluster, source=attrs.get("source", ""), last_success=self.time(subject, "last_success"),
            last_run=last_run, duration=self.number(subject, "duration") or 0.0,
            requests=int(self.number(subject, "requests") or 0), error=attrs.get("error"),
            needs=tuple(attrs.get("needs", ())), note=attrs.get("note", ""), interval=interval,
            stale=bool(interval) and self.at - last_run > max(LEAST_PATIENCE, PATIENCE * interval) * 1000,
        )  # fmt: skip
