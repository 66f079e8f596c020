"""The map between two moments: both graphs in one picture, each row saying what became of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from dashboard.times import parse_at, stamp
from dashboard.views import map_view
from dashboard.views.common import Params, Row, Table, View
from lineage.frames import Frame
from lineage.graph import Diff

CHANGES = ("added", "removed", "changed")


def asked(name: str, params: Params) -> bool:
    """Whether the view is to be compared with an earlier moment."""
    return name == "map" and bool(params.get("from"))


def moments(params: Params, at: int, begin: int) -> tuple[int, int]:
    """The two moments, for a view that stands at ``at`` on a tape that begins at ``begin``. Raises ValueError."""
    end = parse_at(params.get("to", ""), at)
    start = parse_at(params.get("from", ""), at)
    a, b = at if start is None else start, at if end is None else end
    if a >= b:
        raise ValueError("the range ends before it begins: from must be before to")
    return max(a, begin), max(b, begin)


def build(params: Params, extras: Mapping[str, Any]) -> View:
    """The map's tables at ``after`` and what ``before`` had beside; rows carry ``change``; meta ``difference``."""
    before: Frame = extras["before"]
    after: Frame = extras["after"]
    view, old = (map_view.build(f, params) for f in (after, before))
    folded = bool(view.meta["folded"] or old.meta["folded"])
    if folded:  # a box hides what changed in it: then only what changed is drawn, and what it touches
        view, old = (map_view.build(f, {**params, "fold": "none"}) for f in (after, before))
    diff: Diff = extras["diff"]
    nodes = _union(old.tables["nodes"], view.tables["nodes"], diff.changed_nodes)
    edges = _union(old.tables["edges"], view.tables["edges"], diff.changed_edges)
    if folded:
        nodes, edges = _touched(nodes, edges)
    counts = {"nodes": _counts(nodes), "edges": _counts(edges)}
    meta = {**view.meta, "folded": False, "drawn": len(nodes)}
    # The way back to the map as it is: the step before this one.
    meta["crumbs"] = [*view.meta["crumbs"], {"name": _title(before, after, counts), "params": _range(params)}]
    meta["difference"] = {"from": stamp(before.at), "to": stamp(after.at), **counts, "only_changed": folded}
    return View({**view.tables, "nodes": nodes, "edges": edges}, meta, view.main, view.columns)


def _title(before: Frame, after: Frame, counts: Mapping[str, Mapping[str, int]]) -> str:
    """From when to when, and how much: ``11:47:30 to 12:03:00 UTC: 3 added, 1 gone``."""
    words = {"added": "added", "removed": "gone", "changed": "changed"}
    sums = {name: sum(c[name] for c in counts.values()) for name in CHANGES}
    said = ", ".join(f"{n} {words[name]}" for name, n in sums.items() if n) or "nothing changed"
    a, b = (stamp(f.at) for f in (before, after))
    start, end = (a[11:19], b[11:19]) if a[:10] == b[:10] else (f"{a[:10]} {a[11:19]}", f"{b[:10]} {b[11:19]}")
    return f"{start} to {end} UTC: {said}"


def _range(params: Params) -> dict[str, str]:
    return {name: params[name] for name in ("from", "to") if params.get(name)}


def _union(old: Table, new: Table, changed: Iterable[str]) -> Table:
    """What is there now, and what is not any more."""
    known = set(changed)
    rows = {k: {**row, "change": None if k in old else "added"} for k, row in new.items()}
    rows |= {k: {**rows[k], "change": "changed"} for k in known if k in rows and k in old}
    return rows | {k: {**row, "change": "removed"} for k, row in old.items() if k not in new}


def _touched(nodes: Table, edges: Table) -> tuple[Table, Table]:
    """Changed nodes and edges, and the ends of those edges."""
    kept = {k: e for k, e in edges.items() if e["change"]}
    ends = {end for e in kept.values() for end in (e["source"], e["target"])}
    shown = {k: n for k, n in nodes.items() if n["change"] or k in ends}
    return shown, {k: e for k, e in kept.items() if e["source"] in shown and e["target"] in shown}


def _counts(rows: Mapping[str, Row]) -> dict[str, int]:
    found = Counter(r["change"] for r in rows.values())
    return {name: found[name] for name in CHANGES}
