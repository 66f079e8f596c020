"""What alert rules look at: the state at the end of each whole minute, as rows of the lake. Pure.

A minute is named by the moment (ms) at which it ended. Its rows are those of the first tick at or after that moment,
and are stored with it: a minute in which nothing was recorded has none.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping

from lineage.frames import ClusterState, CollectorState, Frame, LagItem, NodeState
from lineage.graph import Edge
from lineage.identity import is_unknown_writer
from lineage.observations import Ms

MINUTE_MS = 60_000
LATE_MS = 20_000  # a tick comes every 10 s at least; one later than this says nothing of the minute before
RECORDED = ("", "recorded", 1.0)  # stands in every minute that has rows
SURE = ("observed", "inferred")
GroupRow = tuple[
    int, int, int, str, int | None, int | None, float | None, float | None, float | None, float | None, int | None
]
SubjectRow = tuple[int, str, str, float]


def minute_of(at: Ms) -> Ms:
    """The newest minute that had ended at ``at``."""
    return at - at % MINUTE_MS


def closed(before: Ms, at: Ms) -> Ms | None:
    """The minute that ended between two ticks; None where none did, or where it is too late to say how it ended."""
    minute = minute_of(at)
    return minute if 0 < before < minute and at - minute <= LATE_MS else None


def group_rows(minute: Ms, frame: Frame, number: Callable[[str, str, str], int | None]) -> Iterator[GroupRow]:
    """Every group on every topic; ``number`` is the lake's for a name (kind, cluster, name)."""
    for i in frame.lag:
        grp, topic = number("group", i.cluster, i.group), number("topic", i.cluster, i.topic)
        if grp is not None and topic is not None and not _dull(i):
            yield (
                minute, grp, topic, i.verdict, i.lag, i.unread, i.time_lag, i.rate_in, i.rate_out, i.loss_in, i.members
            )  # fmt: skip


def _dull(item: LagItem) -> bool:
    """A quiet group that has read everything: what stands for all that has no row in a recorded minute."""
    return item.verdict == "ok" and item.lag == 0 and not item.rate_in and not item.rate_out


def subject_rows(minute: Ms, frame: Frame, edges: Iterable[Edge]) -> list[SubjectRow]:
    """Everything else that has a figure: subject, metric, value. Only rates are told when they are 0."""
    found: list[tuple[str, str, float | None]] = [RECORDED]
    found += [(subject, metric, value) for subject, metric, value in _all(frame, edges) if value]
    found += [(n.id, "rate", n.attrs.get("rate")) for n in frame.nodes.values() if n.kind == "topic"]
    return [(minute, subject, metric, float(value)) for subject, metric, value in found if value is not None]


def _all(frame: Frame, edges: Iterable[Edge]) -> Iterator[tuple[str, str, float | None]]:
    for cluster in frame.clusters:
        yield from _cluster(cluster)
    for collector in frame.collectors:
        yield from _collector(collector)
    for node in frame.nodes.values():
        if node.kind == "connector":
            yield node.id, "failed", float(_failed(node))
    yield from _writers(edges)


def _cluster(c: ClusterState) -> Iterator[tuple[str, str, float | None]]:
    subject = f"cluster:{c.name}"
    yield subject, "offline", c.offline
    yield subject, "under_replicated", c.under_replicated
    yield subject, "below_min_isr", c.below_min_isr
    yield subject, "brokers_missing", max(0, c.brokers_expected - c.brokers)
    yield subject, "down", float(c.status == "down")


def _collector(c: CollectorState) -> Iterator[tuple[str, str, float | None]]:
    subject = f"collector:{c.cluster}/{c.name}"
    yield subject, "stale", float(c.stale)
    yield subject, "failing", float(c.error is not None)


def _failed(node: NodeState) -> bool:
    return node.attrs.get("state") == "FAILED"


def _writers(edges: Iterable[Edge]) -> Iterator[tuple[str, str, float | None]]:
    writers: Mapping[str, set[str]] = defaultdict(set)
    for edge in edges:
        if edge.relation == "writes" and edge.strength in SURE and edge.target.startswith("topic:"):
            writers[edge.target].add(edge.source)
    for topic, sources in writers.items():
        named = sum(not is_unknown_writer(s) for s in sources)
        yield topic, "writers", float(named)
        yield topic, "unknown_writer", float(len(sources) > named)
