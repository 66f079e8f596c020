"""All topics."""

from __future__ import annotations

from typing import Any

from dashboard.views.common import Params, Row, View, base_meta, clusters_table, index_of, is_internal, matches, worst
from lineage.frames import Frame, NodeState

COLUMNS = (
    ("name", "Topic"),
    ("cluster", "Cluster"),
    ("team", "Team"),
    ("partitions", "Partitions"),
    ("rate", "Records a second"),
    ("size", "Bytes"),
    ("writers", "Writers"),
    ("readers", "Readers"),
    ("worst_verdict", "Worst verdict"),
)


def build(frame: Frame, params: Params) -> View:
    """Table ``rows`` by topic id. ``internal=true`` shows Kafka's own too."""
    internal = params.get("internal") == "true"
    nodes = (n for n in frame.nodes.values() if n.kind == "topic" and (internal or not is_internal(n)))
    rows = {n.id: topic_row(frame, n) for n in nodes if matches(n, params)}
    meta = base_meta(frame, "Topics", params.get("cluster", ""))
    return View({"clusters": clusters_table(frame), "rows": rows}, meta, "rows", COLUMNS)


def topic_row(frame: Frame, node: NodeState) -> Row:
    """A topic in a line."""
    index, attrs = index_of(frame), node.attrs
    configs = attrs.get("configs") or {}
    readers = [e for e in index.outgoing.get(node.id, []) if e.relation == "reads"]
    writers = [e for e in index.incoming.get(node.id, []) if e.relation == "writes"]
    names = ("partitions", "rate", "size", "records", "offline", "under_replicated", "below_min_isr", "replication")
    return {
        "id": node.id,
        "name": node.name,
        "cluster": node.cluster,
        "team": node.team,
        "stale": node.stale,
        "internal": is_internal(node),
        **{name: attrs.get(name) for name in names},
        "retention_ms": _number(configs.get("retention.ms")),
        "cleanup": configs.get("cleanup.policy"),
        "writers": len({e.source for e in writers}),
        "readers": len({(e.target, e.key) for e in readers}),
        "worst_verdict": worst(i.verdict for i in index.lag_of_topic.get((node.cluster, node.name), [])),
    }


def _number(value: Any) -> int | None:
    try:
        return int(value)
    except (TypeError, ValueError):
        return None
