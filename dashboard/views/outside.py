"""A connector, a query or a system outside Kafka: what it is, what stands before and behind it, and why."""

from __future__ import annotations

from typing import Any

from dashboard.views.common import (
    Params,
    Table,
    View,
    base_meta,
    clusters_table,
    evidence_table,
    index_of,
    lag_table,
    neighbours,
    thing,
)
from dashboard.views.panel import info
from dashboard.views.service import lag_items
from lineage.frames import Frame, NodeState

KINDS = {"connector": "connectors", "query": "queries", "system": "systems"}
COLUMNS = (("kind", "Kind"), ("name", "Name"), ("relation", "Relation"), ("lag", "Lag (records)"), ("sentence", "Why"))


def build(frame: Frame, params: Params) -> View:
    """Tables info, tasks, writers (what comes in), readers (what goes out), neighbours (both), lag, evidence."""
    node = thing(frame, params, "")
    if node.kind not in KINDS:
        node = thing(frame, params, "connector, query or system")
    index = index_of(frame)
    came, goes = neighbours(frame, node.id, "in"), neighbours(frame, node.id, "out")
    tables = {
        "clusters": clusters_table(frame),
        "info": {"info": info(frame, node)},
        "tasks": tasks(node),
        "writers": came,
        "readers": goes,
        "neighbours": {**came, **goes},
        "lag": lag_table(frame, lag_items(frame, node)),
        "evidence": evidence_table([*index.incoming.get(node.id, []), *index.outgoing.get(node.id, [])]),
    }
    return View(tables, base_meta(frame, node.name, node.cluster), "neighbours", COLUMNS)


def tasks(node: NodeState) -> Table:
    """A connector's tasks: id, state, worker and why one failed."""
    found: list[dict[str, Any]] = node.attrs.get("tasks") or []
    return {str(task.get("id")): dict(task) for task in found}
