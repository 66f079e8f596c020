"""The numbers: the only place that speaks DuckDB and DuckLake.

Four tables of what moved, each row under a tick. A block of ten minutes opens with a keyframe, so that what was
true at any tick is found by reading one block. One process writes (the recorder); any number may read.
"""

from __future__ import annotations

import importlib.util
import sqlite3
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import duckdb
import numpy as np

from lineage.observations import Ms

BLOCK_MS = 600_000
Row = tuple[Any, ...]
Rows = Mapping[str, Sequence[Row]]
T = TypeVar("T")
FULL = ("no space left", "disk is full", "disk full", "file too large", "disk quota", "could not write file")


class NoRoom(RuntimeError):
    """The disk takes no more; nothing of what was being written is there."""


# Columns after ``tick`` and ``t`` (the tick's time). INT holds None as -1 on its way in: no offset or time is negative.
INT, REAL, TEXT = "BIGINT", "DOUBLE", "VARCHAR"
TABLES: dict[str, tuple[tuple[str, str], ...]] = {
    "logs": (("topic", INT), ("part", INT), ("log_start", INT), ("log_end", INT), ("seen_at", INT)),
    "positions": (
        ("grp", INT),
        ("topic", INT),
        ("part", INT),
        ("committed", INT),
        ("committed_at", INT),
        ("moved_at", INT),
        ("behind_since", INT),
        ("error", REAL),
    ),
    "lag": (
        ("grp", INT),
        ("topic", INT),
        ("lag", INT),
        ("behind_since", INT),
        ("error", REAL),
        ("verdict", TEXT),
        ("reason", TEXT),
        ("rules_version", INT),
        ("since", INT),
        ("unread", INT),
        ("rate_in", REAL),
        ("rate_out", REAL),
        ("catch_up", REAL),
        ("loss_in", REAL),
        ("members", INT),
        ("sampled_at", INT),
        ("last_commit", INT),
        ("parts", INT),
    ),
    "numbers": (("subject", TEXT), ("metric", TEXT), ("value", REAL)),
    "totals": (("subject", TEXT), ("lag", INT)),
}
ORDER = {"logs": "topic, part", "positions": "grp, topic, part", "lag": "grp, topic", "numbers": "subject, metric"}
ORDER["totals"] = "subject"
BUSY = (
    "database is locked",
    "conflict",
    "busy",
    "Failed to commit",
    "no such file",
    "No such file",
    "Cannot open file",
)

READER, WRITER = (
    8,
    60,
)  # tries: 2 s for who waits for a page, a minute for the recorder, which has nothing to write else


def block_of(at: int) -> int:
    """The first moment (ms) of the block that holds ``at``."""
    return at - at % BLOCK_MS


def extension(name: str) -> Path:
    """Where the wheel ``duckdb_extension_<name>`` put its library. ImportError where it is not installed."""
    spec = importlib.util.find_spec(f"duckdb_extension_{name}")
    if spec is None or spec.origin is None:
        raise ImportError(f"the package duckdb-extension-{name.replace('_', '-')} is not installed")
    return next(Path(spec.origin).parent.rglob("*.duckdb_extension"))


class UnreadableFile(ValueError):
    """A Parquet file that does not hold what it should."""


class Lake:
    """One attachment to the lake of a data directory. Safe for threads: every call has a cursor of its own."""

    def __init__(self, data_dir: Path, url: str = "", read_only: bool = False) -> None:
        self._catalog = Path(data_dir) / "lake.sqlite"
        self._files = url or str(Path(data_dir) / "lake")
        self._read_only = read_only
        self._write = threading.Lock()
        if not read_only:
            _prepare(self._catalog)
        self._con = _retrying(self._connect, READER if read_only else WRITER)
        if not read_only:
            self._create()

    def _connect(self) -> duckdb.DuckDBPyConnection:
        options = {"autoinstall_known_extensions": "false", "autoload_known_extensions": "false", "threads": "2"}
        con = duckdb.connect(config={**options, "memory_limit": "512MB"})
        for name in ("ducklake", "sqlite_scanner", *(("httpfs",) if "://" in self._files else ())):
            con.execute(f"LOAD {_quoted(str(extension(name)))}")
        mode = "READ_ONLY" if self._read_only else f"DATA_PATH {_quoted(self._files)}, DATA_INLINING_ROW_LIMIT 0"
        con.execute(f"ATTACH {_quoted(f'ducklake:sqlite:{self._catalog}')} AS lake ({mode})")
        return con

    def _create(self) -> None:
        con = self._con.cursor()
        known = {
            name
            for (name,) in con.execute("SELECT table_name FROM duckdb_tables() WHERE database_name = 'lake'").fetchall()
        }
        for option, value in (("parquet_compression", "zstd"), ("parquet_version", "2"), ("target_file_size", "16MB")):
            con.execute(f"CALL lake.set_option('{option}', '{value}')")
        for table in TABLES.keys() - known:
            columns = ", ".join(f"{c} {kind}" for c, kind in TABLES[table])
            con.execute(f"CREATE TABLE lake.{table} (tick BIGINT, t BIGINT, {columns})")
            order = ", ".join(f"{c} ASC" for c in ORDER[table].split(", "))
            con.execute(f"ALTER TABLE lake.{table} SET SORTED BY (t // {BLOCK_MS} ASC, {order}, tick ASC)")

    def close(self) -> None:
        """Lets go of the catalog; the lake is not used after it."""
        self._con.close()

    def write(self, tick: int, at: int, rows: Rows) -> None:
        """Adds a tick's rows to all tables in one transaction. Raises NoRoom."""
        filled = {table: _columns(table, tick, at, given) for table, given in rows.items() if given}
        if filled:
            with self._write:
                try:
                    _retrying(lambda: self._insert(filled), WRITER)
                except duckdb.Error as error:
                    if is_full(error):
                        raise NoRoom(str(error)) from error
                    raise

    def _insert(self, filled: Mapping[str, Mapping[str, Any]]) -> None:
        con = self._con.cursor()
        con.execute("BEGIN")
        try:
            for table, columns in filled.items():
                con.register("incoming", dict(columns))
                con.execute(f"INSERT INTO lake.{table} SELECT {_selected(table)} FROM incoming")  # noqa: S608
                con.unregister("incoming")
            con.execute("COMMIT")
        except BaseException:
            _rollback(con)
            raise

    def remove_above(self, tick: int) -> None:
        """Takes away what was written under ticks that never became durable."""
        with self._write:
            for table in TABLES:
                _retrying(partial(self._do, f"DELETE FROM lake.{table} WHERE tick > ?", [tick]), WRITER)  # noqa: S608

    def _do(self, sql: str, args: Sequence[Any] = ()) -> None:
        self._con.cursor().execute(sql, list(args))

    def compact(self, whole: bool = False, keep_seconds: int = 120) -> None:
        """Merges small files (``whole``: all below the target size) and deletes those merged ``keep_seconds`` ago."""
        limit = "" if whole else ", max_file_size => 1000000"
        old = f"older_than => now() - INTERVAL {int(keep_seconds)} SECOND"
        with self._write:
            _retrying(partial(self._do, f"CALL ducklake_merge_adjacent_files('lake'{limit})"))
            if whole:
                _retrying(partial(self._do, "CALL ducklake_rewrite_data_files('lake')"))
            _retrying(partial(self._do, f"CALL ducklake_expire_snapshots('lake', {old})"))
            _retrying(partial(self._do, f"CALL ducklake_cleanup_old_files('lake', {old})"))

    def thin(self, start: Ms, end: Ms, step: Ms) -> None:
        """Leaves of ``start`` to ``end`` the newest row of each key in each ``step``, a table at a time."""
        with self._write:
            for table in TABLES:
                _retrying(partial(self._thin, table, start, end, step))

    def _thin(self, table: str, start: Ms, end: Ms, step: Ms) -> None:
        last = f"QUALIFY row_number() OVER (PARTITION BY {ORDER[table]}, t // ? ORDER BY tick DESC) = 1"
        con, span = self._con.cursor(), "t >= ? AND t < ?"
        chosen = f"SELECT * FROM lake.{table} WHERE {span} {last}"  # noqa: S608
        con.execute(f"CREATE OR REPLACE TEMP TABLE kept AS {chosen}", [start, end, step])
        con.execute("BEGIN")
        try:
            con.execute(f"DELETE FROM lake.{table} WHERE {span}", [start, end])  # noqa: S608
            con.execute(f"INSERT INTO lake.{table} SELECT * FROM kept ORDER BY {ORDER[table]}, tick")  # noqa: S608
            con.execute("COMMIT")
        except BaseException:
            _rollback(con)
            raise
        finally:
            con.execute("DROP TABLE IF EXISTS kept")

    def drop(self, before: Ms) -> None:
        """Removes every row before ``before``."""
        with self._write:
            for table in TABLES:
                _retrying(partial(self._do, f"DELETE FROM lake.{table} WHERE t < ?", [before]))  # noqa: S608

    def size(self) -> tuple[int, int]:
        """Files, and bytes with the catalog, waiting for their removal included where the files are local."""
        local = Path(self._files)
        if "://" in self._files:
            rows = self.query("SELECT sum(file_count), sum(file_size_bytes) FROM ducklake_table_info('lake')")
            return int(rows[0][0] or 0), int(rows[0][1] or 0)
        sizes = [p.stat().st_size for p in local.rglob("*.parquet") if p.exists()]
        catalog = [p for p in (self._catalog, Path(f"{self._catalog}-wal")) if p.exists()]
        return len(sizes), sum(sizes) + sum(p.stat().st_size for p in catalog)

    def copy_out(self, table: str, start: Ms, end: Ms, upto: int, path: Path) -> int:
        """Writes the rows of the ticks from ``start`` to ``end`` into a Parquet file; how many they were."""
        span = f"t >= {int(start)} AND t <= {int(end)} AND tick <= {int(upto)}"
        rows = f"SELECT tick, t, {columns_of(table)} FROM lake.{table} WHERE {span}"  # noqa: S608
        copied = self.query(f"COPY ({rows}) TO {_quoted(str(path))} (FORMAT parquet, COMPRESSION zstd)")
        return int(copied[0][0])

    def copy_in(self, table: str, path: Path, rows: int) -> None:
        """Adds the rows of a Parquet file, which must have these columns and so many rows. Raises UnreadableFile."""
        wanted = {"tick": INT, "t": INT, **dict(TABLES[table])}
        source = f"read_parquet({_quoted(str(path))})"
        try:
            found = {n: k for n, k, *_ in self.query(f"DESCRIBE SELECT * FROM {source}")}  # noqa: S608
            if any(wanted.get(n) != k for n, k in found.items()) or not {"tick", "t"} <= found.keys():
                raise UnreadableFile("other columns than are known here; another Playhead made it")
            ((count,),) = self.query(f"SELECT count(*) FROM {source}")  # noqa: S608
            if count != rows:
                raise UnreadableFile(f"{count} rows, and should be {rows}")
            names = ", ".join(n for n in wanted if n in found)
            with self._write:
                self._do(f"INSERT INTO lake.{table} ({names}) SELECT {names} FROM {source}")  # noqa: S608
        except duckdb.Error as error:
            raise UnreadableFile(f"cannot be read ({str(error)[:200]})") from error

    def latest(
        self, table: str, at: Ms, upto: int, after: int = 0, where: str = "", args: Sequence[Any] = ()
    ) -> list[Row]:
        """The newest row of every key in the block of ``at``, of ticks above ``after`` up to ``upto``."""
        last = f"QUALIFY row_number() OVER (PARTITION BY {ORDER[table]} ORDER BY tick DESC) = 1"
        span = "t >= ? AND t <= ? AND tick > ? AND tick <= ?"
        sql = f"SELECT {columns_of(table)} FROM lake.{table} WHERE {span} {where} {last}"  # noqa: S608
        return self.query(sql, [block_of(at), at, after, upto, *args])

    def stepped(self, subject: str, low: Ms, end: Ms, upto: int, start: Ms, step: Ms) -> list[tuple[int, float | None]]:
        """The newest total of ``subject`` in each step: step n ends at ``start + n * step``; None where it ended."""
        place = "CAST(ceil((t - ?) / ?) AS BIGINT)"
        sql = f"SELECT {place}, arg_max(coalesce(lag, -1), tick) FROM lake.totals "  # noqa: S608
        sql += "WHERE t >= ? AND t <= ? AND tick <= ? AND subject = ? GROUP BY 1 ORDER BY 1"
        rows = self.query(sql, [start, step, low, end, upto, subject])
        return [(place, None if lag < 0 else lag) for place, lag in rows]

    def between(
        self, table: str, start: Ms, end: Ms, upto: int, where: str = "", args: Sequence[Any] = ()
    ) -> list[Row]:
        """Every row of the ticks from ``start`` to ``end``, in their order: tick, t, then the columns of TABLES."""
        span = "t >= ? AND t <= ? AND tick <= ?"
        sql = f"SELECT tick, t, {columns_of(table)} FROM lake.{table} WHERE {span} {where} ORDER BY tick"  # noqa: S608
        return self.query(sql, [start, end, upto, *args])

    def query(self, sql: str, args: Sequence[Any] = ()) -> list[Row]:
        """All rows of a SELECT over ``lake.<table>``."""
        return _retrying(lambda: self._con.cursor().execute(sql, list(args)).fetchall())


def is_full(error: BaseException) -> bool:
    """Whether this says that the disk, or a quota on it, is full."""
    return any(word in str(error).lower() for word in FULL)


def columns_of(table: str) -> str:
    """The columns of TABLES, for a SELECT."""
    return ", ".join(c for c, _ in TABLES[table])


def _prepare(catalog: Path) -> None:
    # WAL lets readers in other processes read the catalog while the recorder commits.
    catalog.parent.mkdir(parents=True, exist_ok=True)
    with sqlite3.connect(catalog) as con:
        con.execute("PRAGMA journal_mode=WAL")
    con.close()


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _selected(table: str) -> str:
    columns = (f"nullif({c}, -1)" if kind == INT else c for c, kind in TABLES[table])
    return ", ".join(("tick", "t", *columns))


def _columns(table: str, tick: int, at: int, rows: Sequence[Row]) -> dict[str, Any]:
    out: dict[str, Any] = {"tick": np.full(len(rows), tick, "int64"), "t": np.full(len(rows), at, "int64")}
    for (name, kind), values in zip(TABLES[table], zip(*rows, strict=True), strict=True):
        out[name] = _array(kind, values)
    return out


def _array(kind: str, values: Sequence[Any]) -> Any:
    if kind == INT:
        return np.array([-1 if v is None else v for v in values], "int64")
    if kind == REAL:
        return np.array([np.nan if v is None else v for v in values], "float64")
    return np.array([None if v is None else _text(v) for v in values], dtype=object)


def _text(value: str) -> str:
    return value.encode("utf-8", "replace").decode()


def _rollback(con: duckdb.DuckDBPyConnection) -> None:
    with suppress(duckdb.Error):  # the error itself may have ended the transaction
        con.execute("ROLLBACK")


def _retrying(call: Callable[[], T], tries: int = READER) -> T:
    """The catalog is one SQLite file: a moment's lock, or a file just merged away, is tried again."""
    for attempt in range(tries):
        try:
            return call()
        except duckdb.Error as error:
            if attempt == tries - 1 or is_full(error) or not any(word in str(error) for word in BUSY):
                raise
            time.sleep(min(1.0, 0.02 * 2**attempt))
    raise AssertionError("unreachable")
