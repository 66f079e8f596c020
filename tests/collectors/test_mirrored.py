"""Copies of MirrorMaker 2 told by their names."""

from __future__ import annotations

from collectors.kafka.mirrored import copies


def told(*topics: str) -> set[tuple[str, str, str]]:
    return {(e.source, e.target, e.strength) for e in copies("here", topics, 5)}


def test_with_heartbeats_a_prefixed_topic_is_inferred_to_be_a_copy() -> None:
    assert told("berlin.heartbeats", "berlin.orders", "berlin.a.b", "orders", "paris.orders") == {
        ("topic:berlin/orders", "topic:here/berlin.orders", "inferred"),
        ("topic:berlin/a.b", "topic:here/berlin.a.b", "inferred"),
    }


def test_without_heartbeats_a_prefix_is_only_a_name() -> None:
    assert told("berlin.orders", "heartbeats") == set()


def test_mirror_makers_own_topics_are_no_copies() -> None:
    assert told("b.heartbeats", "b.checkpoints.internal", "b.c.heartbeats") == set()
