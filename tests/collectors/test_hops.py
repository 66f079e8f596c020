"""Flows between topics out of traces: consistent over topics, bounded, silent where the order contradicts itself."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from collectors.kafka.hops import Hops

NOW = 1_790_000_000_000


def trace(number: int) -> bytes:
    return number.to_bytes(16, "big")


def flows(hops: Hops) -> dict[tuple[str, str], int]:
    return {(e.source, e.target): e.count for e in hops.close(NOW)}


def test_a_trace_shows_the_topics_one_after_the_other() -> None:
    hops = Hops()
    for number in range(3):
        hops.see(trace(number), "c", NOW - 10)
        hops.see(trace(number), "a", NOW - 30)
        hops.see(trace(number), "b", NOW - 20)
    assert flows(hops) == {("a", "b"): 3, ("b", "c"): 3}


def test_a_flow_is_inferred_and_told_once() -> None:
    hops = Hops()
    hops.see(trace(1), "a", NOW - 30)
    hops.see(trace(1), "b", NOW - 20)
    (edge,) = hops.close(NOW)
    assert (edge.relation, edge.strength, edge.first_seen, edge.last_seen) == (
        "derives",
        "inferred",
        NOW - 20,
        NOW - 20,
    )
    hops.see(trace(1), "b", NOW - 5)
    assert flows(hops) == {}


def test_topics_met_in_both_orders_are_no_flow() -> None:
    """Two topics that a third one feeds: sometimes one is earlier, sometimes the other."""
    hops = Hops()
    for number, (b, c) in enumerate([(1, 2), (2, 1), (1, 2)]):
        hops.see(trace(number), "a", NOW - 100)
        hops.see(trace(number), "b", NOW - 100 + b)
        hops.see(trace(number), "c", NOW - 100 + c)
    assert flows(hops) == {("a", "b"): 2, ("a", "c"): 1}


def test_topics_met_in_the_same_moment_have_no_order() -> None:
    hops = Hops()
    hops.see(trace(1), "a", NOW)
    hops.see(trace(1), "b", NOW)
    assert flows(hops) == {}


@given(st.sets(st.binary(min_size=16, max_size=16), min_size=100, max_size=300))
def test_what_is_kept_is_kept_in_every_topic_however_many_there_are(traces: set[bytes]) -> None:
    hops = Hops(most=20)
    for topic, at in (("a", NOW - 20), ("b", NOW - 10)):
        for one in sorted(traces):
            if hops.keeps(one):
                hops.see(one, topic, at)
    whole = sum(len(t.first) == 2 for t in hops._traces.values())
    assert len(hops._traces) <= 20
    assert hops.share > 1
    assert whole == len(hops._traces)
    assert flows(hops) == ({("a", "b"): whole} if whole else {})


def test_old_traces_are_forgotten() -> None:
    hops = Hops()
    hops.see(trace(1), "a", NOW - 700_000)
    hops.close(NOW)
    hops.see(trace(1), "b", NOW)
    assert flows(hops) == {}
