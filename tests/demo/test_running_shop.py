"""The whole shop as separate processes, on the embedded broker and on Apache Kafka."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from confluent_kafka import Consumer, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient

from demo import topics, truth
from demo.services import NAMES
from tests.contracts import brokers
from tests.demo.ear import listening

ROOT = Path(__file__).resolve().parents[2]
MARK = "DEMO_TEST_MARK"
BEGIN = 10.0  # seconds after which the first poison record has come and no group was renamed yet


@pytest.fixture(params=["embedded", pytest.param("apache", marks=pytest.mark.kafka)])
def broker(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    start = brokers.embedded if request.param == "embedded" else brokers.apache
    work = tmp_path / "broker"
    work.mkdir()
    with start(work) as address:
        yield address


@contextmanager
def shop(broker: str, otlp: str, mark: Path) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "demo", "up", "--bootstrap", broker, "--otlp", otlp]
    env = {**os.environ, MARK: str(mark), "TMPDIR": str(mark), "DEMO_OTLP_TOKEN": "s3cret"}
    with subprocess.Popen(command, cwd=ROOT, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as p:
        try:
            yield p
        finally:
            p.kill()


def processes(mark: Path) -> dict[int, str]:
    """All that runs with this run's mark in its environment: pid and command line."""
    found: dict[int, str] = {}
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if f"{MARK}={mark}".encode() in (entry / "environ").read_bytes().split(b"\0"):
                found[int(entry.name)] = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode().strip()
    return found


def ends(broker: str) -> dict[str, int]:
    """Records ever written, by topic; without those topics that are not there yet."""
    reader = Consumer({"bootstrap.servers": broker, "group.id": "none", "log_level": 0})
    try:
        there = reader.list_topics(timeout=30).topics
        return {
            t.name: sum(reader.get_watermark_offsets(TopicPartition(t.name, p), 5)[1] for p in there[t.name].partitions)
            for t in topics.TOPICS
            if t.name in there
        }
    except KafkaException:  # a topic whose leader is being made
        return {}
    finally:
        reader.close()


def without_members(broker: str, groups: Iterable[str]) -> list[str]:
    admin = AdminClient({"bootstrap.servers": broker})  # a name: without one it is gone before it answers
    return [g for g, found in admin.describe_consumer_groups(sorted(groups)).items() if not found.result(10).members]


def within(seconds: float, holds: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


@pytest.mark.slow
def test_the_spans_prove_exactly_what_is_declared(broker: str, tmp_path: Path) -> None:
    wanted = truth.at(BEGIN)
    reads = {r for r in wanted.reads if r[0]}
    with listening() as ear, shop(broker, ear.url, tmp_path):
        within(60, lambda: (len(ear.reads), len(ear.writes)) == (len(reads), len(wanted.writes)))
        time.sleep(3)
        assert (ear.reads, ear.writes, ear.calls) == (reads, wanted.writes, wanted.calls)
        assert ear.tokens == {"Bearer s3cret"}
        assert without_members(broker, wanted.groups) == []


@pytest.mark.slow
def test_records_flow_through_every_topic_and_nothing_is_left_after_term(broker: str, tmp_path: Path) -> None:
    nobody = f"http://127.0.0.1:{brokers.free_port()}/v1/traces"
    with shop(broker, nobody, tmp_path) as runner:
        assert within(60, lambda: len(now := ends(broker)) == len(topics.TOPICS) and all(now.values())), ends(broker)
        running = " ".join(processes(tmp_path).values())
        assert [n for n in NAMES if f"demo.services {n}" not in running] == []
        reading = truth.at(BEGIN).groups
        assert within(60, lambda: not without_members(broker, reading)), without_members(broker, reading)
        runner.send_signal(signal.SIGTERM)
        assert within(30, lambda: runner.poll() is not None and not processes(tmp_path))
        assert runner.returncode == 0
        assert runner.stdout is not None
        assert [line for line in runner.stdout if not line.startswith("demo: ")] == []


@pytest.mark.slow
def test_a_killed_runner_takes_its_services_with_it(tmp_path: Path) -> None:
    (tmp_path / "broker").mkdir()
    with brokers.embedded(tmp_path / "broker") as broker, shop(broker, "http://127.0.0.1:9/", tmp_path) as runner:
        assert within(30, lambda: len(processes(tmp_path)) > len(NAMES))
        runner.kill()
        assert within(30, lambda: not processes(tmp_path))


@pytest.mark.slow
def test_topics_that_are_there_are_left_alone_and_the_manner_of_the_broker_is_found_out(broker: str) -> None:
    kafka = {"bootstrap.servers": broker}
    topics.create(kafka)
    topics.create(kafka)
    assert within(30, lambda: ends(broker) == {t.name: 0 for t in topics.TOPICS}), ends(broker)
    admin = AdminClient(kafka)
    made = admin.list_topics(timeout=30).topics
    assert {t.name: len(made[t.name].partitions) for t in topics.TOPICS} == {
        t.name: t.partitions for t in topics.TOPICS
    }
    assert isinstance(topics.fetches_wait(kafka), bool)


def test_a_kafka_that_is_not_there_is_an_error_after_the_patience_is_over() -> None:
    with pytest.raises(KafkaException):
        topics.create({"bootstrap.servers": f"127.0.0.1:{brokers.free_port()}"}, patience=0.1)
