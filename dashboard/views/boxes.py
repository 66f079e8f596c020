"""The folded map: boxes instead of their members, one edge for all between two boxes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dashboard.views import folding
from dashboard.views.common import TROUBLE, Index, Row, Table, edge_key, index_of, total, worst
from dashboard.views.drawn import Drawn, badge, edge_row, node_row
from dashboard.views.layout import CARDS, LOOSE, Points, opened, settled
from lineage.frames import EdgeState, Frame, NodeState
from lineage.identity import edge_id, split_id

FOLD_ABOVE = 300
MOST_EDGES = 400
MOST_FLOWS = 160  # of those that are not in trouble
MARGIN = 62.0  # of the outline around an opened box, px
STEP = "|"  # between the boxes that are opened inside each other


@dataclass(frozen=True)
class Picture:
    """Rows of the map, and the outline of the opened box (id, name, words, x, y, w, h in px), if one is open."""

    nodes: Table
    edges: Table
    outline: Row | None = None


def picture(frame: Frame, drawn: Drawn, path: str) -> Picture:
    """Boxes instead of their members; with ``path``, the members of the box it opens, and what they touch as boxes."""
    boxes, inside = _opened(drawn, path)
    if inside:
        links = [e for e in drawn.edges if e.source in inside or e.target in inside]
        near = inside | {i for e in links for i in (e.source, e.target)}
        drawn = Drawn([n for n in drawn.nodes if n.id in near], links)
    rows = _merged_edges(index_of(frame), drawn, boxes)
    single = [n for n in drawn.nodes if n.id not in boxes]
    places = _places(drawn, boxes, inside) if inside else _settled(drawn, boxes)
    paths = {b: f"{path}{STEP}{b}" for i in inside if (b := boxes.get(i))}
    nodes = _box_rows(frame, drawn, boxes, places, paths)
    nodes |= {n.id: node_row(index_of(frame), n, places[n.id]) for n in single}
    outline = _outline(drawn, inside, [nodes[boxes.get(i, i)] for i in inside], path)
    return Picture(nodes, _strongest(rows), outline)


def _opened(drawn: Drawn, path: str) -> tuple[dict[str, str], set[str]]:
    """The box of each node that stays folded, and the members of the innermost opened box."""
    boxes = folding.assign(drawn.nodes, drawn.edges)
    inside: set[str] = set()
    for step in path.split(STEP) if path else ():
        inside = {i for i, box in boxes.items() if box == step}
        members = [n for n in drawn.nodes if n.id in inside]
        within = folding.loose(members, drawn.edges) if len(members) > FOLD_ABOVE else {}
        boxes = {i: b for i, b in boxes.items() if i not in inside} | dict(within)
    return boxes, inside


def _places(drawn: Drawn, boxes: Mapping[str, str], inside: set[str]) -> Points:
    names, links = _first_seen(drawn, boxes)
    members = {boxes.get(i, i) for i in inside}
    return opened({n: names[n] for n in members}, names.keys() - members, links)


def _settled(drawn: Drawn, boxes: Mapping[str, str]) -> Points:
    """Places that stay: they follow from when each box and each link between two was first seen."""
    names, links = _first_seen(drawn, boxes)
    return settled(names, links, CARDS if len(set(boxes.values())) * 2 > len(names) else LOOSE)


def _first_seen(drawn: Drawn, boxes: Mapping[str, str]) -> tuple[dict[str, int], dict[tuple[str, str], int]]:
    """When each of what is drawn, and each link between two of these, was first seen, ms."""
    names: dict[str, int] = {}
    links: dict[tuple[str, str], int] = {}
    for node in drawn.nodes:
        box = boxes.get(node.id, node.id)
        names[box] = min(node.first_seen, names.get(box, node.first_seen))
    for edge in drawn.edges:
        ends = boxes.get(edge.source, edge.source), boxes.get(edge.target, edge.target)
        if ends[0] != ends[1]:
            seen = min((e.first_seen for e in edge.evidence), default=0)
            links[ends] = min(seen, links.get(ends, seen))
    return names, links


def _outline(drawn: Drawn, inside: set[str], rows: Sequence[Row], path: str) -> Row | None:
    if not inside:
        return None
    left, top = min(r["x"] for r in rows) - MARGIN - 38, min(r["y"] for r in rows) - MARGIN
    box = path.split(STEP)[-1]
    return {
        "id": box,
        "name": box_name(box),
        "words": count_words([n for n in drawn.nodes if n.id in inside]),
        "x": left,
        "y": top,
        "w": max(r["x"] for r in rows) + MARGIN + 38 - left,
        "h": max(r["y"] for r in rows) + MARGIN + 16 - top,
    }


def _merged_edges(index: Index, drawn: Drawn, boxes: Mapping[str, str]) -> Table:
    """One edge for all of a relation between two boxes: sums, the worst verdict, the best evidence."""
    grouped: dict[tuple[str, str, str], list[EdgeState]] = {}
    out: Table = {}
    for edge in drawn.edges:
        ends = boxes.get(edge.source, edge.source), boxes.get(edge.target, edge.target)
        if ends == (edge.source, edge.target):
            out[edge_key(edge)] = edge_row(index, edge)
        elif ends[0] != ends[1]:
            grouped.setdefault((edge.relation, *ends), []).append(edge)
    for (relation, source, target), edges in grouped.items():
        row = _merged(index, relation, source, target, edges)
        out[row["id"]] = row
    return out


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
    order = sorted(rows.values(), key=lambda r: (r["verdict"] not in TROUBLE, -(r["rate"] or 0), r["id"]))
    bad = sum(r["verdict"] in TROUBLE for r in order)
    return {r["id"]: r for r in order[: min(MOST_EDGES, bad + MOST_FLOWS)]}


def _box_rows(frame: Frame, drawn: Drawn, boxes: Mapping[str, str], places: Points, paths: Mapping[str, str]) -> Table:
    index = index_of(frame)
    members: dict[str, list[NodeState]] = {}
    for node in drawn.nodes:
        if box := boxes.get(node.id):
            members.setdefault(box, []).append(node)
    return {
        box: {**_box_row(index, box, each, places[box]), "opens": paths.get(box, box)} for box, each in members.items()
    }


def _box_row(index: Index, box: str, inside: Sequence[NodeState], place: tuple[float, float]) -> Row:
    topics = [n for n in inside if n.kind == "topic"]
    reads = [e for n in inside for e in index.incoming.get(n.id, []) if e.relation == "reads"]
    unhealthy = sum(1 for n in topics if badge(n))
    kind, name = box.partition(":")[0], box_name(box)
    clusters = {n.cluster for n in inside if n.cluster}
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
        "sub": count_words(inside),
        "badge": f"{unhealthy} topics unhealthy" if unhealthy else None,
        "count": {"services": sum(1 for n in inside if n.kind in {"service", "group"}), "topics": len(topics)},
    }


def count_words(inside: Sequence[NodeState]) -> str:
    """How many of which kind, in words."""
    counts = Counter("transactional id" if n.attrs.get("transactional_id") else n.kind for n in inside)
    order = ("service", "group", "topic", "connector", "query", "system", "transactional id", "writer")
    words = {"query": ("query", "queries"), "writer": ("unknown writer", "unknown writers")}
    found = [(counts[k], *words.get(k, (k, f"{k}s"))) for k in order if counts[k]]
    return ", ".join(f"{n:,} {one if n == 1 else many}" for n, one, many in found)


def box_name(box: str) -> str:
    """The words of a box: the team, or what its members' names share."""
    return split_id("system:" + box.partition(":")[2])[1][0]


def crumbs(path: str) -> list[dict[str, Any]]:
    """One for each opened box, outermost first; ``params`` are the page's."""
    steps = path.split(STEP) if path else []
    return [{"name": box_name(s), "params": {"open": STEP.join(steps[: i + 1])}} for i, s in enumerate(steps)]
