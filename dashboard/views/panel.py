"""The side panel of the map: the selected thing, whatever its kind."""

from __future__ import annotations

from typing import Any

from dashboard.times import rfc
from dashboard.views.common import (
    NotThere,
    Params,
    Row,
    View,
    base_meta,
    clusters_table,
    evidence_table,
    index_of,
    lag_table,
    neighbours,
    thing,
)
from dashboard.views.group import edges_of
from dashboard.views.group import info as group_info
from dashboard.views.service import lag_items
from dashboard.views.services import service_row
from dashboard.views.team import build as team_build
from dashboard.views.topic import info as topic_info
from lineage.frames import Frame, LagItem, NodeState

COLUMNS = (("name", "Name"), ("relation", "Relation"), ("lag", "Lag (records)"), ("verdict", "Verdict"))


def build(frame: Frame, params: Params) -> View:
    """Tables info, writers (what comes in), readers (what goes out), evidence, lag. A team: as its page."""
    if params.get("id", "").startswith("team:"):
        return team_build(frame, params)
    if "|" in params.get("id", "") and params["id"] not in frame.nodes:
        return _edge(frame, params["id"])
    node = thing(frame, params, "")
    index = index_of(frame)
    own = [*index.incoming.get(node.id, []), *index.outgoing.get(node.id, [])]
    edges = edges_of(frame, node) if node.kind == "group" else own
    tables = {
        "clusters": clusters_table(frame),
        "info": {"info": info(frame, node)},
        "writers": neighbours(frame, node.id, "in"),
        "readers": neighbours(frame, node.id, "out"),
        "evidence": evidence_table(edges),
        "lag": lag_table(frame, _lag(frame, node)),
    }
    return View(tables, base_meta(frame, node.name, node.cluster), "readers", COLUMNS)


def _edge(frame: Frame, wanted: str) -> View:
    relation, _, rest = wanted.partition("|")
    found = next((e for e in frame.edges if e.relation == relation and f"{e.source}|{e.target}|{e.key}" == rest), None)
    if found is None:
        raise NotThere(f"there is no edge {wanted} at this moment")
    item = index_of(frame).lag_of_edge(found)
    names = ("source", "target", "key", "relation", "strength", "rate", "lag", "verdict", "stale", "sentence")
    row = {"id": wanted, "kind": "edge", "name": found.relation, **{n: getattr(found, n) for n in names}}
    tables = {
        "clusters": clusters_table(frame),
        "info": {"info": row},
        "evidence": evidence_table([found]),
        "lag": lag_table(frame, [item] if item else []),
    }
    return View(tables, base_meta(frame, found.relation), "evidence", (("sentence", "Why"),))


def info(frame: Frame, node: NodeState) -> Row:
    """The head of the panel, as the thing's own page has it."""
    if node.kind == "topic":
        return topic_info(frame, node)
    if node.kind == "group":
        return group_info(frame, node)
    if node.kind == "service":
        return {**service_row(frame, node), "owner_source": node.owner_source}
    shown = ("id", "kind", "name", "cluster", "team", "owner_source", "stale")
    return {**{k: getattr(node, k) for k in shown}, **_attrs(node), "first_seen": rfc(node.first_seen)}


def _attrs(node: NodeState) -> dict[str, Any]:
    if node.kind != "writer" or node.attrs.get("transactional_id"):
        return dict(node.attrs)
    return {"last_write": rfc(node.attrs.get("last_write")), "producers": node.attrs.get("producers")}


def _lag(frame: Frame, node: NodeState) -> list[LagItem]:
    index = index_of(frame)
    if node.kind == "topic":
        return index.lag_of_topic.get((node.cluster, node.name), [])
    if node.kind == "group":
        return index.lag_of_group.get((node.cluster, node.name), [])
    return lag_items(frame, node) if node.kind in {"service", "connector", "query"} else []
