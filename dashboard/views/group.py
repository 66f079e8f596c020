"""One consumer group: its members, its positions, how far behind on each topic."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dashboard.times import rfc
from dashboard.views import known
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
    neighbours,
    thing,
    total,
    worst,
)
from lineage.frames import EdgeState, Frame, NodeState
from lineage.identity import node_id

COLUMNS = (("topic", "Topic"), ("lag", "Lag (records)"), ("time_lag", "Lag (seconds)"), ("verdict", "Verdict"))


def build(frame: Frame, params: Params, extras: Mapping[str, Any]) -> View:
    """Tables info, members, lag, topics, writes, partitions (from ``extras``), evidence, shares, application."""
    node = thing(frame, params, "group")
    edges = edges_of(frame, node)
    tables = {
        "clusters": clusters_table(frame),
        "info": {"info": info(frame, node)},
        "members": members(node),
        "lag": lag_table(frame, index_of(frame).lag_of_group.get((node.cluster, node.name), [])),
        "topics": neighbours(frame, node.id, "in"),
        "writes": neighbours(frame, node.id, "out", "writes"),
        "shares": known.shares(node),
        "application": known.application([node]),
        "partitions": partitions(node, extras.get("partitions", {})),
        "evidence": evidence_table(edges),
    }
    return View(tables, base_meta(frame, node.name, node.cluster), "lag", COLUMNS)


def edges_of(frame: Frame, node: NodeState) -> list[EdgeState]:
    """Edges of the group's own, and those of its service that are keyed by it."""
    index = index_of(frame)
    service = node.attrs.get("service")
    joined = index.incoming.get(service, []) if service else []
    keyed = [e for e in joined if e.key == node.name and _cluster(frame, e.source) == node.cluster]
    return [*index.incoming.get(node.id, []), *index.outgoing.get(node.id, []), *keyed]


def _cluster(frame: Frame, node: str) -> str:
    found = frame.nodes.get(node)
    return found.cluster if found else ""


def info(frame: Frame, node: NodeState) -> Row:
    """The head of the page."""
    items = index_of(frame).lag_of_group.get((node.cluster, node.name), [])
    named = ("type", "state", "protocol", "describable", "reason", "service")
    return {
        "id": node.id,
        "kind": "group",
        "name": node.name,
        "cluster": node.cluster,
        "team": node.team,
        "owner_source": node.owner_source,
        "stale": node.stale,
        **{k: node.attrs.get(k) for k in named},
        **known.of_group(node),
        "members": _count(node),
        "lag": total(i.lag for i in items),
        "verdict": worst(i.verdict for i in items),
        "first_seen": rfc(node.first_seen),
    }


def _count(node: NodeState) -> int | None:
    found = node.attrs.get("members")
    return None if found is None or node.attrs.get("describable") is False else len(found)


def members(node: NodeState) -> Table:
    """Who is in it and reads what."""
    return {m["id"]: dict(m) for m in node.attrs.get("members") or []}


def partitions(node: NodeState, positions: Mapping[Any, Any]) -> Table:
    """Every position, by topic and partition."""
    out: Table = {}
    for (_, _, topic), rows in positions.items():
        for p in rows:
            row = {k: getattr(p, k) for k in p.__dataclass_fields__}
            key = f"{node_id('topic', topic).partition(':')[2]}/{p.partition}"
            out[key] = {**row, "topic": topic, "committed_at": rfc(p.committed_at)}
    return out
