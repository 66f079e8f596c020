"""The recorder's state as the newest tick left it, so that a new process goes on as if nothing had happened."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from lineage import versions
from lineage.config import Config
from lineage.evidence import Piece
from lineage.facts import ClaimKey, ClusterFact, GroupFact, ReadingFact, Saying, TopicFact
from lineage.graph import Edge, Node
from lineage.identity import split_id
from lineage.ingest import Ingest
from lineage.lag import Passed
from lineage.lake import BLOCK_MS, Lake, Row, block_of
from lineage.meter import LOOKED, LagRow, Meter
from lineage.models import EdgeVersion, Name, NodeVersion, Tick
from lineage.observations import Commit, Ms, NodeSeen
from lineage.recent import HOUR_MS
from lineage.structure import Source, Structure
from lineage.validity import OWN


def restored(config: Config, lake: Lake) -> Ingest:
    """An Ingest that stands where the newest tick does; an empty one before the first."""
    ingest = Ingest(config)
    tick = Tick.objects.order_by("-number").first()
    if tick is not None:
        _Restoring(ingest, lake, tick).run()
    return ingest


class _Restoring:
    def __init__(self, ingest: Ingest, lake: Lake, tick: Tick) -> None:
        self.ingest, self.lake, self.tick = ingest, lake, tick
        self.facts = ingest.facts
        self.name: dict[int, tuple[str, str]] = {}

    def run(self) -> None:
        i, tick = self.ingest, self.tick
        first = Tick.objects.order_by("number").first()
        i.tick, i.at, i.begin, i.seen_at = tick.number, tick.at, first.at if first else tick.at, 0
        for number, kind, cluster, name in Name.objects.values_list("id", "kind", "cluster", "name"):
            i.names[kind, cluster, name] = number
            self.name[number] = (cluster, name)
        known = versions.read(tick.at)
        i.places = dict(known.places)
        i.joined = _ever_joined(known)
        self._numbers()
        self._structure(known)
        self._listings(known)
        self._meters()
        self._claims(known.edges)
        self._recent()
        self.facts.dirty = True  # the configuration's rules may be other ones now

    def _numbers(self) -> None:
        for subject, metric, value in self.lake.latest("numbers", self.tick.at, self.tick.number):
            if value is not None:
                self.ingest.numbers[subject, metric] = value
        for subject, lag in self.lake.latest("totals", self.tick.at, self.tick.number):
            if lag is not None:
                self.ingest.numbers[subject, "lag"] = lag

    def time(self, subject: str, metric: str) -> Ms:
        return int(self.ingest.numbers.get((subject, metric)) or 0)

    def _structure(self, known: versions.Known) -> None:
        rows = versions.known_at(NodeVersion.objects.all(), self.tick.at).values_list("node", "detail")
        details = {node: detail for node, detail in rows if detail}
        sources = {k: {e["source"]: _source(edge, e) for e in edge.evidence} for k, edge in known.edges.items()}
        self.ingest.structure = Structure(dict(known.nodes), dict(known.edges), sources, details)

    def _listings(self, known: versions.Known) -> None:
        for name, attrs in known.clusters.items():
            self._cluster(name, dict(attrs))
        for (cluster, collector), attrs in known.collectors.items():
            self.facts.collectors[cluster, collector] = dict(attrs)
        i = self.ingest
        self.facts.said = {
            Saying(s.kind, s.cluster, s.name, s.service): {"verdict": s.verdict, "by": s.by, "at": s.at}
            for s in known.said
        }
        i.stored = {
            "clusters": {n: dict(a) for n, a in known.clusters.items()},
            "collectors": {f"{c}/{n}": dict(a) for (c, n), a in known.collectors.items()},
            "joins": {s.key: {**s._asdict(), "attrs": dict(said)} for s, said in self.facts.said.items()},
        }
        for node in known.nodes.values():
            self._node(node)
            for scope, told in i.structure.details.get(node.id, {}).get("told", {}).items():
                self._told(node.id, scope, told)

    def _told(self, node: str, scope: str, told: Mapping[str, Any]) -> None:
        figures = {f: self.ingest.numbers.get((node, f)) for f in told["figures"]}
        self._reading(scope).nodes[node] = NodeSeen(node, told["name"], told["attrs"], figures, told["team"])

    def _reading(self, scope: str) -> ReadingFact:
        subject = f"reading:{scope}"
        fresh = ReadingFact(self.time(subject, "read_at"), float(self.ingest.numbers.get((subject, "every")) or 0.0))
        return self.facts.readings.setdefault(scope, fresh)

    def _cluster(self, name: str, attrs: dict[str, Any]) -> None:
        subject, cluster = f"cluster:{name}", self.facts.cluster(name)
        self.ingest._expected[name] = attrs.pop("expected", 0)
        cluster.attrs = attrs
        cluster.epoch = (
            int(self.ingest.numbers.get((subject, "epoch"), -1) or 0)
            if (subject, "epoch") in self.ingest.numbers
            else -1
        )
        for kind, metric in (
            ("cluster", "seen_at"),
            ("positions", "positions_at"),
            ("topics", "topics_at"),
            ("groups", "groups_at"),
        ):
            if at := self.time(subject, metric):
                cluster.seen[kind] = at
        cluster.complete = {k: at for k in ("topics", "groups") if (at := self.time(subject, f"{k}_at"))}

    def _node(self, node: Node) -> None:
        cluster, attrs = self.facts.cluster(node.cluster) if node.cluster else None, node.attrs
        if cluster is None:
            return
        if node.kind == "topic" and "partitions" in attrs:
            self._topic(cluster, node)
        elif node.kind == "group" and "state" in attrs:
            fact = GroupFact(attrs["type"], attrs["state"], attrs["protocol"], node.first_seen, attrs["members"])
            fact.describable, fact.reason = attrs["describable"], attrs["reason"]
            fact.assignor = attrs.get("assignor", "")
            fact.emptied_at = self.time(node.id, "emptied_at") or None
            fact.described_at = self.time(node.id, "described_at")
            cluster.groups[node.name] = fact

    def _topic(self, cluster: ClusterFact, node: Node) -> None:
        layout = self.ingest.structure.details.get(node.id, {}).get("layout", [])
        attrs = node.attrs
        fact = TopicFact(attrs["topic_id"], attrs["internal"], layout, node.first_seen, dict(attrs["configs"]))
        cluster.topics[node.name] = fact
        if written := self.time(node.id, "last_write"):
            cluster.writes[node.name] = (self.time(node.id, "first_write") or written, written)
        if (node.id, "producers") in self.ingest.numbers:
            cluster.producers[node.name] = (self.time(node.id, "producers"), self.time(node.id, "produced_at"))
            cluster.unnamed[node.name] = self.time(node.id, "unnamed_at")

    def _meters(self) -> None:
        """Replays the last block or two of the tape, so that rates and interpolation go on at once."""
        start, end = block_of(self.tick.at) - BLOCK_MS, self.tick.at
        by_tick: dict[int, list[tuple[str, Row]]] = defaultdict(list)
        for table in ("logs", "positions"):
            for number, _, *row in self.lake.between(table, start, end, self.tick.number):
                by_tick[number].append((table, tuple(row)))
        frozen: dict[int, dict[str, dict[str, Ms]]] = defaultdict(lambda: defaultdict(dict))
        times = ("positions_at", "ends_at")
        for number, _, subject, metric, at in self.lake.between(
            "numbers", start, end, self.tick.number, "AND metric IN (?, ?)", times
        ):
            frozen[number][subject.partition(":")[2]][metric] = int(at)
        for number in sorted(by_tick):
            self._replay(by_tick[number], frozen[number])
        self._looked()
        for known_as, fact in self.facts.clusters.items():
            for pair, track in fact.meter.tracks.items():
                track.pace = self._pace(known_as, *pair)
                track.longest = min(track.longest, track.pace or 0.0)
        for grp, topic, *row in self.lake.latest("lag", self.tick.at, self.tick.number):
            self._lag(grp, topic, LagRow(*row))
        for cluster in self.facts.clusters.values():
            _settle(cluster.meter)
        for node, metric in list(self.ingest.numbers):
            if metric == "rate" and node.startswith("topic:"):
                cluster_name, topic_name = split_id(node)[1]
                self.ingest._rated[cluster_name].add(topic_name)

    def _looked(self) -> None:
        """What was seen of the offsets at which somebody stands."""
        logs = {
            f"part:{known_as}/{fact.topics[topic].topic_id}/{part}": log
            for known_as, fact in self.facts.clusters.items()
            for topic, parts in fact.meter.logs.items()
            if topic in fact.topics
            for part, log in parts.items()
        }
        for (subject, metric), upto in self.ingest.numbers.items():
            if upto is not None and metric.startswith(LOOKED) and subject in logs:
                logs[subject].looked[int(metric.removeprefix(LOOKED))] = int(upto)

    def _pace(self, cluster: str, group: str, topic: str) -> float | None:
        return self.ingest.numbers.get((f"lag:{cluster}/{group}/{topic}", "pace"))

    def _replay(self, rows: list[tuple[str, Row]], frozen: Mapping[str, Mapping[str, Ms]]) -> None:
        moved: dict[str, set[str]] = defaultdict(set)
        asked: dict[str, Ms] = {}
        for table, row in rows:
            cluster, topic = self.name[row[0 if table == "logs" else 1]]
            meter = self.facts.cluster(cluster).meter
            if table == "logs":
                _, part, log_start, log_end, seen = row
                meter.see_log(topic, part, log_start, log_end, seen)
                moved[cluster].add(topic)
                asked[cluster] = max(asked.get(cluster, 0), seen)
            else:
                self._position(meter, topic, row)
        for cluster, at in frozen.items():
            if "positions_at" not in at:
                continue
            meter = self.facts.cluster(cluster).meter
            asked_at = at.get("ends_at", asked.get(cluster, at["positions_at"]))
            meter.close_frame(at["positions_at"], asked_at, moved[cluster])
            meter.touched.clear()

    def _position(self, meter: Meter, topic: str, row: Row) -> None:
        grp, _, part, committed, committed_at, moved_at, behind, error = row
        cluster, group = self.name[grp]
        if committed is None:
            meter.end_position(group, topic, part)
            return
        seen = Commit(part, committed, committed_at)
        if (group, topic) not in meter.tracks:
            meter.see_position(group, topic, seen, moved_at)
            meter.tracks[group, topic].pace = self._pace(cluster, group, topic)
        meter.see_position(group, topic, seen, moved_at)
        position = meter.tracks[group, topic].parts[part]
        position.moved_at = moved_at
        position.passed = None if behind is None else Passed(behind, error)

    def _lag(self, grp: int, topic: int, row: LagRow) -> None:
        cluster, group = self.name[grp]
        track = self.facts.cluster(cluster).meter.tracks.get((group, self.name[topic][1]))
        if track is None or not row.verdict:
            return
        track.row = row
        if row.sampled_at:
            self.facts.cluster(cluster).stale[group] = row.sampled_at
        if row.verdict != "ok" or row.lag:
            self.facts.cluster(cluster).meter.unsettled.add((group, self.name[topic][1]))

    def _recent(self) -> None:
        """What was counted within the last hour; the first tick read opens a block, and so tells of all before."""
        listed = {name for name, by in self.ingest.structure.sources.items() for s in by.values() if _is_listed(s)}
        start, first = block_of(self.tick.at - HOUR_MS), None
        counts = ("AND metric LIKE ?", ["count:%"])
        for number, at, edge, metric, count in self.lake.between(
            "numbers", start, self.tick.at, self.tick.number, *counts
        ):
            first, key = first or number, (edge, metric.partition(":")[2])
            if count is None or edge in listed:
                continue
            if number == first:
                self.ingest.recent.remember(key, int(count))
            else:
                self.ingest.recent.see(key, int(count), at)

    def _claims(self, edges: Mapping[str, Edge]) -> None:
        for name, edge in edges.items():
            for e in edge.evidence:
                if e["source"] not in OWN:
                    self._claim(name, edge, e)

    def _claim(self, name: str, edge: Edge, e: Mapping[str, Any]) -> None:
        last = self.time(name, f"last_seen:{e['source']}") or e["first_seen"]
        count = self.time(name, f"count:{e['source']}") or 1
        for key in _source(edge, e).claims:
            self.facts.claims[key] = Piece(e["source"], e["strength"], e["first_seen"], last, count, e["detail"])
            if key.scope:
                self._reading(key.scope).claims.add(key)
            count = 0  # several claims on one edge were stored as one sum


def _source(edge: Edge, e: Mapping[str, Any]) -> Source:
    if e["source"] in OWN:
        return Source()
    return Source(tuple(_claim_key(edge, e["source"], j) for j in e["joins"] or [{"group": "", "client_id": ""}]))


def _claim_key(edge: Edge, source: str, join: Mapping[str, Any]) -> ClaimKey:
    start, end = join.get("ends", (edge.source, edge.target))
    return ClaimKey(source, edge.relation, start, end, join["group"], join["client_id"], join.get("scope", ""))


def _is_listed(source: Source) -> bool:
    return any(c.scope for c in source.claims)


def _ever_joined(known: versions.Known) -> set[str]:
    """Placed nodes that an edge has touched at any time: their places are for good."""
    ends = EdgeVersion.objects.values_list("source", "target").distinct()
    return {n for pair in ends.iterator(chunk_size=2000) for n in pair if n in known.places}


def _settle(meter: Meter) -> None:
    meter.moved_logs.clear()
    meter.moved_positions.clear()
    meter.ended.clear()
    meter.touched.clear()
    meter.pairs_changed = False
