"""The laws of the house as properties: over random histories of observations, not over chosen ones."""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from django.test.utils import override_settings
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lineage import history, models, retention
from lineage.frames import Change, Frame
from lineage.graph import LineageGraph
from lineage.ingest import Ingest
from lineage.lag import message_lag, passed_at
from lineage.lake import Lake
from lineage.meter import Meter
from lineage.observations import AnyObservation, EdgeSeen, JoinSaid
from lineage.recorder import Tape
from lineage.reel import Reel
from lineage.storage import place
from lineage.structure import Delta
from lineage.verdicts import VERDICTS
from tests.lineage import world as w
from tests.lineage.world import T0

TOPICS, GROUPS, SERVICES = ("orders", "payments", "__internal"), ("a", "billing-cg", "b|odd/%"), ("x", "billing", "y")
names = st.sampled_from
some_topics = st.lists(names(TOPICS), unique=True)
some_groups = st.lists(names(GROUPS), unique=True)
offsets = st.dictionaries(names(TOPICS), st.integers(0, 50))


def observations() -> st.SearchStrategy[tuple[int, AnyObservation]]:
    """An observation as it would be seen at time 0, and how many ms pass before it."""
    topic = names(TOPICS).map(lambda t: f"topic:c/{t}")
    service = names(SERVICES).map(lambda s: f"service:{s}")
    one = st.one_of(
        st.builds(lambda n, c: w.topics(0, *n, complete=c), some_topics, st.booleans()),
        st.builds(
            lambda n, c, s: w.groups(0, *n, complete=c, state=s), some_groups, st.booleans(), names(["Stable", "Empty"])
        ),
        st.builds(
            lambda g, t, c: w.members(0, g, c, topic=t), names(GROUPS), names(TOPICS), names(["id-1", "rdkafka"])
        ),
        st.builds(
            lambda e, c, k: w.frame(0, e, c, keyframe=k, complete=k),
            st.dictionaries(names(TOPICS), st.none() | st.integers(0, 50)),
            st.dictionaries(names(GROUPS), offsets),
            st.booleans(),
        ),
        st.builds(lambda t, s, g: w.spans(0, "reads", t, s, group=g), topic, service, names(["", "a", "elsewhere"])),
        st.builds(lambda t, s, late: w.spans(-late, "writes", s, t), topic, service, names([0, 30_000, 4_000_000])),
        st.builds(
            lambda n, t, c, k: w.reading(0, *n, topic=t, complete=c, tasks=k),
            st.lists(names(("sink", "other")), unique=True),
            names(TOPICS),
            st.booleans(),
            names([1, 2]),
        ),
        st.builds(
            lambda k, n, s, v: JoinSaid(
                cluster="c" if k == "group" else "", at=0, kind=k, name=n, service=s, verdict=v, by="ada"
            ),
            names(("group", "service", "client_id")),
            names(("a", "b|odd/%", "x", "id-1")),
            names(SERVICES),
            names(("same", "different", "")),
        ),
        st.just(w.cluster(0)),
        st.builds(lambda e: w.ran(0, "positions", e), names([None, "no answer"])),
    )
    return st.tuples(names([0, 700, 5000, 40_000, 4_000_000, 90_000_000]), one)


def _moved(e: EdgeSeen, at: int) -> EdgeSeen:
    """Late evidence stays as late as it is."""
    return msgspec.structs.replace(e, first_seen=at + e.first_seen, last_seen=at + e.last_seen)


def at_time(o: AnyObservation, at: int) -> AnyObservation:
    changed: dict[str, object] = {"at": at}
    if hasattr(o, "ends_at"):
        changed |= {"ends_at": at + 50, "swept_at": at}
    if hasattr(o, "edges"):
        changed["edges"] = [_moved(e, at) for e in o.edges]
    return msgspec.structs.replace(o, **changed)


histories = st.lists(st.lists(observations(), max_size=4), min_size=1, max_size=6)


def timed(steps: list[list[tuple[int, AnyObservation]]]) -> Iterator[tuple[int, list[AnyObservation]]]:
    at = T0
    for step in steps:
        out = []
        for passes, o in step:
            at += passes
            out.append(at_time(o, at))
        at += 100
        yield at, out


def changes(deltas: list[Delta]) -> list[Change]:
    return [Change(0, 0, 0, d.kind, d.subject, d.before, d.after, d.evidence) for d in deltas]


@settings(max_examples=80, deadline=None)
@given(histories)
def test_state_plus_changes_is_state(steps: list[list[tuple[int, AnyObservation]]]) -> None:
    ingest, graph = Ingest(w.config()), LineageGraph({}, {})
    for at, seen in timed(steps):
        for o in seen:
            ingest.apply(o)
        graph = graph.apply(changes(ingest.cut(at).deltas))
        assert graph == LineageGraph(ingest.structure.nodes, ingest.structure.edges)


@settings(max_examples=60, deadline=None)
@given(histories)
def test_what_comes_twice_changes_nothing(steps: list[list[tuple[int, AnyObservation]]]) -> None:
    once, twice = Ingest(w.config()), Ingest(w.config())
    for at, seen in timed(steps):
        for o in seen:
            once.apply(o)
            twice.apply(o)
            twice.apply(o)
        a, b = once.cut(at), twice.cut(at)
        assert (a.deltas, a.rows, a.placed) == (b.deltas, b.rows, b.placed)


@settings(max_examples=60, deadline=None)
@given(histories)
def test_only_complete_listings_and_clocks_end_topics_and_groups(steps: list[list[tuple[int, AnyObservation]]]) -> None:
    ingest = Ingest(w.config())
    for at, seen in timed(steps):
        listed = {k for k, n in ingest.structure.nodes.items() if "partitions" in n.attrs or "state" in n.attrs}
        for o in seen:
            ingest.apply(o)
        ingest.cut(at)
        ended = listed - ingest.structure.nodes.keys()
        if not any(getattr(o, "complete", False) for o in seen):
            assert not ended


@settings(max_examples=60, deadline=None)
@given(histories)
def test_lag_is_never_negative_and_every_verdict_has_its_reason(steps: list[list[tuple[int, AnyObservation]]]) -> None:
    ingest = Ingest(w.config())
    for at, seen in timed(steps):
        for o in seen:
            ingest.apply(o)
        for row in ingest.cut(at).rows["lag"]:
            lag, behind, verdict, reason = row[2], row[3], row[5], row[6]
            assert lag is None or lag >= 0
            assert behind is None or behind <= at
            assert not verdict or (verdict in VERDICTS and reason)


@given(st.none() | st.integers(0, 100), st.none() | st.integers(0, 100))
def test_message_lag_is_a_difference_or_unknown_with_a_reason(committed: int | None, end: int | None) -> None:
    found = message_lag(committed, end)
    if committed is None or end is None or committed > end:
        assert found.lag is None
        assert found.reason
    else:
        assert found.lag == end - committed


@given(st.lists(st.tuples(st.integers(1, 5000), st.integers(0, 20)), min_size=2, max_size=30), st.integers(0, 400))
def test_the_moment_a_record_came_lies_between_the_samples_around_it(steps: list[tuple[int, int]], offset: int) -> None:
    sums = itertools.accumulate(steps, lambda a, b: (a[0] + b[0], a[1] + b[1]))
    line = list(sums)
    found = passed_at(line, offset)
    inside = line[0][1] <= offset < line[-1][1]
    assert (found is not None) == inside
    if found:
        before = max(t for t, e in line if e <= offset)
        after = min(t for t, e in line if e > offset)
        assert before <= found.at <= after
        assert found.at - found.error * 1000 <= before + 0.001
        assert found.at + found.error * 1000 >= after - 0.001
        assert found.error * 1000 <= after - before


def test_a_meter_forgets_a_log_that_was_made_anew() -> None:
    meter = Meter()
    meter.see_log("t", 0, 0, 100, 1000)
    meter.see_log("t", 0, 0, 5, 2000)
    assert meter.logs["t"][0].ends == [(2000, 5)]


@pytest.mark.django_db
@settings(
    max_examples=4, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(histories, st.integers(0, 5))
def test_live_is_replay_and_changes_lead_from_each_graph_to_the_next(
    db: None, steps: list[list[tuple[int, AnyObservation]]], restart: int
) -> None:
    for table in (models.Progress, models.Tick, models.Name, models.Change, models.Placement):
        table.objects.all().delete()  # type: ignore[attr-defined]
    for versioned in (models.NodeVersion, models.EdgeVersion, models.ClusterVersion, models.CollectorVersion):
        versioned.objects.all().delete()  # type: ignore[attr-defined]
    with tempfile.TemporaryDirectory() as directory, override_settings(DATA_DIR=Path(directory), LAKE_URL=""):
        history.forget()
        w.without_catalog()
        tape, shown, graphs = Tape(w.config(), Path(directory)), [], []
        for n, (at, seen) in enumerate(timed(steps)):
            if n == restart:
                tape.close()
                tape = Tape(w.config(), Path(directory))
            for o in seen:
                tape.take(o)
            tape.cut(at)
            shown.append(replace(history.frame_at(None), live=False))
            graphs.append((at, history.graph_at(None)))
        tape.lake.compact(whole=True, keep_seconds=0)
        tape.close()
        history.forget()
        assert [history.frame_at(frame.at) for frame in shown] == shown
        assert [history.frame_at(frame.at + 99) for frame in shown] == shown
        assert _walked(shown, Reel()) == _walked(shown, Reel(ahead=True)) == shown
        for (t1, one), (t2, two) in itertools.pairwise(graphs):
            assert one.apply(history.changes_between(t1, t2)) == two
        _thinned(Path(directory), shown)
        history.forget()


def _walked(frames: list[Frame], walk: Reel) -> list[Frame]:
    """The same moments, gone through from tick to tick, and the positions with them."""
    out = []
    for frame in frames:
        out.append(history.frame_of(history.tick_at(frame.at), walk))
        for group in GROUPS:
            assert history.partitions_at(frame.at, "c", group, walk=walk) == history.partitions_at(frame.at, "c", group)
        for topic in TOPICS:
            assert history.topic_logs_at(frame.at, "c", topic, walk=walk) == history.topic_logs_at(frame.at, "c", topic)
    return out


def _thinned(directory: Path, shown: list[Frame]) -> None:
    """At the retained resolution the last tick of each minute still shows what it showed."""
    lake = Lake(place(directory))
    while retention.thin(lake, shown[-1].at + retention.HOUR_MS):
        pass
    lake.close()
    history.forget()
    last = {frame.at // retention.MINUTE_MS: frame for frame in shown}
    assert _walked(list(last.values()), Reel(ahead=True)) == [replace(f, resolution="minute") for f in last.values()]
    for frame in last.values():
        assert history.frame_at(frame.at) == replace(frame, resolution="minute")
