"""The lake by itself: what is written comes back, and writing costs what it should."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from lineage import catalog
from lineage.lake import BLOCK_MS, Lake

HOLDS = """
import sys, pathlib, lineage.catalog
with lineage.catalog.held(pathlib.Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


class Asked:
    """Stands in front of the importers and notes what is looked for."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> None:
        self.names.append(name)


def test_no_module_is_looked_for_while_rows_are_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # DuckDB asks for pandas, which is not installed, at each text object: nine tenths of a recorder's work were that.
    lake, asked = Lake(tmp_path), Asked()
    rows = {
        "numbers": [(f"topic:c/t{n}", "rate", None if n % 3 else n / 2) for n in range(2000)],
        "totals": [(f"topic:c/t{n}", None if n % 3 else n) for n in range(2000)],
    }
    lake.write(1, 1000, rows)
    monkeypatch.setattr(sys, "meta_path", [asked, *sys.meta_path])
    lake.write(2, 2000, rows)
    assert len([name for name in asked.names if name == "pandas"]) < 10
    for table, given in rows.items():
        assert sorted(lake.latest(table, 2000, 2), key=str) == sorted(given, key=str)
    lake.close()


def test_any_text_comes_back(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    texts = ["", "a", "Ünïcode ✓ 日本", "quote ' and \\ and \x1f", "x" * 5000, "half \udc80"]
    lake.write(1, 1000, {"numbers": [(text, "m", 1.0) for text in texts]})
    found = {subject for subject, _, _ in lake.latest("numbers", 1000, 1)}
    assert found == {*texts[:-1], "half ?"}
    lake.close()


def test_merged_rows_lie_as_they_are_asked_for(tmp_path: Path) -> None:
    """A moment is one block of every key; the totals of one subject are asked for over weeks."""
    lake = Lake(tmp_path)
    for tick in range(1, 7):
        at = tick * BLOCK_MS // 2
        totals, numbers = [(s, tick) for s in "ab"], [(s, "rate", 1.0 * tick) for s in "ab"]
        lake.write(tick, at, {"totals": totals, "numbers": numbers})
    lake.compact(whole=True)
    lying = {t: lake.query(f"SELECT subject, t // {BLOCK_MS}, tick FROM lake.{t}") for t in ("totals", "numbers")}
    lake.close()
    assert lying["totals"] == sorted(lying["totals"])
    assert lying["numbers"] == sorted(lying["numbers"], key=lambda row: (row[1], row[0]))
    assert lying["numbers"] != sorted(lying["numbers"])


def test_while_another_process_holds_the_catalog_nobody_folds_it_up(tmp_path: Path) -> None:
    # Who folds it up locks everybody else out, and DuckDB's SQLite then sleeps for a whole second.
    path, wal = tmp_path / "lake.sqlite", tmp_path / "lake.sqlite-wal"
    holder = [sys.executable, "-c", HOLDS, str(path)]
    with subprocess.Popen(holder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        lake = Lake(tmp_path)
        lake.write(1, 1000, {"numbers": [("a", "m", 1.0)]})
        inode = wal.stat().st_ino
        assert lake.latest("numbers", 1000, 1) == [("a", "m", 1.0)]
        assert wal.stat().st_ino == inode
        process.communicate("")
    lake.write(2, 2000, {"numbers": [("a", "m", 2.0)]})
    assert lake.latest("numbers", 2000, 2) == [("a", "m", 2.0)]
    lake.close()
    assert not wal.exists()


def test_a_catalog_that_is_none_is_left_to_those_who_need_it(tmp_path: Path) -> None:
    path = tmp_path / "lake.sqlite"
    path.write_bytes(b"no database" * 1000)
    with catalog.held(path), catalog.held(tmp_path / "absent" / "lake.sqlite"):
        assert path.read_bytes() == b"no database" * 1000


def test_what_was_read_is_not_kept_twice_and_merging_forgets_old_snapshots(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    for tick in range(1, 40):
        lake.write(tick, tick * 1000, {"numbers": [(f"s{n}", "rate", 1.0 * tick) for n in range(50)]})
        lake.compact(whole=tick % 13 == 0)
        assert len(lake.latest("numbers", tick * 1000, tick)) == 50
    kept = lake.query("SELECT sum(memory_usage_bytes) FROM duckdb_memory() WHERE tag = 'EXTERNAL_FILE_CACHE'")
    lake.close()
    assert kept == [(0,)]
