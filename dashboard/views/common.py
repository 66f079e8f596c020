"""What every view shares: its shape, its rows for clusters and lag, the order of danger."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Any, TypeVar

from dashboard.times import rfc
from lineage.frames import ClusterState, CollectorState, EdgeState, Frame, LagItem, NodeState
from lineage.identity import edge_id, node_id

Row = dict[str, Any]
Table = dict[str, Row]
Params = Mapping[str, str]
T = TypeVar("T")
K = TypeVar("K")

# The worst first.
DANGER = ("will_lose_data", "stalled", "stopped", "falling_behind", "rewound", "catching_up", "unknown", "ok")
TROUBLE = frozenset(DANGER[:5])
_RANK = {verdict: i for i, verdict in enumerate(DANGER)}


@dataclass(frozen=True)
class View:
    """What a page shows at one moment. ``columns`` names what the plain table without script shows of ``main``."""

    tables: Mapping[str, Table]
    meta: Mapping[str, Any]
    main: str = ""
    columns: tuple[tuple[str, str], ...] = field(default=())


class NotThere(LookupError):
    """The page's thing does not exist at this moment; the message says which."""


def worst(verdicts: Iterable[str | None]) -> str | None:
    """The most dangerous of them; None where there is none."""
    return min((v for v in verdicts if v), key=lambda v: _RANK.get(v, len(DANGER)), default=None)


def total(values: Iterable[float | None]) -> Any:
    """The sum of what is known; None where nothing is."""
    known = [v for v in values if v is not None]
    return sum(known) if known else None


def is_internal(node: NodeState) -> bool:
    """Topics of Kafka itself and of an application's inner business, their writers, and Connect's workers."""
    if node.kind == "topic" and node.attrs.get("application"):
        return True
    if node.kind == "group" and node.attrs.get("type") == "connect":
        return True
    return bool(node.attrs.get("internal")) or (node.kind in {"topic", "writer"} and node.name.startswith("__"))


def edge_key(edge: EdgeState) -> str:
    """The id of an edge."""
    return edge_id(edge.relation, edge.source, edge.target, edge.key)


def lag_key(item: LagItem) -> str:
    """The key of a row of lag: unambiguous where names hold slashes."""
    return node_id("group", item.cluster, item.group, item.topic).partition(":")[2]


def lag_row(item: LagItem, cluster_sampled_at: int | None = None) -> Row:
    """LagItem as the API and the pages show it; its time left out where it is its cluster's."""
    row = {name: getattr(item, name) for name in _LAG_FIELDS}
    row["since"] = rfc(item.since)
    if item.sampled_at != cluster_sampled_at:
        row["sampled_at"] = rfc(item.sampled_at)
    return row


_LAG_FIELDS = tuple(name for name in LagItem.__struct_fields__ if name not in {"since", "sampled_at"})


def cluster_row(cluster: ClusterState) -> Row:
    """A cluster and its health."""
    row = {name: getattr(cluster, name) for name in ClusterState.__dataclass_fields__}
    return {**row, "sampled_at": rfc(cluster.sampled_at)}


def collector_row(collector: CollectorState) -> Row:
    """A collector as the API and its page show it."""
    row = {name: getattr(collector, name) for name in CollectorState.__dataclass_fields__}
    times = {"last_success": rfc(collector.last_success), "last_run": rfc(collector.last_run)}
    return {**row, **times, "needs": list(collector.needs)}


def clusters_table(frame: Frame) -> Table:
    """The table that every view carries."""
    return {c.name: cluster_row(c) for c in frame.clusters}


def sampled(frame: Frame) -> dict[str, int | None]:
    """When each cluster was sampled."""
    return {c.name: c.sampled_at for c in frame.clusters}


def base_meta(frame: Frame, title: str, cluster: str = "") -> dict[str, Any]:
    """What every view's meta holds."""
    collectors = [c for c in frame.collectors if not cluster or c.cluster in {"", cluster}]
    fresh = sum(1 for c in collectors if not c.stale and not c.error)
    lag = total(i.lag for i in frame.lag if not cluster or i.cluster == cluster)
    return {"title": title, "fresh": [fresh, len(collectors)], "total_lag": lag}


class Index:
    """A frame's edges and lag by what they touch; made once for a frame, each part when it is first asked for."""

    def __init__(self, frame: Frame) -> None:
        self.frame = frame

    @cached_property
    def outgoing(self) -> dict[str, list[EdgeState]]:
        return _grouped(self.frame.edges, lambda e: e.source)

    @cached_property
    def incoming(self) -> dict[str, list[EdgeState]]:
        return _grouped(self.frame.edges, lambda e: e.target)

    @cached_property
    def lag_of_topic(self) -> dict[tuple[str, str], list[LagItem]]:
        return _grouped(self.frame.lag, lambda i: (i.cluster, i.topic))

    @cached_property
    def lag_of_group(self) -> dict[tuple[str, str], list[LagItem]]:
        return _grouped(self.frame.lag, lambda i: (i.cluster, i.group))

    @cached_property
    def lag_of_service(self) -> dict[str, list[LagItem]]:
        return _grouped(self.frame.lag, lambda i: i.service or "")

    @cached_property
    def lag_by_key(self) -> dict[tuple[str, str, str], LagItem]:
        return {(i.cluster, i.group, i.topic): i for i in self.frame.lag}

    def lag_of_edge(self, edge: EdgeState) -> LagItem | None:
        """The lag that an edge of reading stands for, or None."""
        topic, reader = self.frame.nodes.get(edge.source), self.frame.nodes.get(edge.target)
        if edge.relation != "reads" or topic is None or reader is None:
            return None
        return self.lag_by_key.get((topic.cluster, edge.key or reader.name, topic.name))


def _grouped(items: Iterable[T], key: Callable[[T], K]) -> dict[K, list[T]]:
    out: dict[K, list[T]] = {}
    for item in items:
        out.setdefault(key(item), []).append(item)
    return out


class SameFrame:
    """A frame as a key: the same moment is handed out as another object each time, but holds the same values."""

    def __init__(self, frame: Frame) -> None:
        self.frame = frame
        self._ids = (id(frame.nodes), id(frame.edges), id(frame.lag), id(frame.positions), frame.at, frame.tick)

    def __hash__(self) -> int:
        return hash(self._ids)

    def __eq__(self, other: object) -> bool:
        # Both frames are held, so that no id can belong to another object meanwhile.
        return isinstance(other, SameFrame) and other._ids == self._ids


@lru_cache(maxsize=4)
def _index(key: SameFrame) -> Index:
    return Index(key.frame)


def index_of(frame: Frame) -> Index:
    """The index of a frame; the last few are kept."""
    return _index(SameFrame(frame))


def neighbour_row(frame: Frame, edge: EdgeState, other: str) -> Row:
    """One line of "who writes" or "who reads"."""
    node = frame.nodes.get(other)
    item = index_of(frame).lag_of_edge(edge)
    return {
        "id": other,
        "edge": edge_key(edge),
        "kind": node.kind if node else other.partition(":")[0],
        "name": node.name if node else other.partition(":")[2],
        "cluster": node.cluster if node else "",
        "team": node.team if node else None,
        "relation": edge.relation,
        "key": edge.key,
        "strength": edge.strength,
        "rate": edge.rate,
        "lag": edge.lag,
        "time_lag": item.time_lag if item else None,
        "time_lag_error": item.time_lag_error if item else None,
        "verdict": edge.verdict,
        "stale": edge.stale,
        "sentence": edge.sentence,
        "drift": edge.drift,
    }


def neighbours(frame: Frame, node: str, direction: str, relation: str = "") -> Table:
    """Edges into (``in``) or out of (``out``) a node, by edge id."""
    index = index_of(frame)
    edges = (index.incoming if direction == "in" else index.outgoing).get(node, [])
    wanted = (e for e in edges if not relation or e.relation == relation)
    return {edge_key(e): neighbour_row(frame, e, e.source if direction == "in" else e.target) for e in wanted}


def evidence_table(edges: Iterable[EdgeState]) -> Table:
    """Every reason behind these edges, in plain words."""
    out: Table = {}
    for edge in edges:
        for i, e in enumerate(edge.evidence):
            shown = {"source": e.source, "strength": e.strength, "detail": e.detail, "count": e.count}
            times = {"first_seen": rfc(e.first_seen), "last_seen": rfc(e.last_seen)}
            ends = {"edge": edge_key(edge), "from": edge.source, "to": edge.target, "relation": edge.relation}
            out[f"{edge_key(edge)}#{i}"] = {**ends, **shown, **times}
    return out


def lag_table(frame: Frame, items: Iterable[LagItem]) -> Table:
    """Rows of lag by key."""
    times = sampled(frame)
    return {lag_key(i): lag_row(i, times.get(i.cluster)) for i in items}


def thing(frame: Frame, params: Params, kind: str) -> NodeState:
    """The node that the page is about. Raises NotThere."""
    wanted = params.get("id", "")
    node = frame.nodes.get(wanted)
    if node is None or (kind and node.kind != kind):
        raise NotThere(f"there is no {kind or 'thing'} {wanted or 'without an id'} at this moment")
    return node


def matches(node: NodeState, params: Params) -> bool:
    """The filters that all lists share: cluster, team, q."""
    if (cluster := params.get("cluster")) and node.cluster not in {"", cluster}:
        return False
    if (team := params.get("team")) and (node.team or "") != team.removeprefix("team:"):
        return False
    return params.get("q", "").lower() in node.name.lower()
