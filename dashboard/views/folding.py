"""Which nodes of a large map are drawn as one: by team, else by the start of their names, else by who talks to whom.

Pure and deterministic: the same structure folds the same way.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from math import ceil

import networkx as nx

from lineage.frames import EdgeState, NodeState
from lineage.identity import node_id, segment

MOST_BOXES = 110  # of what no team owns: more cannot be read
MOST_RUNS = 40
BIGGEST_SHARE = 0.25  # of what no team owns: a prefix that holds more says nothing
SMALL = 40
_WORD = re.compile(r"[A-Za-z0-9]+")
Assigned = dict[str, str]
Structure = tuple[tuple[tuple[str, str, str], ...], tuple[tuple[str, str], ...]]


def assign(nodes: Sequence[NodeState], edges: Sequence[EdgeState]) -> Assigned:
    """The box of each node that is folded, by node id: ``team:x`` or ``fold:name``. Others stand for themselves."""
    owned = {n.id: node_id("team", n.team) for n in nodes if n.team}
    return {**owned, **loose([n for n in nodes if not n.team], edges)}


def loose(nodes: Sequence[NodeState], edges: Sequence[EdgeState]) -> Mapping[str, str]:
    """Boxes by names and by who talks to whom, whoever owns them."""
    known = tuple(sorted((n.id, n.kind, n.name) for n in nodes))
    ids = {i for i, _, _ in known}
    links = tuple(sorted({(e.source, e.target) for e in edges if e.source in ids and e.target in ids}))
    return _loose((known, links))


@lru_cache(maxsize=16)
def _loose(structure: Structure) -> Mapping[str, str]:
    """Boxes for what no team owns."""
    nodes, links = structure
    names = {i: name for i, _, name in nodes}
    boxes = {i: _prefix(name) for i, _, name in nodes}
    limit = max(SMALL, int(len(nodes) * BIGGEST_SHARE))
    for box, count in Counter(boxes.values()).most_common():
        if count > limit:
            boxes |= _split(box, [i for i in boxes if boxes[i] == box], names, links, limit)
    boxes = _capped(boxes, names)
    alone = {box for box, count in Counter(boxes.values()).items() if count == 1}
    drawn = len(set(boxes.values()))
    folded = {i: b for i, b in boxes.items() if b not in alone or drawn > MOST_BOXES}
    return {i: f"fold:{segment(box)}" for i, box in folded.items()}


def _prefix(name: str) -> str:
    """The first word of a name, in lower case: ``orders.created.v1`` is ``orders``."""
    found = _WORD.search(name)
    return found[0].lower().rstrip("0123456789") or found[0].lower() if found else "other"


def _split(
    box: str, members: list[str], names: Mapping[str, str], links: Iterable[tuple[str, str]], limit: int
) -> Assigned:
    """A box that is too big, cut into communities; what nothing ties together, into ranges of names."""
    inside = set(members)
    graph: nx.Graph[str] = nx.Graph()
    graph.add_nodes_from(members)
    graph.add_edges_from((a, b) for a, b in links if a in inside and b in inside)
    out: Assigned = {}
    rest: list[str] = []
    for community in _communities(graph):
        if len(community) < 3 or len(community) > limit:
            rest += community
        else:
            hub = min(community, key=lambda i: (-graph.degree(i), names[i], i))
            out |= dict.fromkeys(community, f"{box}: around {names[hub]}")
    return out | _ranges(box, rest, names)


def _communities(graph: nx.Graph[str]) -> list[list[str]]:
    tied = [n for n in graph if graph.degree(n)]
    alone = [[n] for n in graph if not graph.degree(n)]
    found = nx.community.louvain_communities(graph.subgraph(tied), seed=1) if tied else []
    return [*sorted(sorted(c) for c in found), *alone]


def _ranges(box: str, members: list[str], names: Mapping[str, str]) -> Assigned:
    """Runs of about fifty in the order of their names."""
    ordered = sorted(members, key=lambda i: (names[i], i))
    size = max(50, ceil(len(ordered) / MOST_RUNS))
    runs = (ordered[i : i + size] for i in range(0, len(ordered), size))
    return {i: _range(names[run[0]], names[run[-1]]) for run in runs for i in run}


def _range(first: str, last: str) -> str:
    """``t0100 … 49``: of the last name only what differs, where most of it is the same."""
    same = next((i for i, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), len(first))
    return f"{first} … {last[same:] if 2 * same > len(last) and last[same:] else last}"


def _capped(boxes: Mapping[str, str], names: Mapping[str, str]) -> Assigned:
    """At most MOST_BOXES of them: the smallest are put together by the order of their names."""
    sizes = Counter(boxes.values())
    if len(sizes) <= MOST_BOXES:
        return dict(boxes)
    kept = {box for box, count in sorted(sizes.items(), key=lambda x: (-x[1], x[0]))[: MOST_BOXES // 2] if count > 1}
    small = [i for i, box in boxes.items() if box not in kept]
    return {**boxes, **_ranges("", small, names)}
