"""How much room the tape takes, how much it will take, and whether there is any left."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connection

from lineage.config import Retention
from lineage.lake import Lake
from lineage.models import Tick
from lineage.observations import Ms

LEAST_FREE = 64 << 20  # bytes; below it nothing is recorded, so that what is there stays whole and can be read
DAY_MS = 86_400_000
YOUNG_MS = 600_000  # a shorter tape says nothing of a day


@dataclass(frozen=True)
class Storage:
    """Bytes unless said otherwise. ``recording`` says why nothing is recorded, None while all is well.

    ``forecast_bytes``: what the tape will take once every retention is reached; ``forecast_days``: until the disk is
    full, None where it will not be before that. Both None while the tape is too young to tell.
    """

    files: int
    bytes_lake: int
    bytes_sql: int
    oldest: Ms | None
    bytes_per_day: float | None
    forecast_bytes: int | None
    forecast_days: float | None
    free_bytes: int
    recording: str | None


def shortage(data_dir: Path) -> str | None:
    """Why there is no room for the next tick, in a sentence; None while there is."""
    free = shutil.disk_usage(data_dir).free
    if free >= LEAST_FREE:
        return None
    return (
        f"the disk of {data_dir} is full: {free >> 20} MiB are free and {LEAST_FREE >> 20} are needed; "
        "nothing is recorded until there is room, and then it goes on by itself"
    )


def measured(lake: Lake, kept: Retention) -> Storage:
    """The state of this process's data directory."""
    data_dir = Path(settings.DATA_DIR)
    files, in_lake = lake.size()
    in_sql, free = _sql(), shutil.disk_usage(data_dir).free
    ticks = Tick.objects.order_by("at").values_list("at", flat=True)
    first, last = ticks.first(), ticks.last()
    spent = (last or 0) - (first or 0)
    rate = (in_lake + in_sql) * DAY_MS / spent if spent >= YOUNG_MS else None
    forecast, days = _forecast(rate, kept, in_lake + in_sql, free)
    return Storage(files, in_lake, in_sql, first, rate, forecast, days, free, shortage(data_dir))


def _forecast(rate: float | None, kept: Retention, used: int, free: int) -> tuple[int | None, float | None]:
    """After full retention: whole days at ``rate``, then those of a minute at the share of what a tick is of it."""
    if rate is None:
        return None, None
    full, minute = kept.full / 86_400, max(0.0, (kept.minute - kept.full) / 86_400)
    share = min(1.0, _ticks_a_day() and 1440 / _ticks_a_day())
    whole = int(rate * (full + minute * share))
    return whole, free / rate if whole - used > free else None


def _ticks_a_day() -> float:
    rows = Tick.objects.filter(resolution="full")
    first, last, n = rows.order_by("at").first(), rows.order_by("-at").first(), rows.count()
    return n * DAY_MS / (last.at - first.at) if first and last and last.at > first.at else 0.0


def _sql() -> int:
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_database_size(current_database())")
            row: Any = cursor.fetchone()
        return int(row[0])
    name = str(settings.DATABASES["default"]["NAME"])
    return sum(p.stat().st_size for p in (Path(name), Path(name + "-wal")) if p.exists())
