"""ACLs of Apache Kafka with its own authorizer: who may is told, and what cannot be known is said."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from confluent_kafka.admin import (
    AclBinding,
    AclOperation,
    AclPermissionType,
    ResourcePatternType,
    ResourceType,
)

from collectors.base import Budget, run
from collectors.kafka.acls import OPEN, Acls
from collectors.kafka.client import KafkaClient
from lineage.config import ClusterConfig, parse
from lineage.observations import AnyObservation, CollectorRan, Reading
from tests.contracts import brokers
from tests.contracts.shop import Shop

pytestmark = pytest.mark.kafka
RULES = parse('services: [{match: {principal: "User:shop"}, service: shop}]', "", {}).services
LITERAL, PREFIXED = ResourcePatternType.LITERAL, ResourcePatternType.PREFIXED


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with brokers.guarded(tmp_path_factory.mktemp("acls")) as address:
        yield address


def collect(address: str, user: str | None) -> list[AnyObservation]:
    config = ClusterConfig("k", address, brokers.sasl(user) if user else {})
    client = KafkaClient("k", address, config.properties)
    try:
        return run(Acls(config, client, RULES), Budget(seconds=60))
    finally:
        client.close()


def bind(who: str, operation: AclOperation, topic: str, pattern: ResourcePatternType, allow: bool = True) -> AclBinding:
    how = AclPermissionType.ALLOW if allow else AclPermissionType.DENY
    return AclBinding(ResourceType.TOPIC, topic, pattern, who, "*", operation, how)


def test_who_may_write_and_read_is_told_and_drawn_for_services_that_rules_name(guarded: str) -> None:
    shop = Shop(guarded, brokers.sasl("admin"))
    one, two = shop.topic(1), shop.topic(1)
    bindings = [
        bind("User:shop", AclOperation.WRITE, one, LITERAL),
        bind("User:shop", AclOperation.ALL, two[:-1], PREFIXED),
        bind("User:shop", AclOperation.READ, two, LITERAL, allow=False),
        bind("User:audit", AclOperation.READ, "*", LITERAL),
    ]
    for made in shop.admin.create_acls(bindings).values():
        made.result(30)
    reading, ran = collect(guarded, "admin")
    assert isinstance(ran, CollectorRan)
    assert (ran.error, ran.needs, ran.note) == (None, [], "")
    assert isinstance(reading, Reading)
    assert reading.complete
    service, told = "service:shop", {n.id: n.attrs for n in reading.nodes}
    assert {(e.relation, e.source, e.target, e.strength) for e in reading.edges} == {
        ("writes", service, f"topic:k/{one}", "permitted"),
        ("writes", service, f"topic:k/{two}", "permitted"),
    }
    assert told[f"topic:k/{two}"] == {
        "may_write": [{"principal": "User:shop", "pattern": f"{two[:-1]}*", "host": "*"}],
        "may_read": [{"principal": "User:audit", "pattern": "*", "host": "*"}],
    }


def test_without_the_right_a_note_says_so_and_nothing_ends(guarded: str) -> None:
    (ran,) = collect(guarded, "playhead")
    assert isinstance(ran, CollectorRan)
    assert (ran.error, ran.needs) == (None, ["Describe Cluster"])
    assert ran.note.startswith("who may do what is hidden from us: kafka-acls ")
    assert ran.note.endswith('"User:playhead" --operation Describe --cluster')


def test_a_cluster_without_an_authorizer_lets_everybody(apache: str) -> None:
    reading, ran = collect(apache, None)
    assert isinstance(reading, Reading)
    assert (reading.complete, reading.nodes, reading.edges) == (True, [], [])
    assert isinstance(ran, CollectorRan)
    assert (ran.error, ran.note) == (None, OPEN)
