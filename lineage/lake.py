"""The numbers: the only place that speaks DuckDB and DuckLake.

Tables of what moved, each row under a tick. A block of ten minutes opens with a keyframe, so that what was
true at any tick is found by reading one block. One process writes (the recorder); any number may read.
"""

from __future__ import annotations

import importlib.util
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import duckdb
import numpy as np

from lineage.catalog import prepare
from lineage.depot import ANSWERS_WITHIN, URL, Depot, Postgres, explained
from lineage.observations import Ms
from lineage.tables import INT, ORDER, REAL, TABLES, columns_of

BLOCK_MS = 600_000
TURN = 0.05  # seconds that a reader waits for another at the catalog's door
Row = tuple[Any, ...]
Rows = Mapping[str, Sequence[Row]]
T = TypeVar("T")
FULL = ("no space left", "disk is full", "disk full", "file too large", "disk quota", "could not write file")


class NotNow(RuntimeError):
    """The lake cannot be written or read at the moment; the message says why, and what helps."""


class NoRoom(NotNow):
    """The disk takes no more; nothing of what was being written is there."""


class Away(NotNow):
    """The server of the files, or of the catalog, does not answer or does not let us in."""


BUSY = (
    "database is locked",
    "conflict",
    "busy",
    "Failed to commit",
    "no such file",
    "No such file",
    "Cannot open file",
    "HTTP 404",  # of a file on S3: merged away meanwhile
    "could not serialize",
    "deadlock detected",
)
SCHEMA = "playhead_lake"  # of the catalog in PostgreSQL

READER, WRITER = (
    8,
    60,
)  # tries: 2 s for who waits for a page, a minute for the recorder, which has nothing to write else


def sort_of(table: str) -> list[str]:
    """How the rows of a merged file lie: a block together, so that a moment is found by reading one.

    Totals are asked for by subject, over weeks: those of one subject lie together.
    """
    keys = ORDER[table].split(", ")
    return [*(() if table == "totals" else (f"t // {BLOCK_MS}",)), *keys, "tick"]


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
    """One attachment to a lake (a data directory's own, or a Depot). Safe for threads: each call has its cursor.

    Any call may raise Away where files or catalog are on a server.
    """

    def __init__(self, where: Path | Depot, read_only: bool = False) -> None:
        self.depot = where if isinstance(where, Depot) else Depot(str(where / "lake"), where / "lake.sqlite")
        self._read_only = read_only
        self._write, self._door = threading.Lock(), threading.Lock()
        if not read_only:
            _prepare(self.depot)
        self._con = self._retrying(self._connect, READER if read_only else WRITER)
        if not read_only:
            self._retrying(self._create, WRITER)

    def _connect(self) -> duckdb.DuckDBPyConnection:
        con, at = connected(self.depot), self.depot.catalog
        mode = "READ_ONLY" if self._read_only else f"DATA_PATH {_quoted(self.depot.files)}, DATA_INLINING_ROW_LIMIT 0"
        if isinstance(at, Postgres):
            con.execute(_secret("catalog", "postgres", dict(at.parts)))
            mode += f", META_SECRET 'catalog', METADATA_SCHEMA '{SCHEMA}'"
        path = f"ducklake:postgres:{at.options}" if isinstance(at, Postgres) else f"ducklake:sqlite:{at}"
        con.execute(f"ATTACH {_quoted(path)} AS lake ({mode})")
        return con

    def _retrying(self, call: Callable[[], T], tries: int = READER) -> T:
        """``call``, again where the catalog was locked for a moment or a file just merged away. Raises Away."""
        try:
            return _retrying(call, tries)
        except duckdb.Error as error:
            if why := explained(str(error), self.depot):
                raise Away(why) from None  # the error's own text may name more than is to be seen
            raise

    def _create(self) -> None:
        con = self._con.cursor()
        con.execute("BEGIN")
        try:
            self._make(con)
            con.execute("COMMIT")
        except BaseException:
            _rollback(con)
            raise

    def _make(self, con: duckdb.DuckDBPyConnection) -> None:
        known = {
            name
            for (name,) in con.execute("SELECT table_name FROM duckdb_tables() WHERE database_name = 'lake'").fetchall()
        }
        for option, value in (("parquet_compression", "zstd"), ("parquet_version", "2"), ("target_file_size", "16MB")):
            con.execute(f"CALL lake.set_option('{option}', '{value}')")
        for table in TABLES.keys() - known:
            columns = ", ".join(f"{c} {kind}" for c, kind in TABLES[table])
            con.execute(f"CREATE TABLE lake.{table} (tick BIGINT, t BIGINT, {columns})")
            con.execute(f"ALTER TABLE lake.{table} SET SORTED BY ({', '.join(f'{c} ASC' for c in sort_of(table))})")

    def close(self) -> None:
        """Lets go of the catalog; the lake is not used after it."""
        self._con.close()

    def write(self, tick: int, at: int, rows: Rows) -> None:
        """Adds a tick's rows to all tables in one transaction. Raises NoRoom."""
        filled = {table: _columns(table, tick, at, given) for table, given in rows.items() if given}
        if filled:
            with self._write:
                try:
                    self._retrying(lambda: self._insert(filled), WRITER)
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
                self._retrying(partial(self._do, f"DELETE FROM lake.{table} WHERE tick > ?", [tick]), WRITER)  # noqa: S608

    def _do(self, sql: str, args: Sequence[Any] = ()) -> None:
        self._con.cursor().execute(sql, list(args))

    def compact(self, whole: bool = False, keep_seconds: int = 120) -> None:
        """Merges small files (``whole``: all below the target size) and deletes those merged ``keep_seconds`` ago."""
        limit = "" if whole else ", max_file_size => 1000000"
        old = f"older_than => now() - INTERVAL {int(keep_seconds)} SECOND"
        with self._write:
            self._retrying(partial(self._do, f"CALL ducklake_merge_adjacent_files('lake'{limit})"))
            if whole:
                self._retrying(partial(self._do, "CALL ducklake_rewrite_data_files('lake')"))
            self._retrying(partial(self._do, f"CALL ducklake_expire_snapshots('lake', {old})"))
            self._retrying(partial(self._do, f"CALL ducklake_cleanup_old_files('lake', {old})"))
            if whole:
                self._attach_anew()

    def _attach_anew(self) -> None:
        """DuckLake remembers every snapshot for as long as it is attached: some 40 kB a tick."""
        con = self._retrying(self._connect)
        old, self._con = self._con, con
        old.close()

    def thin(self, start: Ms, end: Ms, step: Ms) -> None:
        """Leaves of ``start`` to ``end`` the newest row of each key in each ``step``, a table at a time."""
        with self._write:
            for table in TABLES:
                self._retrying(partial(self._thin, table, start, end, step))

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
                self._retrying(partial(self._do, f"DELETE FROM lake.{table} WHERE t < ?", [before]))  # noqa: S608

    def size(self) -> tuple[int, int]:
        """Files, and bytes with a catalog in SQLite; on S3 without those that were merged and await their removal."""
        files, used = self._on_disk() if self.depot.local else self._on_s3()
        at = self.depot.catalog
        own = () if isinstance(at, Postgres) else (at, Path(f"{at}-wal"))
        return files, used + sum(p.stat().st_size for p in own if p.exists())

    def _on_disk(self) -> tuple[int, int]:
        sizes = [p.stat().st_size for p in Path(self.depot.files).rglob("*.parquet") if p.exists()]
        return len(sizes), sum(sizes)

    def _on_s3(self) -> tuple[int, int]:
        meta = "__ducklake_metadata_lake." + (SCHEMA if isinstance(self.depot.catalog, Postgres) else "main")
        tables = ("ducklake_data_file", "ducklake_delete_file")
        each = " UNION ALL ".join(f"SELECT file_size_bytes AS size FROM {meta}.{t}" for t in tables)  # noqa: S608
        ((files, used),) = self.query(f"SELECT count(*), sum(size) FROM ({each})")  # noqa: S608
        return int(files), int(used or 0)

    def away(self) -> str | None:
        """Why the files on S3 cannot be reached, None while they can be and where they are on a disk."""
        try:
            if self.depot.s3:
                self.query(f"SELECT count(*) FROM {_quoted(_marker(self.depot))}")  # noqa: S608
        except Away as error:
            return str(error)
        except duckdb.Error:
            return None  # they answer, if not as they should
        return None

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
        keys = ORDER[table].split(", ")
        last = ", ".join(c if c in keys else f"arg_max_null({c}, tick)" for c, _ in TABLES[table])
        span = "t >= ? AND t <= ? AND tick > ? AND tick <= ?"
        sql = f"SELECT {last} FROM lake.{table} WHERE {span} {where} GROUP BY {ORDER[table]}"  # noqa: S608
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
        return self._retrying(lambda: self._read(sql, args))

    def _read(self, sql: str, args: Sequence[Any]) -> list[Row]:
        # DuckDB's SQLite sleeps for a second where one opens the catalog while another closes it (lineage.catalog):
        # between processes the supervisor sees to it, in this one they take turns.
        cursor = self._con.cursor()
        try:
            with self._turn():
                cursor.execute("BEGIN")
                cursor.execute("FROM lake.current_snapshot()")
            return cursor.execute(sql, list(args)).fetchall()
        finally:
            with self._turn():
                _rollback(cursor)

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """At the catalog's door; who finds it held for long (by one who sleeps) goes in all the same."""
        taken = self._door.acquire(timeout=TURN)
        try:
            yield
        finally:
            if taken:
                self._door.release()

    def copied(self, where: str, args: Sequence[Any], tables: Sequence[str]) -> Copy:
        """The rows of ``tables`` that fulfil ``where``, at hand for many questions; to be closed."""
        con = self._con.cursor()
        try:
            for table in tables:
                select = f"SELECT {columns_of(table)} FROM lake.{table} WHERE {where}"  # noqa: S608
                make = partial(con.execute, f"CREATE OR REPLACE TEMP TABLE {table} AS {select}", list(args))
                self._retrying(make)
        except BaseException:
            con.close()
            raise
        return Copy(con)


class Copy:
    """Some rows of the lake in memory, as temporary tables of the same names; for one thread."""

    def __init__(self, con: duckdb.DuckDBPyConnection) -> None:
        self._con = con

    def query(self, sql: str, args: Sequence[Any] = ()) -> list[Row]:
        """All rows of a SELECT over ``temp.<table>``."""
        return self._con.execute(sql, list(args)).fetchall()

    def close(self) -> None:
        """Forgets them."""
        self._con.close()


def is_full(error: BaseException) -> bool:
    """Whether this says that the disk, or a quota on it, is full."""
    return any(word in str(error).lower() for word in FULL)


def connected(at: Depot) -> duckdb.DuckDBPyConnection:
    """A DuckDB that can reach the depot, with nothing attached to it; no extension is ever fetched from elsewhere."""
    # One thread: a block is one row group, and two of them cost a seek more than they save.
    options = {"autoinstall_known_extensions": "false", "autoload_known_extensions": "false", "threads": "1"}
    con = duckdb.connect(config={**options, "memory_limit": "512MB"})
    if not at.s3:  # the system keeps what is read of a disk; a second copy only grows, up to all of the limit
        con.execute("SET enable_external_file_cache = false")
    catalog = "postgres_scanner" if isinstance(at.catalog, Postgres) else "sqlite_scanner"
    for name in ("ducklake", catalog, *(("httpfs",) if at.s3 else ())):
        con.execute(f"LOAD {_quoted(str(extension(name)))}")
    if at.s3:
        style = "path" if at.s3.endpoint else "vhost"
        given = {"KEY_ID": at.s3.key, "SECRET": at.s3.secret, "SESSION_TOKEN": at.s3.token, "REGION": at.s3.region}
        given |= {"ENDPOINT": at.s3.endpoint, "URL_STYLE": style, "USE_SSL": str(at.s3.tls).lower()}
        con.execute(_secret("files", "s3", given))
        con.execute(f"SET http_timeout = {ANSWERS_WITHIN}")
        con.execute("SET http_retries = 1")
    return con


def check(at: Depot) -> None:
    """Makes the directory, or writes a small file to S3 and reads it back. Raises Away where that fails."""
    if at.s3 is None:
        try:
            Path(at.files).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise Away(f"{at.files} cannot be made ({error.strerror}); correct {URL}") from error
        if not os.access(at.files, os.W_OK | os.X_OK):
            raise Away(f"{at.files} cannot be written to; correct {URL}, or who may write there")
        return
    with connected(at) as con:
        try:
            con.execute(f"COPY (SELECT 1 AS playhead) TO {_quoted(_marker(at))} (FORMAT parquet)")
            con.execute(f"SELECT * FROM {_quoted(_marker(at))}")  # noqa: S608
        except duckdb.Error as error:
            raise Away(explained(str(error), at) or f"{at.files} cannot be used: {error}") from None


def _marker(at: Depot) -> str:
    return f"{at.files}/playhead.parquet"


def _secret(name: str, kind: str, given: Mapping[str, str]) -> str:
    parts = ", ".join(f"{k} {_quoted(v)}" for k, v in given.items() if v)
    return f"CREATE SECRET {name} (TYPE {kind}, {parts})"


def _prepare(at: Depot) -> None:
    if at.local:
        at.local.mkdir(parents=True, exist_ok=True)
    if isinstance(at.catalog, Postgres):
        return
    prepare(at.catalog)


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
    # Text of a fixed width, not objects: DuckDB looks for a pandas that is not here at each object that it meets.
    return np.array([_text(v) for v in values], dtype=np.str_)


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
