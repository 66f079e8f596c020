"""Writers known by their transactional ids: joined to services, beside those who stay unknown, after a restart."""

from __future__ import annotations

from pathlib import Path

from lineage import history
from lineage.frames import EdgeState
from lineage.identity import named_writer
from lineage.observations import EdgeSeen, NodeSeen, Producer, ProducersSeen, Reading
from lineage.recorder import Tape
from tests.lineage import world as w
from tests.lineage.test_tape import opened
from tests.lineage.world import T0

ETL = named_writer("c", "etl-*")
UNKNOWN = "writer:c/orders"


def told(at: int, *sources: str, strength: str = "observed") -> Reading:
    edges = [
        EdgeSeen("writes", s, "topic:c/orders", at, at, strength=strength, detail="transactional id") for s in sources
    ]
    nodes = [NodeSeen(s, "etl-*", {"transactional_id": "etl-*"}) for s in sources if s.startswith("writer:")]
    return Reading(
        cluster="c", at=at, source="transactions", scope="", nodes=nodes, edges=edges, complete=True, interval=30.0
    )


def producers(at: int, *named: bool) -> ProducersSeen:
    return ProducersSeen(cluster="c", at=at, topics={"orders": [Producer(i, at, n) for i, n in enumerate(named)]})


def writers(at: int) -> dict[str, EdgeState]:
    return {e.source: e for e in history.frame_at(at).edges if e.relation == "writes"}


def test_a_transactional_id_is_a_writer_of_its_own_and_explains_its_own_producer_ids(tape: Tape) -> None:
    opened(tape)
    tape.take(producers(T0, True))
    tape.take(told(T0 + 500, ETL))
    tape.cut(T0 + 5_000)
    assert set(writers(T0 + 5_000)) == {ETL}
    node = history.frame_at(T0 + 5_000).nodes[ETL]
    assert (node.kind, node.name, node.cluster, node.stale) == ("writer", "etl-*", "c", False)


def test_who_has_no_transactional_id_stays_unknown_beside_it(tape: Tape) -> None:
    opened(tape)
    tape.take(producers(T0, True, False))
    tape.take(told(T0 + 500, ETL))
    tape.cut(T0 + 5_000)
    assert set(writers(T0 + 5_000)) == {ETL, UNKNOWN}
    tape.take(w.spans(T0 + 5_500, "writes", "service:shop", "topic:c/orders"))
    tape.cut(T0 + 6_000)
    assert set(writers(T0 + 6_000)) == {ETL, "service:shop"}


def test_what_a_group_writes_is_written_by_the_service_it_is_joined_to(tape: Tape, data_dir: Path) -> None:
    opened(tape)
    tape.take(told(T0 + 500, "group:c/billing-cg", "group:c/audit", strength="inferred"))
    tape.cut(T0 + 1_000)
    found = writers(T0 + 1_000)
    assert {k: e.strength for k, e in found.items()} == {"service:billing": "inferred", "group:c/audit": "inferred"}
    tape.close()
    again = Tape(w.config(), data_dir)  # knows still that it was the group's: the next reading ends it
    again.take(told(T0 + 1_500, "group:c/audit"))
    again.cut(T0 + 2_000)
    assert set(writers(T0 + 2_000)) == {"group:c/audit"}
    again.close()


def test_a_restarted_recorder_remembers_who_had_no_name(tape: Tape, data_dir: Path) -> None:
    opened(tape)
    tape.take(producers(T0, True, False))
    tape.take(told(T0 + 500, ETL))
    tape.cut(T0 + 5_000)
    tape.close()
    again = Tape(w.config(), data_dir)
    again.cut(T0 + 6_000)
    assert set(writers(T0 + 6_000)) == {ETL, UNKNOWN}
    again.close()


def test_a_quiet_tick_builds_nothing_anew(tape: Tape) -> None:
    opened(tape)
    tape.take(told(T0 + 500, ETL))
    tape.cut(T0 + 1_000)
    structure = tape.ingest.structure
    tape.cut(T0 + 2_000)
    assert tape.ingest.structure is structure
