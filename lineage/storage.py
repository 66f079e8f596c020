"""How much room the tape takes, how much it will take, and whether there is any left."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connection

from lineage.config import Retention
from lineage.depot import Depot, depot
from lineage.lake import SCHEMA, Away, Lake
from lineage.models import Tick
from lineage.observations import Ms

LEAST_FREE = 64 << 20  # bytes; below it nothing is recorded, so that what is there stays whole and can be read
DAY_MS = 86_400_000
YOUNG_MS = 600_000  # a shorter tape says nothing of a day


@dataclass(frozen=True)
class Storage:
    """Bytes unless said otherwise. ``recording`` says why nothing is recorded, None while all is well.

    ``forecast_bytes``: what the tape will take once every retention is reached; ``forecast_days``: until the disk is
    full, None where it will not be before that. Both None while the tape is too young to tell. ``free_bytes``: of the
    disk that takes the files, or the database where they are on S3; None where neither is on this machine.
    """

    files: int
    bytes_lake: int
    bytes_sql: int
    oldest: Ms | None
    bytes_per_day: float | None
    forecast_bytes: int | None
    forecast_days: float | None
    free_bytes: int | None
    recording: str | None


def place(data_dir: Path) -> Depot:
    """Where the lake of this process is. Raises ConfigError."""
    return depot(data_dir, settings.LAKE_URL, os.environ, connection.settings_dict)


def left_behind(data_dir: Path) -> None:
    """Raises Away where a tape in PostgreSQL has its catalog in SQLite yet, as versions kept it that knew no other.

    Begun anew in PostgreSQL, everything that was recorded would look empty.
    """
    old = data_dir / "lake.sqlite"
    if connection.vendor != "postgresql" or not old.exists() or not Tick.objects.exists():
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_namespace WHERE nspname = %s", [SCHEMA])
        if cursor.fetchone():
            return
    raise Away(
        f"{old} is the catalog of the tape that this database goes on with, and its place is now the schema {SCHEMA} "
        "of the database itself; to keep that tape, write it to a file with the version before (playhead record "
        f"export); to begin a new one, move {old} and the directory lake beside it away"
    )


def shortage(at: Depot) -> str | None:
    """Why there is no room for the next tick, in a sentence; None while there is."""
    free, full = min(((_free(d), d) for d in _disks(at)), default=(LEAST_FREE, None))
    if free >= LEAST_FREE:
        return None
    return (
        f"the disk of {full} is full: {free >> 20} MiB are free and {LEAST_FREE >> 20} are needed; "
        "nothing is recorded until there is room, and then it goes on by itself"
    )


def _disks(at: Depot) -> list[Path]:
    """The directories of this machine that the tape fills: of the files, of the databases."""
    return [d for d in (at.local, at.catalog.parent if isinstance(at.catalog, Path) else None) if d]


def _free(path: Path) -> int:
    """Bytes free on the disk of a directory that may not be there yet."""
    return shutil.disk_usage(next(p for p in (path, *path.parents) if p.exists())).free


def measured(lake: Lake, kept: Retention) -> Storage:
    """The state of the tape on this machine's disks and on the servers that keep what is not there."""
    files, in_lake = lake.size()
    in_sql, disks = _sql(), _disks(lake.depot)
    first, spent = _spent()
    a_day = DAY_MS / spent if spent >= YOUNG_MS else None
    free = _free(disks[0]) if disks else None
    used = in_lake + in_sql
    here = (in_lake if lake.depot.local else 0) + (in_sql if _same_disk(disks) else 0)
    days = _full_in(here, a_day, kept, free) if a_day and free is not None else None
    rate, stopped = used * a_day if a_day else None, shortage(lake.depot) or lake.away()
    forecast = _forecast(rate, kept) if rate is not None else None
    return Storage(files, in_lake, in_sql, first, rate, forecast, days, free, stopped)


def _spent() -> tuple[Ms | None, Ms]:
    """The first moment of the tape, and how long it is."""
    ticks = Tick.objects.order_by("at").values_list("at", flat=True)
    first, last = ticks.first(), ticks.last()
    return first, (last or 0) - (first or 0)


def _same_disk(disks: list[Path]) -> bool:
    """Whether the database is on the first of these disks."""
    there = [d.stat().st_dev for d in disks if d.exists()]
    return connection.vendor != "postgresql" and len(set(there)) == 1


def _full_in(used: int, a_day: float, kept: Retention, free: int) -> float | None:
    """Days until a disk with ``used`` bytes of the tape is full; None where it never will be."""
    rate = used * a_day
    return free / rate if rate and _forecast(rate, kept) - used > free else None


def _forecast(rate: float, kept: Retention) -> int:
    """After full retention: whole days at ``rate``, then those of a minute at the share of what a tick is of it."""
    full, minute = kept.full / 86_400, max(0.0, (kept.minute - kept.full) / 86_400)
    share = min(1.0, _ticks_a_day() and 1440 / _ticks_a_day())
    return int(rate * (full + minute * share))


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
