from __future__ import annotations

from typing import Any

import pytest

from lineage.frames import Change
from lineage.wording import counted, listed, plain, say, span, things_of

T = 1_790_000_000_000
READS = "reads|topic:c/orders.v2|group:c/fraud-cg|"


def change(kind: str, subject: str, before: Any = None, after: Any = None, at: int = T, evidence: str = "") -> Change:
    return Change(1, at, at, kind, subject, before, after, evidence)


def attrs(**given: Any) -> dict[str, Any]:
    return {"attrs": given}


def member(name: str, *parts: int) -> dict[str, Any]:
    return {"id": f"m-{name}", "client_id": name, "host": "h", "assigned": {"orders": list(parts)} if parts else {}}


def test_a_read_tells_what_it_followed() -> None:
    edge = {"source": "topic:c/orders.v2", "target": "group:c/fraud-cg", "key": "", "evidence": [{"source": "groups"}]}
    said = say(change("appeared", READS, None, edge), {"topic:c/orders.v2": [T - 9_000_000, T - 240_000]})
    assert said.sentence == "group fraud-cg began to read orders.v2, four minutes after orders.v2 appeared"
    assert said.why == "seen by its group's members"


@pytest.mark.parametrize("ago", [0, 999, 86_400_001])
def test_what_appeared_at_once_or_long_ago_explains_nothing(ago: int) -> None:
    said = say(change("appeared", READS, None, {}), {"topic:c/orders.v2": [T - ago]})
    assert said.sentence == "group fraud-cg began to read orders.v2"


@pytest.mark.parametrize(
    ("kind", "subject", "before", "after", "sentence"),
    [
        ("vanished", READS, {}, None, "group fraud-cg no longer reads orders.v2"),
        ("appeared", "writes|service:shop|topic:c/orders|", None, {}, "service shop began to write orders"),
        ("appeared", "writes|writer:c/orders|topic:c/orders|", None, {}, "somebody unknown began to write orders"),
        (
            "appeared",
            "reads|topic:c/orders|service:billing|billing-cg",
            None,
            {},
            "service billing began to read orders as group billing-cg",
        ),
        ("appeared", "derives|topic:c/a|topic:c/b|", None, {}, "topic b is derived from a"),
        ("appeared", "calls|service:a|service:b|", None, {}, "service a began to call b"),
        (
            "appeared",
            "topic:c/orders",
            None,
            {"team": "sales", **attrs(partitions=6)},
            "topic orders appeared, with six partitions, owned by sales",
        ),
        ("vanished", "group:c/a%2Fb", {}, None, "group a/b is gone"),
        ("owner", "topic:c/o", {"team": None}, {"team": "sales"}, "topic o has an owner now, sales"),
        ("owner", "topic:c/o", {"team": "sales"}, {"team": None}, "topic o went from sales to nobody"),
        (
            "config",
            "topic:c/orders",
            attrs(configs={"retention.ms": "604800000", "a": "1"}),
            attrs(configs={"retention.ms": "86400000", "a": "1"}),
            "topic orders: retention.ms changed from 7 days to 1 day",
        ),
        (
            "config",
            "topic:c/orders",
            attrs(configs={}),
            attrs(configs={"a": "1"}),
            "topic orders: its configuration was read, one setting",
        ),
        (
            "changed",
            "topic:c/o",
            attrs(partitions=6),
            attrs(partitions=9),
            "topic o: its partitions went from 6 to 9",
        ),
        (
            "changed",
            "topic:c/o",
            attrs(topic_id="a"),
            attrs(topic_id="b"),
            "topic o was deleted and made anew under the same name",
        ),
        ("changed", "group:c/g", attrs(service=None), attrs(service="service:pay"), "group g: it is service pay"),
        ("changed", "group:c/g", {}, {}, "group g: its details changed"),
    ],
)
def test_a_sentence_for(kind: str, subject: str, before: Any, after: Any, sentence: str) -> None:
    assert say(change(kind, subject, before, after)).sentence == sentence


def test_a_verdict_tells_how_long_the_old_one_held_and_why_the_new_one_came() -> None:
    before = {"verdict": "ok", "reason": "", "since": T - 180_000}
    after = {"verdict": "falling_behind", "reason": "30 behind and growing", "since": T}
    said = say(change("verdict", "lag:c/payments/orders", before, after))
    assert said.whole == (
        "payments' lag verdict on orders went from ok to falling behind after three minutes: 30 behind and growing"
    )


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ([member("a", 0, 1)], [member("a", 0), member("b", 1)], "b joined, one member became two, one partition moved"),
        ([member("a", 0)], [], "a left, one member became none"),
        ([member("a", 0), member("b", 1)], [member("a", 1), member("b", 0)], "two partitions moved"),
        (None, [member("a")], "one member described"),
        ([member("a")], None, "its members are not known any more"),
    ],
)
def test_members_that_come_and_go_and_partitions_that_move(before: Any, after: Any, words: str) -> None:
    said = say(change("members", "group:c/g", attrs(members=before), attrs(members=after)))
    assert said.sentence == f"group g: {words}"


def test_what_has_no_record_of_its_ends_is_read_from_its_id() -> None:
    assert things_of(change("changed", READS, {"strength": "inferred"}, {"strength": "observed"})) == (
        "group:c/fraud-cg",
        "topic:c/orders.v2",
    )
    assert say(change("changed", READS, {"strength": "inferred"}, {"strength": "observed"})).sentence == (
        "that group fraud-cg reads orders.v2 is now observed, it was inferred"
    )


@pytest.mark.parametrize("subject", ["", "nonsense", "reads|", "lag:", "topic:", "group:c", "reads|a|b"])
@pytest.mark.parametrize("kind", ["appeared", "vanished", "changed", "verdict", "owner", "config", "members"])
def test_a_strange_subject_still_has_a_sentence(kind: str, subject: str) -> None:
    assert say(change(kind, subject)).sentence


def test_lengths_numbers_and_settings_in_words() -> None:
    lengths = [span(ms) for ms in (0, 1_000, 60_000, 90_000, 119_000, 240_000, 3_600_000, 7_200_000, 172_800_000)]
    minutes = ["one minute", "90 seconds", "119 seconds", "four minutes"]
    assert lengths == ["no seconds", "one second", *minutes, "one hour", "two hours", "two days"]
    assert [counted(n, "reply") for n in (1, 2, 13)] == ["one reply", "two replies", "13 replies"]
    assert [listed("abcde"[:n]) for n in (0, 1, 2, 4, 5)] == ["", "a", "a and b", "a, b, c and d", "a, b, c and 2 more"]
    assert plain("segment.bytes", "1073741824") == "1 GiB"
    assert [plain("retention.ms", v) for v in ("-1", "1500", "0", "")] == ["no limit", "1,500 ms", "0 ms", "nothing"]
    assert plain("cleanup.policy", "compact") == "compact"


def test_what_changed_in_a_topics_schemas_is_said_by_subject() -> None:
    def subject(name: str, version: int, level: str = "BACKWARD") -> dict[str, Any]:
        return {"name": name, "version": version, "compatibility": level}

    before = attrs(subjects=[subject("a-key", 1), subject("a-value", 2)])
    after = attrs(subjects=[subject("a-value", 3, "NONE"), subject("a-x.Y", 1)])
    assert say(change("changed", "topic:c/a", before, after)).sentence == (
        "topic a: the schema a-x.Y was registered, v1; the schema a-key was deleted; "
        "the schema a-value is at v3 now, v2 before; the schema a-value is NONE now, BACKWARD before"
    )
