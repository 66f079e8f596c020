"""Share (KIP-932) and streams groups (KIP-1071) made by Kafka's own programs: described, and listed after."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from confluent_kafka.admin import NewTopic

from collectors.base import Budget, run
from collectors.kafka.client import KafkaClient
from collectors.kafka.groups import Groups
from lineage.config import ClusterConfig
from lineage.observations import CollectorRan, Group, GroupDetail, GroupsDescribed, GroupsListed, Member
from tests.contracts import brokers
from tests.contracts.shop import Shop, name

pytestmark = pytest.mark.kafka
SHARE = "org.apache.kafka.tools.consumer.ConsoleShareConsumer"
# The example that comes with Kafka Streams; its topics are written into it.
STREAMS = "org.apache.kafka.streams.examples.wordcount.WordCountDemo"
IN, OUT = "streams-plaintext-input", "streams-wordcount-output"


class Seen:
    """What the collector of groups tells of one group, run by run."""

    def __init__(self, address: str, group: str) -> None:
        self.group, self.client = group, KafkaClient("k", address, {})
        self.collector = Groups(ClusterConfig("k", address), self.client)

    def look(self) -> tuple[Group | None, GroupDetail | None]:
        """The group as listed and as described; a broker that just started may still load its groups."""
        until = time.monotonic() + 60
        while True:
            seen = run(self.collector, Budget(seconds=60))
            ran = seen[-1]
            assert isinstance(ran, CollectorRan)
            if not ran.error and not ran.note:
                break
            assert time.monotonic() < until, ran
        listed, described = seen[:2]
        assert isinstance(listed, GroupsListed)
        assert isinstance(described, GroupsDescribed)
        groups = {g.id: g for g in listed.groups}
        details = {d.id: d for d in described.groups}
        return groups.get(self.group), details.get(self.group)

    def until_it_has(self, partitions: int, seconds: float = 120.0) -> tuple[Group, list[Member]]:
        """The group and its members as soon as so many partitions are assigned."""
        until = time.monotonic() + seconds
        while True:
            group, detail = self.look()
            members = detail.members if detail else []
            if group and sum(len(p) for m in members for p in m.assigned.values()) == partitions:
                return group, members
            assert time.monotonic() < until, f"{group} {detail}"
            time.sleep(0.5)

    def until_it_is(self, state: str, seconds: float = 90.0, *, may_go: bool = False) -> GroupDetail | None:
        until = time.monotonic() + seconds
        while True:
            group, detail = self.look()
            if group is None and may_go:  # Kafka forgets a group that has never committed
                return None
            assert group is not None, "a group without members is still a group"
            if group.state == state:
                return detail
            assert time.monotonic() < until, f"{group}"
            time.sleep(0.5)


@contextmanager
def seen(address: str, group: str) -> Iterator[Seen]:
    watching = Seen(address, group)
    try:
        yield watching
    finally:
        watching.client.close()


def test_a_share_group_is_described_and_outlives_its_members(apache: str, tmp_path: Path) -> None:
    topic, group = Shop(apache).topic(2), name("share")
    command = brokers.java(SHARE, "--bootstrap-server", apache, "--topic", topic, "--group", group)
    with seen(apache, group) as it:
        with brokers.running(command, tmp_path / "share.log"):
            found, (member,) = it.until_it_has(2)
            assert (found.type, found.state, found.protocol) == ("share", "Stable", "share")
            assert (member.client_id, member.host) == ("console-share-consumer", "127.0.0.1")
            assert (member.subscribed, member.assigned) == ([topic], {topic: [0, 1]})
        left = it.until_it_is("Empty")
        assert left is None or (left.members, left.describable) == ([], True)


def test_a_streams_group_is_described_with_its_repartition_topic(apache: str, tmp_path: Path) -> None:
    group, admin = name("streams"), Shop(apache).admin
    for future in admin.create_topics([NewTopic(IN, 3, 1), NewTopic(OUT, 1, 1)]).values():
        future.result(30)
    config = {"bootstrap.servers": apache, "application.id": group, "state.dir": tmp_path, "group.protocol": "streams"}
    properties = tmp_path / "streams.properties"
    properties.write_text("".join(f"{k}={v}\n" for k, v in {**config, "replication.factor": 1}.items()))
    own = f"{group}-KSTREAM-AGGREGATE-STATE-STORE-0000000003-repartition"
    with seen(apache, group) as it:
        with brokers.running(brokers.java(STREAMS, str(properties)), tmp_path / "streams.log"):
            found, (member,) = it.until_it_has(6)
            assert (found.type, found.state, found.protocol) == ("streams", "Stable", "streams")
            assert member.client_id.startswith(f"{group}-")
            assert member.subscribed == sorted([IN, own])
            assert member.assigned == {IN: [0, 1, 2], own: [0, 1, 2]}
        left = it.until_it_is("Empty", may_go=True)
        assert left is None or (left.members, left.describable) == ([], True)
