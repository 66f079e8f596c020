"""The map: who writes, reads and calls what. Folded where there is too much of it to be read."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dashboard.views import folding
from dashboard.views.common import (
    TROUBLE,
    Index,
    Params,
    Row,
    Table,
    View,
    base_meta,
    clusters_table,
    edge_key,
    index_of,
    is_internal,
    matches,
    total,
    worst,
)
from dashboard.views.layout import layered
from lineage.frames import EdgeState, Frame, NodeState
from lineage.identity import edge_id, split_id
from lineage.layout import place

FOLD_ABOVE = 300
MOST_EDGES = 1_000
HOPS = 2
COLUMNS = (
    ("name", "Name"),
    ("kind", "Kind"),
    ("cluster", "Cluster"),
    ("team", "Team"),
    ("rate", "Records a second"),
    ("verdict", "Verdict"),
)
STRENGTHS = "observed,inferred"


@dataclass(frozen=True)
class Drawn:
    """What is on the picture before it is folded."""

    nodes: Sequence[NodeState]
    edges: Sequence[EdgeState]


def build(frame: Frame, params: Params) -> View:
    """Tables nodes and edges; meta folded, crumbs, teams."""
    drawn = selected(frame, params)
    fold = params.get("fold", "auto")
    is_folded = not params.get("focus") and (fold == "team" or (fold != "none" and len(drawn.nodes) > FOLD_ABOVE))
    if is_folded:
        nodes, edges = folded(frame, drawn, params.get("open", ""))
    else:
        nodes, edges = _plain(frame, drawn)
    meta = base_meta(frame, "Map", params.get("cluster", ""))
    teams = sorted({n.team for n in frame.nodes.values() if n.team})
    meta |= {"folded": is_folded, "crumbs": _crumbs(frame, params), "teams": teams, "drawn": len(nodes)}
    return View({"clusters": clusters_table(frame), "nodes": nodes, "edges": edges}, meta, "nodes", COLUMNS)


def selected(frame: Frame, params: Params) -> Drawn:
    """Nodes and edges that the filters leave, whole: nothing is folded."""
    strengths = set(params.get("strength", STRENGTHS).split(","))
    internal = params.get("internal") == "true"
    known = {n.id: n for n in frame.nodes.values() if drawable(n) and (internal or not is_internal(n))}
    edges = [e for e in frame.edges if e.strength in strengths and e.source in known and e.target in known]
    kept = _kept(known, edges, params)
    return Drawn(
        [n for i, n in known.items() if i in kept],
        [e for e in edges if e.source in kept and e.target in kept],
    )


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


def _plain(frame: Frame, drawn: Drawn) -> tuple[Table, Table]:
    index = index_of(frame)
    places = _places(frame, drawn)
    ids = {n.id for n in drawn.nodes}
    nodes = {n.id: _node_row(frame, index, n, places[n.id], ids) for n in drawn.nodes}
    return nodes, {edge_key(e): _edge_row(index, e) for e in drawn.edges}


def _places(frame: Frame, drawn: Drawn) -> Mapping[str, tuple[float, float]]:
    """The recorder's places; what has none yet stands below them, so that nothing else moves."""
    ids, arcs = [n.id for n in drawn.nodes], [(e.source, e.target) for e in drawn.edges]
    if all(i in frame.positions for i in ids):
        return frame.positions
    known = {i: frame.positions[i] for i in ids if i in frame.positions}
    return place(ids, arcs, known) if known else layered(ids, arcs)


def _node_row(frame: Frame, index: Index, node: NodeState, place: tuple[float, float], ids: set[str]) -> Row:
    reads = [e for e in index.incoming.get(node.id, []) if e.relation == "reads"]
    out = index.outgoing.get(node.id, [])
    verdicts = [e.verdict for e in (out if node.kind == "topic" else reads)]
    return {
        "id": node.id,
        "kind": node.kind,
        "name": node.name,
        "cluster": node.cluster,
        "team": node.team,
        "x": round(place[0], 1),
        "y": round(place[1], 1),
        "stale": node.stale,
        "rate": node.attrs.get("rate") if node.kind == "topic" else total(e.rate for e in [*reads, *out]),
        "verdict": worst(v for v in verdicts if v in TROUBLE) or worst(verdicts),
        "sub": _sub(node, reads),
        "badge": _badge(node),
        "count": None,
    }


def _sub(node: NodeState, reads: Sequence[EdgeState]) -> str | None:
    """The small text under a name."""
    if node.kind == "topic":
        n = node.attrs.get("partitions")
        return None if n is None else f"{n} partition{'' if n == 1 else 's'}"
    if node.kind == "group":
        state = node.attrs.get("state")
        return f"group, {state}" if state else "group"
    if node.kind == "writer":
        producers = node.attrs.get("producers")
        return "unknown writer" if producers is None else f"unknown writer, {producers} producer ids"
    groups = sorted({e.key for e in reads if e.key})
    return groups[0] if len(groups) == 1 else f"{len(groups)} groups" if groups else None


def _badge(node: NodeState) -> str | None:
    """What is wrong with a topic's partitions, in a few words."""
    found = ((node.attrs.get("offline"), "offline"), (node.attrs.get("below_min_isr"), "below min ISR"))
    for count, words in (*found, (node.attrs.get("under_replicated"), "under-replicated")):
        if count:
            return f"{count} {words}"
    if node.attrs.get("describable") is False:
        return "exists, cannot be described"
    return None


def _edge_row(index: Index, edge: EdgeState) -> Row:
    item = index.lag_of_edge(edge)
    names = ("source", "target", "relation", "key", "strength", "rate", "lag", "verdict", "stale", "sentence")
    row = {name: getattr(edge, name) for name in names}
    return {"id": edge_key(edge), **row, "time_lag": item.time_lag if item else None}


def folded(frame: Frame, drawn: Drawn, opened: str) -> tuple[Table, Table]:
    """Boxes instead of their members; the members of ``opened`` are drawn themselves, beside all other boxes."""
    boxes = folding.assign(drawn.nodes, drawn.edges)
    if opened:
        near = _near(drawn, boxes, opened)
        boxes = {i: b for i, b in boxes.items() if b != opened}
        edges = [e for e in drawn.edges if e.source in near and e.target in near]
        drawn = Drawn([n for n in drawn.nodes if n.id in near], edges)
    rows = _merged_edges(index_of(frame), drawn, boxes)
    single = [n for n in drawn.nodes if n.id not in boxes]
    names = sorted({b for n in drawn.nodes if (b := boxes.get(n.id))})
    places = layered([*names, *(n.id for n in single)], [(r["source"], r["target"]) for r in rows.values()])
    nodes = _box_rows(frame, drawn, boxes, rows, places)
    ids = {n.id for n in single}
    return {**nodes, **{n.id: _node_row(frame, index_of(frame), n, places[n.id], ids) for n in single}}, rows


def _near(drawn: Drawn, boxes: Mapping[str, str], opened: str) -> set[str]:
    """Members of the opened box and whatever touches them."""
    inside = {n.id for n in drawn.nodes if boxes.get(n.id) == opened}
    return inside | {i for e in drawn.edges for i in (e.source, e.target) if e.source in inside or e.target in inside}


def _merged_edges(index: Index, drawn: Drawn, boxes: Mapping[str, str]) -> Table:
    """One edge for all of a relation between two boxes: sums, the worst verdict, the best evidence."""
    grouped: dict[tuple[str, str, str], list[EdgeState]] = {}
    out: Table = {}
    for edge in drawn.edges:
        ends = boxes.get(edge.source, edge.source), boxes.get(edge.target, edge.target)
        if ends == (edge.source, edge.target):
            out[edge_key(edge)] = _edge_row(index, edge)
        elif ends[0] != ends[1]:
            grouped.setdefault((edge.relation, *ends), []).append(edge)
    for (relation, source, target), edges in grouped.items():
        row = _merged(index, relation, source, target, edges)
        out[row["id"]] = row
    return _strongest(out)


def _merged(index: Index, relation: str, source: str, target: str, edges: Sequence[EdgeState]) -> Row:
    items = [i for e in edges if (i := index.lag_of_edge(e))]
    return {
        "id": edge_id(relation, source, target, ""),
        "source": source,
        "target": target,
        "relation": relation,
        "key": "",
        "strength": min((e.strength for e in edges), key=_strength),
        "rate": total(e.rate for e in edges),
        "lag": total(e.lag for e in edges),
        "time_lag": max((i.time_lag for i in items if i.time_lag is not None), default=None),
        "verdict": worst(e.verdict for e in edges),
        "stale": all(e.stale for e in edges),
        "sentence": _merged_sentence(edges),
    }


def _strength(strength: str) -> int:
    order = ("observed", "inferred", "permitted", "declared")
    return order.index(strength) if strength in order else len(order)


def _merged_sentence(edges: Sequence[EdgeState]) -> str:
    if len(edges) == 1:
        return edges[0].sentence
    bad = Counter(e.verdict for e in edges if e.verdict in TROUBLE)
    words = ", ".join(f"{n} {verdict.replace('_', ' ')}" for verdict, n in sorted(bad.items()) if verdict)
    return f"{len(edges)} edges" + (f"; {words}" if words else "")


def _strongest(rows: Table) -> Table:
    """Every edge in trouble, and of the rest the strongest."""
    if len(rows) <= MOST_EDGES:
        return rows
    order = sorted(rows.values(), key=lambda r: (r["verdict"] not in TROUBLE, -(r["rate"] or 0), r["id"]))
    return {r["id"]: r for r in order[:MOST_EDGES]}


def _box_rows(
    frame: Frame, drawn: Drawn, boxes: Mapping[str, str], edges: Table, places: Mapping[str, tuple[float, float]]
) -> Table:
    index = index_of(frame)
    members: dict[str, list[NodeState]] = {}
    for node in drawn.nodes:
        if box := boxes.get(node.id):
            members.setdefault(box, []).append(node)
    return {box: _box_row(index, box, inside, places[box]) for box, inside in members.items()}


def _box_row(index: Index, box: str, inside: Sequence[NodeState], place: tuple[float, float]) -> Row:
    topics = [n for n in inside if n.kind == "topic"]
    reads = [e for n in inside for e in index.incoming.get(n.id, []) if e.relation == "reads"]
    unhealthy = sum(1 for n in topics if _badge(n))
    kind, name = ("team", split_id(box)[1][0]) if box.startswith("team:") else ("fold", _fold_name(box))
    clusters = {n.cluster for n in inside if n.cluster}
    count = {"services": sum(1 for n in inside if n.kind in {"service", "group"}), "topics": len(topics)}
    return {
        "id": box,
        "kind": kind,
        "name": name,
        "cluster": clusters.pop() if len(clusters) == 1 else "",
        "team": name if kind == "team" else None,
        "x": round(place[0], 1),
        "y": round(place[1], 1),
        "stale": all(n.stale for n in inside),
        "rate": total(n.attrs.get("rate") for n in topics),
        "verdict": worst(e.verdict for e in reads),
        "sub": f"{count['services']} services, {count['topics']} topics",
        "badge": f"{unhealthy} topics unhealthy" if unhealthy else None,
        "count": count,
    }


def _fold_name(box: str) -> str:
    return split_id("system:" + box.removeprefix("fold:"))[1][0]


def _crumbs(frame: Frame, params: Params) -> list[dict[str, Any]]:
    """The way back, outermost first; ``params`` of each are the page's."""
    out: list[dict[str, Any]] = [{"name": "Map", "params": {}}]
    if opened := params.get("open"):
        name = _fold_name(opened) if opened.startswith("fold:") else opened.partition(":")[2]
        out.append({"name": name, "params": {"open": opened}})
    if focus := params.get("focus"):
        node = frame.nodes.get(focus)
        out.append({"name": node.name if node else focus, "params": {"focus": focus}})
    return out
