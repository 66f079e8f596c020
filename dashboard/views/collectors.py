"""Each source: when it last worked, how long it took, what it lacks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dashboard.times import rfc
from dashboard.views.common import Params, View, base_meta, clusters_table, collector_row
from lineage.frames import Frame
from lineage.identity import node_id
from lineage.storage import Storage

COLUMNS = (
    ("name", "Collector"),
    ("cluster", "Cluster"),
    ("last_success", "Last success"),
    ("duration", "Seconds"),
    ("requests", "Requests"),
    ("error", "Error"),
)


def build(frame: Frame, params: Params, extras: Mapping[str, Any]) -> View:
    """Table ``rows`` by cluster and name; meta ``storage``: the room that the tape takes, and is going to take."""
    cluster = params.get("cluster")
    shown = [c for c in frame.collectors if not cluster or c.cluster in {"", cluster}]
    rows = {node_id("system", c.cluster or "all", c.name).partition(":")[2]: collector_row(c) for c in shown}
    found = extras.get("storage")
    meta = base_meta(frame, "Collectors", cluster or "") | ({"storage": storage_row(found)} if found else {})
    return View({"clusters": clusters_table(frame), "rows": rows}, meta, "rows", COLUMNS)


def storage_row(found: Storage) -> dict[str, Any]:
    """Bytes, and days; null where the tape is too young to tell."""
    return {
        "files": found.files,
        "used": found.bytes_lake + found.bytes_sql,
        "oldest": rfc(found.oldest),
        "a_day": found.bytes_per_day,
        "forecast": found.forecast_bytes,
        "full_in": found.forecast_days,
        "free": found.free_bytes,
        "stopped": found.recording,
    }
