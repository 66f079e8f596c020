"""One of three brokers is killed: the cluster is degraded and says by how much, nothing vanishes, and it comes back."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from confluent_kafka import KafkaException
from confluent_kafka.admin import NewTopic
from pytest_django import Settings

from collectors.base import Budget, now_ms, run
from collectors.kafka.client import KafkaClient
from collectors.kafka.follower import Follower
from collectors.kafka.groups import Groups
from collectors.kafka.topology import Topology
from lineage import history
from lineage.config import ClusterConfig, Config
from lineage.frames import ClusterState, Frame
from lineage.recorder import Tape
from tests.contracts import brokers
from tests.contracts.shop import Shop, name

pytestmark = [pytest.mark.kafka, pytest.mark.slow, pytest.mark.timeout(600)]
GROUPS = [name("readers") for _ in range(12)]


class Watched:
    """What the collectors see of a cluster, recorded, and shown as a page would show it."""

    def __init__(self, address: str, data_dir: Path) -> None:
        config = ClusterConfig("k", address)
        self._client = KafkaClient("k", address, {})
        self._follower = Follower(config, self._client)
        self._collectors = [Topology(config, self._client), Groups(config, self._client), self._follower]
        self._tape = Tape(Config(clusters=(config,)), data_dir)

    def look(self) -> Frame:
        for collector in self._collectors:
            for observation in run(collector, Budget(seconds=60)):
                self._tape.take(observation)
        self._tape.cut(now_ms())
        return history.frame_at(None)

    def until(self, true: Callable[[ClusterState], bool], seconds: float = 150.0) -> Frame:
        """Looks until the cluster is so; at every look all topics and groups are there."""
        end = time.monotonic() + seconds
        while True:
            frame = self.look()
            assert {"topic:k/safe", "topic:k/alone", *(f"group:k/{g}" for g in GROUPS)} <= set(frame.nodes)
            if true(frame.clusters[0]):
                return frame
            assert time.monotonic() < end, frame.clusters[0]
            time.sleep(0.5)

    def close(self) -> None:
        self._follower.positions.close()
        self._client.close()
        self._tape.close()


@pytest.fixture
def watched(tmp_path: Path, settings: Settings, db: None) -> Iterator[tuple[brokers.Three, Watched, Shop]]:
    settings.DATA_DIR, settings.LAKE_URL = tmp_path, ""
    history.forget()
    with brokers.three(tmp_path) as cluster:
        shop = Shop(cluster.address)
        safe, alone = [[1, 2, 3], [2, 3, 1], [3, 1, 2]], [[1], [2], [3]]
        new = [NewTopic("safe", 3, replica_assignment=safe), NewTopic("alone", 3, replica_assignment=alone)]
        for future in shop.admin.create_topics(new, request_timeout=60).values():
            future.result()
        shop.produce("safe", [5, 5, 5])
        for group in GROUPS:
            shop.commit(group, "safe", {0: 1, 1: 2, 2: 3})
        watching = Watched(cluster.address, tmp_path)
        yield cluster, watching, shop
        watching.close()
    history.forget()


def lags(frame: Frame) -> dict[str, int | None]:
    return {i.group: i.lag for i in frame.lag}


def test_a_killed_broker_degrades_its_cluster_and_comes_back(
    watched: tuple[brokers.Three, Watched, Shop],
) -> None:
    cluster, watching, shop = watched
    frame = watching.until(lambda c: c.status == "ok")
    whole = frame.clusters[0]
    assert (whole.brokers, whole.brokers_expected, whole.offline, whole.under_replicated) == (3, 3, 0, 0)
    assert lags(frame) == dict.fromkeys(GROUPS, 9)

    cluster.kill(3)
    frame = watching.until(lambda c: c.brokers == 2 and c.offline == 1)
    hurt = frame.clusters[0]
    assert (hurt.status, hurt.brokers_expected) == ("degraded", 3)
    offsets_partitions = 6
    assert hurt.under_replicated == 3 + offsets_partitions + 1  # the offline partition has no replica in sync either

    shop.produce("safe", [1, 1, 1])
    move(shop, GROUPS)
    frame = watching.until(lambda c: lags(watching.look()) == dict.fromkeys(GROUPS, 3))
    assert frame.clusters[0].status == "degraded"

    cluster.start(3)
    frame = watching.until(lambda c: c.status == "ok")
    back = frame.clusters[0]
    assert (back.brokers, back.brokers_expected, back.offline, back.under_replicated) == (3, 3, 0, 0)
    assert lags(frame) == dict.fromkeys(GROUPS, 3)


def move(shop: Shop, groups: list[str]) -> None:
    """Commits; a coordinator that moved may need some moments."""
    for group in groups:
        for attempt in range(5):
            try:
                shop.commit(group, "safe", {0: 5, 1: 5, 2: 5})
                break
            except KafkaException:
                assert attempt < 4
