"""What lies where a group stands: a record and its time, a marker, an aborted transaction, a deleted range."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest
from confluent_kafka import Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from bench._truth_cases import COMPACTED, Group
from bench.truth import QUICK_CLEANER
from collectors.kafka.client import KafkaClient
from collectors.kafka.timestamps import AGAIN, RecordTimes
from lineage.observations import RecordAt
from tests.contracts import brokers

pytestmark = pytest.mark.kafka


def topic(address: str, **config: str) -> str:
    name = f"times-{uuid.uuid4().hex[:8]}"
    admin = AdminClient({"bootstrap.servers": address})
    admin.create_topics([NewTopic(name, 1, 1, config=config)])[name].result(30)
    return name


def look(address: str, *places: tuple[str, int, int]) -> dict[tuple[str, int], RecordAt]:
    times = RecordTimes(KafkaClient("c", address, {}))
    found = times.look(dict.fromkeys(places, 1000), True)
    settled = {(r.topic, r.partition, r.offset): r.upto for r in found}
    assert times.look({p: settled[p] for p in places}, True) == []  # each place once
    times.close()
    return {(r.topic, r.offset): r for r in found}


def test_what_lies_at_an_offset(apache: str) -> None:
    own, broker = topic(apache), topic(apache, **{"message.timestamp.type": "LogAppendTime"})
    writer, began = Producer({"bootstrap.servers": apache}), time.time_ns() // 1_000_000
    for n in range(5):
        writer.produce(own, b"x", timestamp=1000 + n)
        writer.produce(broker, b"x", timestamp=1000)
    assert writer.flush(30) == 0
    seen = look(apache, (own, 0, 2), (own, 0, 4), (broker, 0, 3))
    assert seen[own, 2] == RecordAt(own, 0, 2, 2, 3, 1002, "create")
    assert seen[own, 4].stamp == 1004
    stamped = seen[broker, 3]
    assert stamped.kind == "append"
    assert began - 5000 <= (stamped.stamp or 0) <= time.time_ns() // 1_000_000 + 5000


def test_markers_and_aborted_records_are_nothing_and_a_deleted_range_is_passed(apache: str) -> None:
    kept, lost, cut = topic(apache), topic(apache), topic(apache)
    writer = Producer({"bootstrap.servers": apache, "transactional.id": uuid.uuid4().hex})
    writer.init_transactions(30)
    for name, end in ((kept, writer.commit_transaction), (lost, writer.abort_transaction)):
        writer.begin_transaction()
        for _ in range(3):
            writer.produce(name, b"x")
        writer.flush(30)
        end(30)
    plain = Producer({"bootstrap.servers": apache})
    for _ in range(5):
        plain.produce(cut, b"x")
    plain.flush(30)
    admin, upto = AdminClient({"bootstrap.servers": apache}), TopicPartition(cut, 0, 3)
    admin.delete_records([upto])[upto].result(30)
    seen = look(apache, (kept, 0, 3), (lost, 0, 0), (cut, 0, 1))
    assert (seen[kept, 3].found, seen[kept, 3].upto) == (None, 4)  # the marker of the commit
    assert (seen[lost, 0].found, seen[lost, 0].upto) == (None, 4)  # three aborted, and their marker
    assert seen[cut, 1].found == 3


def test_where_nothing_was_it_is_looked_again_as_the_log_goes_on(apache: str) -> None:
    name = topic(apache, **{"message.timestamp.type": "LogAppendTime"})
    writer = Producer({"bootstrap.servers": apache, "transactional.id": uuid.uuid4().hex})
    writer.init_transactions(30)
    times, place = RecordTimes(KafkaClient("c", apache, {})), (name, 0, 0)

    def write(end: Callable[[float], None]) -> None:
        writer.begin_transaction()
        writer.produce(name, b"x")
        writer.flush(30)
        end(30)

    seen = []
    for n, end in enumerate((writer.abort_transaction, writer.abort_transaction, writer.commit_transaction), 1):
        write(end)
        (found,) = times.look({place: 2 * n}, False)
        seen.append((found.offset, found.found, found.upto))
    assert seen == [(0, None, 2), (0, None, 4), (0, 4, 5)]
    assert list(times.doubtful()) == []
    assert times.look({place: 8}, True) == []  # there is a record: it is the oldest
    times.close()


def test_a_place_that_does_not_answer_is_left_alone_for_a_while(apache: str) -> None:
    times, nowhere = RecordTimes(KafkaClient("c", apache, {})), ("there-is-no-such-topic", 0, 3)
    assert times.look({nowhere: 9}, True) == []
    name = topic(apache)
    began = time.monotonic()
    assert times.look({nowhere: 9}, True) == []
    assert time.monotonic() - began < 0.5  # it was not asked
    writer = Producer({"bootstrap.servers": apache})
    writer.produce(name, b"x")
    assert writer.flush(30) == 0
    assert [r.found for r in times.look({nowhere: 9, (name, 0, 0): 1}, True)] == [0]
    times.close()


def test_a_record_that_the_cleaner_takes_after_it_was_looked_at_is_no_longer_the_oldest(tmp_path: Path) -> None:
    now = 1000.0
    with brokers.apache(tmp_path, QUICK_CLEANER) as address:
        times, own = RecordTimes(KafkaClient("c", address, {}), lambda: now), Group(address, "compacted", COMPACTED)
        place = (own.topic, 0, 5)
        own.write(300, keys=3)
        assert [r.found for r in times.look({place: own.end}, True)] == [5]
        time.sleep(1.5)  # the broker's own clock: only then is the segment rolled by what follows
        own.write(50)
        own.until_compacted(297, 90)
        now += AGAIN / 2
        assert times.look({place: own.end}, True) == []
        now += AGAIN
        (seen,) = times.look({place: own.end}, True)
        assert seen.found == min(own.left()) >= 297
        times.forget()
        assert [r.found for r in times.look({place: own.end}, True)] == [seen.found]
        times.close()
        own.close()
