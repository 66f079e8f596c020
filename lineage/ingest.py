"""The only writer: observations in, and for each tick the changes and samples that follow from them.

Nothing here does I/O or asks for the time: ``apply`` takes observations, ``cut`` makes of them what the recorder
stores, both deterministic. What is absent is not removed; only complete listings and clocks end things.
"""

from __future__ import annotations

import logging
from collections import OrderedDict, defaultdict
from collections.abc import Mapping
from functools import partial
from typing import Any

from lineage import facts as known
from lineage.batch import Batch
from lineage.config import ClusterConfig, Config
from lineage.evidence import EXPIRES_MS
from lineage.facts import ClaimKey, ClusterFact, Facts
from lineage.identity import is_unknown_writer, split_id
from lineage.lag import written
from lineage.lake import Row, block_of
from lineage.layout import Point, place
from lineage.meter import GONE, LOOKED, NOBODY, LagRow, Meter
from lineage.observations import (
    AnyObservation,
    ClusterSeen,
    CollectorRan,
    ConfigsSeen,
    EdgeSeen,
    EdgesSeen,
    GroupsDescribed,
    GroupsListed,
    JoinSaid,
    Ms,
    PositionsFrame,
    ProducersSeen,
    Reading,
    SizesSeen,
    TopicsListed,
    encode,
)
from lineage.outline import node_id
from lineage.recent import Recent
from lineage.resolve import Untold, Waiting
from lineage.rows import log_rows, position_rows
from lineage.structure import Delta, Structure, build, differences, is_drawn, unknown_writers
from lineage.totals import Totals, subjects_of
from lineage.validity import since

log = logging.getLogger(__name__)
SETTLING_MS = 90_000  # a young map may still be laid out anew as a whole
Number = float | int | None


class Ingest:
    """The state of everything watched, and the tick under way."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.facts = Facts()
        self.structure = Structure()
        self.numbers: dict[tuple[str, str], Number] = {}
        self.names: dict[tuple[str, str, str], int] = {}
        self.places: dict[str, Point] = {}
        self.joined: set[str] = set()  # had an edge when placed: such a place is for good
        self.stored: dict[str, dict[str, Any]] = {"clusters": {}, "collectors": {}, "joins": {}}
        self.tick, self.at, self.begin, self.seen_at = 0, 0, 0, 0
        self._moved: set[tuple[str, str]] = set()
        self._lag: dict[tuple[str, str, str], LagRow] = {}
        self._deltas: list[Delta] = []
        self._names: list[tuple[int, str, str, str]] = []
        self._claims: set[ClaimKey] = set()
        self._addresses = {c.name: c.addresses for c in config.clusters}
        self._waiting = Waiting(self._addresses)
        self._untold = Untold(self._addresses)
        self._recent: OrderedDict[int, None] = OrderedDict()
        self._cluster = ""
        self._expected: dict[str, int] = {}
        self._rated: dict[str, set[str]] = defaultdict(set)
        self._late: dict[str, Ms] = {}
        self._sums = Totals()
        self.recent = Recent()

    # Observations

    def apply(self, o: AnyObservation) -> None:
        """Takes one observation. What is late, repeated or from a deposed follower changes nothing."""
        self.seen_at = max(self.seen_at, o.at)
        match o:
            case PositionsFrame():
                self._positions(o)
            case EdgesSeen():
                self._edges(o)
            case Reading():
                self._reading(o)
            case JoinSaid():
                self._said(o)
            case CollectorRan():
                self._run(o)
            case SizesSeen():
                self._sizes(o)
            case _:
                self._listing(o)

    def _listing(
        self, o: ClusterSeen | TopicsListed | ConfigsSeen | GroupsListed | GroupsDescribed | ProducersSeen
    ) -> None:
        match o:
            case ClusterSeen():
                known.see_cluster(self.facts, o)
                self.put(f"cluster:{o.cluster}", "seen_at", self.facts.cluster(o.cluster).seen["cluster"])
            case TopicsListed():
                known.see_topics(self.facts, o)
                for source, edge in self._waiting.again(self.facts.clusters):
                    self._claim(source, edge)
                self._told_before()
            case ConfigsSeen():
                known.see_configs(self.facts, o)
            case GroupsListed():
                known.see_groups(self.facts, o)
                self._emptied(o)
                self._rejudge(o.cluster)
            case GroupsDescribed():
                known.see_described(self.facts, o)
                self._described(o)
            case ProducersSeen():
                known.see_producers(self.facts, o)
                self._producers(o)
        for kind, at in self.facts.cluster(o.cluster).complete.items():
            self.put(f"cluster:{o.cluster}", f"{kind}_at", at)

    def _emptied(self, o: GroupsListed) -> None:
        """Kept with the numbers, so that a restart knows how long a group has been without members."""
        groups = self.facts.cluster(o.cluster).groups
        for group in o.groups:
            node = node_id("group", o.cluster, group.id)
            at = groups[group.id].emptied_at if group.id in groups else None
            if at is not None or (node, "emptied_at") in self.numbers:
                self.put(node, "emptied_at", at)

    def _described(self, o: GroupsDescribed) -> None:
        groups = self.facts.cluster(o.cluster).groups
        for detail in o.groups:
            if detail.id in groups:
                self.put(node_id("group", o.cluster, detail.id), "described_at", groups[detail.id].described_at)

    def _producers(self, o: ProducersSeen) -> None:
        cluster = self.facts.cluster(o.cluster)
        for topic in o.topics:
            if topic in cluster.topics:
                count, newest = cluster.producers[topic]
                self.put(node_id("topic", o.cluster, topic), "producers", count)
                self.put(node_id("topic", o.cluster, topic), "produced_at", newest or None)
                self.put(node_id("topic", o.cluster, topic), "unnamed_at", cluster.unnamed[topic] or None)

    def _sizes(self, o: SizesSeen) -> None:
        cluster = self.facts.cluster(o.cluster)
        if known.newer(cluster, "sizes", o.at):
            for topic, size in o.sizes.items():
                if topic in cluster.topics:
                    self.put(node_id("topic", o.cluster, topic), "size", size)

    def _records(self, o: PositionsFrame, cluster: ClusterFact) -> None:
        """What was found empty is kept with the numbers, under the topic's id: a topic made anew is another one."""
        for r in o.records:
            topic = cluster.topics.get(r.topic)
            if topic is None or not 0 <= r.offset <= (r.upto if r.found is None else r.found):
                continue
            at = written(r.stamp, r.kind, o.ends_at)
            for offset, upto in cluster.meter.see_record(r.topic, r.partition, r.offset, r.found, r.upto, at).items():
                self.put(f"part:{o.cluster}/{topic.topic_id}/{r.partition}", f"{LOOKED}{offset}", upto)

    def _edges(self, o: EdgesSeen) -> None:
        digest = hash(encode(o))
        if digest in self._recent:
            return  # sent twice: its counts must not add up
        self._recent[digest] = None
        if len(self._recent) > 10_000:
            self._recent.popitem(last=False)
        for edge in o.edges:
            try:
                for found in self._waiting.take(self.facts.clusters, o.source, edge):
                    self._claim(o.source, found)
            except ValueError as error:
                log.warning("an edge of %s is skipped: %s", o.source, error)

    def _claim(self, source: str, edge: EdgeSeen) -> None:
        key = known.see_edge(self.facts, source, edge)
        self._claims.add(key)
        end = key.start if key.start.startswith("topic:") else key.end
        self._late[end] = min(self._late.get(end, edge.first_seen), edge.first_seen)

    def _reading(self, o: Reading) -> None:
        before = self.facts.readings.get(known.scope_of(o))
        if before and o.at <= before.at:
            return
        edges = self._untold.take(self.facts.clusters, o)
        for subject, metric, value in known.figures(before, o, edges):
            self.put(subject, metric, value)
        self._claims.update(known.see_reading(self.facts, o, edges))

    def _told_before(self) -> None:
        """What readings say of topics that are listed only now."""
        for scope, source, edges in self._untold.again(self.facts.clusters):
            for subject, metric, value in known.edge_figures(edges):
                self.put(subject, metric, value)
            self._claims.update(known.see_more(self.facts, scope, source, edges))

    def _said(self, o: JoinSaid) -> None:
        """Who is who is true of the past as well: hindsight follows the join, as far back as its edges reach."""
        known.see_said(self.facts, o)
        for edge in self.structure.edges.values():
            if o.name in (edge.key, split_id(edge.source)[1][-1], split_id(edge.target)[1][-1]):
                topic = edge.source if edge.source.startswith("topic:") else edge.target
                self._late[topic] = min(self._late.get(topic, edge.first_seen), edge.first_seen)

    def _run(self, o: CollectorRan) -> None:
        cluster, subject = self.facts.cluster(o.cluster) if o.cluster else None, f"collector:{o.cluster}/{o.collector}"
        if o.at < (self.numbers.get((subject, "last_run")) or 0):
            return
        known.see_run(self.facts, o)
        self.put(subject, "last_run", o.at)
        self.put(subject, "duration", o.duration)
        self.put(subject, "requests", o.requests)
        if o.error is None:
            self.put(subject, "last_success", o.at)
        if cluster is not None and o.interval:
            self.put(f"cluster:{o.cluster}", f"every:{o.collector}", o.interval)

    # Positions

    def _positions(self, o: PositionsFrame) -> None:
        cluster = self.facts.cluster(o.cluster)
        if o.epoch < cluster.epoch or not known.newer(cluster, "positions", o.at):
            return
        if o.epoch > cluster.epoch:
            cluster.epoch = o.epoch
        before = int(self.numbers.get((f"cluster:{o.cluster}", "positions_at")) or o.at)
        meter, self._cluster = cluster.meter, o.cluster
        self._stale(cluster, o.stale, before)
        self._logs(cluster, o)
        meter.see_frame(o)
        self._records(o, cluster)
        meter.close_frame(o.at, o.ends_at, o.logs)
        asked = {"positions_at": o.at, "ends_at": o.ends_at, "swept_at": o.swept_at, "epoch": o.epoch}
        for metric, value in asked.items():
            self.put(f"cluster:{o.cluster}", metric, value)
        self._judge(o.cluster, cluster, meter.touched | meter.unsettled)
        meter.touched.clear()
        self._topics(o, cluster)
        self.facts.dirty |= meter.pairs_changed
        meter.pairs_changed = False

    def _stale(self, cluster: ClusterFact, stale: Mapping[str, str], before: Ms) -> None:
        changed = stale.keys() ^ cluster.stale.keys()
        cluster.stale = {group: cluster.stale.get(group, before) for group in stale}
        cluster.meter.touched.update(p for p in cluster.meter.tracks if p[0] in changed) if changed else None

    def _logs(self, cluster: ClusterFact, o: PositionsFrame) -> None:
        for topic, ranges in o.logs.items():
            moved = [cluster.meter.see_log(topic, r.partition, r.start, r.end, o.ends_at) for r in ranges]
            if any(moved):
                cluster.writes[topic] = (cluster.writes.get(topic, (o.at, 0))[0], o.at)

    def _judge(self, name: str, cluster: ClusterFact, pairs: set[tuple[str, str]]) -> None:
        at, every = cluster.seen.get("positions", 0), self.every(name)
        for pair in pairs & cluster.meter.tracks.keys():
            self._judge_pair(name, cluster, pair, at, every)

    def _judge_pair(self, name: str, cluster: ClusterFact, pair: tuple[str, str], at: Ms, every: float) -> None:
        group, topic = cluster.groups.get(pair[0]), cluster.topics.get(pair[1])
        listing = self._configured(name).every.groups
        alive = group.alive(listing) if group else NOBODY._replace(every=listing)
        given = (alive, every, bool(topic and topic.compacted), cluster.stale.get(pair[0]))
        if cluster.meter.stands(pair, at, *given):
            return
        before = cluster.meter.tracks[pair].row
        row = cluster.meter.judge_pair(pair, at, *given)
        subject = _lag_id(name, *pair)
        self.put(subject, "pace", cluster.meter.tracks[pair].pace)
        if row != before:
            self._lag[name, *pair] = row
        if before and before.verdict != row.verdict:
            old = {"verdict": before.verdict, "reason": before.reason, "since": before.since}
            new = {"verdict": row.verdict, "reason": row.reason, "since": row.since}
            self._deltas.append(Delta("verdict", subject, old, new, f"rules {row.rules_version}"))

    def _rejudge(self, name: str) -> None:
        # A group's state may have changed the verdicts of what it has not read; figures stay as sampled.
        cluster = self.facts.cluster(name)
        self._judge(name, cluster, set(cluster.meter.unsettled))

    def _topics(self, o: PositionsFrame, cluster: ClusterFact) -> None:
        rated = self._rated[o.cluster]
        for topic in o.logs.keys() | rated:
            node = node_id("topic", o.cluster, topic)
            rate = cluster.meter.topic_rate(topic, o.at)
            self.put(node, "rate", rate)
            (rated.add if rate else rated.discard)(topic)
            if topic in o.logs:
                self._ranges(node, cluster, topic)

    def _ranges(self, node: str, cluster: ClusterFact, topic: str) -> None:
        logs = cluster.meter.logs.get(topic, {}).values()
        sure = all(log.start is not None and log.end is not None for log in logs)
        self.put(node, "records", sum((g.end or 0) - (g.start or 0) for g in logs) if sure else None)
        self.put(node, "log_end", sum(g.end or 0 for g in logs) if sure else None)
        first_last = cluster.writes.get(topic)
        if first_last:
            self.put(node, "last_write", first_last[1])
            self.put(node, "first_write", first_last[0])

    def every(self, cluster: str) -> float:
        """Seconds between two frames of a cluster, as its follower says or the configuration does."""
        told = self.numbers.get((f"cluster:{cluster}", "every:positions"))
        return float(told) if told else self._configured(cluster).every.positions

    def _configured(self, cluster: str) -> ClusterConfig:
        found = (c for c in self.config.clusters if c.name == cluster)
        return next(found, ClusterConfig(cluster, ""))

    def put(self, subject: str, metric: str, value: Number) -> None:
        """Takes a number; only one that moved is written."""
        if self.numbers.get((subject, metric)) != value:
            self.numbers[subject, metric] = value
            self._moved.add((subject, metric))

    # Ticks

    def cut(self, at: Ms) -> Batch:
        """Closes the tick at ``at`` (later than the last one's): everything that moved or changed since."""
        if at <= self.at:
            raise ValueError(f"a tick at {at} after one at {self.at}")
        keyframe = self.tick == 0 or block_of(at) != block_of(self.at)
        self.tick, self.at, self.begin = self.tick + 1, at, self.begin or at
        batch = Batch(self.tick, at, min(self.seen_at or at, at), self._cluster, {}, self._deltas)
        self._deltas, self._cluster = [], ""
        self._expire(at)
        if self.facts.dirty or unknown_writers(self.facts, at).keys() != set(
            filter(is_unknown_writer, self.structure.nodes)
        ):
            self._rebuild(batch)
        self._versions(batch)
        self._evidence()
        self._intervals()
        self._totals()
        batch.total_lag = self._sums.of("")
        batch.rows = self._rows(keyframe)
        batch.names, self._names, self._late = self._names, [], {}
        return batch

    def _expire(self, at: Ms) -> None:
        for key, piece in list(self.facts.claims.items()):
            if at - piece.last_seen > EXPIRES_MS:
                del self.facts.claims[key]
                self.facts.dirty = True
        for scope, reading in list(self.facts.readings.items()):
            if at - reading.at > EXPIRES_MS:
                del self.facts.readings[scope]
                self.facts.dirty = True
                self.put(f"reading:{scope}", "read_at", None)

    def _rebuild(self, batch: Batch) -> None:
        old, new = self.structure, build(self.facts, self.config, batch.at, self.structure)
        batch.deltas += differences(old, new)
        same = {k for k in old.nodes.keys() & new.nodes.keys() if old.nodes[k] == new.nodes[k]}
        same = {k for k in same if old.details.get(k, {}) == new.details.get(k, {})}
        batch.closed["nodes"] = [k for k in old.nodes if k not in same]
        batch.opened["nodes"] = [k for k in new.nodes if k not in same]
        batch.ended = [e for k, e in old.edges.items() if new.edges.get(k) != e]
        batch.opened["edges"] = [k for k, e in new.edges.items() if old.edges.get(k) != e]
        batch.valid = since(old, new, batch.opened, self._late, batch.seen_at)
        self._forget(old, new)
        self._sums = Totals()
        self.structure, self.facts.dirty = new, False
        self._expected = {n: len(c.expected_brokers()) for n, c in self.facts.clusters.items()}
        self._claims |= {c for by in new.sources.values() for s in by.values() for c in s.claims}
        self._place(batch)

    def _forget(self, old: Structure, new: Structure) -> None:
        gone = (old.nodes.keys() - new.nodes.keys()) | (old.edges.keys() - new.edges.keys())
        for key in [k for k in self.numbers if k[0] in gone]:
            self.numbers[key] = None
            self._moved.add(key)
            self.recent.forget((key[0], key[1].removeprefix("count:")))

    def _place(self, batch: Batch) -> None:
        drawn = {k for k, n in self.structure.nodes.items() if is_drawn(n.kind, n.attrs)}
        arcs = [(e.source, e.target) for e in self.structure.edges.values() if e.source in drawn and e.target in drawn]
        young = batch.at - self.begin < SETTLING_MS and bool(drawn - self.places.keys())
        loose = self.places.keys() - self.joined
        places = place(sorted(drawn), sorted(set(arcs)), {} if young else self.places, loose)
        self.joined = (self.joined | {n for arc in arcs for n in arc}) & drawn
        batch.unplaced = [n for n, p in self.places.items() if places.get(n) != p]
        batch.placed = {n: p for n, p in places.items() if self.places.get(n) != p}
        self.places = places

    def _versions(self, batch: Batch) -> None:
        clusters = {n: {**c.attrs, "expected": self._expected.get(n, 0)} for n, c in self.facts.clusters.items() if n}
        collectors = {f"{c}/{n}": v for (c, n), v in self.facts.collectors.items()}
        joins = {s.key: {**s._asdict(), "attrs": said} for s, said in self.facts.said.items()}
        for table, now in (("clusters", clusters), ("collectors", collectors), ("joins", joins)):
            before = self.stored[table]
            changed = [k for k, v in now.items() if before.get(k) != v]
            batch.closed[table] = [k for k in changed if k in before]
            batch.opened[table] = changed
            self.stored[table] = {k: dict(v) for k, v in now.items()}

    def _evidence(self) -> None:
        for edge, by_source in self.structure.sources.items() if self._claims else ():
            for source, whence in by_source.items():
                if not self._claims.isdisjoint(whence.claims):
                    self._confirmed(edge, source, whence.claims)
        self._claims.clear()
        for (edge, source), count in self.recent.due(self.at):
            self.put(edge, f"hour:{source}", count)

    def _confirmed(self, edge: str, source: str, claims: tuple[ClaimKey, ...]) -> None:
        pieces = [self.facts.claims[c] for c in claims]
        count = sum(p.count for p in pieces)
        self.put(edge, f"last_seen:{source}", max(p.last_seen for p in pieces))
        self.put(edge, f"count:{source}", count)
        if not any(c.scope for c in claims):  # a listing's counts do not add up
            self.recent.see((edge, source), count, self.at)

    def _intervals(self) -> None:
        for name in self.facts.clusters:
            every = self._configured(name).every
            for kind, told in (("positions", self.every(name)), ("groups", every.groups), ("topology", every.topology)):
                self.put(f"cluster:{name}", f"interval:{kind}", told)

    def _totals(self) -> None:
        """Sums of lag: of what moved alone, or of everything where the structure is another one."""
        anew, meters = not self._sums.known, {n: c.meter for n, c in self.facts.clusters.items()}
        if anew:
            moved = {(n, *pair) for n, m in meters.items() for pair in m.tracks}
        else:
            moved = self._lag.keys() | {(n, g, t) for n, m in meters.items() for g, t, _ in m.ended}
        for name, *pair in moved:
            track = meters[name].tracks.get((pair[0], pair[1]))
            lag = track.row.lag if track and track.row else None
            self._sums.put(
                (name, pair[0], pair[1]), lag, partial(subjects_of, self.structure.nodes, name, pair[0], pair[1])
            )
        before = {s for s, metric in self.numbers if metric == "lag"} if anew else set()
        for subject in self._sums.take() | before:
            self.put(subject, "lag", self._sums.of(subject))

    # Rows

    def _rows(self, keyframe: bool) -> dict[str, list[Row]]:
        logs: list[Row] = []
        positions: list[Row] = []
        for name, cluster in self.facts.clusters.items():
            logs += log_rows(cluster.meter, keyframe, partial(self.number, "topic", name))
            positions += position_rows(cluster.meter, keyframe, partial(self._pair, name))
            self._ended(name, cluster.meter)
        lag = self._lag_rows(keyframe)
        moved = [k for k, v in self.numbers.items() if v is not None] if keyframe else sorted(self._moved)
        numbers = [(*k, self.numbers[k]) for k in moved if k[1] != "lag"]
        totals = [(k[0], self.numbers[k]) for k in moved if k[1] == "lag"]
        self._moved.clear()
        for key in [k for k, v in self.numbers.items() if v is None]:
            del self.numbers[key]
        return {"logs": logs, "positions": positions, "lag": lag, "numbers": numbers, "totals": totals}

    def _ended(self, name: str, meter: Meter) -> None:
        """What is left to say of groups and topics that are read no more."""
        gone = {(g, t) for g, t, _ in meter.ended if (g, t) not in meter.tracks}
        for group, topic in gone:
            self.put(_lag_id(name, group, topic), "pace", None)
            self._lag[name, group, topic] = GONE
        meter.ended.clear()

    def _lag_rows(self, keyframe: bool) -> list[Row]:
        wanted = dict(self._lag)
        if keyframe:
            for name, cluster in self.facts.clusters.items():
                wanted |= {(name, *pair): t.row for pair, t in cluster.meter.tracks.items() if t.row}
        self._lag = {}
        return [(*self._pair(*key), *row) for key, row in sorted(wanted.items())]

    def _pair(self, cluster: str, group: str, topic: str) -> tuple[int, int]:
        return self.number("group", cluster, group), self.number("topic", cluster, topic)

    def number(self, kind: str, cluster: str, name: str) -> int:
        """The lake's number for a topic or group; a new one goes into the tick's batch."""
        known_as = self.names.get((kind, cluster, name))
        if known_as is None:
            known_as = self.names[kind, cluster, name] = len(self.names) + 1
            self._names.append((known_as, kind, cluster, name))
        return known_as


def _lag_id(cluster: str, group: str, topic: str) -> str:
    return f"lag:{cluster}/{group}/{topic}"
