"""Who may do what: ACLs with prefixes, wildcards and denials against the topics that there are."""

from __future__ import annotations

from typing import Any

import pytest

from collectors.kafka import acls
from collectors.kafka.acls import Binding, Bindings, permitted, told
from lineage.config import parse

RULES = parse('services: [{match: {principal: "User:(?P<n>.+)-app"}, service: "{n}"}]', "", {}).services
TOPICS = ["orders", "orders.dlt", "payments"]
PAY = "User:pay-app"


def allow(name: str, principal: str = PAY, operation: str = "WRITE", **more: Any) -> Binding:
    given = {"prefixed": False, "host": "*", "allowed": True, **more}
    return Binding(name=name, principal=principal, operation=operation, **given)


def writers(topic: str, *bindings: Binding) -> list[str]:
    return [f"{b.principal} {b.pattern}" for b in Bindings.of(bindings).who_may("WRITE", topic)]


def edges(*bindings: Binding) -> tuple[list[tuple[str, str, str]], list[str]]:
    found, beyond = permitted(Bindings.of(bindings), TOPICS, "c", RULES, 1)
    return [(e.relation, e.source, e.target) for e in found], beyond


@pytest.mark.parametrize(
    ("bindings", "topics"),
    [
        ([allow("orders")], ["orders"]),
        ([allow("orders", prefixed=True)], ["orders", "orders.dlt"]),
        ([allow("*")], TOPICS),
        ([allow("*"), allow("orders", allowed=False)], ["orders.dlt", "payments"]),
        ([allow("*"), allow("orders", prefixed=True, principal="User:*", allowed=False)], ["payments"]),
        ([allow("*"), allow("orders", allowed=False, operation="ALL")], ["orders.dlt", "payments"]),
        ([allow("*"), allow("orders", allowed=False, operation="READ")], TOPICS),
        ([allow("*"), allow("orders", allowed=False, host="10.0.0.1")], TOPICS),  # from elsewhere it may
        ([allow("orders", operation="ALL")], ["orders"]),
        ([allow("orders", operation="READ")], []),
        ([allow("ord")], []),
    ],
)
def test_a_binding_speaks_of_the_topics_that_its_pattern_means(bindings: list[Binding], topics: list[str]) -> None:
    assert [t for t in TOPICS if writers(t, *bindings)] == topics


def test_permitted_edges_are_those_of_services_that_rules_name() -> None:
    found, beyond = edges(
        allow("orders"), allow("payments", operation="READ"), allow("orders", principal="User:somebody"),
        allow("*", principal="User:*"),
    )  # fmt: skip
    assert found == [
        ("writes", "service:pay", "topic:c/orders"),
        ("reads", "topic:c/payments", "service:pay"),
    ]
    assert beyond == []


def test_a_permitted_edge_says_whom_and_by_which_patterns() -> None:
    found, _ = permitted(Bindings.of([allow("orders"), allow("*", operation="ALL")]), ["orders"], "c", RULES, 1)
    assert {(e.relation, e.strength, e.count, e.detail) for e in found} == {
        ("writes", "permitted", 2, "User:pay-app on *, User:pay-app on orders"),
        ("reads", "permitted", 1, "User:pay-app on *"),
    }


def test_a_service_that_may_do_too_much_has_all_of_its_edges_or_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(acls, "MOST_OF_SERVICE", 2)
    found, beyond = edges(allow("*"), allow("orders", principal="User:few-app"))
    assert ({source for _, source, _ in found}, beyond) == ({"service:few"}, ["pay"])


def test_a_topic_names_some_principals_and_counts_the_rest() -> None:
    many = [allow("*", principal=f"User:{n:02}") for n in range(23)]
    nodes = told(Bindings.of([*many, allow("orders", host="10.0.0.1"), allow("orders", operation="READ")]), TOPICS, "c")
    assert [n.id for n in nodes] == ["topic:c/orders", "topic:c/orders.dlt", "topic:c/payments"]
    attrs = nodes[0].attrs
    assert attrs["may_write"][0] == {"principal": PAY, "pattern": "orders", "host": "10.0.0.1"}
    assert (len(attrs["may_write"]), attrs["may_write_more"]) == (20, 4)
    assert attrs["may_read"] == [{"principal": PAY, "pattern": "orders", "host": "*"}]
    assert "may_read" not in nodes[1].attrs


def test_a_topic_that_no_acl_speaks_of_is_not_told_of() -> None:
    assert told(Bindings.of([allow("other")]), TOPICS, "c") == []
