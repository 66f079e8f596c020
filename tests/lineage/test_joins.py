"""One service under many names: what a person says of a name, takes back, and what that does to the past."""

from __future__ import annotations

from pathlib import Path

from lineage import history
from lineage.identity import named_writer
from lineage.observations import JoinSaid
from lineage.recorder import Tape
from lineage.suggestions import suggestions
from tests.lineage import world as w
from tests.lineage.test_named_writers import told
from tests.lineage.test_tape import opened
from tests.lineage.world import T0


def said(at: int, kind: str, name: str, service: str, verdict: str = "same") -> JoinSaid:
    cluster = "c" if kind in ("group", "transactional_id") else ""
    return JoinSaid(cluster=cluster, at=at, kind=kind, name=name, service=service, verdict=verdict, by="ada")


def readers(at: int, hindsight: bool = False) -> set[str]:
    return {e.target for e in history.frame_at(at, hindsight=hindsight).edges if e.relation == "reads"}


def writers(at: int, hindsight: bool = False) -> set[str]:
    return {e.source for e in history.frame_at(at, hindsight=hindsight).edges if e.relation == "writes"}


def read_by_audit(tape: Tape) -> None:
    opened(tape)
    tape.take(w.frame(T0, {"orders": 10}, {"audit": {"orders": 4}}, keyframe=True))
    tape.cut(T0 + 10_000)


def test_a_confirmed_group_is_drawn_as_its_service_and_says_how_that_is_known(tape: Tape) -> None:
    read_by_audit(tape)
    assert "group:c/audit" in readers(T0 + 10_000)
    tape.take(said(T0 + 15_000, "group", "audit", "ledger"))
    tape.cut(T0 + 20_000)
    assert "service:ledger" in readers(T0 + 20_000)
    assert "group:c/audit" not in readers(T0 + 20_000)
    names = history.frame_at(T0 + 20_000).nodes["service:ledger"].attrs["known_as"]
    assert {"kind": "group", "cluster": "c", "name": "audit", "how": "confirmed"} in names


def test_hindsight_follows_a_join_and_what_was_shown_stays_as_it_was(tape: Tape) -> None:
    read_by_audit(tape)
    shown = history.frame_at(T0 + 10_000)
    tape.take(said(T0 + 15_000, "group", "audit", "ledger"))
    tape.cut(T0 + 20_000)
    assert history.frame_at(T0 + 10_000) == shown
    assert "service:ledger" in readers(T0 + 10_000, hindsight=True)
    assert "group:c/audit" not in readers(T0 + 10_000, hindsight=True)


def test_a_join_can_be_taken_back(tape: Tape) -> None:
    read_by_audit(tape)
    tape.take(said(T0 + 15_000, "group", "audit", "ledger"))
    tape.cut(T0 + 20_000)
    tape.take(said(T0 + 25_000, "group", "audit", "ledger", verdict=""))
    tape.cut(T0 + 30_000)
    assert "group:c/audit" in readers(T0 + 30_000)
    assert "service:ledger" in readers(T0 + 20_000)
    assert "service:ledger" not in readers(T0 + 20_000, hindsight=True)


def test_two_names_of_a_service_become_one_with_all_their_evidence(tape: Tape, data_dir: Path) -> None:
    opened(tape)
    tape.take(w.spans(T0 + 1_000, "writes", "service:shop-svc", "topic:c/orders", count=3))
    tape.take(w.spans(T0 + 2_000, "writes", "service:shop", "topic:c/orders", count=4))
    tape.cut(T0 + 10_000)
    assert writers(T0 + 10_000) == {"service:shop-svc", "service:shop"}
    tape.take(said(T0 + 15_000, "service", "shop-svc", "shop"))
    tape.cut(T0 + 20_000)
    (edge,) = (e for e in history.frame_at(T0 + 20_000).edges if e.relation == "writes")
    assert (edge.source, edge.evidence[0].count) == ("service:shop", 7)
    assert "service:shop-svc" not in history.frame_at(T0 + 20_000).nodes
    tape.close()
    again = Tape(w.config(), data_dir)  # a new process can still take it apart
    again.take(said(T0 + 25_000, "service", "shop-svc", "shop", verdict=""))
    again.cut(T0 + 30_000)
    assert writers(T0 + 30_000) == {"service:shop-svc", "service:shop"}
    assert writers(T0 + 20_000, hindsight=True) == {"service:shop-svc", "service:shop"}
    again.close()


def test_rules_and_what_spans_prove_are_not_overruled(tape: Tape) -> None:
    opened(tape)
    tape.take(w.frame(T0, {"orders": 10}, {"billing-cg": {"orders": 4}, "audit": {"orders": 1}}, keyframe=True))
    tape.take(w.spans(T0, "reads", "topic:c/orders", "service:ledger", group="audit"))
    tape.take(said(T0 + 100, "group", "billing-cg", "other"))
    tape.take(said(T0 + 100, "group", "audit", "other"))
    tape.cut(T0 + 10_000)
    assert readers(T0 + 10_000) == {"service:billing", "service:ledger"}


def test_names_that_lead_in_a_circle_end(tape: Tape) -> None:
    opened(tape)
    tape.take(w.spans(T0, "writes", "service:a", "topic:c/orders"))
    tape.take(said(T0 + 100, "service", "a", "b"))
    tape.take(said(T0 + 200, "service", "b", "a"))
    tape.cut(T0 + 10_000)
    assert len(writers(T0 + 10_000)) == 1


def test_names_alike_are_suggested_and_never_taken(tape: Tape) -> None:
    read_by_audit(tape)
    tape.take(w.spans(T0 + 1_000, "writes", "service:audit-service", "topic:c/orders"))
    tape.cut(T0 + 20_000)
    assert "group:c/audit" in readers(T0 + 20_000)
    (found,) = suggestions(history.frame_at(T0 + 20_000))
    assert (found.kind, found.cluster, found.name, found.service) == ("group", "c", "audit", "audit-service")


def test_what_a_person_refused_is_not_suggested_again(tape: Tape) -> None:
    read_by_audit(tape)
    tape.take(w.spans(T0 + 1_000, "writes", "service:audit-service", "topic:c/orders"))
    tape.take(said(T0 + 2_000, "group", "audit", "audit-service", verdict="different"))
    tape.cut(T0 + 20_000)
    assert suggestions(history.frame_at(T0 + 20_000)) == []
    assert "group:c/audit" in readers(T0 + 20_000)


ETL = named_writer("c", "etl-*")


def test_a_transactional_id_that_a_person_names_is_its_service_until_that_is_taken_back(
    tape: Tape, data_dir: Path
) -> None:
    opened(tape)
    tape.take(told(T0 + 500, ETL))
    tape.cut(T0 + 10_000)
    assert writers(T0 + 10_000) == {ETL}
    tape.take(said(T0 + 15_000, "transactional_id", "etl-*", "loader"))
    tape.cut(T0 + 20_000)
    frame = history.frame_at(T0 + 20_000)
    (edge,) = (e for e in frame.edges if e.relation == "writes")
    assert (edge.source, edge.strength, edge.evidence[0].source) == ("service:loader", "observed", "transactions")
    assert ETL not in frame.nodes
    names = frame.nodes["service:loader"].attrs["known_as"]
    assert names == [{"kind": "transactional_id", "cluster": "c", "name": "etl-*", "how": "confirmed"}]
    assert writers(T0 + 10_000) == {ETL}
    assert writers(T0 + 10_000, hindsight=True) == {"service:loader"}
    tape.close()
    again = Tape(w.config(), data_dir)  # a new process can still take it apart
    again.take(told(T0 + 21_000, ETL))
    again.cut(T0 + 22_000)
    assert writers(T0 + 22_000) == {"service:loader"}
    again.take(said(T0 + 25_000, "transactional_id", "etl-*", "loader", verdict=""))
    again.cut(T0 + 30_000)
    assert writers(T0 + 30_000) == {ETL}
    assert "service:loader" not in history.frame_at(T0 + 30_000).nodes
    assert writers(T0 + 20_000) == {"service:loader"}
    assert writers(T0 + 20_000, hindsight=True) == {ETL}
    again.close()


def test_a_transactional_id_of_another_cluster_is_not_meant(tape: Tape) -> None:
    opened(tape)
    tape.take(told(T0 + 500, ETL))
    other = JoinSaid(
        cluster="d", at=T0 + 600, kind="transactional_id", name="etl-*", service="loader", verdict="same", by="ada"
    )
    tape.take(other)
    tape.cut(T0 + 10_000)
    assert writers(T0 + 10_000) == {ETL}


def test_a_transactional_id_called_like_a_service_is_offered_and_follows_that_service_s_own_join(tape: Tape) -> None:
    opened(tape)
    tape.take(told(T0 + 500, ETL))
    tape.take(w.spans(T0 + 1_000, "reads", "topic:c/orders", "service:etl-svc"))
    tape.cut(T0 + 10_000)
    (found,) = suggestions(history.frame_at(T0 + 10_000))
    assert (found.kind, found.cluster, found.name, found.service) == ("transactional_id", "c", "etl-*", "etl-svc")
    tape.take(said(T0 + 11_000, "transactional_id", "etl-*", "etl-svc"))
    tape.take(said(T0 + 12_000, "service", "etl-svc", "loader"))
    tape.cut(T0 + 20_000)
    assert writers(T0 + 20_000) == {"service:loader"}
    known = history.frame_at(T0 + 20_000).nodes["service:loader"].attrs["known_as"]
    assert {(n["kind"], n["name"]) for n in known} == {("transactional_id", "etl-*"), ("service", "etl-svc")}
