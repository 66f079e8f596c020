"""Connectors, queries and systems outside Kafka: all of a kind; of one what it is, what stands around it, and why."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from dashboard.views.common import (
    Params,
    Row,
    Table,
    View,
    base_meta,
    clusters_table,
    evidence_table,
    index_of,
    lag_table,
    matches,
    neighbours,
    thing,
    total,
    worst,
)
from dashboard.views.panel import info
from dashboard.views.service import lag_items
from lineage.frames import Frame, NodeState

KINDS = {"connector": "connectors", "query": "queries", "system": "systems"}
COLUMNS = (("kind", "Kind"), ("name", "Name"), ("relation", "Relation"), ("lag", "Lag (records)"), ("sentence", "Why"))
LISTED = (("name", "Name"), ("cluster", "Cluster"), ("type", "Type"), ("state", "State"), ("lag", "Lag (records)"))


def one_of(kind: str) -> Callable[[Frame, Params], View]:
    """The view of one thing of this kind."""
    return lambda frame, params: _one(frame, thing(frame, params, kind))


def _one(frame: Frame, node: NodeState) -> View:
    """Tables info, tasks, writers (what comes in), readers (what goes out), neighbours (both), lag, evidence."""
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


def all_of(kind: str) -> Callable[[Frame, Params], View]:
    """The view with every thing of this kind in table ``rows`` by id."""

    def listed(frame: Frame, params: Params) -> View:
        rows = {n.id: row(frame, n) for n in frame.nodes.values() if n.kind == kind and matches(n, params)}
        meta = base_meta(frame, KINDS[kind].capitalize(), params.get("cluster", ""))
        return View({"clusters": clusters_table(frame), "rows": rows}, meta, "rows", LISTED)

    return listed


def row(frame: Frame, node: NodeState) -> Row:
    """One of them in a line: the head of its page but for long lists; ``inputs`` and ``outputs`` count things."""
    index = index_of(frame)
    came, goes, items = index.incoming.get(node.id, []), index.outgoing.get(node.id, []), lag_items(frame, node)
    found = tasks(node).values()
    return {
        **{name: value for name, value in info(frame, node).items() if not _long(value)},
        "tasks": len(found),
        "failed_tasks": sum(task.get("state") == "FAILED" for task in found),
        "inputs": len({e.source for e in came}),
        "outputs": len({e.target for e in goes}),
        "lag": total(i.lag for i in items),
        "worst_verdict": worst(i.verdict for i in items),
    }


def _long(value: Any) -> bool:
    return isinstance(value, (list, tuple)) and any(isinstance(v, dict) for v in value)
