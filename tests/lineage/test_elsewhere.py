"""The lake on other machines: files on S3, the catalog in PostgreSQL where DATABASE_URL names one."""

from __future__ import annotations

import contextlib
import itertools
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.db import connection
from pytest_django import Settings

from lineage import archive, history, lake, retention
from lineage.config import ConfigError, Retention
from lineage.depot import Depot, checked, depot
from lineage.lake import Away, Lake
from lineage.models import Tick
from lineage.recorder import AlreadyRunning, Lease, Tape
from lineage.recorder import run as run_recorder
from lineage.storage import left_behind, place
from tests.lineage import world as w
from tests.lineage.bucket import Server
from tests.lineage.test_tape import opened, run
from tests.lineage.world import T0

names = (f"bucket-{n}" for n in itertools.count())
SQLITE = {"ENGINE": "django.db.backends.sqlite3"}


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    made = Server()
    yield made
    made.stop()


@pytest.fixture
def url(server: Server, data_dir: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> str:
    """A lake on S3 for whoever reads the settings."""
    for name, value in server.env.items():
        monkeypatch.setenv(name, value)
    settings.LAKE_URL = server.make(next(names))
    return str(settings.LAKE_URL)


@pytest.fixture
def far(url: str, data_dir: Path, db: None) -> Iterator[Tape]:
    tape = Tape(w.config(), data_dir)
    opened(tape)
    run(tape, range(0, 20, 2), lambda s: s * 5, lambda s: s * 4)
    yield tape
    tape.close()


def test_files_on_s3_are_written_read_by_two_merged_and_removed(far: Tape, url: str, server: Server) -> None:
    shown = history.frame_at(T0 + 10_100)
    before = server.sizes(url)
    with contextlib.closing(Lake(place(Path("/nowhere")) if _postgres() else far.lake.depot, read_only=True)) as other:
        counted = other.query("SELECT count(*), sum(committed) FROM lake.positions")
        far.lake.compact(whole=True, keep_seconds=0)
        assert other.query("SELECT count(*), sum(committed) FROM lake.positions") == counted
    assert len(before) > 30
    assert len(server.sizes(url)) < len(before) / 4
    history.forget()
    assert history.frame_at(T0 + 10_100) == shown
    assert not list(Path(far.lake.depot.files).glob("*"))


def test_what_retention_ends_is_removed_from_s3(far: Tape, url: str, server: Server) -> None:
    hour = 3_600_000
    tape_end = T0 + 5 * hour
    before = set(server.sizes(url))
    far.cut(tape_end)
    while retention.step(far.lake, Retention(full=600, minute=3600, changes=2 * 3600), tape_end):
        pass
    far.lake.compact(whole=True, keep_seconds=0)
    assert not before & set(server.sizes(url))
    history.forget()
    assert history.bounds() == (tape_end, tape_end)
    assert history.frame_at(None).nodes["topic:c/orders"]


def test_figures_of_s3_are_those_of_the_bucket(far: Tape, url: str, server: Server) -> None:
    far.cut(T0 + 3_600_000)
    found, there = history.storage(), server.sizes(url)
    catalog = 0 if _postgres() else sum(p.stat().st_size for p in Path(far.lake.depot.catalog).parent.glob("lake.sql*"))  # type: ignore[arg-type]
    assert (found.files, found.recording) == (len(there), None)
    assert found.bytes_lake == pytest.approx(sum(there.values()) + catalog, abs=40_000)  # -shm is not counted
    assert found.bytes_per_day
    assert (found.free_bytes is None) == _postgres()
    server.stop()
    try:
        assert "cannot be reached" in (history.storage().recording or "")
    finally:
        server.start()


def test_an_export_from_s3_opens_in_a_directory(far: Tape, tmp_path: Path) -> None:
    work = tmp_path / "work"
    work.mkdir()
    made = archive.export(T0, T0 + 20_000, tmp_path / "x.zip", work, T0 + 60_000)
    assert {p.name: p.rows for p in made.parts}["lake/positions.parquet"] > 0


def test_a_server_that_is_away_stops_the_record_with_a_word_and_loses_and_doubles_nothing(
    far: Tape, url: str, server: Server
) -> None:
    shown, ticks = history.frame_at(None), Tick.objects.count()
    far.take(w.frame(T0 + 20_000, {"orders": 200}, {"audit": {"orders": 90}}))
    server.stop()
    try:
        for _ in range(2):
            with pytest.raises(Away, match="nothing listens there; check AWS_ENDPOINT_URL"):
                far.cut(T0 + 20_100)
        assert Tick.objects.count() == ticks
        history.forget()
        with pytest.raises(Away):
            history.frame_at(None)
    finally:
        server.start()
    assert history.frame_at(None) == shown
    far.cut(T0 + 22_100)
    assert Tick.objects.count() == ticks + 1
    history.forget()
    assert [i.lag for i in history.frame_at(None).lag if i.group == "audit"] == [110]
    doubled = "SELECT tick, grp, topic, part FROM lake.positions GROUP BY ALL HAVING count(*) > 1"
    assert far.lake.query(doubled) == []
    far.lake.compact(whole=True, keep_seconds=0)


def test_a_recorder_that_died_between_lake_and_database_leaves_nothing_on_s3(far: Tape, data_dir: Path) -> None:
    far.take(w.frame(T0 + 20_000, {"orders": 200}, {"audit": {"orders": 90}}))
    lost = far.ingest.cut(T0 + 20_100)
    far.lake.write(lost.number, lost.at, lost.rows)
    far.close()
    again = Tape(w.config(), data_dir)
    assert again.lake.query("SELECT count(*) FROM lake.logs WHERE tick >= ?", [lost.number]) == [(0,)]
    again.take(w.frame(T0 + 22_000, {"orders": 210}, {"audit": {"orders": 95}}))
    assert again.cut(T0 + 22_100) == lost.number
    again.close()


def test_what_keeps_a_start_from_going_on_is_one_sentence_without_secrets(server: Server, tmp_path: Path) -> None:
    good = server.make(next(names))
    lies = [
        (good, {"AWS_SECRET_ACCESS_KEY": "geheim-and-wrong"}, "refuses the credentials"),
        (good, {"AWS_ACCESS_KEY_ID": "nobody"}, "refuses the credentials"),
        ("s3://no-such-bucket/x", {}, "make it, or correct PLAYHEAD_LAKE_URL"),
        (good, {"AWS_ENDPOINT_URL": "http://127.0.0.1:1"}, "nothing listens there; check AWS_ENDPOINT_URL"),
        (good, {"AWS_ENDPOINT_URL": "http://nowhere.invalid"}, "there is no such host"),
        (good, {"AWS_ENDPOINT_URL": server.address.replace("http", "https")}, "does not speak TLS"),
    ]
    for url, wrong, word in lies:
        at = depot(tmp_path, url, {**server.env, **wrong}, SQLITE)
        with pytest.raises(Away, match=word) as caught:
            lake.check(at)
        said = str(caught.value) + repr(at)
        assert "\n" not in said
        assert not [s for s in at.secrets if s in said]
        assert caught.value.__suppress_context__  # the library's own words are not for a log
    lake.check(depot(tmp_path, good, server.env, SQLITE))
    assert good.removeprefix("s3://").partition("/")[0] in str(server.s3.list_buckets())


def test_a_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(Away, match=r"file/lake cannot be made \(Not a directory\); correct PLAYHEAD_LAKE_URL"):
        lake.check(Depot(str(tmp_path / "file" / "lake"), tmp_path / "lake.sqlite"))


KEYS = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "geheim"}


@pytest.mark.parametrize(
    ("url", "env", "word"),
    [
        ("gs://bucket/x", KEYS, "expected a directory, or s3://BUCKET/PREFIX"),
        ("s3://", KEYS, "expected a directory, or s3://BUCKET/PREFIX"),
        ("s3://Bad_Bucket/x", KEYS, "expected a directory, or s3://BUCKET/PREFIX"),
        ("s3://key:geheim@bucket/x", KEYS, "//…@bucket"),
        ("s3://bucket/x", {}, "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"),
        ("s3://bucket/x", {**KEYS, "AWS_ENDPOINT_URL": "minio:9000"}, "expected http://HOST:PORT"),
        ("s3://bucket/x", {**KEYS, "AWS_ENDPOINT_URL": "http://u:geheim@minio"}, "expected http://HOST:PORT"),
        ("s3://bucket/x", {**KEYS, "AWS_SECRET_ACCESS_KEY_FILE": "/x"}, "both AWS_SECRET_ACCESS_KEY and"),
    ],
)
def test_a_wrong_address_is_refused_with_what_was_expected(url: str, env: dict[str, str], word: str) -> None:
    with pytest.raises(ConfigError) as caught:
        checked(url, env)
    assert word in str(caught.value)
    assert "geheim" not in str(caught.value)


def test_secrets_are_read_from_files_and_never_shown(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("geheim\n")
    env = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY_FILE": str(tmp_path / "key")}
    database = {"ENGINE": "django.db.backends.postgresql", "NAME": "x", "HOST": "db", "PASSWORD": "it's geheim"}
    at = depot(tmp_path, "s3://bucket/x/", env, {**database, "OPTIONS": {"sslmode": "require", "pool": True}})
    assert at.files == "s3://bucket/x"
    assert at.s3 is not None
    assert at.s3.secret == "geheim"
    assert "geheim" not in repr(at)
    assert "sslmode='require'" in str(at.catalog)
    assert "pool" not in str(at.catalog)


def _postgres() -> bool:
    return connection.vendor == "postgresql"


def test_a_tape_whose_catalog_an_older_version_left_in_sqlite_is_named_and_not_begun_anew(
    db: None, tmp_path: Path
) -> None:
    if not _postgres():
        pytest.skip("needs DATABASE_URL of PostgreSQL")
    w.without_catalog()
    left_behind(tmp_path)
    (tmp_path / "lake.sqlite").touch()
    left_behind(tmp_path)  # of another database: nothing of this one is in it
    Tick.objects.create(number=1, at=T0)
    with pytest.raises(Away, match=r"lake.sqlite is the catalog of the tape .* schema playhead_lake .* record export"):
        left_behind(tmp_path)
    with pytest.raises(Away, match="to begin a new one, move"):
        run_recorder(w.config(), tmp_path, "redis://127.0.0.1:1", lambda _: None, threading.Event())
    with w.autocommitting() as own:
        own.execute("CREATE SCHEMA playhead_lake")
    try:
        left_behind(tmp_path)
    finally:
        w.without_catalog()


def test_connections_that_the_database_ends_are_made_again(tape: Tape) -> None:
    if not _postgres():
        pytest.skip("needs DATABASE_URL of PostgreSQL")
    opened(tape)
    run(tape, range(0, 6, 2), lambda s: s * 5, lambda s: s * 4)
    shown = history.frame_at(None)
    with w.autocommitting() as own:
        ended = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'playhead'"
        assert own.execute(ended).fetchall()
    history.forget_answers()
    assert history.frame_at(None) == shown
    run(tape, range(6, 10, 2), lambda s: s * 5, lambda s: s * 4)
    assert Tick.objects.count() == 5
    assert not (Path(tape.lake.depot.files).parent / "lake.sqlite").exists()


def test_one_recorder_writes_to_a_database_whatever_its_data_directory(tmp_path: Path, db: None) -> None:
    if not _postgres():
        pytest.skip("needs DATABASE_URL of PostgreSQL")
    first = Lease(tmp_path / "one")
    with pytest.raises(AlreadyRunning, match="database"):
        Lease(tmp_path / "two")
    first.release()
    Lease(tmp_path / "two").release()


def test_a_catalog_that_knows_other_files_ends_the_start(tape: Tape, tmp_path: Path) -> None:
    at = tape.lake.depot
    tape.close()
    with pytest.raises(Away, match=r"begun elsewhere.*set PLAYHEAD_LAKE_URL back"):
        Lake(Depot(str(tmp_path / "other"), at.catalog))
