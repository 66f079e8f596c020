"""Teams, what they own, how their things are; and what nobody owns."""

from __future__ import annotations

from dashboard.views.common import (
    Params,
    Row,
    Table,
    View,
    base_meta,
    clusters_table,
    is_internal,
    matches,
    total,
    worst,
)
from lineage.frames import Frame, NodeState
from lineage.identity import node_id

COLUMNS = (
    ("name", "Team"),
    ("services", "Services"),
    ("topics", "Topics"),
    ("groups", "Groups"),
    ("lag", "Lag (records)"),
    ("worst_verdict", "Worst verdict"),
    ("contact", "Contact"),
)
OWNED = {"service": "services", "topic": "topics", "group": "groups"}


def build(frame: Frame, params: Params) -> View:
    """Table ``rows`` by team id; meta ``coverage`` [owned, all] and ``unowned`` {services, topics, groups}."""
    owned = owned_by(frame)
    teams = {n.name: n for n in frame.nodes.values() if n.kind == "team"}
    names = sorted({*teams, *(t for t in owned if t)})
    rows: Table = {node_id("team", n): team_row(frame, n, teams.get(n), owned.get(n, [])) for n in names}
    rows = {k: r for k, r in rows.items() if params.get("q", "").lower() in r["name"].lower()}
    unowned = [n for n in owned.get("", []) if matches(n, params)]
    meta = base_meta(frame, "Teams", params.get("cluster", ""))
    everything = sum(len(v) for v in owned.values())
    meta |= {"coverage": [everything - len(owned.get("", [])), everything], "unowned": counts(unowned)}
    return View({"clusters": clusters_table(frame), "rows": rows}, meta, "rows", COLUMNS)


def owned_by(frame: Frame) -> dict[str, list[NodeState]]:
    """What can be owned, by team; under "" what nobody owns. A group of a service counts with its service."""
    out: dict[str, list[NodeState]] = {}
    for node in frame.nodes.values():
        if node.kind in OWNED and not is_internal(node) and not node.attrs.get("service"):
            out.setdefault(node.team or "", []).append(node)
    return out


def counts(nodes: list[NodeState]) -> dict[str, int]:
    """How many services, topics and groups."""
    return {plural: sum(1 for n in nodes if n.kind == kind) for kind, plural in OWNED.items()}


def team_row(frame: Frame, name: str, node: NodeState | None, owned: list[NodeState]) -> Row:
    """A team in a line."""
    items = [i for i in frame.lag if i.team == name]
    attrs = node.attrs if node else {}
    return {
        "id": node_id("team", name),
        "name": name,
        **{k: attrs.get(k) or None for k in ("contact", "url", "email")},
        **counts(owned),
        "lag": total(i.lag for i in items),
        "behind": sum(1 for i in items if i.verdict not in {"ok", "unknown"}),
        "worst_verdict": worst(i.verdict for i in items),
    }
