"""Observations in, frames out: through a real SQLite and a real DuckLake."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from lineage import history
from lineage.frames import EdgeState, Frame, LagItem
from lineage.models import Tick
from lineage.recorder import AlreadyRunning, Lease, Tape
from tests.lineage import world as w
from tests.lineage.world import T0


def opened(tape: Tape, at: int = T0) -> None:
    for o in (w.cluster(at), w.topics(at, "orders", "__consumer_offsets"), w.groups(at, "billing-cg", "audit")):
        tape.take(o)
    tape.take(w.members(at, "billing-cg", "b-1"))
    tape.take(w.members(at, "audit", "a-1"))


def edge(frame: Frame, target: str) -> EdgeState:
    return next(e for e in frame.edges if e.target == target)


def item(frame: Frame, group: str) -> LagItem:
    return next(i for i in frame.lag if i.group == group)


def run(tape: Tape, seconds: range, end: object, committed: object, group: str = "audit") -> None:
    for s in seconds:
        at = T0 + s * 1000
        tape.take(w.frame(at, {"orders": end(s)}, {group: {"orders": committed(s)}}))  # type: ignore[operator]
        tape.cut(at + 100)


def test_nothing_recorded_says_where_the_tape_begins(data_dir: Path, db: None) -> None:
    with pytest.raises(history.TapeBegins) as caught:
        history.frame_at(None)
    assert caught.value.begin is None
    assert history.bounds() is None


def test_a_moment_before_the_tape_names_its_begin(tape: Tape) -> None:
    tape.cut(T0)
    with pytest.raises(history.TapeBegins) as caught:
        history.frame_at(T0 - 1)
    assert caught.value.begin == T0


def test_a_group_that_a_rule_joins_is_drawn_as_its_service(tape: Tape) -> None:
    opened(tape)
    tape.take(w.frame(T0, {"orders": 10}, {"billing-cg": {"orders": 4}, "audit": {"orders": 10}}, keyframe=True))
    tape.cut(T0 + 500)
    frame = history.frame_at(None)
    joined = edge(frame, "service:billing")
    assert (joined.key, joined.lag, joined.strength) == ("billing-cg", 6, "observed")
    assert edge(frame, "group:c/audit").lag == 0
    assert frame.nodes["group:c/billing-cg"].attrs["service"] == "service:billing"
    assert frame.nodes["service:billing"].team == "shop"
    assert item(frame, "billing-cg").service == "billing"
    assert set(frame.positions) == {"topic:c/orders", "service:billing", "group:c/audit"}


def test_a_reading_span_proves_the_join_and_one_edge_remains(tape: Tape) -> None:
    opened(tape)
    tape.take(w.frame(T0, {"orders": 10}, {"audit": {"orders": 10}}, keyframe=True))
    tape.take(w.spans(T0, "reads", "topic:c/orders", "service:ledger", group="audit", count=412))
    tape.cut(T0 + 3000)
    frame = history.frame_at(None)
    reads = [e for e in frame.edges if e.source == "topic:c/orders" and e.key == "audit"]
    assert [e.target for e in reads] == ["service:ledger"]
    assert [e.source for e in reads[0].evidence] == ["groups", "otlp", "positions"]
    assert "observed: 412 spans in the last hour, newest 3 s ago" in reads[0].sentence


def test_a_claim_without_a_group_falls_to_the_group_that_a_rule_joined(tape: Tape) -> None:
    opened(tape)
    tape.take(w.frame(T0, {"orders": 10}, {"billing-cg": {"orders": 4}}, keyframe=True))
    tape.take(w.spans(T0, "reads", "topic:c/orders", "service:billing"))
    tape.cut(T0 + 500)
    found = [e for e in history.frame_at(None).edges if e.target == "service:billing"]
    assert [(e.key, len(e.evidence)) for e in found] == [("billing-cg", 3)]


def test_likeness_of_name_joins_nothing(tape: Tape) -> None:
    opened(tape)
    tape.take(w.frame(T0, {"orders": 10}, {"audit": {"orders": 4}}, keyframe=True))
    tape.take(w.spans(T0, "reads", "topic:c/orders", "service:audit"))
    tape.cut(T0 + 500)
    assert {"service:audit", "group:c/audit"} <= {e.target for e in history.frame_at(None).edges}


def test_an_unknown_writer_stands_until_a_span_names_the_writer(tape: Tape) -> None:
    opened(tape)
    run(tape, range(0, 16, 2), lambda s: s * 5, lambda s: s * 5)
    frame = history.frame_at(None)
    writer = frame.nodes["writer:c/orders"]
    assert writer.attrs["last_write"] == T0 + 14_000
    assert edge(frame, "topic:c/orders").rate == pytest.approx(5.0)
    tape.take(w.spans(T0 + 15_000, "writes", "service:shop", "topic:c/orders"))
    tape.cut(T0 + 16_500)
    frame = history.frame_at(None)
    assert "writer:c/orders" not in frame.nodes
    assert [e.source for e in frame.edges if e.relation == "writes"] == ["service:shop"]


def test_absence_from_a_partial_listing_ends_nothing_and_from_a_complete_one_everything(tape: Tape) -> None:
    opened(tape)
    tape.take(w.frame(T0, {"orders": 10}, {"audit": {"orders": 4}}, keyframe=True))
    tape.cut(T0 + 500)
    tape.take(w.topics(T0 + 1000, complete=False))
    tape.take(w.groups(T0 + 1000, complete=False))
    tape.cut(T0 + 1500)
    assert "topic:c/orders" in history.frame_at(None).nodes
    tape.take(w.topics(T0 + 2000, "__consumer_offsets"))
    tape.cut(T0 + 2500)
    frame = history.frame_at(None)
    assert "topic:c/orders" not in frame.nodes
    assert not frame.lag
    assert "topic:c/orders" in history.frame_at(T0 + 2499).nodes


def test_a_stopped_consumer_reads_stopped(tape: Tape) -> None:
    opened(tape)
    run(tape, range(0, 20, 4), lambda s: s * 5, lambda s: s * 5)
    assert item(history.frame_at(None), "audit").verdict == "ok"
    tape.take(w.groups(T0 + 19_000, "billing-cg", "audit", state="Empty"))
    run(tape, range(20, 46, 4), lambda s: s * 5, lambda s: 80)
    stopped = item(history.frame_at(None), "audit")
    assert stopped.verdict == "stopped"
    assert "no members" in stopped.reason
    assert stopped.time_lag == pytest.approx(28, abs=3)
    assert item(history.frame_at(T0 + 17_000), "audit").verdict == "ok"


def test_a_slow_consumer_reads_falling_behind(tape: Tape) -> None:
    opened(tape)
    run(tape, range(0, 60, 5), lambda s: s * 5, lambda s: s * 5 if s < 20 else 100 + (s - 20) * 2)
    behind = item(history.frame_at(None), "audit")
    assert behind.verdict == "falling_behind"
    assert behind.rate_in == pytest.approx(5, rel=0.1)
    assert behind.rate_out == pytest.approx(2, rel=0.2)


def test_a_consumer_with_members_that_commits_nothing_reads_stalled(tape: Tape) -> None:
    opened(tape)
    run(tape, range(0, 60, 5), lambda s: s * 5, lambda s: min(s, 20) * 5)
    assert item(history.frame_at(None), "audit").verdict == "stalled"


def test_a_committed_offset_beyond_the_end_is_unknown_with_a_reason(tape: Tape) -> None:
    opened(tape)
    tape.take(w.frame(T0, {"orders": 10}, {"audit": {"orders": 14}}, keyframe=True))
    tape.cut(T0 + 500)
    odd = item(history.frame_at(None), "audit")
    assert (odd.lag, odd.verdict) == (None, "unknown")
    assert "beyond the log end" in odd.reason


def test_a_deposed_follower_and_a_late_frame_are_refused(tape: Tape) -> None:
    opened(tape)
    tape.take(w.frame(T0, {"orders": 10}, {"audit": {"orders": 4}}, keyframe=True, epoch=5))
    tape.take(w.frame(T0 + 100, {"orders": 99}, {"audit": {"orders": 5}}, epoch=4))
    tape.take(w.frame(T0 - 100, {"orders": 1}, {"audit": {"orders": 0}}, epoch=5))
    tape.cut(T0 + 500)
    assert item(history.frame_at(None), "audit").lag == 6


def test_partitions_and_logs_answer_for_a_past_moment(tape: Tape) -> None:
    opened(tape)
    run(tape, range(0, 10, 2), lambda s: s * 5, lambda s: s * 4)
    (now,) = history.partitions_at(None, "c", group="audit", topic="orders")["c", "audit", "orders"]
    assert (now.committed, now.log_end, now.lag, now.owner_member) == (32, 40, 8, "m-a-1")
    (then,) = history.partitions_at(T0 + 4_100, "c")["c", "audit", "orders"]
    assert (then.committed, then.log_end) == (16, 20)
    (log,) = history.topic_logs_at(None, "c", "orders")
    assert (log["leader"], log["log_end"], log["sampled_at"]) == (1, 40, T0 + 8000)


def test_series_and_tape_show_what_was_recorded_and_gaps_where_nothing_was(tape: Tape) -> None:
    opened(tape)
    run(tape, range(0, 20, 2), lambda s: s * 5, lambda s: s * 4)
    run(tape, range(300, 320, 2), lambda s: s * 5, lambda s: s * 4)
    points = dict(history.series("lag:c/audit/orders", "lag", T0, T0 + 320_000, 10_000))
    assert points[T0 + 20_000] == 18
    assert points[T0 + 150_000] is None
    assert points[T0 + 310_000] == 308
    assert dict(history.series("topic:c/orders", "log_end", T0, T0 + 20_000, 10_000))[T0 + 20_000] == 90
    assert dict(history.series("lag:c/audit/orders", "committed", T0, T0 + 20_000, 10_000))[T0 + 20_000] == 72
    drawn = history.tape(T0, T0 + 320_000, 32)
    assert [T0 + 20_000, 18] in drawn["total_lag"]
    assert len(drawn["gaps"]) == 1
    assert sum(c["count"] for c in drawn["changes"]) > 0


def test_a_restart_goes_on_as_if_nothing_had_happened(tape: Tape, data_dir: Path) -> None:
    opened(tape)
    run(tape, range(0, 30, 2), lambda s: s * 5, lambda s: s * 4)
    shown = {t.at: history.frame_at(t.at) for t in Tick.objects.all()}
    tape.close()
    again = Tape(w.config(), data_dir)
    run(again, range(30, 40, 2), lambda s: s * 5, lambda s: s * 4)
    again.close()
    history.forget()
    assert {at: history.frame_at(at) for at in shown} == shown
    went_on = item(history.frame_at(None), "audit")
    assert went_on.rate_in == pytest.approx(5.0)
    assert went_on.time_lag is not None
    changes = history.changes_between(T0 + 29_000, T0 + 60_000)
    assert [c for c in changes if c.kind in ("appeared", "vanished")] == []


def test_a_death_between_lake_and_sql_doubles_nothing(tape: Tape, data_dir: Path) -> None:
    opened(tape)
    run(tape, range(0, 6, 2), lambda s: s * 5, lambda s: s * 4)
    tape.take(w.frame(T0 + 6000, {"orders": 30}, {"audit": {"orders": 24}}))
    lost = tape.ingest.cut(T0 + 6100)
    tape.lake.write(lost.number, lost.at, lost.rows)  # and then it dies
    tape.close()
    before = history.frame_at(None)
    again = Tape(w.config(), data_dir)
    assert again.stream_id == tape.stream_id
    run(again, range(6, 8, 2), lambda s: s * 5, lambda s: s * 4)
    assert again.lake.query("SELECT count(*), count(DISTINCT tick) FROM lake.logs WHERE tick = ?", [lost.number]) == [
        (1, 1)
    ]
    again.close()
    history.forget()
    assert replace(history.frame_at(before.at), live=True) == before
    assert history.frame_at(None).lag[0].lag == 6


def test_merging_changes_no_frame(tape: Tape) -> None:
    opened(tape)
    run(tape, range(0, 30, 2), lambda s: s * 5, lambda s: s * 4)
    shown = history.frame_at(T0 + 20_000)
    tape.lake.compact(whole=True, keep_seconds=0)
    history.forget()
    assert history.frame_at(T0 + 20_000) == shown


def test_every_block_opens_with_a_keyframe(tape: Tape) -> None:
    opened(tape)
    tape.take(w.frame(T0, {"orders": 10}, {"audit": {"orders": 4}}, keyframe=True))
    tape.cut(T0 + 500)
    tape.cut(T0 + 600_000 + 500)
    history.forget()
    frame = history.frame_at(None)
    assert item(frame, "audit").lag == 6
    assert frame.nodes["topic:c/orders"].stale


def test_what_a_span_told_grows_stale_and_ends_on_its_own_clock(tape: Tape) -> None:
    opened(tape)
    tape.take(w.spans(T0, "calls", "service:a", "service:b"))
    hour = 3_600_000
    for at in (T0 + 1000, T0 + hour + 2000, T0 + 24 * hour + 2000):
        tape.cut(at)
    assert not edge(history.frame_at(T0 + 1000), "service:b").stale
    assert edge(history.frame_at(T0 + hour + 2000), "service:b").stale
    assert "service:b" not in history.frame_at(None).nodes


def test_health_is_degraded_by_an_offline_partition_and_down_when_nothing_answers(tape: Tape) -> None:
    opened(tape)
    tape.take(w.frame(T0, {"orders": 10}, keyframe=True))
    tape.cut(T0 + 500)
    assert history.frame_at(None).clusters[0].status == "ok"
    tape.take(w.topics(T0 + 1000, "orders", leader=-1))
    tape.cut(T0 + 1500)
    cluster = history.frame_at(None).clusters[0]
    assert (cluster.status, cluster.offline) == ("degraded", 1)
    tape.take(w.ran(T0 + 30_000, "positions", error="no broker answers"))
    tape.cut(T0 + 30_500)
    cluster = history.frame_at(None).clusters[0]
    assert (cluster.status, cluster.error, cluster.sampled_at) == ("down", "no broker answers", T0)


def test_no_connection_is_old_news_once_any_collector_gets_through_and_a_missing_right_is_not(tape: Tape) -> None:
    opened(tape)
    tape.take(w.ran(T0 + 1000, "configs", "no broker answers", unreachable=True))
    tape.take(w.ran(T0 + 1000, "topology", "no broker answers", unreachable=True))
    tape.cut(T0 + 1500)
    assert history.frame_at(None).clusters[0].error == "no broker answers"
    tape.take(w.ran(T0 + 2000, "topology"))
    tape.cut(T0 + 2500)
    frame = history.frame_at(None)
    assert frame.clusters[0].error is None
    assert [c.error for c in frame.collectors if c.name == "configs"] == ["no broker answers"]
    tape.take(w.ran(T0 + 3000, "sizes", "a right is missing", needs=("Describe Cluster",)))
    tape.take(w.ran(T0 + 4000, "topology"))
    tape.cut(T0 + 4500)
    assert history.frame_at(None).clusters[0].error == "a right is missing"


def test_a_second_recorder_is_told_so(tmp_path: Path) -> None:
    lease = Lease(tmp_path)
    with pytest.raises(AlreadyRunning):
        Lease(tmp_path)
    lease.release()
    Lease(tmp_path).release()
