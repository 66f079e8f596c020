"""Finding things by name. Pure."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from dashboard.views.common import index_of, worst
from dashboard.views.outside import KINDS
from lineage.frames import Frame, NodeState

PAGES = {"topic": "topics", "group": "groups", "service": "services", "team": "teams", **KINDS}
_ORDER = ("service", "topic", "group", "team", *KINDS)


def page_of(node: str) -> str:
    """The page that shows a node; what has none of its own is shown on the map."""
    page = PAGES.get(node.partition(":")[0])
    return f"/{page}/{quote(node, safe='')}" if page else f"/map?focus={quote(node, safe='')}"


def search(frame: Frame, q: str, limit: int) -> list[dict[str, Any]]:
    """Nodes whose name holds every word of ``q``: the exact first, then beginnings, then the rest."""
    words = q.lower().split()
    hits = (n for n in frame.nodes.values() if all(w in n.name.lower() for w in words))
    whole = q.lower().strip()
    best = sorted(hits, key=lambda n: (*_rank(n, whole), n.name, n.id))[:limit]
    return [_row(frame, n) for n in best]


def _rank(node: NodeState, whole: str) -> tuple[int, int, int]:
    name = node.name.lower()
    near = 0 if name == whole else 1 if name.startswith(whole) else 2
    order = _ORDER.index(node.kind) if node.kind in _ORDER else len(_ORDER)
    return near, int(name.startswith("_")), order


def _row(frame: Frame, node: NodeState) -> dict[str, Any]:
    named = {k: getattr(node, k) for k in ("id", "kind", "name", "cluster", "team")}
    return {**named, "verdict": _verdict(frame, node), "url": page_of(node.id)}


def _verdict(frame: Frame, node: NodeState) -> str | None:
    index = index_of(frame)
    if node.kind == "topic":
        return worst(i.verdict for i in index.lag_of_topic.get((node.cluster, node.name), []))
    if node.kind == "group":
        return worst(i.verdict for i in index.lag_of_group.get((node.cluster, node.name), []))
    return worst(e.verdict for e in index.incoming.get(node.id, []))
