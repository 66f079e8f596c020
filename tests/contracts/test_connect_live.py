"""Apache's own Connect and MirrorMaker 2: every read, write, copy and dead letter topic is found, nothing else."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic

from collectors.base import Budget, run
from collectors.connect import Connect
from collectors.kafka.client import KafkaClient
from collectors.kafka.topology import Topology
from collectors.mirrors import Mirrors
from collectors.sources import Asked
from lineage.config import ClusterConfig, Config, Endpoint
from lineage.observations import AnyObservation, CollectorRan, EdgeSeen, Reading
from tests.contracts.brokers import apache
from tests.contracts.connecting import Worker, connect, until

pytestmark = [pytest.mark.kafka, pytest.mark.slow, pytest.mark.timeout(600)]
FILE_SOURCE, FILE_SINK = "FileStreamSource", "org.apache.kafka.connect.file.FileStreamSinkConnector"
PASSWORD = "n0t-to-be-kept"


@dataclass
class Two:
    """Two clusters: ``here`` has the worker, ``there`` is mirrored into it."""

    config: Config
    worker: Worker
    work: Path

    def asked(self) -> Asked:
        clients = {c.name: KafkaClient(c.name, c.bootstrap_servers, {}) for c in self.config.clusters}
        here = self.config.clusters[0]
        return Asked(self.config, here, "main", lambda other=here: clients[other.name])

    def seen(self, kind: type, budget: Budget | None = None) -> tuple[dict[str, Reading], CollectorRan]:
        *seen, ran = run(kind(self.asked()), budget or Budget(seconds=60))
        assert isinstance(ran, CollectorRan)
        return {o.source: o for o in seen if isinstance(o, Reading)}, ran


def topics(address: str, *names: str) -> None:
    admin = AdminClient({"bootstrap.servers": address})  # held: its answers end with it
    for future in admin.create_topics([NewTopic(n, 2, 1) for n in names]).values():
        future.result(60)


def send(address: str, topic: str, *values: str) -> None:
    producer = Producer({"bootstrap.servers": address})
    for i, value in enumerate(values):
        producer.produce(topic, value, partition=i % 2)
    assert producer.flush(60) == 0


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Two]:
    work = tmp_path_factory.mktemp("connect")
    (work / "a").mkdir()
    (work / "b").mkdir()
    (work / "in.txt").write_text("one\ntwo\nthree\n")
    with apache(work / "a") as here, apache(work / "b") as there:
        topics(here, "lines", "letters", "letters-dead")
        topics(there, "orders", "unrelated")
        send(there, "orders", *map(str, range(30)))
        send(here, "letters", '{"ok": 1}', "no json", '{"ok": 2}', "{nor this")
        with connect(work, here) as worker:
            endpoint = (Endpoint(worker.url, "main"),)
            clusters = (ClusterConfig("here", here, connect=endpoint), ClusterConfig("there", there))
            _connectors(worker, work, here, there)
            yield Two(Config(clusters=clusters), worker, work)


def _connectors(worker: Worker, work: Path, here: str, there: str) -> None:
    worker.put("lines-in", connector__class=FILE_SOURCE, file=str(work / "in.txt"), topic="lines")
    worker.put("lines-out", connector__class=FILE_SINK, file=str(work / "out.txt"), topics="lines", password=PASSWORD)
    dead = {"errors.tolerance": "all", "errors.deadletterqueue.topic.name": "letters-dead"}
    dead |= {"errors.deadletterqueue.topic.replication.factor": "1", "value.converter.schemas.enable": "false"}
    json = "org.apache.kafka.connect.json.JsonConverter"
    worker.put(
        "letters-out", connector__class=FILE_SINK, file=str(work / "letters.txt"), topics="letters",
        value__converter=json, **dead,
    )  # fmt: skip
    worker.put("broken", connector__class=FILE_SINK, file="/nowhere/out.txt", topics="lines", api__key=PASSWORD)
    worker.put(
        "mirror", connector__class="org.apache.kafka.connect.mirror.MirrorSourceConnector", topics="orders",
        source__cluster__alias="B", target__cluster__alias="A", source__cluster__bootstrap__servers=there,
        target__cluster__bootstrap__servers=here, replication__factor="1", sync__topic__acls__enabled="false",
        **{"offset-syncs.topic.replication.factor": "1"},
    )  # fmt: skip


def edges(reading: Reading, strength: str = "observed") -> set[tuple[str, str, str]]:
    return {(e.relation, e.source, e.target) for e in reading.edges if e.strength == strength}


def connector(name: str) -> str:
    return f"connector:here/main/{name}"


def orders(two: Two) -> EdgeSeen | None:
    readings, ran = two.seen(Mirrors)
    assert ran.error is None
    return next((e for e in readings["mirrors"].edges if e.relation == "replicates"), None)


def test_what_the_connectors_did_is_observed_and_nothing_else(two: Two) -> None:
    wanted = {
        ("writes", connector("lines-in"), "topic:here/lines"),
        ("reads", "topic:here/lines", connector("lines-out")),
        ("reads", "topic:here/letters", connector("letters-out")),
        ("writes", connector("mirror"), "topic:here/B.orders"),
    }
    found = until(lambda: (got := edges(two.seen(Connect)[0]["connect"])) >= wanted and got)
    assert found - wanted <= {("writes", connector("mirror"), "topic:here/B.heartbeats")}


def test_files_are_systems_that_follow_from_what_was_moved(two: Two) -> None:
    def inferred() -> set[tuple[str, str, str]]:
        return edges(two.seen(Connect)[0]["connect"], "inferred")

    until(lambda: len(inferred()) >= 3)
    named = {(r, s.partition("://")[0], t.partition("://")[0]) for r, s, t in inferred()}
    assert named == {
        ("reads", "system:file", connector("lines-in")),
        ("writes", connector("lines-out"), "system:file"),
        ("writes", connector("letters-out"), "system:file"),
    }


def test_a_dead_letter_topic_is_declared_beside_what_is_configured(two: Two) -> None:
    declared = edges(two.seen(Connect)[0]["connect_config"], "declared")
    assert ("dead_letters", "topic:here/letters", "topic:here/letters-dead") in declared
    assert ("writes", connector("letters-out"), "topic:here/letters-dead") in declared
    assert ("reads", "topic:here/lines", connector("broken")) in declared


def test_a_sink_whose_task_failed_is_failed_and_says_why(two: Two) -> None:
    def failed() -> dict[str, object]:
        nodes = {n.name: n.attrs for n in two.seen(Connect)[0]["connect"].nodes}
        return nodes["broken"] if nodes.get("broken", {}).get("state") == "FAILED" else {}

    attrs = until(failed)
    assert attrs["group"] == "connect-broken"
    assert "/nowhere/out.txt" in attrs["failure"]
    assert "\n" not in attrs["failure"]


def test_no_password_of_a_real_workers_configurations_is_observed(two: Two) -> None:
    assert PASSWORD in str(two.worker.ask("GET", "/connectors/broken/config"))
    readings, ran = two.seen(Connect)
    assert PASSWORD not in f"{readings}{ran}"


def test_a_mirrors_copy_is_known_across_the_clusters_with_how_far_it_is_behind(two: Two) -> None:
    copied = until(lambda: (e := orders(two)) and e.lag == 0 and e)
    assert (copied.source, copied.target, copied.strength) == ("topic:there/orders", "topic:here/B.orders", "observed")
    two.worker.ask("PUT", "/connectors/mirror/pause")
    until(lambda: two.worker.ask("GET", "/connectors/mirror/status")["tasks"][0]["state"] == "PAUSED")
    send(two.config.clusters[1].bootstrap_servers, "orders", *map(str, range(7)))
    behind = orders(two)
    assert behind
    assert behind.lag == 7
    two.worker.ask("PUT", "/connectors/mirror/resume")
    until(lambda: (e := orders(two)) and e.lag == 0)


def test_a_worker_that_stands_still_is_left_and_slows_only_itself(two: Two) -> None:
    two.worker.child.send_signal(signal.SIGSTOP)
    try:
        began = time.monotonic()
        readings, ran = two.seen(Connect, Budget(seconds=2))
        assert time.monotonic() - began < 15
        assert (readings, ran.unreachable) == ({}, True)
        assert "does not answer" in str(ran.error)
        here = two.config.clusters[0]
        seen: list[AnyObservation] = run(Topology(here, two.asked().kafka()), Budget(seconds=30))
        assert getattr(seen[-1], "error", "") is None
    finally:
        two.worker.child.send_signal(signal.SIGCONT)
