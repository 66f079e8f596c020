"""Where boxes stand that the recorder has not placed; the same rules as the recorder's, cached by structure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache

from lineage.layout import place

Points = Mapping[str, tuple[float, float]]


def layered(nodes: Iterable[str], edges: Iterable[tuple[str, str]]) -> Points:
    """A place for every node, left to right with the flow."""
    links = tuple(sorted({(a, b) for a, b in edges if a != b}))
    return _layered(tuple(sorted(nodes)), links)


@lru_cache(maxsize=32)
def _layered(nodes: tuple[str, ...], links: tuple[tuple[str, str], ...]) -> Points:
    return place(nodes, links, {})
