"""One team: its services, topics and groups, and what of them is behind."""

from __future__ import annotations

from dashboard.views.common import NotThere, Params, Table, View, base_meta, clusters_table, lag_table
from dashboard.views.group import info as group_info
from dashboard.views.services import service_row
from dashboard.views.teams import owned_by, team_row
from dashboard.views.topics import topic_row
from lineage.frames import Frame, NodeState
from lineage.identity import split_id

COLUMNS = (("name", "Service"), ("lag", "Lag (records)"), ("worst_verdict", "Worst verdict"))


def build(frame: Frame, params: Params) -> View:
    """Tables info, services, topics, groups, lag."""
    wanted = params.get("id", "")
    node, name = frame.nodes.get(wanted), _name(wanted)
    owned = owned_by(frame).get(name, [])
    if node is None and not owned:
        raise NotThere(f"there is no team {name} at this moment")
    tables = {
        "clusters": clusters_table(frame),
        "info": {"info": {**team_row(frame, name, node, owned), "kind": "team"}},
        "services": _table(frame, owned, "service"),
        "topics": _table(frame, owned, "topic"),
        "groups": _table(frame, owned, "group"),
        "lag": lag_table(frame, (i for i in frame.lag if i.team == name)),
    }
    return View(tables, base_meta(frame, name), "services", COLUMNS)


def _name(wanted: str) -> str:
    try:
        kind, path = split_id(wanted)
    except ValueError:
        kind, path = "", ("",)
    if kind != "team":
        raise NotThere(f"there is no team {wanted or 'without an id'} at this moment")
    return path[0]


_ROWS = {"service": service_row, "topic": topic_row, "group": group_info}


def _table(frame: Frame, owned: list[NodeState], kind: str) -> Table:
    return {n.id: _ROWS[kind](frame, n) for n in owned if n.kind == kind}
