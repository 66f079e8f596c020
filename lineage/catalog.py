"""The lake's catalog in SQLite, as a file: nothing of DuckDB here, so that any process may hold it open."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path


def prepare(path: Path) -> None:
    """Makes the file where there is none. WAL lets other processes read it while the recorder commits."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(path)) as con:
        con.execute("PRAGMA journal_mode=WAL")


@contextmanager
def held(path: Path) -> Iterator[None]:
    """Keeps the catalog open, without a transaction; for a process that does not itself read it through DuckDB.

    DuckDB opens and closes the catalog for every transaction. The last to close it folds the WAL back and removes it
    with everybody else locked out, and who is locked out waits whole seconds: DuckDB's SQLite is built without usleep.
    While a process holds it, nobody is the last. (A second SQLite in DuckDB's own process would not do: a file's locks
    belong to the process, and go when either closes it.) A file that cannot be read is left to those who need it.
    """
    with closing(sqlite3.connect(":memory:")) as con:
        with suppress(sqlite3.Error, OSError):
            prepare(path)
            con.execute("ATTACH ? AS catalog", [str(path)])
            con.execute("SELECT count(*) FROM catalog.sqlite_master").fetchall()  # takes the shared lock, which stays
        yield
