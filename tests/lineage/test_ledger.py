"""What the pieces of evidence of an edge say together."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lineage.evidence import STRENGTHS, ago, holds_until, is_stale
from lineage.frames import EvidenceState
from lineage.ledger import SEEN, Claimed, Ledger, sentence

ORDERS, SHOP, FRAUD = "topic:c/orders", "service:shop", "service:fraud"


def writes(service: str, *strengths: str, topic: str = ORDERS) -> Claimed:
    return Claimed("writes", service, topic, frozenset(strengths))


def reads(service: str, *strengths: str, topic: str = ORDERS) -> Claimed:
    return Claimed("reads", topic, service, frozenset(strengths))


def entry(edge: Claimed, *others: Claimed) -> tuple[str | None, tuple[str, ...]]:
    found = Ledger([edge, *others]).entry(edge)
    return found.drift, found.contradictions


def test_seen_where_nobody_declares_anything_is_no_drift() -> None:
    assert entry(writes(SHOP, "observed")) == (None, ())


def test_declared_and_seen_agree() -> None:
    assert entry(writes(SHOP, "observed", "declared", "permitted")) == (None, ())


def test_declared_and_never_seen() -> None:
    assert entry(writes(SHOP, "declared", "permitted")) == ("declared_only", ())


def test_permitted_and_unused() -> None:
    assert entry(reads(FRAUD, "permitted")) == ("permitted_only", ())


def test_seen_and_not_declared_by_a_service_that_declares_what_it_does() -> None:
    other = reads(FRAUD, "declared", topic="topic:c/payments")
    assert entry(reads(FRAUD, "observed"), other) == ("observed_only", ("not declared",))
    assert entry(reads(SHOP, "observed"), other) == (None, ())


def test_an_unknown_writer_of_a_topic_whose_writers_are_declared() -> None:
    unknown = writes("writer:c/orders", "observed")
    assert entry(unknown, writes(SHOP, "observed", "declared")) == ("observed_only", ("not declared",))
    assert entry(unknown, writes(SHOP, "declared", topic="topic:c/other")) == (None, ())


def test_who_declares_that_a_topic_is_read_says_nothing_of_its_writers_nor_of_what_flows_out_of_it() -> None:
    reader, flow = reads(SHOP, "declared"), Claimed("derives", ORDERS, "topic:c/paid", frozenset({"inferred"}))
    assert entry(writes("writer:c/orders", "observed"), reader) == (None, ())
    assert entry(flow, reader, writes(SHOP, "declared", topic="topic:c/paid")) == (None, ())


def test_declared_the_other_way_round() -> None:
    assert entry(writes(SHOP, "observed"), reads(SHOP, "declared")) == (
        "observed_only",
        ("declared the other way round",),
    )


def test_no_acl_permits_what_is_seen_where_acls_speak_of_the_service() -> None:
    other = writes(SHOP, "permitted", topic="topic:c/other")
    assert entry(writes(SHOP, "observed"), other) == (None, ("no ACL that is known permits it",))


edges = st.builds(
    lambda relation, service, topic, strengths: (
        writes(service, *strengths, topic=topic) if relation else reads(service, *strengths, topic=topic)
    ),
    st.booleans(),
    st.sampled_from((SHOP, FRAUD, "writer:c/orders")),
    st.sampled_from((ORDERS, "topic:c/other")),
    st.sets(st.sampled_from(STRENGTHS), min_size=1),
)


@given(st.lists(edges, max_size=8), edges)
def test_what_is_seen_is_never_called_unseen_and_the_order_does_not_matter(
    others: list[Claimed], edge: Claimed
) -> None:
    drift, against = entry(edge, *others)
    assert (drift in ("declared_only", "permitted_only")) == (not edge.strengths & SEEN)
    assert Ledger([*reversed(others), edge]).entry(edge).contradictions == against
    if "declared" in edge.strengths and edge.strengths & SEEN:
        assert drift is None


def piece(source: str, strength: str, count: int = 1, recent: int | None = None, detail: str = "") -> EvidenceState:
    return EvidenceState(source, strength, 90_000, 97_000, detail, count, recent)


def test_the_sentence_begins_with_the_strongest_and_ends_with_what_is_missing() -> None:
    pieces = [piece("acls", "permitted", detail="User:shop"), piece("otlp", "observed", 9_000, 412)]
    assert sentence(pieces, 100_000, ["not declared"]) == (
        "observed: 412 spans in the last hour, newest 3 s ago; also permitted: 1 ACL (User:shop); not declared"
    )


def test_without_evidence_it_says_so() -> None:
    assert sentence([], 100_000) == "no evidence"


@given(st.integers(0, 300_000_000), st.integers(0, 300_000_000))
def test_an_age_holds_until_it_is_said_otherwise(since: int, at: int) -> None:
    until = holds_until(since, at)
    assert until > at
    assert _aged(since, until - 1) == _aged(since, at)
    assert _aged(since, until) != _aged(since, at)


def _aged(since: int, at: int) -> tuple[str, bool]:
    return ago(at - since), is_stale("otlp", since, None, at, 0)
