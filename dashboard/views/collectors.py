"""Each source: when it last worked, how long it took, what it lacks."""

from __future__ import annotations

from dashboard.views.common import Params, View, base_meta, clusters_table, collector_row
from lineage.frames import Frame
from lineage.identity import node_id

COLUMNS = (
    ("name", "Collector"),
    ("cluster", "Cluster"),
    ("last_success", "Last success"),
    ("duration", "Seconds"),
    ("requests", "Requests"),
    ("error", "Error"),
)


def build(frame: Frame, params: Params) -> View:
    """Table ``rows`` by cluster and name."""
    cluster = params.get("cluster")
    shown = [c for c in frame.collectors if not cluster or c.cluster in {"", cluster}]
    rows = {node_id("system", c.cluster or "all", c.name).partition(":")[2]: collector_row(c) for c in shown}
    meta = base_meta(frame, "Collectors", cluster or "")
    return View({"clusters": clusters_table(frame), "rows": rows}, meta, "rows", COLUMNS)
