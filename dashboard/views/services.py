"""All services, and the groups that no service owns."""

from __future__ import annotations

from dataclasses import asdict

from dashboard.times import rfc
from dashboard.views.common import (
    Params,
    Row,
    View,
    base_meta,
    clusters_table,
    index_of,
    matches,
    total,
    worst,
)
from lineage.frames import Frame, NodeState
from lineage.suggestions import suggestions

COLUMNS = (
    ("name", "Service"),
    ("kind", "Kind"),
    ("team", "Team"),
    ("reads", "Reads"),
    ("writes", "Writes"),
    ("calls", "Calls"),
    ("lag", "Lag (records)"),
    ("worst_verdict", "Worst verdict"),
)


def build(frame: Frame, params: Params) -> View:
    """Table ``rows`` by id: services, and groups that stand for themselves (kind group); names that may be one."""
    rows = {n.id: service_row(frame, n) for n in frame.nodes.values() if _listed(n) and matches(n, params)}
    if cluster := params.get("cluster"):
        rows = {k: r for k, r in rows.items() if not r["clusters"] or cluster in r["clusters"]}
    meta = base_meta(frame, "Services", params.get("cluster", ""))
    guesses = {f"{g.kind}/{g.cluster}/{g.name}/{g.service}": asdict(g) for g in suggestions(frame)}
    tables = {"clusters": clusters_table(frame), "rows": rows, "suggestions": guesses}
    return View(tables, meta, "rows", COLUMNS)


def _listed(node: NodeState) -> bool:
    return node.kind == "service" or (node.kind == "group" and not node.attrs.get("service"))


def service_row(frame: Frame, node: NodeState) -> Row:
    """A service in a line; ``worst_verdict`` is that of everything it reads."""
    index = index_of(frame)
    reads = [e for e in index.incoming.get(node.id, []) if e.relation == "reads"]
    out = index.outgoing.get(node.id, [])
    near = [frame.nodes.get(e.source) for e in reads] + [frame.nodes.get(e.target) for e in out]
    return {
        "id": node.id,
        "kind": node.kind,
        "name": node.name,
        "cluster": node.cluster,
        "clusters": sorted({n.cluster for n in near if n and n.cluster}),
        "team": node.team,
        "stale": node.stale,
        "reads": len({e.source for e in reads}),
        "writes": len({e.target for e in out if e.relation == "writes"}),
        "calls": len({e.target for e in out if e.relation == "calls"}),
        "groups": sorted({e.key for e in reads if e.key} | ({node.name} if node.kind == "group" else set())),
        "rate_in": total(e.rate for e in reads),
        "rate_out": total(e.rate for e in out if e.relation == "writes"),
        "lag": total(e.lag for e in reads),
        "worst_verdict": worst(e.verdict for e in reads),
        "first_seen": rfc(node.first_seen),
    }
