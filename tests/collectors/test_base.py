"""Running a collector: it never raises, never overspends, never runs twice at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

from collectors.base import Budget, Collection, CollectorError, Lease, next_epoch, run
from collectors.stream import Stream, connect
from lineage.observations import FIELD, STREAM, CollectorRan, SizesSeen, decode
from tests.contracts import brokers
from tests.contracts.conftest import redis_on


class Source:
    name, source, cluster, interval = "thing", "test", "k", 5.0

    def __init__(self, collect: Callable[[Budget], Collection]) -> None:
        self.collect = collect


def last(collect: Callable[[Budget], Collection]) -> CollectorRan:
    ran = run(Source(collect), Budget(), clock=lambda: 1000)[-1]
    assert isinstance(ran, CollectorRan)
    return ran


def test_what_was_seen_comes_before_how_it_went() -> None:
    seen = SizesSeen(cluster="k", at=1, sizes={})
    found = run(Source(lambda b: Collection([seen], "a note", ["Describe Cluster"])), Budget(), clock=lambda: 1000)
    assert found[0] == seen
    ran = found[1]
    assert isinstance(ran, CollectorRan)
    assert (ran.error, ran.note, ran.needs, ran.at, ran.interval) == (None, "a note", ["Describe Cluster"], 1000, 5.0)


def test_a_known_error_is_its_sentence_with_its_remedy() -> None:
    def fails(_: Budget) -> Collection:
        raise CollectorError("no right", permanent=True, remedy="grant it", needs=["Describe Cluster"])

    ran = last(fails)
    assert (ran.error, ran.permanent, ran.note, ran.needs) == ("no right", True, "grant it", ["Describe Cluster"])


def test_a_surprise_is_reported_and_not_raised() -> None:
    assert last(lambda b: Collection([1 / 0])).error == "unexpected ZeroDivisionError: division by zero"  # type: ignore[list-item]


@pytest.mark.parametrize(
    ("budget", "said"),
    [({"requests": 2}, "2 requests"), ({"bytes": 20}, "20 bytes"), ({"seconds": -1.0}, "-1 s")],
)
def test_a_collection_ends_with_its_budget(budget: dict[str, Any], said: str) -> None:
    def greedy(b: Budget) -> Collection:
        for _ in range(10):
            b.spend(1, 10)
        return Collection()

    ran = run(Source(greedy), Budget(**budget))[-1]
    assert isinstance(ran, CollectorRan)
    assert said in str(ran.error)


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    with redis_on(tmp_path, brokers.free_port()) as address:
        yield address


def test_a_lease_is_one_holders_at_a_time(url: str) -> None:
    ours, theirs = Lease(connect(url), "sizes:k", 60), Lease(connect(url), "sizes:k", 60)
    assert ours.acquire()
    assert not theirs.acquire()
    assert not theirs.renew()
    theirs.release()
    assert ours.renew()
    ours.release()
    assert theirs.acquire()


def test_epochs_only_grow_even_when_redis_forgot(url: str) -> None:
    client = connect(url)
    first = next_epoch(client, "k", clock=lambda: 1000)
    second = next_epoch(client, "k", clock=lambda: 1000)
    client.flushall()
    third = next_epoch(client, "k", clock=lambda: 2000)
    assert first < second < third
    assert next_epoch(client, "other", clock=lambda: 5) == 5


def test_observations_arrive_in_order(url: str) -> None:
    stream = Stream(url)
    sent = [SizesSeen(cluster="k", at=i, sizes={"t": i}) for i in range(20)]
    assert stream.publish(sent)
    assert [decode(f[FIELD]) for _, f in connect(url).xrange(STREAM)] == sent
    assert stream.generation == 0


def test_what_is_published_while_redis_is_away_is_kept_and_the_gap_is_told(tmp_path: Path) -> None:
    port = brokers.free_port()
    stream = Stream(f"redis://127.0.0.1:{port}/0")
    seen = SizesSeen(cluster="k", at=1, sizes={})
    assert not stream.publish([seen])
    assert stream.generation == 1
    with redis_on(tmp_path, port) as url:
        while not stream.publish([]):
            brokers.time.sleep(0.05)
        assert [decode(f[FIELD]) for _, f in redis.Redis.from_url(url).xrange(STREAM)] == [seen]


def test_the_buffer_is_bounded_and_the_oldest_goes_first() -> None:
    stream = Stream("redis://127.0.0.1:1/0", buffer_bytes=2000)
    for i in range(200):
        stream.publish([SizesSeen(cluster="k", at=i, sizes={"topic": i})])
    assert stream._size <= 2000
    assert decode(stream._buffer[-1]).at == 199
    assert stream.generation > 1
