"""What fires and what is about to, at one moment: causes, with what they explain."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dashboard.alerts.reading import SEVERITIES
from dashboard.times import rfc
from dashboard.views.common import Params, Row, View, base_meta, clusters_table, index_of
from lineage.frames import Frame, LagItem
from lineage.identity import split_id

COLUMNS = (
    ("severity", "Severity"),
    ("state", "State"),
    ("summary", "What"),
    ("reason", "Why"),
    ("team", "Team"),
    ("fired_at", "Since"),
    ("rule_name", "Rule"),
)


def build(frame: Frame, params: Params, extras: Mapping[str, Any]) -> View:
    """Table ``alerts`` by id, the gravest causes first; meta ``counts``, ``rules``, ``channels``."""
    rows = [_row(frame, r) for r in extras.get("alerts", ())]
    wanted = [r for r in rows if _wanted(r, params)]
    meta = base_meta(frame, "Alerts", params.get("cluster", ""))
    meta |= {"counts": extras.get("counts", {}), "teams": sorted({r["team"] for r in rows if r["team"]})}
    table = {r["id"]: r for r in sorted(wanted, key=_order)}
    return View({"clusters": clusters_table(frame), "alerts": table}, meta, "alerts", COLUMNS)


def _order(row: Row) -> tuple[int, int, str]:
    grave = SEVERITIES.index(row["severity"]) if row["severity"] in SEVERITIES else len(SEVERITIES)
    return int(row["state"] != "firing"), grave, row["fired_at"] or row["pending_at"]


def _wanted(row: Row, params: Params) -> bool:
    if (cluster := params.get("cluster")) and row["cluster"] not in {"", cluster}:
        return False
    if (team := params.get("team")) and (row["team"] or "") != team.removeprefix("team:"):
        return False
    words = f"{row['summary']}\n{row['subject']}\n{row['rule_name']}".lower()
    return params.get("q", "").lower() in words


def _row(frame: Frame, alert: Mapping[str, Any]) -> Row:
    """With what the frame knows of its subject: when records are deleted unread, and how far behind it is."""
    item = _lag(frame, alert["subject"])
    if item is None:
        return {**alert, "loss_in": None, "loss_at": None, "lag": None, "time_lag": None}
    loss = rfc(int(item.sampled_at + item.loss_in * 1000)) if item.loss_in is not None and item.sampled_at else None
    return {**alert, "loss_in": item.loss_in, "loss_at": loss, "lag": item.lag, "time_lag": item.time_lag}


def _lag(frame: Frame, subject: str) -> LagItem | None:
    kind, _, path = subject.partition(":")
    if kind != "lag" or path.count("/") < 2:
        return None
    cluster, group, topic = split_id(f"topic:{path}")[1][:3]
    return index_of(frame).lag_by_key.get((cluster, group, topic))
