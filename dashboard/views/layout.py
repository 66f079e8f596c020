"""Where things stand that the recorder has not placed: as wide and as high as a screen, by structure alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import count
from math import ceil, log, sqrt

import networkx as nx

from lineage.layout import PITCH_X, PITCH_Y, Slot, components, place

Points = Mapping[str, tuple[float, float]]
Pitch = tuple[float, float]
Block = dict[str, Slot]
Link = tuple[str, str]
Links = tuple[Link, ...]
Seen = tuple[tuple[str, int], ...]  # each with when it was first seen
SeenLinks = tuple[tuple[Link, int], ...]

LOOSE: Pitch = (PITCH_X, PITCH_Y)  # names stand under the shapes
CARDS: Pitch = (232.0, 72.0)  # names stand inside
SHAPE = 1.7  # width by height
SLACK = 1.25  # of the slots that are needed, so that blocks fit beside each other
WIDER = 5  # widths that are tried, in columns
TOGETHER_MS = 60_000  # what is first seen within so long came together
GAP = 90.0  # between an opened box and its neighbours, px


def layered(nodes: Iterable[str], edges: Iterable[tuple[str, str]], pitch: Pitch = LOOSE) -> Points:
    """A place for every node, left to right with the flow; what is tied together stands together."""
    links = tuple(sorted({(a, b) for a, b in edges if a != b}))
    return _layered(tuple(sorted(nodes)), links, pitch)


def opened(inside: Mapping[str, int], boxes: Iterable[str], links: Mapping[Link, int]) -> Points:
    """The members of a box in the middle, what feeds them at the left, what they feed at the right.

    ``inside``, ``links``: when each was first seen, ms. As in ``settled`` who comes later moves nobody: members go
    between the sides, boxes below those of their side.
    """
    return _opened(tuple(sorted(inside.items())), tuple(sorted(boxes)), tuple(sorted(links.items())))


def settled(nodes: Mapping[str, int], links: Mapping[tuple[str, str], int], pitch: Pitch = LOOSE) -> Points:
    """Places that neither a new link nor a new node moves. ``nodes``, ``links``: when each was first seen, ms.

    What was there in the first minute is laid out together; who comes later goes beside what it was linked to then.
    """
    return _settled(tuple(sorted(nodes.items())), tuple(sorted(links.items())), pitch)


@lru_cache(maxsize=32)
def _settled(nodes: Seen, links: SeenLinks, pitch: Pitch) -> Points:
    wide, high = PITCH_X / pitch[0], PITCH_Y / pitch[1]
    found = {n: (x * wide, y * high) for n, (x, y) in _first(nodes, links, pitch).items()}
    for node, own in _later(nodes, links, found):
        found = place([*found, node], own, found)
    return {n: (x / wide, y / high) for n, (x, y) in found.items()}


def _first(nodes: Seen, links: SeenLinks, pitch: Pitch) -> Points:
    """Places of what was there in the first minute."""
    begun = min((seen for _, seen in nodes), default=0) + TOGETHER_MS
    first = {n for n, seen in nodes if seen <= begun}
    return layered(first, [ends for ends, seen in links if seen <= begun and first.issuperset(ends)], pitch)


def _later(nodes: Seen, links: SeenLinks, there: Points) -> Sequence[tuple[str, list[Link]]]:
    """Who came after them, in that order, each with its links of then."""
    late = sorted((came, n) for n, came in nodes if n not in there)
    return [(n, [e for e, seen in links if n in e and seen <= came + TOGETHER_MS]) for came, n in late]


def _between(nodes: Seen, links: SeenLinks) -> Points:
    """Places as ``settled`` has them, but in the columns of the first minute."""
    found = dict(_first(nodes, links, LOOSE))
    right = max(x for x, _ in found.values())
    for node, own in _later(nodes, links, found):
        x, y = place([*found, node], own, found)[node]
        x = min(max(x, 0.0), right)
        rows = {round(b / PITCH_Y) for a, b in found.values() if a == x}
        found[node] = x, next(r for r in count(max(0, round(y / PITCH_Y))) if r not in rows) * PITCH_Y
    return found


@lru_cache(maxsize=32)
def _layered(nodes: tuple[str, ...], links: Links, pitch: Pitch) -> Points:
    high = max(4, ceil(sqrt(len(nodes) * SLACK * pitch[0] / (pitch[1] * SHAPE))))
    joined = {n for link in links for n in link}
    blocks = [b for part in components(links) for b in _pieces(part, links, high)]
    blocks += [{n: (0, 0)} for n in nodes if n not in joined]
    if not blocks:
        return {}
    least = max([ceil(len(nodes) * SLACK / high), *(_size(b)[0] for b in blocks)])
    packed = min((_packed(blocks, least + more) for more in range(WIDER)), key=lambda b: _unlike(_size(b), pitch))
    return {n: (c * pitch[0], r * pitch[1]) for n, (c, r) in packed.items()}


def _unlike(size: Slot, pitch: Pitch) -> float:
    """How far a picture of so many columns and rows is from a screen's shape."""
    return abs(log(size[0] * pitch[0] / (size[1] * pitch[1] * SHAPE)))


def _pieces(part: Block, links: Links, high: int) -> list[Block]:
    """A block higher than ``high`` cut into pieces that few links join; they come beside each other."""
    rows = len({r for _, r in part.values()})
    if rows <= high * 1.3:
        number = {r: i for i, r in enumerate(sorted({r for _, r in part.values()}))}
        return [{n: (c, number[r]) for n, (c, r) in part.items()}]
    graph: nx.Graph[str] = nx.Graph()
    graph.add_edges_from(x for x in links if x[0] in part)
    order = list(nx.utils.reverse_cuthill_mckee_ordering(graph))
    size = ceil(len(order) / ceil(rows / high))
    return [b for i in range(0, len(order), size) for b in _piece(order[i : i + size], links, high)]


def _piece(nodes: Sequence[str], links: Links, high: int) -> list[Block]:
    """Its connected parts, and what is left alone in a column of its own."""
    inside = set(nodes)
    within = tuple(x for x in links if x[0] in inside and x[1] in inside)
    alone = sorted(inside - {n for x in within for n in x})
    column = {n: (i // high, i % high) for i, n in enumerate(alone)}
    return [*(_pressed(p, high) for p in components(within)), *([column] if column else [])]


def _pressed(part: Block, high: int) -> Block:
    """Columns that are too high are folded into several beside each other."""
    out: Block = {}
    left = 0
    for column in sorted({c for c, _ in part.values()}):
        inside = sorted((r, n) for n, (c, r) in part.items() if c == column)
        fits = inside[-1][0] < high * 1.3
        out |= {n: (left, r) if fits else (left + i // high, i % high) for i, (r, n) in enumerate(inside)}
        left += 1 if fits else ceil(len(inside) / high)
    return out


def _packed(blocks: Sequence[Block], wide: int) -> Block:
    """Every block at the first free place from the top, then from the left, in so many columns."""
    taken: set[Slot] = set()
    least: dict[Slot, int] = {}  # no block of that size fits above that row
    out: Block = {}
    for block in blocks:
        size = _size(block)
        left, top = _fit(size, wide, taken, least.get(size, 0))
        least[size] = top
        taken |= {(left + c, top + r) for c in range(size[0]) for r in range(size[1])}
        out |= {n: (left + c, top + r) for n, (c, r) in block.items()}
    return out


def _size(block: Block) -> Slot:
    return 1 + max(c for c, _ in block.values()), 1 + max(r for _, r in block.values())


def _fit(size: Slot, wide: int, taken: set[Slot], start: int) -> Slot:
    for top in count(start):
        for left in range(wide - size[0] + 1):
            if not any((left + c, top + r) in taken for r in range(size[1]) for c in range(size[0])):
                return left, top
    raise AssertionError("unreachable")


@lru_cache(maxsize=32)
def _opened(inside: Seen, boxes: tuple[str, ...], links: SeenLinks) -> Points:
    members = {n for n, _ in inside}
    middle = _between(inside, tuple(x for x in links if members.issuperset(x[0])))
    begun = min(seen for _, seen in inside) + TOGETHER_MS
    first = [middle[n] for n, seen in inside if seen <= begun]
    wide, high = (max(p[i] for p in first) for i in (0, 1))
    sides: dict[int, list[tuple[tuple[int, float, str], str]]] = {-1: [], 1: []}
    for box in boxes:
        came, gives, touch = _touch(box, links, middle)
        late = came if came > begun else 0
        sides[-1 if gives > 0 else 1].append(((late, 0.0 if late else touch, box), box))
    out = dict(middle)
    for way, edge in ((-1, -GAP), (1, wide + GAP)):
        order = [(box, key[0] > 0) for key, box in sorted(sides[way])]
        out |= _beside([b for b, late in order if not late], [b for b, late in order if late], high, edge, way)
    return out


def _touch(box: str, links: SeenLinks, middle: Points) -> tuple[int, int, float]:
    """When a box was first linked to the members, by how many links more it fed them then, and at which height."""
    own = [(a, b, seen) for (a, b), seen in links if (a == box and b in middle) or (b == box and a in middle)]
    came = min((seen for _, _, seen in own), default=0)
    then = [(a, b) for a, b, seen in own if seen <= came + TOGETHER_MS]
    heights = [middle[b if a == box else a][1] for a, b in then]
    return came, sum(1 if a == box else -1 for a, _ in then), sum(heights) / (len(heights) or 1)


def _beside(boxes: Sequence[str], late: Sequence[str], high: float, edge: float, way: int) -> Points:
    """Columns of boxes beside the middle, each of about the same number, around its half height; late ones below."""
    most = max(8, ceil(high / CARDS[1]) + 1)
    columns = ceil(len(boxes) / most)
    rows = ceil(len(boxes) / columns) if columns else 0
    slots = [(i // rows, i % rows) for i in range(len(boxes))]
    below = [(c, r) for c in range(columns) for r in range(rows, most)]
    beyond = [(columns + i // most, i % most) for i in range(max(0, len(late) - len(below)))]
    top = (high - max(0, rows - 1) * CARDS[1]) / 2
    first = edge + way * CARDS[0] / 2
    places = zip([*boxes, *late], [*slots, *below[: len(late)], *beyond], strict=True)
    return {b: (first + way * c * CARDS[0], top + r * CARDS[1]) for b, (c, r) in places}
