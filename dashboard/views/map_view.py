"""The map: who writes, reads and calls what. Folded where there is too much of it to be read."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from dashboard.views import boxes
from dashboard.views.common import (
    Params,
    Table,
    View,
    base_meta,
    clusters_table,
    edge_key,
    index_of,
    is_internal,
    matches,
)
from dashboard.views.drawn import Drawn, edge_row, node_row
from dashboard.views.layout import Points, layered
from lineage.frames import EdgeState, Frame, NodeState
from lineage.layout import place

HOPS = 2
ALONE = frozenset(
    {"topic", "group", "connector", "query", "writer"}
)  # seen for themselves; others are only by their edges
COLUMNS = (
    ("name", "Name"),
    ("kind", "Kind"),
    ("cluster", "Cluster"),
    ("team", "Team"),
    ("rate", "Records a second"),
    ("verdict", "Verdict"),
)
STRENGTHS = "observed,inferred"
ALL_STRENGTHS = f"{STRENGTHS},declared,permitted"


def build(frame: Frame, params: Params) -> View:
    """Tables nodes and edges; meta folded, crumbs, teams, drawn, words (what is on it), outline."""
    drawn = selected(frame, params, unexplained)
    fold = params.get("fold", "auto")
    is_folded = not params.get("focus") and (fold == "team" or (fold != "none" and len(drawn.nodes) > boxes.FOLD_ABOVE))
    picture = boxes.picture(frame, drawn, params.get("open", "")) if is_folded else _plain(frame, drawn)
    meta = base_meta(frame, "Map", params.get("cluster", ""))
    teams = sorted({n.team for n in frame.nodes.values() if n.team})
    meta |= {"folded": is_folded, "crumbs": _crumbs(frame, params), "teams": teams, "drawn": len(picture.nodes)}
    meta |= {"outline": picture.outline, "words": boxes.count_words(drawn.nodes)}
    return View(
        {"clusters": clusters_table(frame), "nodes": picture.nodes, "edges": picture.edges}, meta, "nodes", COLUMNS
    )


def selected(
    frame: Frame, params: Params, less: Callable[[list[EdgeState]], list[EdgeState]] = lambda edges: edges
) -> Drawn:
    """Nodes and edges that the filters leave, whole: nothing is folded. What ``less`` leaves out leads nowhere."""
    strengths = set(params.get("strength", ALL_STRENGTHS if params.get("drift") else STRENGTHS).split(","))
    internal = params.get("internal") == "true"
    known = {n.id: n for n in frame.nodes.values() if drawable(n) and (internal or not is_internal(n))}
    edges = less([e for e in frame.edges if e.strength in strengths and e.source in known and e.target in known])
    touched = {end for e in edges for end in (e.source, e.target)}
    known = {i: n for i, n in known.items() if n.kind in ALONE or i in touched}
    kept = _kept(known, edges, params)
    return Drawn(
        [n for i, n in known.items() if i in kept],
        [e for e in edges if e.source in kept and e.target in kept],
    )


def unexplained(edges: list[EdgeState]) -> list[EdgeState]:
    """Without inferred flows into topics whose writer is known: what that one reads says better whence they come."""
    known = {e.target for e in edges if e.relation == "writes" and not e.source.startswith("writer:")}
    return [e for e in edges if not (e.relation == "derives" and e.strength == "inferred" and e.target in known)]


def drawable(node: NodeState) -> bool:
    """Teams are boxes, and a group of a service is drawn as that service."""
    return node.kind != "team" and not (node.kind == "group" and node.attrs.get("service"))


def _kept(known: Mapping[str, NodeState], edges: Sequence[EdgeState], params: Params) -> set[str]:
    """Ids that the filters leave. A filter keeps what matches and its neighbours: a topic alone explains nothing."""
    kept = set(known)
    if params.get("cluster"):
        kept = _of_cluster(known, edges, params["cluster"])
    if focus := params.get("focus"):
        kept &= _around(focus, edges, params)
    narrow = {k: v for k, v in params.items() if k in {"team", "q"} and v}
    kinds, verdicts = _words(params, "kind"), _words(params, "verdict")
    if narrow or kinds or verdicts:
        hit = {i for i in kept if matches(known[i], narrow) and (not kinds or known[i].kind in kinds)}
        kept &= _with_neighbours(hit, edges, verdicts)
    return kept


def _words(params: Params, name: str) -> set[str]:
    return {w for w in params.get(name, "").split(",") if w}


def _of_cluster(known: Mapping[str, NodeState], edges: Iterable[EdgeState], cluster: str) -> set[str]:
    """What belongs to the cluster, and what stands in none but touches it."""
    inside = {i for i, n in known.items() if n.cluster == cluster}
    touching = {i for e in edges for i in (e.source, e.target) if e.source in inside or e.target in inside}
    return inside | {i for i in touching if not known[i].cluster}


def _around(focus: str, edges: Iterable[EdgeState], params: Params) -> set[str]:
    """The focus, so many steps up and down."""
    up, down = (_hops(params.get(name), HOPS) for name in ("upstream", "downstream"))
    back: dict[str, list[str]] = {}
    forth: dict[str, list[str]] = {}
    for e in edges:
        back.setdefault(e.target, []).append(e.source)
        forth.setdefault(e.source, []).append(e.target)
    return _reach(focus, back, up) | _reach(focus, forth, down)


def _hops(word: str | None, default: int) -> int:
    return int(word) if word and word.isdecimal() and len(word) < 4 else default


def _reach(start: str, links: Mapping[str, list[str]], depth: int) -> set[str]:
    seen, queue = {start}, deque([(start, 0)])
    while queue:
        node, far = queue.popleft()
        for other in links.get(node, []) if far < depth else []:
            if other not in seen:
                seen.add(other)
                queue.append((other, far + 1))
    return seen


def _with_neighbours(hit: set[str], edges: Iterable[EdgeState], verdicts: set[str]) -> set[str]:
    """What matched and what it touches; with verdicts, only what an edge of such a verdict touches."""
    out = set() if verdicts else set(hit)
    for e in edges:
        if (e.source in hit or e.target in hit) and (not verdicts or e.verdict in verdicts):
            out |= {e.source, e.target}
    return out


def _plain(frame: Frame, drawn: Drawn) -> boxes.Picture:
    index, places = index_of(frame), _places(frame, drawn)
    nodes = {n.id: node_row(index, n, places[n.id]) for n in drawn.nodes}
    return boxes.Picture(nodes, {edge_key(e): edge_row(index, e) for e in drawn.edges})


def _places(frame: Frame, drawn: Drawn) -> Points:
    """The recorder's places; what has none yet stands below them, so that nothing else moves.

    A part of a map that is too large to be drawn whole is laid out by itself: its places lie too far from each other.
    """
    ids, arcs = [n.id for n in drawn.nodes], [(e.source, e.target) for e in drawn.edges]
    known = {i: frame.positions[i] for i in ids if i in frame.positions}
    if not known or len(frame.positions) > boxes.FOLD_ABOVE >= len(ids):
        return layered(ids, arcs)
    return frame.positions if len(known) == len(ids) else place(ids, arcs, known)


def folded(frame: Frame, drawn: Drawn, opened: str) -> tuple[Table, Table]:
    """Rows of boxes and of the edges between them."""
    found = boxes.picture(frame, drawn, opened)
    return found.nodes, found.edges


def _crumbs(frame: Frame, params: Params) -> list[dict[str, Any]]:
    """The way back, outermost first; ``params`` of each are the page's."""
    out: list[dict[str, Any]] = [{"name": "Map", "params": {}}, *boxes.crumbs(params.get("open", ""))]
    if focus := params.get("focus"):
        node = frame.nodes.get(focus)
        out.append({"name": node.name if node else focus, "params": {"focus": focus}})
    return out
