"""One topic: who writes, who reads and how far behind, its partitions and configuration."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dashboard.times import rfc
from dashboard.views import known
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
from dashboard.views.topics import topic_row
from lineage.frames import Frame, NodeState

COLUMNS = (("name", "Reader"), ("kind", "Kind"), ("lag", "Lag (records)"), ("verdict", "Verdict"), ("sentence", "Why"))


def build(frame: Frame, params: Params, extras: Mapping[str, Any]) -> View:
    """Tables info, partitions (from ``extras["logs"]``), writers, readers, evidence, lag, hanging, permissions …"""
    node = thing(frame, params, "topic")
    index = index_of(frame)
    edges = [*index.incoming.get(node.id, []), *index.outgoing.get(node.id, [])]
    tables = {
        "clusters": clusters_table(frame),
        "info": {"info": info(frame, node)},
        "partitions": partitions(node, extras.get("logs", ())),
        "writers": neighbours(frame, node.id, "in"),
        "readers": neighbours(frame, node.id, "out"),
        "evidence": evidence_table(edges),
        "lag": lag_table(frame, index.lag_of_topic.get((node.cluster, node.name), [])),
        "hanging": known.hanging(node),
        "permissions": known.permissions(node),
        "subjects": subjects(node),
        "schemas": known.schemas(frame, node),
        "configs": {k: {"name": k, "value": v} for k, v in sorted((node.attrs.get("configs") or {}).items())},
    }
    return View(tables, base_meta(frame, node.name, node.cluster), "readers", COLUMNS)


def subjects(node: NodeState) -> Table:
    """The schema registry's subjects that are named after the topic."""
    return {str(s["name"]): dict(s) for s in node.attrs.get("subjects") or ()}


def info(frame: Frame, node: NodeState) -> dict[str, Any]:
    """The head of the page."""
    more = {"kind": "topic", "topic_id": node.attrs.get("topic_id"), "owner_source": node.owner_source}
    return {**topic_row(frame, node), **known.of_topic(node), **more, "first_seen": rfc(node.first_seen)}


def partitions(node: NodeState, logs: Any) -> Table:
    """Partition by partition; the time is left out where it is the topic's."""
    common = node.attrs.get("log_sampled_at")
    out: Table = {}
    for log in logs:
        row = {k: v for k, v in log.items() if k != "sampled_at"}
        if log.get("sampled_at") != common:
            row["sampled_at"] = rfc(log.get("sampled_at"))
        out[str(log["partition"])] = row
    return out
