"""The schedule and its tasks: all kinds of every cluster, each published once, none in another's way."""

from __future__ import annotations

from typing import Any

import pytest
import redis
from confluent_kafka import Producer

from collectors import sources, tasks
from collectors.base import Lease
from lineage.config import ClusterConfig, Config, Every
from lineage.observations import FIELD, STREAM, CollectorRan, EdgesSeen, TopicsListed, decode
from tests.contracts.shop import Shop

DEAD = "127.0.0.1:1"
KINDS = [kind.name for kind, _, _ in sources.jobs(Config(clusters=(ClusterConfig("one", DEAD),)))]


def config(broker: str) -> Config:
    return Config(clusters=(ClusterConfig("dead", DEAD), ClusterConfig("living", broker, every=Every(topology=7.0))))


@pytest.fixture
def published(broker: str, redis_url: str, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    settings.PLAYHEAD, settings.REDIS_URL = config(broker), redis_url
    monkeypatch.setattr(tasks, "_workshop", tasks._Workshop())
    client = redis.Redis.from_url(redis_url)
    return lambda: [decode(fields[FIELD]) for _, fields in client.xrange(STREAM)]


def test_every_kind_of_every_cluster_is_scheduled_and_expires_with_its_interval() -> None:
    schedule = tasks.beat_schedule(config("127.0.0.1:2"))
    assert len(schedule) == 2 * len(KINDS)
    entry = schedule["topology:living"]
    assert (entry["task"], entry["schedule"], entry["args"]) == (tasks.TASK, 7.0, ("living", "topology", ""))
    assert all(e["options"]["expires"] == e["schedule"] for e in schedule.values())


def test_what_is_rarely_asked_is_looked_at_every_half_minute_in_case_it_failed() -> None:
    assert [tasks.beats(s) for s in (7.0, 30.0, 45.0, 300.0)] == [7.0, 30.0, 22.5, 30.0]


def test_a_rare_kind_rests_once_answered_and_is_asked_again_while_nobody_answers(published: Any) -> None:
    for _ in range(2):
        tasks.collect("living", "configs")
        tasks.collect("dead", "configs")
    ran = [(o.cluster, o.error is None) for o in published() if isinstance(o, CollectorRan)]
    assert ran == [("living", True), ("dead", False), ("dead", False)]


def test_a_collection_is_published_with_how_it_went(published: Any) -> None:
    tasks.collect("living", "topology")
    seen = published()
    assert any(isinstance(o, TopicsListed) and o.cluster == "living" for o in seen)
    ran = seen[-1]
    assert isinstance(ran, CollectorRan)
    assert (ran.collector, ran.error, ran.interval) == ("topology", None, 7.0)


def test_a_dead_cluster_holds_its_own_tasks_only_and_not_for_long(published: Any) -> None:
    for kind in KINDS:
        tasks.collect("dead", kind)
    tasks.collect("living", "groups")
    ran = [o for o in published() if isinstance(o, CollectorRan)]
    assert [o.error is None for o in ran] == [False] * len(KINDS) + [True]


def test_the_same_collection_never_runs_twice_at_once(published: Any, redis_url: str) -> None:
    other = Lease(redis.Redis.from_url(redis_url), "topology:living", 60)
    assert other.acquire()
    tasks.collect("living", "topology")
    assert published() == []
    other.release()
    tasks.collect("living", "topology")
    tasks.collect("living", "topology")
    assert len([o for o in published() if isinstance(o, CollectorRan)]) == 2


def test_a_worker_that_starts_anew_counts_no_record_again(
    published: Any, broker: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    topic = Shop(broker).topic(1)
    producer = Producer({"bootstrap.servers": broker, "log_level": 0})
    producer.produce(topic, b"x", headers={"ce_source": "/till", "ce_specversion": "1.0"})
    assert producer.flush(30) == 0
    for _ in range(2):
        monkeypatch.setattr(tasks, "_workshop", tasks._Workshop())
        tasks.collect("living", "headers")
    found = published()
    assert [o.error for o in found if isinstance(o, CollectorRan)] == [None, None]
    target = f"topic:living/{topic}"
    edges = [e for o in found if isinstance(o, EdgesSeen) for e in o.edges if e.target == target]
    assert [(e.source, e.count) for e in edges] == [("service:%2Ftill", 1)]


def test_a_cluster_that_left_the_configuration_is_left_alone(published: Any) -> None:
    tasks.collect("gone", "topology")
    assert published() == []
