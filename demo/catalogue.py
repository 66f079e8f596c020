"""The legacy catalogue: a relational database with a change log kept by triggers, as the mainframe's people left it."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SCHEMA = """
CREATE TABLE IF NOT EXISTS products (id TEXT PRIMARY KEY, title TEXT NOT NULL, price INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS log (
    n INTEGER PRIMARY KEY AUTOINCREMENT, op TEXT NOT NULL, old TEXT, new TEXT NOT NULL,
    at INTEGER NOT NULL DEFAULT (CAST(strftime('%s', 'now') AS INTEGER) * 1000)
);
CREATE TRIGGER IF NOT EXISTS inserted AFTER INSERT ON products BEGIN
    INSERT INTO log (op, old, new)
    VALUES ('c', NULL, json_object('id', NEW.id, 'title', NEW.title, 'price', NEW.price));
END;
CREATE TRIGGER IF NOT EXISTS updated AFTER UPDATE ON products BEGIN
    INSERT INTO log (op, old, new) VALUES (
        'u', json_object('id', OLD.id, 'title', OLD.title, 'price', OLD.price),
        json_object('id', NEW.id, 'title', NEW.title, 'price', NEW.price)
    );
END;
"""


@dataclass(frozen=True)
class Change:
    """One changed row; `at` is ms UTC, to the second."""

    number: int
    operation: str
    before: dict[str, Any] | None
    after: dict[str, Any]
    at: int


def connect(directory: str) -> sqlite3.Connection:
    database = sqlite3.connect(Path(directory) / "catalogue.db", timeout=10, isolation_level=None)
    database.executescript(SCHEMA)
    return database


def fill(database: sqlite3.Connection, products: int) -> None:
    rows = [(f"p{n}", f"Product {n}", 199 + 250 * n) for n in range(products)]
    database.executemany("INSERT OR IGNORE INTO products VALUES (?, ?, ?)", rows)


def reprice(database: sqlite3.Connection, product: str, cents: int) -> None:
    database.execute("UPDATE products SET price = ? WHERE id = ?", (cents, product))


def changes(database: sqlite3.Connection, limit: int = 100) -> list[Change]:
    """The oldest changes that nobody has marked as done, in order."""
    rows = database.execute("SELECT n, op, old, new, at FROM log ORDER BY n LIMIT ?", (limit,)).fetchall()
    return [Change(n, op, json.loads(old) if old else None, json.loads(new), at) for n, op, old, new, at in rows]


def done(database: sqlite3.Connection, change: Change) -> None:
    database.execute("DELETE FROM log WHERE n = ?", (change.number,))
