"""One service: what it reads, writes and calls, and how far behind it is."""

from __future__ import annotations

from dataclasses import asdict

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
from dashboard.views.group import info as group_info
from dashboard.views.services import service_row
from lineage.frames import Frame, LagItem, NodeState

COLUMNS = (("name", "Reads"), ("lag", "Lag (records)"), ("verdict", "Verdict"), ("sentence", "Why"))


def build(frame: Frame, params: Params) -> View:
    """Tables info, readers (what it reads), writers (what it writes), calls, callers, groups, said, lag, evidence."""
    node = thing(frame, params, "service")
    index = index_of(frame)
    reads = neighbours(frame, node.id, "in", "reads")
    info = {**service_row(frame, node), "owner_source": node.owner_source, **node.attrs}
    tables = {
        "clusters": clusters_table(frame),
        "info": {"info": info},
        "reads": reads,
        "writes": neighbours(frame, node.id, "out", "writes"),
        "calls": neighbours(frame, node.id, "out", "calls"),
        "callers": neighbours(frame, node.id, "in", "calls"),
        "topics": {**reads, **neighbours(frame, node.id, "out", "writes")},
        "groups": _groups(frame, node),
        "said": _said(frame, node),
        "application": known.application(_group_nodes(frame, node)),
        "lag": lag_table(frame, lag_items(frame, node)),
        "evidence": evidence_table([*index.incoming.get(node.id, []), *index.outgoing.get(node.id, [])]),
    }
    return View(tables, base_meta(frame, node.name), "reads", COLUMNS)


def lag_items(frame: Frame, node: NodeState) -> list[LagItem]:
    """The lag of everything that a service reads; ``LagItem.service`` may be its id or its name."""
    by = index_of(frame).lag_of_service
    return [*by.get(node.id, []), *(by.get(node.name, []) if node.name != node.id else [])]


def _said(frame: Frame, node: NodeState) -> Table:
    """What people said: that a name is this service."""
    mine = (s for s in frame.said if s.service == node.name and s.verdict == "same")
    return {f"{s.kind}/{s.cluster}/{s.name}": {**asdict(s), "at": rfc(s.at)} for s in mine}


def _groups(frame: Frame, node: NodeState) -> Table:
    return {g.id: group_info(frame, g) for g in _group_nodes(frame, node)}


def _group_nodes(frame: Frame, node: NodeState) -> list[NodeState]:
    return [n for n in frame.nodes.values() if n.kind == "group" and n.attrs.get("service") == node.id]
