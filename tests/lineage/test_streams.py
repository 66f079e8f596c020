"""Applications and their inner topics: found by name and group, folded, never written by somebody unknown."""

from __future__ import annotations

from pathlib import Path

import pytest

from lineage import history
from lineage.observations import (
    ConfigsSeen,
    EdgeSeen,
    EdgesSeen,
    Group,
    GroupDetail,
    GroupsDescribed,
    GroupsListed,
    Member,
)
from lineage.recorder import Tape
from lineage.streams import framework, inner
from tests.lineage import world as w
from tests.lineage.test_tape import opened
from tests.lineage.world import T0

GROUPS = {"words", "words-eu", "shop"}


@pytest.mark.parametrize(
    ("topic", "expected"),
    [
        ("words-counts-changelog", ("words", "changelog", "counts")),
        ("words-eu-counts-changelog", ("words-eu", "changelog", "counts")),  # the longest group it can be of
        ("words-KSTREAM-AGGREGATE-STATE-STORE-0000000003-repartition",
         ("words", "repartition", "KSTREAM-AGGREGATE-STATE-STORE-0000000003")),
        ("changelog__shop--orders--totals", ("shop", "changelog", "orders--totals")),
        ("repartition__shop--orders--by-user", ("shop", "repartition", "orders--by-user")),
        ("words-__assignor-__leader", ("words", "leader", "")),  # Faust's
        ("other-__assignor-__leader", None),
        ("changelog__other--orders--totals", None),
        ("other-counts-changelog", None),  # nobody is called so
        ("words-changelog", None),  # an ordinary topic with such a name
        ("words-counts", None),
        ("changelog", None),
    ],
)  # fmt: skip
def test_an_inner_topic_is_named_after_a_group_that_is_there(topic: str, expected: tuple[str, str, str] | None) -> None:
    assert inner(topic, GROUPS) == expected


@pytest.mark.parametrize(
    ("kind", "assignor", "clients", "expected"),
    [
        ("streams", "", [], "Kafka Streams"),
        ("classic", "stream", [], "Kafka Streams"),
        ("classic", "", ["shop-7b5b-StreamThread-1-consumer"], "Kafka Streams"),
        ("classic", "faust", ["faust-0.11"], "Faust"),
        ("classic", "range", ["rdkafka"], ""),
    ],
)
def test_a_framework_is_told_by_type_assignor_or_client_ids(
    kind: str, assignor: str, clients: list[str], expected: str
) -> None:
    assert framework(kind, assignor, clients) == expected


def living(at: int) -> GroupsDescribed:
    member = Member("m", "x-StreamThread-1-consumer", "/h", None, ["orders"], {"orders": [0]})
    return GroupsDescribed(cluster="c", at=at, groups=[GroupDetail("billing-cg", [member], assignor="stream")])


def test_inner_topics_are_folded_into_their_application_whether_it_runs_or_not(tape: Tape, data_dir: Path) -> None:
    opened(tape)
    own = "billing-cg-totals-changelog"
    tape.take(w.topics(T0 + 100, "orders", own, "audit-x-changelog", "loose-x-changelog"))
    tape.take(living(T0 + 200))
    tape.take(w.frame(T0 + 300, {own: 1}, keyframe=True))
    tape.take(w.frame(T0 + 2_300, {own: 9}))
    tape.cut(T0 + 9_000)
    frame = history.frame_at(T0 + 9_000)
    assert {k: frame.nodes[f"topic:c/{own}"].attrs[k] for k in ("application", "role", "store")} == {
        "application": "service:billing", "role": "changelog", "store": "totals",
    }  # fmt: skip
    assert frame.nodes["topic:c/audit-x-changelog"].attrs["application"] == "group:c/audit"
    assert "application" not in frame.nodes["topic:c/loose-x-changelog"].attrs
    group = frame.nodes["group:c/billing-cg"].attrs
    assert group["streams"] == {"framework": "Kafka Streams", "stores": ["totals"], "inner_topics": [own]}
    assert f"writer:c/{own}" not in frame.nodes
    assert f"topic:c/{own}" not in frame.positions
    assert "topic:c/orders" in frame.positions
    tape.close()
    again = Tape(w.config(), data_dir)
    again.take(w.groups(T0 + 10_000, "billing-cg", "audit", state="Empty"))
    again.cut(T0 + 11_000)
    later = history.frame_at(T0 + 11_000).nodes["group:c/billing-cg"].attrs
    assert (later["members"], later["assignor"], later["streams"]) == ([], "stream", group["streams"])
    again.close()


def test_a_trace_that_leads_through_an_inner_topic_makes_no_flow_of_it(tape: Tape) -> None:
    opened(tape)
    own = "billing-cg-totals-changelog"
    tape.take(w.topics(T0 + 100, "orders", "bills", own))
    ends = (("orders", "bills"), ("bills", own), (own, "bills"))
    flows = [EdgeSeen("derives", f"topic:c/{a}", f"topic:c/{b}", T0, T0, strength="inferred") for a, b in ends]
    tape.take(EdgesSeen(cluster="c", at=T0 + 200, source="headers", edges=flows))
    tape.cut(T0 + 9_000)
    edges = [(e.source, e.target) for e in history.frame_at(None).edges if e.relation == "derives"]
    assert edges == [("topic:c/orders", "topic:c/bills")]


WORKERS = GroupsListed(cluster="c", at=T0 + 10, groups=[Group("eu", "connect", "Stable", "connect")], complete=True)


def kept(tape: Tape, *topics: str, compacted: bool = True) -> dict[str, tuple[str, str]]:
    """The topics that are folded, with into whom and as what; all are written to while the tape runs."""
    tape.take(w.cluster(T0))
    tape.take(WORKERS)
    tape.take(w.topics(T0 + 100, *topics))
    policy = {"cleanup.policy": "compact"} if compacted else {}
    tape.take(ConfigsSeen(cluster="c", at=T0 + 200, configs=dict.fromkeys(topics, policy)))
    tape.take(w.frame(T0 + 300, dict.fromkeys(topics, 1), keyframe=True))
    tape.take(w.frame(T0 + 2_300, dict.fromkeys(topics, 9)))
    tape.cut(T0 + 9_000)
    nodes = history.frame_at(T0 + 9_000).nodes
    folded = {t: nodes[f"topic:c/{t}"].attrs for t in topics if "application" in nodes[f"topic:c/{t}"].attrs}
    assert {t for t in topics if f"writer:c/{t}" not in nodes} == folded.keys()
    return {t: (attrs["application"], attrs["role"]) for t, attrs in folded.items()}


@pytest.mark.parametrize(
    "names",
    [
        ("connect-configs", "connect-offsets", "connect-status"),
        ("_eu_config", "_eu_offset", "_eu_status"),
        ("mm2-configs.B.internal", "mm2-offsets.B.internal", "mm2-status.B.internal"),
        ("eu.config.storage.topic", "eu.offset.storage.topic", "eu.status.storage.topic"),
    ],
)
def test_what_connects_workers_keep_for_themselves_is_folded_into_their_group(
    tape: Tape, names: tuple[str, ...]
) -> None:
    workers = "group:c/eu"
    expected = [(workers, "configurations"), (workers, "offsets"), (workers, "states")]
    assert kept(tape, *names, "order-status", "prices-config") == dict(zip(names, expected, strict=True))


def test_two_of_three_are_topics_as_any(tape: Tape) -> None:
    assert kept(tape, "a-configs", "a-offsets", "b-status") == {}


def test_three_that_are_not_compacted_are_topics_as_any(tape: Tape) -> None:
    assert kept(tape, "a-configs", "a-offsets", "a-status", compacted=False) == {}


def test_of_several_threes_the_one_called_as_the_group_is_folded(tape: Tape) -> None:
    own, others = ("eu-configs", "eu-offsets", "eu-status"), ("us-configs", "us-offsets", "us-status")
    assert kept(tape, *own, *others).keys() == set(own)
