"""With only the documented rights all works; each one taken away is named, and nothing vanishes."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from confluent_kafka import KafkaException, TopicPartition
from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    OffsetSpec,
    ResourcePatternType,
    ResourceType,
)

from collectors.base import Budget, run
from collectors.kafka.acls import Acls
from collectors.kafka.check import check_address
from collectors.kafka.client import KafkaClient
from collectors.kafka.configs import Configs
from collectors.kafka.follower import Follower
from collectors.kafka.groups import Groups
from collectors.kafka.headers import Headers
from collectors.kafka.producers import Producers
from collectors.kafka.shares import Shares
from collectors.kafka.sizes import Sizes
from collectors.kafka.topology import Topology
from lineage.config import ClusterConfig
from lineage.observations import AnyObservation, CollectorRan, GroupsListed, PositionsFrame, Reading, TopicsListed
from tests.contracts import brokers
from tests.contracts.shop import Shop

pytestmark = pytest.mark.kafka
KIND, OP = ResourceType, AclOperation
RIGHTS = {
    "Read Topic *": (KIND.TOPIC, "*", OP.READ),
    "DescribeConfigs Topic *": (KIND.TOPIC, "*", OP.DESCRIBE_CONFIGS),
    "Describe Group *": (KIND.GROUP, "*", OP.DESCRIBE),
    "Describe TransactionalId *": (KIND.TRANSACTIONAL_ID, "*", OP.DESCRIBE),
    "Describe Cluster": (KIND.BROKER, "kafka-cluster", OP.DESCRIBE),
}
KINDS = (Topology, Groups, Configs, Sizes, Producers, Acls, Shares, Headers)


class Guarded:
    """A broker with an authorizer, some things on it, and playhead's rights."""

    def __init__(self, address: str, work: Path) -> None:
        self.address, self.log = address, work / "broker.log"
        self.shop = Shop(address, brokers.sasl("admin"))
        self.topic = self.shop.topic(2)
        self.shop.produce(self.topic, [3, 3])
        self.shop.transact(self.topic, "etl")
        self.shop.commit("readers", self.topic, {0: 1, 1: 2})
        for right in RIGHTS:
            self.grant(right)
        self.config = ClusterConfig("k", address, brokers.sasl("playhead"))

    def grant(self, right: str) -> None:
        kind, resource, operation = RIGHTS[right]
        self._change(
            AclBinding(kind, resource, ResourcePatternType.LITERAL, *self._who(operation)), self.shop.admin.create_acls
        )

    @contextmanager
    def without(self, right: str) -> Iterator[None]:
        kind, resource, operation = RIGHTS[right]
        what = AclBindingFilter(kind, resource, ResourcePatternType.LITERAL, *self._who(operation))
        self._change(what, self.shop.admin.delete_acls)
        try:
            yield
        finally:
            self.grant(right)

    def snapshot(self) -> tuple[object, ...]:
        """Topics, groups with their states, committed offsets and log ends, as an administrator sees them."""
        groups = self.shop.admin.list_consumer_groups().result(30).valid
        states = {(g.group_id, g.state) for g in groups}
        ends = {TopicPartition(self.topic, p): OffsetSpec.latest() for p in range(2)}  # type: ignore[no-untyped-call]
        logs = [(k.partition, f.result(30).offset) for k, f in self.shop.admin.list_offsets(ends).items()]
        return self.shop.state()[0], states, self.shop.committed("readers"), sorted(logs)

    def logged(self, since: int) -> str:
        """What the broker wrote from this byte of its log on."""
        with self.log.open("rb") as file:
            file.seek(since)
            return file.read().decode()

    @staticmethod
    def _who(operation: AclOperation) -> tuple[str, str, AclOperation, AclPermissionType]:
        return "User:playhead", "*", operation, AclPermissionType.ALLOW

    @staticmethod
    def _change(what: object, change: object) -> None:
        for future in change([what]).values():  # type: ignore[operator]
            future.result(30)
        time.sleep(0.5)  # the broker learns of it from its controller

    def collect(self) -> list[AnyObservation]:
        client = KafkaClient("k", self.address, self.config.properties)
        try:
            kinds = [*(kind(self.config, client) for kind in KINDS), Follower(self.config, client)]
            return [o for collector in kinds for o in run(collector, Budget(seconds=60))]
        finally:
            client.close()


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    work = tmp_path_factory.mktemp("guarded")
    with brokers.guarded(work) as address:
        yield Guarded(address, work)


def missing(guarded: Guarded) -> list[str]:
    return [s.name for s in check_address(guarded.address, brokers.sasl("playhead")) if s.ok is False]


def test_the_documented_rights_suffice(guarded: Guarded) -> None:
    assert missing(guarded) == []
    seen = guarded.collect()
    ran = [o for o in seen if isinstance(o, CollectorRan)]
    assert [(o.collector, o.error, o.needs) for o in ran if o.error or o.needs] == []
    (frame,) = [o for o in seen if isinstance(o, PositionsFrame)]
    assert (frame.method, frame.complete) == ("followed", True)
    assert frame.commits["readers"]


@pytest.mark.parametrize("right", RIGHTS)
def test_a_right_taken_away_is_named_and_nothing_ends(guarded: Guarded, right: str) -> None:
    with guarded.without(right):
        assert missing(guarded) == [right]
        (step,) = [s for s in check_address(guarded.address, brokers.sasl("playhead")) if s.ok is False]
        assert re.search(r'kafka-acls .*--add --allow-principal "User:playhead" --operation ', step.remedy)
        seen = guarded.collect()
    assert any(o.needs for o in seen if isinstance(o, CollectorRan))
    for o in seen:
        if isinstance(o, TopicsListed):
            assert not o.complete or guarded.topic in {t.name for t in o.topics}
        if isinstance(o, GroupsListed):
            assert not o.complete or "readers" in {g.id for g in o.groups}
        if isinstance(o, Reading) and o.source == "share":
            assert o.complete == (right != "Describe Group *")
        elif isinstance(o, Reading):
            assert not o.complete or f"topic:k/{guarded.topic}" in {n.id for n in o.nodes}
        if isinstance(o, PositionsFrame):
            assert o.ended == []
            assert not o.complete or "readers" in o.commits


def test_a_follower_keeps_positions_when_its_rights_go(guarded: Guarded) -> None:
    client = KafkaClient("k", guarded.address, guarded.config.properties)
    follower = Follower(guarded.config, client)
    run(follower, Budget(seconds=60))
    for right in RIGHTS:
        with guarded.without(right):
            follower.positions._reconciled = float("-inf")
            seen = run(follower, Budget(seconds=60))
            assert [o.ended for o in seen if isinstance(o, PositionsFrame) and o.ended] == []
    follower.positions.close()
    client.close()


AUTHORIZED = re.compile(
    r"Principal = User:playhead is (?P<verdict>Allowed|Denied) operation = (?P<operation>\w+) from host = \S+ on "
    r"resource = (?P<resource>\w+):\w+:(?P<name>\S+) for request = (?P<request>\w+)"
)
READS = {"DESCRIBE", "DESCRIBE_CONFIGS", "READ"}


def test_nothing_but_reading_is_asked_and_nothing_changes(guarded: Guarded) -> None:
    """By the broker's own account: its authorizer's log of everything that we asked."""
    before = guarded.snapshot()
    began = guarded.log.stat().st_size
    assert missing(guarded) == []
    guarded.collect()
    assert guarded.snapshot() == before
    asked = [m.groupdict() for m in AUTHORIZED.finditer(guarded.logged(began))]
    assert {a["operation"] for a in asked} == READS
    assert [a for a in asked if a["verdict"] == "Denied"] == []
    assert {
        "OffsetFetch",
        "DescribeProducers",
        "ListTransactions",
        "DescribeAcls",
        "ListGroups",
        "DescribeConfigs",
    } <= {a["request"] for a in asked}
    assert {a["name"] for a in asked if a["request"] == "Fetch"} == {"__consumer_offsets", guarded.topic}


def test_the_log_would_show_a_write(guarded: Guarded) -> None:
    """The proof above is worth something: what is no reading stands in that log."""
    began = guarded.log.stat().st_size
    with pytest.raises(KafkaException):
        Shop(guarded.address, brokers.sasl("playhead")).topic()
    asked = [m.groupdict() for m in AUTHORIZED.finditer(guarded.logged(began))]
    assert ("Denied", "CREATE") in {(a["verdict"], a["operation"]) for a in asked}


def test_a_wrong_password_is_a_sentence(guarded: Guarded) -> None:
    step = check_address(guarded.address, {**brokers.sasl("playhead"), "sasl.password": "no"})[-1]
    assert step.ok is False
    assert "refused the user name or password of User:playhead" in step.detail
