"""``/metrics``: kafka_exporter's names and labels plus ``cluster``, so that dashboards made for it work."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from django.http import HttpRequest, HttpResponse
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from dashboard import problems
from dashboard.api.guard import admitted
from dashboard.problems import Problem
from dashboard.reading import frame_at, now_ms
from dashboard.views.common import DANGER
from lineage import history
from lineage.frames import Frame, PartitionLag
from lineage.history import Away, TapeBegins

Logs = Mapping[str, Mapping[str, Iterable[tuple[int, int | None, int | None]]]]
Positions = Mapping[tuple[str, str, str], tuple[PartitionLag, ...]]


class Exported(Collector):
    """A frame as metrics. What is unknown is left out: Prometheus has no word for it."""

    def __init__(
        self,
        frame: Frame | None,
        positions: Positions,
        logs: Logs,
        now: int,
    ) -> None:
        self.frame, self.positions, self.logs, self.now = frame, positions, logs, now

    def collect(self) -> Iterator[Metric]:
        if self.frame is not None:
            yield from _brokers(self.frame)
            yield from _topics(self.frame)
            yield from _logs(self.logs)
            yield from _positions(self.positions)
            yield from _groups(self.frame)
            yield from _own(self.frame, self.now)


def _family(name: str, words: str, *labels: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, words, labels=labels)


def _brokers(frame: Frame) -> Iterator[Metric]:
    brokers = _family("kafka_brokers", "Number of brokers alive", "cluster")
    for c in frame.clusters:
        brokers.add_metric([c.name], c.brokers)
    yield brokers


def _topics(frame: Frame) -> Iterator[Metric]:
    partitions = _family("kafka_topic_partitions", "Number of partitions of this topic", "cluster", "topic")
    for n in frame.nodes.values():
        if n.kind == "topic" and n.attrs.get("partitions") is not None:
            partitions.add_metric([n.cluster, label(n.name)], n.attrs["partitions"])
    yield partitions


def _logs(logs: Logs) -> Iterator[Metric]:
    labels = ("cluster", "topic", "partition")
    newest = _family("kafka_topic_partition_current_offset", "Log end offset of a partition", *labels)
    oldest = _family("kafka_topic_partition_oldest_offset", "Log start offset of a partition", *labels)
    ranges = ((c, t, r) for c, topics in logs.items() for t, rows in topics.items() for r in rows)
    for cluster, topic, (partition, start, end) in ranges:
        where = [cluster, label(topic), str(partition)]
        for family, value in ((newest, end), (oldest, start)):
            if value is not None:
                family.add_metric(where, value)
    yield newest
    yield oldest


def _positions(positions: Positions) -> Iterator[Metric]:
    labels = ("cluster", "consumergroup", "topic", "partition")
    current = _family("kafka_consumergroup_current_offset", "Committed offset of a group on a partition", *labels)
    lag = _family("kafka_consumergroup_lag", "Log end less committed offset", *labels)
    for (cluster, group, topic), rows in positions.items():
        for p in rows:
            where = [cluster, label(group), label(topic), str(p.partition)]
            if p.committed is not None:
                current.add_metric(where, p.committed)
            if p.lag is not None:
                lag.add_metric(where, p.lag)
    yield current
    yield lag


def _groups(frame: Frame) -> Iterator[Metric]:
    members = _family("kafka_consumergroup_members", "Members of a group", "cluster", "consumergroup")
    for n in frame.nodes.values():
        found = n.attrs.get("members")
        if n.kind == "group" and found is not None and n.attrs.get("describable") is not False:
            members.add_metric([n.cluster, label(n.name)], len(found))
    yield members
    labels = ("cluster", "consumergroup", "topic")
    seconds = _family("playhead_consumergroup_time_lag_seconds", "Age of the oldest record not read", *labels)
    verdict = _family("playhead_consumergroup_verdict", "1 for the verdict that stands", *labels, "verdict")
    for i in frame.lag:
        where = [i.cluster, label(i.group), label(i.topic)]
        if i.time_lag is not None:
            seconds.add_metric(where, i.time_lag)
        for v in DANGER:
            verdict.add_metric([*where, v], float(v == i.verdict))
    yield seconds
    yield verdict


def _own(frame: Frame, now: int) -> Iterator[Metric]:
    tick = _family("playhead_tick", "Number of the newest tick")
    tick.add_metric([], frame.tick)
    age = _family("playhead_tick_age_seconds", "Seconds since the newest tick")
    age.add_metric([], max(0, now - frame.at) / 1000)
    up = _family("playhead_collector_up", "1 where the collector works and is not late", "cluster", "collector")
    for c in frame.collectors:
        up.add_metric([c.cluster, c.name], float(not c.stale and not c.error))
    yield from (tick, age, up)


def label(name: str) -> str:
    """A label's value: UTF-8, whatever the name is."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _exported(now: int) -> Exported:
    try:
        frame = frame_at(None, now)
    except TapeBegins:
        return Exported(None, {}, {}, now)
    positions: dict[tuple[str, str, str], tuple[PartitionLag, ...]] = {}
    for c in frame.clusters:
        positions |= history.partitions_at(frame.at, c.name)
    logs = {c.name: history.log_ranges_at(frame.at, c.name) for c in frame.clusters}
    return Exported(frame, positions, logs, now)


def metrics(request: HttpRequest) -> HttpResponse:
    """Scope read, unless anonymous is a viewer."""
    try:
        admitted(request, "metrics")
    except Problem as e:
        return problems.answer(e.status, e.detail)
    registry = CollectorRegistry(auto_describe=False)
    try:
        registry.register(_exported(now_ms()))
    except Away as e:
        return problems.answer(503, str(e))
    return HttpResponse(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)
