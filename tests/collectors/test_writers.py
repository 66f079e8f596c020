"""Who a transactional id is, and which transactions hang: pure rules."""

from __future__ import annotations

import pytest

from collectors.kafka import writers
from collectors.kafka.transactions import Active, Open, Transactions, hanging
from collectors.kafka.writers import Known, edges, owner, stem, topics, unowned
from lineage.config import parse
from lineage.identity import named_writer, node_id

UUID = "7b5bbf4e-6c66-4d3a-9c4a-1f2b3c4d5e6f"
AT = 1_790_000_000_000
GROUPS = {"words": "streams", "old-words": "classic", "workers": "connect", "sharers": "share"}
RULES = parse('services: [{match: {transactional_id: "^(?P<s>pay)-.*"}, service: "{s}ments"}]', "", {}).services
KNOWN = Known("c", RULES, GROUPS, ("main",))


@pytest.mark.parametrize(
    ("one", "expected"),
    [
        ("pay-3", "pay-*"),
        ("tx-0-1", "tx-*"),
        (f"app-{UUID}-1", "app-*"),
        (UUID, "*"),
        ("orders-v2", "orders-v2"),
        ("etl.2024.7", "etl.*"),
        ("s3sink", "s3sink"),
    ],
)
def test_what_tells_one_process_from_another_is_left_out_of_a_name(one: str, expected: str) -> None:
    assert stem(one) == expected


@pytest.mark.parametrize(
    ("who", "node", "strength"),
    [
        ("pay-1", "service:payments", "observed"),  # a rule comes before everything
        (f"words-{UUID}-2", node_id("group", "c", "words"), "inferred"),
        ("old-words-0_1", node_id("group", "c", "old-words"), "inferred"),
        (f"nobody-{UUID}-2", named_writer("c", "nobody-*"), "observed"),  # no such group
        (f"sharers-{UUID}-2", named_writer("c", "sharers-*"), "observed"),  # no Streams application
        ("words-1", named_writer("c", "words-*"), "observed"),  # likeness of names is not enough
        ("workers-src-a-0", node_id("connector", "c", "main", "src-a"), "inferred"),
        ("workers-0", named_writer("c", "workers-*"), "observed"),
    ],
)
def test_an_owner_is_found_by_rule_then_by_what_kafka_s_own_programs_are_called(
    who: str, node: str, strength: str
) -> None:
    found = owner(who, KNOWN)
    assert (found.node, found.strength) == (node, strength)


def test_a_connector_is_not_guessed_where_it_could_be_two() -> None:
    two = Known("c", (), {"workers": "connect", "workers-a": "connect"}, ("main",))
    assert owner("workers-a-b-0", two).node == named_writer("c", "workers-a-b-*")
    endpoints = Known("c", (), GROUPS, ("main", "other"))
    assert owner("workers-src-0", endpoints).node == named_writer("c", "workers-src-*")


def test_an_edge_counts_producer_ids_and_bears_the_newest_write() -> None:
    active = [Active("t", 0, 1, AT - 5000), Active("t", 1, 1, AT - 3000), Active("t", 0, 2, AT - 9000)]
    ((own, edge),) = edges([*active, Active("t", 0, 3, AT)], {1: "etl-1", 2: "etl-2"}, KNOWN, AT)
    assert (own.name, edge.count, edge.first_seen, edge.last_seen) == ("etl-*", 2, AT - 9000, AT - 3000)


def test_a_write_that_is_too_old_or_of_a_clock_ahead_is_no_fresh_evidence() -> None:
    old = [Active("t", 0, 1, AT - 86_000_000)]
    assert edges(old, {1: "etl"}, KNOWN, AT) == []
    ((_, edge),) = edges([Active("t", 0, 1, AT + 60_000)], {1: "etl"}, KNOWN, AT)
    assert edge.last_seen == AT


def test_more_writers_than_can_be_shown_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writers, "MOST_WRITERS", 2)
    named = {n: f"etl{chr(97 + n)}" for n in range(3)}
    pairs = edges([Active("t", 0, n, AT) for n in named], named, KNOWN, AT)
    shown, beyond = unowned(pairs)
    assert ([n.name for n in shown], beyond) == (["etla", "etlb"], {named_writer("c", "etlc")})


def test_a_topic_is_told_who_wrote_lately_what_is_open_and_what_hangs() -> None:
    active = [Active("t", 0, 1, AT, 7), Active("t", 0, 2, AT - 3_600_001), Active("t", 1, 1, AT - 10)]
    (told,) = topics(active, [], "c", AT, {1: "etl"})
    assert told.figures == {"active_producers": 1, "named_producers": 1, "open_transactions": 1}
    assert told.attrs == {}


@pytest.mark.parametrize(
    ("opened", "last", "complete", "hangs"),
    [
        (None, AT - 1_000_000, True, True),  # no coordinator has it open, and it is older than any may be
        (None, AT - 1_000_000, False, False),  # a coordinator that did not answer may have it
        (None, AT - 800_000, True, False),  # may still be just ending
        ((AT - 100_000, 60_000), AT - 90_000, True, False),
        ((AT - 200_000, 60_000), AT - 90_000, True, True),  # its coordinator should have ended it
    ],
)
def test_a_transaction_hangs_where_nobody_will_end_it(
    opened: tuple[int, int] | None, last: int, complete: bool, hangs: bool
) -> None:
    known = Transactions(named={5: "etl"}, complete=complete)
    if opened:
        known.open = [Open("etl", 5, *opened, frozenset({("t", 0)}))]
    found = hanging([Active("t", 0, 5, last, 3), Active("t", 1, 6, last, None)], known, AT)
    assert [(h.partition, h.transactional_id) for h in found] == ([(0, "etl")] if hangs else [])
