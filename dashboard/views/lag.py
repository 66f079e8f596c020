"""Every group on every topic: how far behind, since when, why."""

from __future__ import annotations

from collections import Counter

from dashboard.views.common import Params, View, base_meta, clusters_table, lag_table
from lineage.frames import Frame, LagItem

COLUMNS = (
    ("group", "Group"),
    ("topic", "Topic"),
    ("cluster", "Cluster"),
    ("verdict", "Verdict"),
    ("lag", "Lag (records)"),
    ("time_lag", "Lag (seconds)"),
    ("reason", "Why"),
)


def build(frame: Frame, params: Params) -> View:
    """Table ``rows``; meta ``counts`` by verdict, before the filter by verdict."""
    items = [i for i in frame.lag if _wanted(i, params)]
    verdict = params.get("verdict", "")
    shown = [i for i in items if not verdict or i.verdict in verdict.split(",")]
    meta = base_meta(frame, "Lag", params.get("cluster", ""))
    meta["counts"] = dict(sorted(Counter(i.verdict for i in items).items()))
    return View({"clusters": clusters_table(frame), "rows": lag_table(frame, shown)}, meta, "rows", COLUMNS)


def _wanted(item: LagItem, params: Params) -> bool:
    for name in ("cluster", "group", "topic"):
        if (value := params.get(name)) and getattr(item, name) != value:
            return False
    if (team := params.get("team")) and (item.team or "") != team.removeprefix("team:"):
        return False
    words = f"{item.group}\n{item.topic}\n{item.service or ''}".lower()
    return params.get("q", "").lower() in words
