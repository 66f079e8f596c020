"""At rest, every committed offset and lag equals what Apache's own kafka-consumer-groups says."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from collectors.base import Budget, run
from collectors.kafka.check import check_address
from collectors.kafka.client import KafkaClient
from collectors.kafka.groups import Groups
from lineage.config import ClusterConfig
from tests.contracts import brokers
from tests.contracts.shop import Shop, name
from tests.contracts.test_follower import Watch

pytestmark = pytest.mark.kafka
Said = dict[tuple[str, str, int], tuple[int, int, int]]


def described(broker: str) -> Said:
    """(group, topic, partition) -> (committed, log end, lag)."""
    command = brokers.java("org.apache.kafka.tools.consumer.group.ConsumerGroupCommand", "--bootstrap-server", broker)
    ran = subprocess.run(
        [*command, "--describe", "--all-groups"], capture_output=True, text=True, timeout=120, check=True
    )
    said: Said = {}
    for line in ran.stdout.splitlines():
        f = line.split()
        if len(f) >= 6 and f[2].isdigit() and f[3].isdigit():
            said[f[0], f[1], int(f[2])] = (int(f[3]), int(f[4]), int(f[5]))
    return said


def ours(watch: Watch) -> Said:
    found: Said = {}
    for (group, topic, partition), commit in watch.positions.items():
        end = watch.logs[topic, partition][1]
        assert end is not None
        found[group, topic, partition] = (commit.offset, end, end - commit.offset)
    return found


def test_all_groups_equal_apaches_tool(redis_url: str, tmp_path: Path) -> None:
    with brokers.apache(tmp_path) as broker:
        shop = Shop(broker)
        check_address(broker, {})
        run(Groups(ClusterConfig("k", broker), KafkaClient("k", broker, {})), Budget())
        assert set(shop.admin.list_topics(timeout=30).topics) == set(), "looking for groups made __consumer_offsets"
        topics = [shop.topic(4) for _ in range(5)]
        for i, topic in enumerate(topics):
            shop.produce(topic, [i + 5, 9, 0, 12])
        for i in range(10):
            shop.commit(name("quiet"), topics[i % 5], {0: i % 5, 1: 9, 3: 7})
        with (
            Watch(broker, redis_url) as watch,
            shop.member(name("classic"), topics[0]) as classic,
            shop.member(name("modern"), topics[1], **{"group.protocol": "consumer"}) as modern,
        ):
            watch.until(lambda: bool(watch.frames))
            for member in (classic, modern):
                read(member)
            theirs = described(broker)
            watch.until(lambda: ours(watch) == theirs)
    assert len({group for group, _, _ in theirs}) == 12
    assert {group.split("-")[0] for group, _, _ in theirs} == {"quiet", "classic", "modern"}


def read(member: object) -> None:
    """Reads some records and commits what was read."""
    message = None
    while message is None:
        message = member.poll(0.2)  # type: ignore[attr-defined]
    member.commit(message=message, asynchronous=False)  # type: ignore[attr-defined]
