"""Each collector against real brokers: what was put there is what is seen, and nothing is changed by looking."""

from __future__ import annotations

from typing import Any, TypeVar

import pytest

from collectors.base import Budget, run
from collectors.kafka.acls import Acls
from collectors.kafka.check import check_address
from collectors.kafka.client import KafkaClient
from collectors.kafka.configs import KEYS, Configs
from collectors.kafka.groups import Groups
from collectors.kafka.headers import Headers
from collectors.kafka.producers import Producers
from collectors.kafka.shares import Shares
from collectors.kafka.sizes import Sizes
from collectors.kafka.topology import Topology
from lineage.config import ClusterConfig, Names
from lineage.observations import (
    AnyObservation,
    ClusterSeen,
    CollectorRan,
    ConfigsSeen,
    GroupsDescribed,
    GroupsListed,
    ProducersSeen,
    SizesSeen,
    TopicsListed,
)
from tests.contracts.shop import Shop, name

T = TypeVar("T")
KINDS = (Topology, Groups, Configs, Sizes, Producers, Acls, Shares, Headers)


def collect(kind: Any, broker: str, **config: Any) -> list[AnyObservation]:
    cluster = ClusterConfig("k", broker, **config)
    client = KafkaClient("k", broker, cluster.properties)
    try:
        return run(kind(cluster, client), Budget())
    finally:
        client.close()


def only(kind: type[T], observations: list[AnyObservation]) -> T:
    ran = observations[-1]
    assert isinstance(ran, CollectorRan)
    assert ran.error is None
    (found,) = [o for o in observations if isinstance(o, kind)]
    return found


def test_topics_are_listed_with_partitions_and_leaders(broker: str) -> None:
    topic = Shop(broker).topic(3)
    seen = collect(Topology, broker)
    listed = only(TopicsListed, seen)
    assert listed.complete
    (found,) = [t for t in listed.topics if t.name == topic]
    assert [p.id for p in found.partitions] == [0, 1, 2]
    assert all(p.leader == 1 and p.isr == [1] and p.replicas == [1] for p in found.partitions)
    cluster = only(ClusterSeen, seen)
    assert cluster.cluster_id
    assert [b.id for b in cluster.brokers] == [1]


def test_the_filters_decide_which_topics_are_seen(broker: str) -> None:
    shop = Shop(broker)
    wanted, other = shop.topic(1), shop.topic(1)
    listed = only(TopicsListed, collect(Topology, broker, exclude=Names(topics=(other,))))
    names = {t.name for t in listed.topics}
    assert wanted in names
    assert other not in names


def test_configurations_that_matter_are_read(broker: str) -> None:
    topic = Shop(broker).topic(1)
    assert set(only(ConfigsSeen, collect(Configs, broker)).configs[topic]) == set(KEYS)


def test_sizes_count_the_bytes_of_the_leaders(broker: str) -> None:
    shop = Shop(broker)
    full, empty = shop.topic(2), shop.topic(2)
    shop.produce(full, [10, 10])
    sizes = only(SizesSeen, collect(Sizes, broker)).sizes
    assert sizes[full] > 0
    assert sizes[empty] == 0


def test_a_group_without_members_is_listed_and_a_member_is_described(broker: str) -> None:
    shop = Shop(broker)
    topic, quiet, living = shop.topic(2), name("quiet"), name("living")
    shop.produce(topic, [1, 1])
    shop.commit(quiet, topic, {0: 1})
    with shop.member(living, topic, **{"client.id": "till"}):
        seen = collect(Groups, broker)
    listed = only(GroupsListed, seen)
    states = {g.id: g.state for g in listed.groups}
    assert listed.complete
    assert states[quiet] == "Empty"
    assert states[living] == "Stable"
    (detail,) = [g for g in only(GroupsDescribed, seen).groups if g.id == living]
    (member,) = detail.members
    assert (member.client_id, member.subscribed, member.assigned) == ("till", [topic], {topic: [0, 1]})


def test_members_that_left_are_told(broker: str) -> None:
    shop = Shop(broker)
    topic, group = shop.topic(1), name()
    cluster = ClusterConfig("k", broker)
    client = KafkaClient("k", broker, {})
    collector = Groups(cluster, client)
    shop.commit(group, topic, {0: 0})
    with shop.member(group, topic):
        run(collector, Budget())
    described = only(GroupsDescribed, run(collector, Budget()))
    client.close()
    assert [g.members for g in described.groups if g.id == group] == [[]]


@pytest.mark.kafka
def test_a_modern_group_is_described_with_its_type(apache: str) -> None:
    shop = Shop(apache)
    topic, group = shop.topic(2), name("modern")
    with shop.member(group, topic, **{"group.protocol": "consumer", "client.id": "new"}):
        seen = collect(Groups, apache)
    (listed,) = [g for g in only(GroupsListed, seen).groups if g.id == group]
    assert (listed.type, listed.state) == ("consumer", "Stable")
    (detail,) = [g for g in only(GroupsDescribed, seen).groups if g.id == group]
    assert detail.describable
    assert [(m.client_id, m.subscribed, m.assigned) for m in detail.members] == [("new", [topic], {topic: [0, 1]})]


@pytest.mark.kafka
def test_idempotent_producers_are_counted_with_their_last_write(apache: str) -> None:
    shop = Shop(apache)
    topic, plain = shop.topic(2), shop.topic(2)
    shop.produce(topic, [2, 2], **{"enable.idempotence": True})
    shop.produce(topic, [1, 0], **{"enable.idempotence": True})
    shop.produce(plain, [1, 1])
    found = only(ProducersSeen, collect(Producers, apache)).topics
    assert len({p.producer_id for p in found[topic]}) == 2
    assert all(p.last_at > 1_600_000_000_000 for p in found[topic])
    assert found[plain] == []


def test_an_address_is_checked_right_by_right(broker: str) -> None:
    steps = check_address(broker, {})
    assert [s.name for s in steps if not s.ok] == []
    assert {"address", "connection", "Read Topic *", "Describe Group *", "Describe Cluster"} <= {s.name for s in steps}


def test_looking_changes_nothing(broker: str) -> None:
    shop = Shop(broker)
    topic, group = shop.topic(1), name()
    shop.produce(topic, [5])
    shop.commit(group, topic, {0: 3})
    topics, groups = shop.state()
    before = shop.committed(group)
    for kind in KINDS:
        collect(kind, broker)
    check_address(broker, {})
    assert shop.committed(group) == before
    assert shop.state()[0] == topics
    assert shop.state()[1] <= groups  # the broker itself may drop a group that never committed


@pytest.mark.parametrize("kind", KINDS)
def test_a_dead_cluster_is_a_sentence(kind: Any) -> None:
    (ran,) = collect(kind, "127.0.0.1:1")
    assert isinstance(ran, CollectorRan)
    assert ran.error == "127.0.0.1:1 refused the connection: nothing listens there"
