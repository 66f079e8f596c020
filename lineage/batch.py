"""One tick as it is to be stored: what ingest hands to the recorder."""

from __future__ import annotations

from dataclasses import dataclass, field

from lineage.graph import Edge
from lineage.lake import Row
from lineage.layout import Point
from lineage.observations import Ms
from lineage.structure import Delta


@dataclass
class Batch:
    """One tick as it is to be stored: rows for the lake, then versions and changes in one SQL transaction."""

    number: int
    at: Ms
    seen_at: Ms  # newest observation in it: the valid time of its changes
    cluster: str
    rows: dict[str, list[Row]]
    deltas: list[Delta]
    closed: dict[str, list[str]] = field(default_factory=dict)  # table -> keys whose open version ends
    opened: dict[str, list[str]] = field(default_factory=dict)  # table -> keys that get a new version
    ended: list[Edge] = field(default_factory=list)  # edges whose open version ends
    names: list[tuple[int, str, str, str]] = field(default_factory=list)  # id, kind, cluster, name
    valid: dict[str, Ms] = field(default_factory=dict)  # node or edge -> since when, where not seen_at
    total_lag: int | None = None
    placed: dict[str, Point] = field(default_factory=dict)
    unplaced: list[str] = field(default_factory=list)
