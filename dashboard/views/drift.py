"""What is declared, what is permitted and what is seen, side by side, edge by edge."""

from __future__ import annotations

from dashboard.views.common import Params, Row, View, base_meta, clusters_table, edge_key, is_internal, matches
from lineage.frames import EdgeState, Frame, NodeState

COLUMNS = (("who", "Who"), ("relation", "Does"), ("thing", "What"), ("drift", "Drift"), ("sentence", "Evidence"))
KINDS = ("declared_only", "observed_only", "permitted_only")


def build(frame: Frame, params: Params) -> View:
    """Table ``rows`` by edge: every edge that somebody declares or permits, or that drifts; meta counts by drift.

    ``kind`` names the drifts that are wanted, ``q``, ``team`` and ``cluster`` filter by either end.
    """
    kinds = {k for k in params.get("kind", "").split(",") if k}
    filters = {k: v for k, v in params.items() if k in {"cluster", "team", "q"}}
    rows = {edge_key(e): row for e in frame.edges if (row := _row(frame, e, filters)) is not None}
    counts = {kind: sum(1 for r in rows.values() if r["drift"] == kind) for kind in KINDS}
    if kinds:
        rows = {k: r for k, r in rows.items() if r["drift"] in kinds}
    meta = {**base_meta(frame, "Drift", params.get("cluster", "")), "counts": counts}
    return View({"clusters": clusters_table(frame), "rows": rows}, meta, "rows", COLUMNS)


def _row(frame: Frame, edge: EdgeState, filters: Params) -> Row | None:
    strengths = {e.strength for e in edge.evidence}
    source, target = frame.nodes.get(edge.source), frame.nodes.get(edge.target)
    if source is None or target is None or not (edge.drift or strengths & {"declared", "permitted"}):
        return None
    reads = edge.relation == "reads" and source.kind == "topic"
    who, thing = (target, source) if reads else (source, target)
    if is_internal(who) or is_internal(thing) or not any(matches(n, filters) for n in (who, thing)):
        return None
    return {**_ends(who, thing), **_words(edge, strengths)}


def _ends(who: NodeState, thing: NodeState) -> Row:
    return {
        "id": who.id,
        "name": who.name,
        "who": who.name,
        "kind": who.kind,
        "team": who.team,
        "thing": thing.name,
        "thing_id": thing.id,
        "cluster": thing.cluster or who.cluster,
    }


def _words(edge: EdgeState, strengths: set[str]) -> Row:
    return {
        "edge": edge_key(edge),
        "relation": edge.relation,
        "key": edge.key,
        "drift": edge.drift,
        "observed": bool(strengths & {"observed", "inferred"}),
        "declared": "declared" in strengths,
        "permitted": "permitted" in strengths,
        "stale": edge.stale,
        "sentence": edge.sentence,
    }
