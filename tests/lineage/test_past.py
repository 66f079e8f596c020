"""The tape after the fact: hindsight, comparison, stepping, what retention leaves, a disk without room."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_django import Settings

from lineage import history, retention, storage
from lineage.config import Retention
from lineage.lake import NoRoom
from lineage.models import Tick
from lineage.recorder import Tape
from tests.lineage import world as w
from tests.lineage.test_tape import opened, run
from tests.lineage.world import T0

MINUTE = 60_000


def targets(at: int, hindsight: bool) -> set[str]:
    frame = history.frame_at(at, hindsight=hindsight)
    return {e.target for e in frame.edges if e.source == "topic:c/orders"}


def test_a_late_span_changes_what_hindsight_shows_and_never_what_was_shown(tape: Tape) -> None:
    opened(tape)
    run(tape, range(0, 60, 20), lambda s: 10, lambda s: 4)
    shown = history.frame_at(T0 + 40_100)
    tape.take(w.spans(T0 + 5_000, "reads", "topic:c/orders", "service:ledger", group="audit"))
    tape.cut(T0 + 60_100)
    assert history.frame_at(T0 + 40_100) == shown
    assert targets(T0 + 40_100, hindsight=False) == {"group:c/audit", "service:billing"}
    assert targets(T0 + 40_100, hindsight=True) == {"service:ledger", "service:billing"}
    assert targets(T0 + 100, hindsight=True) == {"group:c/audit", "service:billing"}
    joined = history.frame_at(T0 + 40_100, hindsight=True).nodes["group:c/audit"]
    assert joined.attrs["service"] == "service:ledger"
    appeared = history.changes_between(T0, T0 + 6_000, kind="appeared", hindsight=True)
    assert "service:ledger" in {c.subject for c in appeared}
    assert {c.kind for c in history.changes_between(T0 + 1_000, T0 + 40_000)} == {"verdict"}


def test_older_evidence_moves_first_seen_back_for_hindsight_alone(tape: Tape) -> None:
    opened(tape)
    tape.take(w.spans(T0 + 50_000, "writes", "service:shop", "topic:c/orders"))
    tape.cut(T0 + 51_000)
    tape.take(w.spans(T0 + 5_000, "writes", "service:shop", "topic:c/orders"))
    tape.cut(T0 + 70_000)
    tape.take(w.spans(T0 + 4_000, "writes", "service:shop", "topic:c/orders"))  # out of order, no correction
    tape.cut(T0 + 71_000)
    assert history.frame_at(T0 + 51_000).nodes["service:shop"].first_seen == T0 + 50_000
    for at, hindsight in ((T0 + 51_000, True), (T0 + 71_000, False), (T0 + 71_000, True)):
        assert history.frame_at(at, hindsight=hindsight).nodes["service:shop"].first_seen == T0 + 5_000


def test_a_join_taken_back_is_gone_in_hindsight_and_stays_in_what_was_shown(tape: Tape) -> None:
    opened(tape)
    tape.take(w.frame(T0, {"orders": 10}, {"audit": {"orders": 4}}, keyframe=True))
    tape.take(w.spans(T0, "reads", "topic:c/orders", "service:ledger", group="audit"))
    tape.cut(T0 + 10_000)
    shown = history.frame_at(T0 + 10_000)
    tape.take(w.spans(T0 + 1_000, "reads", "topic:c/orders", "service:other", group="audit"))
    tape.cut(T0 + 30_000)
    assert "group:c/audit" in targets(T0 + 10_000, hindsight=True)
    assert "group:c/audit" not in targets(T0 + 10_000, hindsight=False)
    assert history.frame_at(T0 + 10_000) == shown


def test_an_unknown_writer_that_a_late_span_names_is_none_in_hindsight(tape: Tape) -> None:
    opened(tape)
    run(tape, range(0, 16, 2), lambda s: s * 5, lambda s: s * 5)
    assert "writer:c/orders" in history.frame_at(T0 + 14_100).nodes
    tape.take(w.spans(T0, "writes", "service:shop", "topic:c/orders"))
    tape.cut(T0 + 16_500)
    assert "writer:c/orders" in history.frame_at(T0 + 14_100).nodes
    then = history.frame_at(T0 + 14_100, hindsight=True)
    assert "writer:c/orders" not in then.nodes
    assert [e.source for e in then.edges if e.relation == "writes"] == ["service:shop"]


def test_a_diff_is_the_later_graph_minus_the_earlier_one(tape: Tape) -> None:
    opened(tape)
    tape.take(w.frame(T0, {"orders": 10}, {"billing-cg": {"orders": 4}, "audit": {"orders": 4}}, keyframe=True))
    tape.cut(T0 + 1000)
    tape.take(w.topics(T0 + 2000, "orders", "payments", "__consumer_offsets", leader=-1))
    tape.take(w.groups(T0 + 2000, "billing-cg"))
    tape.cut(T0 + 3000)
    found = history.diff_between(T0 + 1000, T0 + 3000)
    assert [n.id for n in found.added_nodes] == ["topic:c/payments"]
    assert [n.id for n in found.removed_nodes] == ["group:c/audit"]
    assert [(e.target, e.key) for e in found.removed_edges] == [("group:c/audit", "")]
    (orders,) = [c for c in found.changed_nodes if c[0] == "topic:c/orders"]
    assert (orders[1]["offline"], orders[2]["offline"]) == (0, 1)
    back = history.diff_between(T0 + 3000, T0 + 1000)
    assert ([n.id for n in back.removed_nodes], back.added_edges) == (["topic:c/payments"], found.removed_edges)


def test_stepping_goes_from_tick_to_tick_and_from_change_to_change(tape: Tape) -> None:
    opened(tape)
    run(tape, range(0, 20, 2), lambda s: 10, lambda s: 4)
    assert history.tick_after(T0 + 2_100) == T0 + 4_100
    assert history.tick_before(T0 + 4_100) == T0 + 2_100
    assert history.tick_before(T0 + 100) is None
    assert history.tick_after(T0 + 18_100) is None
    tape.take(w.topics(T0 + 19_000, "orders", "payments"))
    tape.cut(T0 + 20_100)
    tape.cut(T0 + 22_100)
    assert history.change_after(T0 + 4_100, kind="appeared") == T0 + 20_100
    assert history.change_before(T0 + 22_100, kind="appeared") == T0 + 20_100
    assert history.change_before(T0 + 20_100, kind="appeared") == T0 + 100
    assert history.change_after(T0 + 20_100) is None


def test_the_tape_of_a_subject_and_its_marks(tape: Tape) -> None:
    opened(tape)
    run(tape, range(0, 60, 2), lambda s: s * 5, lambda s: s * 4)
    for subject in ("", "group:c/audit", "topic:c/orders", "cluster:c", "team:shop"):
        drawn = history.tape(T0, T0 + 60_000, 30, subject)
        assert dict(drawn["total_lag"])[T0 + 20_000] == (18 if subject != "team:shop" else None)
    assert history.tape(T0, T0 + 60_000, 30, "topic:c/nothing")["changes"] == []
    marks = history.tape(T0, T0 + 60_000, 1)["changes"]
    assert marks[0]["count"] == len(history.changes_between(T0, T0 + 60_000))
    assert "more" in marks[0]["label"]


def test_after_retention_a_minute_shows_what_its_last_tick_showed(tape: Tape) -> None:
    opened(tape)
    for s in range(0, 1300, 10):
        tape.take(w.frame(T0 + s * 1000, {"orders": s * 5}, {"audit": {"orders": s * 4}}))
        if s == 200:
            tape.take(w.topics(T0 + s * 1000, "orders", "payments"))
        tape.cut(T0 + s * 1000 + 100)
    shown = {t: history.frame_at(T0 + t) for t in (MINUTE, 5 * MINUTE, 9 * MINUTE, 21 * MINUTE)}
    lag = history.series("lag:c/audit/orders", "lag", T0 + MINUTE, T0 + 9 * MINUTE, MINUTE)
    tape_before = history.tape(T0 + MINUTE, T0 + 9 * MINUTE, 8)["total_lag"]
    rows = tape.lake.query("SELECT count(*) FROM lake.positions WHERE t < ?", [T0 + 600_000])[0][0]
    assert retention.thin(tape.lake, T0 + 600_000)
    assert not retention.thin(tape.lake, T0 + 600_000)
    history.forget()
    for t, frame in shown.items():
        now = history.frame_at(T0 + t)
        assert now.resolution == ("full" if t > 10 * MINUTE else "minute")
        assert (now.nodes, now.edges, now.lag, now.at) == (frame.nodes, frame.edges, frame.lag, frame.at)
    assert history.frame_at(T0 + 3 * MINUTE + 30_000).at == history.frame_at(T0 + 3 * MINUTE).at
    assert history.series("lag:c/audit/orders", "lag", T0 + MINUTE, T0 + 9 * MINUTE, MINUTE) == lag
    assert history.tape(T0 + MINUTE, T0 + 9 * MINUTE, 8)["total_lag"] == tape_before
    assert history.tape(T0, T0 + 20 * MINUTE, 500)["gaps"] == []
    assert tape.lake.query("SELECT count(*) FROM lake.positions WHERE t < ?", [T0 + 600_000])[0][0] * 5 < rows
    assert history.change_after(T0 + 199_000, kind="appeared") == T0 + 230_100


def test_what_is_older_than_the_minutes_is_gone_and_structure_outlives_it(tape: Tape) -> None:
    opened(tape)
    hour = 3_600_000
    for n in range(5):
        tape.take(w.topics(T0 + n * hour, "orders", *(["payments"] if n < 2 else [])))
        tape.cut(T0 + n * hour + 100)
    now, kept = T0 + 4 * hour + 100, Retention(full=600, minute=3600, changes=2.9 * 3600)
    while retention.step(tape.lake, kept, now):
        pass
    history.forget()
    begin = history.bounds()
    assert begin is not None
    assert begin[0] >= T0 + 2 * hour
    with pytest.raises(history.TapeBegins):
        history.frame_at(T0 + hour)
    kept_changes = history.changes_between(0, now)
    assert ("topic:c/payments", "vanished") in {(c.subject, c.kind) for c in kept_changes}
    assert min(c.recorded_at for c in kept_changes) > T0 + 100
    assert "topic:c/orders" in history.frame_at(now).nodes
    assert tape.lake.query("SELECT count(*) FROM lake.numbers WHERE t < ?", [T0 + 2 * hour]) == [(0,)]


def test_storage_says_what_is_used(tape: Tape) -> None:
    opened(tape)
    tape.cut(T0)
    tape.cut(T0 + 3_600_000)
    found = history.storage()
    assert found.files > 0
    assert found.bytes_lake > 0
    assert (found.oldest, found.recording) == (T0, None)
    assert found.bytes_per_day
    assert found.forecast_bytes
    assert found.free_bytes > 0


@pytest.fixture
def small_disk(tmp_path: Path, settings: Settings, db: None) -> Iterator[Path]:
    """A file system of 72 MiB, which history reads, too."""
    disk = tmp_path / "disk"
    disk.mkdir()
    asked = ["mount", "-t", "tmpfs", "-o", "size=72m", "tmpfs", str(disk)]
    if subprocess.run(asked, capture_output=True, check=False).returncode:
        pytest.skip("mounting a small file system needs root")
    settings.DATA_DIR, settings.LAKE_URL = disk, ""
    history.forget()
    yield disk
    history.forget()
    subprocess.run(["umount", "-l", str(disk)], check=True)


@pytest.mark.parametrize("reserve", [storage.LEAST_FREE, 0])
def test_a_full_disk_stops_recording_with_a_word_harms_nothing_and_goes_on_by_itself(
    small_disk: Path, reserve: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storage, "LEAST_FREE", reserve)
    tape = Tape(w.config(), small_disk)
    opened(tape)
    run(tape, range(0, 6, 2), lambda s: s * 5, lambda s: s * 4)
    shown = history.frame_at(T0 + 2_100)
    ballast = small_disk / "ballast"
    with ballast.open("wb", buffering=0) as file:
        try:
            while file.write(b"x" * 65_536):
                pass
        except OSError:
            pass
    tape.take(w.frame(T0 + 6000, {"orders": 30}, {"audit": {"orders": 22}}))
    for _ in range(2):
        with pytest.raises(NoRoom):
            tape.cut(T0 + 6100)
    assert Tick.objects.count() == 3
    history.forget()
    assert history.frame_at(T0 + 2_100) == shown
    if reserve:
        assert "full" in (history.storage().recording or "")
    ballast.unlink()
    tape.cut(T0 + 8100)
    tape.take(w.frame(T0 + 10_000, {"orders": 50}, {"audit": {"orders": 22}}))
    tape.cut(T0 + 10_100)
    tape.close()
    assert Tick.objects.count() == 5
    assert [i.lag for i in history.frame_at(None).lag] == [28]
    assert history.frame_at(T0 + 2_100) == shown
