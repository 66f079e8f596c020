"""A dead letter's header names the group that failed: it stands on the map as whoever owns that group."""

from __future__ import annotations

from lineage import history
from lineage.observations import EdgeSeen, EdgesSeen
from lineage.recorder import Tape
from tests.lineage import world as w
from tests.lineage.world import T0


def failed(at: int, group: str) -> EdgesSeen:
    edges = [
        EdgeSeen("dead_letters", "topic:c/orders", "topic:c/orders.dlt", at, at, 3, group=group),
        EdgeSeen("writes", f"group:c/{group}", "topic:c/orders.dlt", at, at, 3),
    ]
    return EdgesSeen(cluster="c", at=at, source="headers", edges=edges)


def drawn(tape: Tape, group: str) -> set[tuple[str, str, str, str]]:
    tape.take(w.cluster(T0))
    tape.take(w.topics(T0, "orders", "orders.dlt"))
    tape.take(w.groups(T0, "fraud-cg", "loose"))
    tape.take(failed(T0 + 500, group))
    tape.cut(T0 + 1_000)
    return {(e.relation, e.source, e.target, e.key) for e in history.frame_at(T0 + 1_000).edges}


def test_a_group_that_a_service_owns_writes_as_that_service(tape: Tape) -> None:
    assert drawn(tape, "fraud-cg") == {
        ("dead_letters", "topic:c/orders", "topic:c/orders.dlt", "fraud-cg"),
        ("writes", "service:fraud", "topic:c/orders.dlt", ""),
    }


def test_a_group_of_nobody_writes_itself_and_one_that_is_not_there_writes_nothing(tape: Tape) -> None:
    assert ("writes", "group:c/loose", "topic:c/orders.dlt", "") in drawn(tape, "loose")
    tape.take(failed(T0 + 1_500, "forged"))
    tape.cut(T0 + 2_000)
    assert not [e for e in history.frame_at(T0 + 2_000).edges if "forged" in e.source]
