"""The follower against real brokers: what was committed is what is sent, live, once, and never more."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import redis
from confluent_kafka import Consumer, Producer, TopicPartition

from collectors.kafka import positions_source
from collectors.kafka.follower import run_follower
from collectors.stream import Stream
from lineage.config import ClusterConfig, Every
from lineage.observations import FIELD, STREAM, CollectorRan, Commit, PositionsFrame, decode
from tests.contracts import brokers
from tests.contracts.conftest import redis_on
from tests.contracts.shop import Shop, name

TICK = 1.0


class Watch:
    """A follower in a thread, and what reads its frames as the recorder does."""

    def __init__(self, broker: str, redis_url: str) -> None:
        self.redis = redis.Redis.from_url(redis_url)
        self.positions: dict[tuple[str, str, int], Commit] = {}
        self.logs: dict[tuple[str, int], tuple[int | None, int | None]] = {}
        self.frames: list[PositionsFrame] = []
        self.ran: list[CollectorRan] = []
        self._last: Any = "-"
        self._stop = threading.Event()
        config = ClusterConfig("k", broker, every=Every(positions=TICK))
        self._thread = threading.Thread(target=run_follower, args=(config, Stream(redis_url), self._stop))

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._stop.set()
        self._thread.join(30)
        assert not self._thread.is_alive()

    def read(self) -> None:
        for entry, fields in self.redis.xrange(STREAM, min=self._last):
            self._last = f"({entry.decode()}"
            seen = decode(fields[FIELD])
            if isinstance(seen, PositionsFrame):
                self._apply(seen)
            elif isinstance(seen, CollectorRan):
                self.ran.append(seen)

    def _apply(self, frame: PositionsFrame) -> None:
        self.frames.append(frame)
        if frame.keyframe and frame.complete:
            self.positions.clear()
        for key in frame.ended:
            self.positions.pop(key, None)
        for group, topics in frame.commits.items():
            self.positions |= {(group, t, c.partition): c for t, commits in topics.items() for c in commits}
        self.logs |= {(t, r.partition): (r.start, r.end) for t, ranges in frame.logs.items() for r in ranges}

    def until(self, true: Callable[[], bool], seconds: float = 30.0) -> None:
        end = time.monotonic() + seconds
        while not self._try(true):
            assert time.monotonic() < end, f"not seen within {seconds} s; last ran: {self.ran[-1:]}"
            time.sleep(0.1)

    def _try(self, true: Callable[[], bool]) -> bool:
        try:
            self.read()
        except redis.RedisError:
            return False
        return true()

    def offset(self, group: str, topic: str, partition: int) -> int | None:
        found = self.positions.get((group, topic, partition))
        return found.offset if found else None


@pytest.fixture
def watch(broker: str, redis_url: str) -> Iterator[Watch]:
    with Watch(broker, redis_url) as watching:
        yield watching


def test_what_was_committed_before_is_in_the_first_frame(broker: str, redis_url: str) -> None:
    shop = Shop(broker)
    topic, group = shop.topic(2), name()
    shop.produce(topic, [7, 4])
    shop.commit(group, topic, {0: 5, 1: 4})
    with Watch(broker, redis_url) as watch:
        watch.until(lambda: bool(watch.frames))
    first = watch.frames[0]
    assert first.keyframe
    assert first.complete
    assert first.at <= first.ends_at
    assert (watch.offset(group, topic, 0), watch.offset(group, topic, 1)) == (5, 4)
    assert (watch.logs[topic, 0], watch.logs[topic, 1]) == ((0, 7), (0, 4))


def test_a_commit_and_a_record_arrive_with_the_next_ticks(broker: str, watch: Watch) -> None:
    shop = Shop(broker)
    watch.until(lambda: bool(watch.frames))
    topic, group = shop.topic(1), name()
    shop.produce(topic, [9])
    shop.commit(group, topic, {0: 3})
    watch.until(lambda: watch.offset(group, topic, 0) == 3 and watch.logs.get((topic, 0)) == (0, 9))
    shop.commit(group, topic, {0: 8})
    watch.until(lambda: watch.offset(group, topic, 0) == 8)


def test_deleting_a_group_ends_its_positions(broker: str, watch: Watch) -> None:
    shop = Shop(broker)
    topic, group = shop.topic(1), name()
    shop.produce(topic, [2])
    shop.commit(group, topic, {0: 1})
    watch.until(lambda: watch.offset(group, topic, 0) == 1)
    shop.admin.delete_consumer_groups([group])[group].result(30)
    watch.until(lambda: (group, topic, 0) not in watch.positions)


def test_only_what_moved_is_sent(broker: str, watch: Watch) -> None:
    watch.until(lambda: len(watch.frames) >= 4)
    last = watch.frames[-1]
    assert not last.keyframe
    assert last.commits == {}


def test_a_restarted_follower_has_a_higher_epoch_and_sends_everything(broker: str, redis_url: str) -> None:
    shop = Shop(broker)
    topic, group = shop.topic(1), name()
    shop.commit(group, topic, {0: 0})
    epochs = []
    for _ in range(2):
        with Watch(broker, redis_url) as watch:
            watch.until(lambda w=watch: len(w.frames) > len(epochs))  # type: ignore[misc]
        epochs.append(watch.frames[-1].epoch)
        assert watch.frames[-1].keyframe or len(watch.frames) > 1
    assert epochs[1] > epochs[0]


def test_redis_away_is_outlived_and_followed_by_a_keyframe(broker: str, tmp_path: Path) -> None:
    port = brokers.free_port()
    with redis_on(tmp_path, port) as url:
        watch = Watch(broker, url)
        watch.__enter__()
        watch.until(lambda: len(watch.frames) >= 2)
    time.sleep(2 * TICK)
    seen = len(watch.frames)
    with redis_on(tmp_path, port):
        watch._last = "-"  # the new Redis is empty
        watch.until(lambda: any(f.keyframe for f in watch.frames[seen:]))
        watch.__exit__(None, None, None)


def test_the_embedded_brokers_silence_is_noticed_and_said(redis_url: str, tmp_path: Path) -> None:
    with brokers.embedded(tmp_path) as broker, Watch(broker, redis_url) as watch:
        shop = Shop(broker)
        watch.until(lambda: bool(watch.frames))
        topic, group = shop.topic(1), name()
        shop.produce(topic, [3])
        shop.commit(group, topic, {0: 2})
        watch.until(lambda: "stays silent" in watch.ran[-1].note)
        assert watch.frames[-1].method == "swept"
        assert watch.offset(group, topic, 0) == 2


def test_that_the_embedded_broker_is_silent_is_told_once_and_is_no_warning(
    redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(positions_source, "RECONCILE_SECONDS", 0.0)  # following is tried again at every tick
    caplog.set_level(logging.INFO, positions_source.__name__)
    with brokers.embedded(tmp_path) as broker, Watch(broker, redis_url) as watch:
        shop = Shop(broker)
        topic, group = shop.topic(1), name()
        shop.produce(topic, [3])
        shop.commit(group, topic, {0: 2})
        watch.until(lambda: sum("stays silent" in r.note for r in watch.ran) >= 3)
    told = [r.levelname for r in caplog.records if r.name == positions_source.__name__]
    assert told == ["INFO"]


@pytest.mark.kafka
def test_a_followed_commit_bears_its_exact_time(apache: str, redis_url: str) -> None:
    shop = Shop(apache)
    topic, group = shop.topic(1), name()
    shop.commit(group, topic, {0: 0})
    with Watch(apache, redis_url) as watch:
        watch.until(lambda: bool(watch.frames))
        before = int(time.time() * 1000)
        shop.commit(group, topic, {0: 5})
        after = int(time.time() * 1000)
        watch.until(lambda: watch.offset(group, topic, 0) == 5)
    at = watch.positions[group, topic, 0].committed_at
    assert watch.frames[-1].method == "followed"
    assert at is not None
    assert before - 5 <= at <= after + 5


@pytest.mark.kafka
def test_a_hanging_transaction_is_said_and_its_groups_are_swept(
    apache: str, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("collectors.kafka.positions_source.HELD_SECONDS", 1.0)
    shop = Shop(apache)
    topic, group = shop.topic(1), name()
    shop.commit(group, topic, {0: 0})
    with Watch(apache, redis_url) as watch:
        watch.until(lambda: watch.offset(group, topic, 0) == 0)
        with open_transaction(apache, group, topic):
            shop.commit(group, topic, {0: 4})
            watch.until(lambda: "open transaction" in watch.ran[-1].note)
            watch.until(lambda: watch.offset(group, topic, 0) == 4)
        watch.until(lambda: "open transaction" not in watch.ran[-1].note)
        assert watch.offset(group, topic, 0) == 4


@contextmanager
def open_transaction(broker: str, group: str, topic: str) -> Iterator[None]:
    """A transaction that has sent offsets and neither commits nor aborts, until it aborts."""
    producer = Producer({"bootstrap.servers": broker, "transactional.id": name("tx"), "log_level": 0})
    consumer = Consumer({"bootstrap.servers": broker, "group.id": group, "log_level": 0})
    producer.init_transactions(30)
    producer.begin_transaction()
    producer.send_offsets_to_transaction([TopicPartition(topic, 0, 2)], consumer.consumer_group_metadata(), 30)
    try:
        yield
    finally:
        producer.abort_transaction(30)
        consumer.close()


@pytest.mark.kafka
def test_a_broker_that_dies_and_returns_loses_nothing(redis_url: str, tmp_path: Path) -> None:
    port = brokers.free_port()
    with brokers.apache(tmp_path, port=port) as broker:
        shop = Shop(broker)
        topic, group = shop.topic(1), name()
        shop.produce(topic, [5])
        shop.commit(group, topic, {0: 1})
        watch = Watch(broker, redis_url)
        watch.__enter__()
        watch.until(lambda: watch.offset(group, topic, 0) == 1)
    try:
        watch.until(lambda: bool(watch.ran[-1].error))
        assert "refused" in str(watch.ran[-1].error) or "reached" in str(watch.ran[-1].error)
        frames = len(watch.frames)
        assert watch.offset(group, topic, 0) == 1
        with brokers.apache(tmp_path, port=port):
            Shop(broker).commit(group, topic, {0: 3})
            watch.until(lambda: len(watch.frames) > frames and watch.offset(group, topic, 0) == 3)
            assert all(not f.ended for f in watch.frames)
    finally:
        watch.__exit__(None, None, None)
