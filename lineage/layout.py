"""Where nodes stand on the map: ranks from left to right, decided once, moved as little as possible.

Pure and deterministic. Units are px: columns PITCH_X apart, rows PITCH_Y apart; no two nodes share a slot.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from itertools import count

import networkx as nx
from fast_sugiyama import from_edges

for _name in ("rust-sugiyama", "connected_components"):
    logging.getLogger(_name).setLevel(logging.WARNING)  # each layout would tell every step it takes

PITCH_X, PITCH_Y = 190.0, 96.0
SPACING = 8.0
Point = tuple[float, float]
Slot = tuple[int, int]  # column, row
Arcs = Sequence[tuple[str, str]]


def place(nodes: Sequence[str], arcs: Arcs, old: Mapping[str, Point], loose: Collection[str] = ()) -> dict[str, Point]:
    """A place for every node. Those in ``old`` stay, newcomers go beside their neighbours.

    ``loose``: those that had no arc when they were placed. With its first arc such a node is placed once more.
    """
    joined = {n for arc in arcs for n in arc} if loose else set()
    kept = {n: old[n] for n in nodes if n in old and not (n in loose and n in joined)}
    if not kept:
        return _first(nodes, arcs)
    taken = {_slot(p): n for n, p in kept.items()}
    places = dict(kept)
    feeds, fed = _neighbours(arcs)
    for node in _by_rank([n for n in nodes if n not in kept], arcs):
        slot = _free(_wish(feeds.get(node, ()), fed.get(node, ()), places), taken)
        taken[slot], places[node] = node, _point(slot)
    return places


def _neighbours(arcs: Arcs) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    """By node: what feeds it, and what it feeds."""
    feeds: dict[str, list[str]] = defaultdict(list)
    fed: dict[str, list[str]] = defaultdict(list)
    for a, b in arcs:
        feeds[b].append(a)
        fed[a].append(b)
    return feeds, fed


def _slot(point: Point) -> Slot:
    return round(point[0] / PITCH_X), round(point[1] / PITCH_Y)


def _point(slot: Slot) -> Point:
    return slot[0] * PITCH_X, slot[1] * PITCH_Y


def _first(nodes: Sequence[str], arcs: Arcs) -> dict[str, Point]:
    joined = {n for arc in arcs for n in arc}
    slots = _sugiyama(arcs) if arcs else {}
    slots |= _grid([n for n in nodes if n not in joined], slots)
    return {n: _point(slots[n]) for n in nodes}


def _sugiyama(arcs: Arcs) -> dict[str, Slot]:
    """Every component laid out by itself, its layers from left to right; large ones first, one under the other."""
    slots: dict[str, Slot] = {}
    top = 0
    for part in components(arcs):
        slots |= {n: (c, r + top) for n, (c, r) in part.items()}
        top = 1 + max(r for _, r in slots.values())
    return slots


def components(arcs: Arcs) -> list[dict[str, Slot]]:
    """Each set of nodes that arcs tie together, with columns and rows from 0 on; large ones first."""
    graph: nx.Graph[str] = nx.Graph()
    graph.add_edges_from(arcs)
    parts = sorted((sorted(c) for c in nx.connected_components(graph)), key=lambda c: (-len(c), c))
    part_of = {n: i for i, part in enumerate(parts) for n in part}
    inside: list[list[tuple[str, str]]] = [[] for _ in parts]
    for a, b in _forward(arcs):
        inside[part_of[a]].append((a, b))
    return [_named(part, links) for part, links in zip(parts, inside, strict=True)]


def _forward(arcs: Arcs) -> list[tuple[str, str]]:
    """The arcs with those turned round that close a cycle: where it falls farthest back towards what nothing feeds."""
    links = sorted({(a, b) for a, b in arcs if a != b})
    level = _levels(links)
    back: set[tuple[str, str]] = set()
    while falls := _falls([x for x in links if x not in back], level):
        back |= falls
    after: dict[str, list[str]] = defaultdict(list)
    for a, b in links:
        if (a, b) not in back:
            after[a].append(b)
    done: set[str] = set()
    for start in sorted(after, key=lambda n: (level[n], n)):
        _walk(start, after, done, back)
    return [(b, a) if (a, b) in back else (a, b) for a, b in links]


def _levels(links: Arcs) -> dict[str, int]:
    """Steps from the nearest node that nothing feeds; 0 for what none of these leads to."""
    graph: nx.DiGraph[str] = nx.DiGraph()
    graph.add_edges_from(links)
    found = dict.fromkeys(graph, 0)
    for steps, nodes in enumerate(nx.bfs_layers(graph, [n for n in graph if not graph.in_degree(n)])):
        found |= dict.fromkeys(nodes, steps)
    return found


def _falls(links: Arcs, level: Mapping[str, int]) -> set[tuple[str, str]]:
    """Of each knot of cycles, the arcs that go back the farthest."""
    graph: nx.DiGraph[str] = nx.DiGraph()
    graph.add_edges_from(links)
    out: set[tuple[str, str]] = set()
    for knot in nx.strongly_connected_components(graph):
        inside = [(a, b) for a in knot for b in graph[a] if b in knot] if len(knot) > 1 else []
        most = max((level[a] - level[b] for a, b in inside), default=0)
        out |= {(a, b) for a, b in inside if most > 0 and level[a] - level[b] == most}
    return out


def _walk(start: str, after: Mapping[str, list[str]], done: set[str], back: set[tuple[str, str]]) -> None:
    """Depth first from ``start``: what leads back to a node of the path is ``back``."""
    if start in done:
        return
    path, steps = {start}, [(start, iter(after.get(start, ())))]
    while steps:
        node, rest = steps[-1]
        following = next(rest, None)
        if following is None:
            steps.pop()
            path.discard(node)
            done.add(node)
        elif following in path:
            back.add((node, following))
        elif following not in done:
            path.add(following)
            steps.append((following, iter(after.get(following, ()))))


def _named(part: list[str], arcs: Arcs) -> dict[str, Slot]:
    number = {n: i for i, n in enumerate(part)}
    edges = sorted({(number[a], number[b]) for a, b in arcs})
    placed = _component(edges, len(part)) if edges else {0: (0, 0)}
    return {part[i]: slot for i, slot in placed.items()}


def _component(edges: list[tuple[int, int]], size: int) -> dict[int, Slot]:
    """Columns and rows: y of the layout gives the layer, x the row. Numbers from ``size`` on are bends of edges."""
    found: dict[int, tuple[float, float]] = {}
    for layout in from_edges(edges, vertex_spacing=SPACING):
        found |= {i: xy for i, xy in layout[0] if isinstance(i, int) and i < size}
    layers = sorted({round(y, 3) for _, y in found.values()}, reverse=_points_up(edges, found))
    column = {y: i for i, y in enumerate(layers)}
    by_column: dict[int, list[tuple[float, int]]] = defaultdict(list)
    for i, (x, y) in found.items():
        by_column[column[round(y, 3)]].append((x, i))
    least = min(x for x, _ in found.values())
    return {i: (c, r) for c, inside in by_column.items() for i, r in _rows(sorted(inside), least)}


def _points_up(edges: list[tuple[int, int]], found: Mapping[int, tuple[float, float]]) -> bool:
    return sum(1 if found[b][1] < found[a][1] else -1 for a, b in edges) > 0


def _rows(column: list[tuple[float, int]], least: float) -> list[tuple[int, int]]:
    rows: list[tuple[int, int]] = []
    following = 0
    for x, i in column:
        row = max(following, round((x - least) / SPACING))
        rows.append((i, row))
        following = row + 1
    return rows


def _grid(alone: Sequence[str], slots: Mapping[str, Slot]) -> dict[str, Slot]:
    """What has no edge stands below the rest, in rows about as wide as the rest."""
    wide = max(6, 1 + max((c for c, _ in slots.values()), default=0))
    top = 1 + max((r for _, r in slots.values()), default=-1)
    return {n: (i % wide, top + i // wide) for i, n in enumerate(sorted(alone))}


def _by_rank(newcomers: Sequence[str], arcs: Arcs) -> list[str]:
    graph: nx.DiGraph[str] = nx.DiGraph()
    graph.add_nodes_from(sorted(newcomers))
    graph.add_edges_from((a, b) for a, b in arcs if a in graph and b in graph)
    order = nx.condensation(graph)
    return [n for c in nx.lexicographical_topological_sort(order) for n in sorted(order.nodes[c]["members"])]


def _wish(feeds: Sequence[str], fed: Sequence[str], places: Mapping[str, Point]) -> Slot:
    """The column after what feeds it, else before what it feeds; the row between them."""
    before = [_slot(places[a]) for a in feeds if a in places]
    after = [_slot(places[b]) for b in fed if b in places]
    rows = sorted(r for _, r in (before or after))
    if before:
        return 1 + max(c for c, _ in before), rows[len(rows) // 2]
    if after:
        return min(c for c, _ in after) - 1, rows[len(rows) // 2]
    return 0, 1 + max((_slot(p)[1] for p in places.values()), default=-1)


def _free(wish: Slot, taken: Mapping[Slot, str]) -> Slot:
    """The nearest free slot of the column, below before above."""
    column, row = wish
    for away in count():
        for r in (row + away, row - away):
            if (column, r) not in taken:
                return column, r
    raise AssertionError("unreachable")
