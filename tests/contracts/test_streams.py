"""Streams and share groups of Apache Kafka: their positions are those that Kafka's own tools print."""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest
from confluent_kafka.admin import NewTopic

from collectors.base import Budget, run
from collectors.kafka.client import KafkaClient
from collectors.kafka.follower import Follower
from collectors.kafka.groups import Groups
from collectors.kafka.shares import Shares
from lineage.config import ClusterConfig
from lineage.observations import CollectorRan, PositionsFrame, Reading
from lineage.streams import inner
from tests.contracts import brokers
from tests.contracts.shop import Shop, name

pytestmark = pytest.mark.kafka
SHARE = "org.apache.kafka.tools.consumer.ConsoleShareConsumer"
STREAMS = "org.apache.kafka.streams.examples.wordcount.WordCountDemo"
STREAMS_TOOL = "org.apache.kafka.tools.streams.StreamsGroupCommand"
SHARE_TOOL = "org.apache.kafka.tools.consumer.group.ShareGroupCommand"
IN, OUT = "streams-plaintext-input", "streams-wordcount-output"
T = TypeVar("T")


@pytest.fixture(scope="module")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A broker of its own: the example's topics are written into it."""
    with brokers.apache(tmp_path_factory.mktemp("streams")) as address:
        yield address


def tool(main: str, address: str, group: str) -> list[dict[str, str]]:
    """The rows that Kafka's tool prints of a group's offsets, by the heads of its columns; none before it is there."""
    asked = ["--bootstrap-server", address, "--describe", "--offsets", "--verbose", "--group", group]
    command = brokers.java(main, *asked)
    lines = [x.split() for x in subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()]
    head = next((cells for cells in lines if cells[:1] == ["GROUP"]), [])
    return [dict(zip(head, cells, strict=True)) for cells in lines if cells[:1] == [group]]


def until(look: Callable[[], T], seconds: float = 120.0) -> T:
    """What it gives, as soon as it gives something."""
    end = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < end, "nothing came"
        time.sleep(0.5)
    return found


def reading(collector: Groups | Shares, source: str) -> Reading | None:
    """What was told; a broker that just started may still load its groups."""
    seen = run(collector, Budget(seconds=60))
    assert isinstance(seen[-1], CollectorRan)
    assert seen[-1].error is None or "load in progress" in seen[-1].error
    return next((o for o in seen if isinstance(o, Reading) and o.source == source), None)


def read_to_the_end(address: str, app: str, topics: set[str]) -> list[dict[str, str]]:
    """The tool's rows once all that was written is read and committed: they move no more."""
    rows = tool(STREAMS_TOOL, address, app)
    known = {r["TOPIC"] for r in rows if r["CURRENT-OFFSET"] not in ("-", "0")}
    return rows if known >= topics and all(r["OFFSET-LAG"] in ("0", "-") for r in rows) else []


def test_a_streams_application_s_positions_are_those_of_kafka_s_own_tool(kafka: str, tmp_path: Path) -> None:
    app, shop, client = name("words"), Shop(kafka), KafkaClient("k", kafka, {})
    for future in shop.admin.create_topics([NewTopic(t, 2, 1) for t in (IN, OUT)]).values():
        future.result(30)
    config = {"bootstrap.servers": kafka, "application.id": app, "state.dir": tmp_path, "group.protocol": "streams"}
    properties = tmp_path / "streams.properties"
    more = {"replication.factor": 1, "commit.interval.ms": 100}
    properties.write_text("".join(f"{k}={v}\n" for k, v in {**config, **more}.items()))
    cluster = ClusterConfig("k", kafka)
    with brokers.running(brokers.java(STREAMS, str(properties)), tmp_path / "log"):
        groups = Groups(cluster, client)
        told = until(lambda: reading(groups, "streams"))
        (node,) = [n for n in told.nodes if n.id == f"group:k/{app}"]
        assert node.attrs["topology"]["sources"] == [IN]
        stores = node.attrs["topology"]["stores"]
        assert [s.startswith("counts") or s.startswith("KSTREAM-AGGREGATE") for s in stores] == [True]
        shop.produce(IN, [5, 3])
        own = f"{app}-KSTREAM-AGGREGATE-STATE-STORE-0000000003-repartition"
        rows = until(lambda: read_to_the_end(kafka, app, {IN, own}))
        follower = Follower(cluster, client)
        frame = next(o for o in run(follower, Budget(seconds=60)) if isinstance(o, PositionsFrame))
        follower.positions.close()
    held = {(t, c.partition): c.offset for t, commits in frame.commits[app].items() for c in commits}
    ends = {(t, r.partition): r.end for t, ranges in frame.logs.items() for r in ranges}
    expected = {(r["TOPIC"], int(r["PARTITION"])): r for r in rows if r["CURRENT-OFFSET"] != "-"}
    assert held == {k: int(r["CURRENT-OFFSET"]) for k, r in expected.items()}
    assert {k: (ends[k] or 0) - held[k] for k in held} == {k: int(r["OFFSET-LAG"]) for k, r in expected.items()}
    inside = {t: found for t in shop.state()[0] if (found := inner(t, {app}))}
    assert {(i.role, i.group) for i in inside.values()} == {("repartition", app), ("changelog", app)}
    client.close()


def test_share_groups_positions_are_those_of_kafka_s_own_tool(kafka: str, tmp_path: Path) -> None:
    shop, group, client = Shop(kafka), name("share"), KafkaClient("k", kafka, {})
    topic, shares = shop.topic(2), Shares(ClusterConfig("k", kafka), client)
    entity = ["--entity-type", "groups", "--entity-name", group, "--add-config", "share.auto.offset.reset=earliest"]
    alter = brokers.java("kafka.admin.ConfigCommand", "--bootstrap-server", kafka, "--alter", *entity)
    subprocess.run(alter, check=True, capture_output=True)
    shop.produce(topic, [4, 2])
    command = brokers.java(SHARE, "--bootstrap-server", kafka, "--topic", topic, "--group", group)
    with brokers.running(command, tmp_path / "share.log"):
        until(lambda: [r["LAG"] for r in tool(SHARE_TOOL, kafka, group)] == ["0", "0"])
    shop.produce(topic, [3, 0])
    rows = until(
        lambda: [r for r in tool(SHARE_TOOL, kafka, group) if r["LAG"] == "3"] and tool(SHARE_TOOL, kafka, group)
    )
    told = until(lambda: reading(shares, "share"))
    (node,) = [n for n in told.nodes if n.id == f"group:k/{group}"]
    (edge,) = [e for e in told.edges if e.target == node.id]
    assert told.complete
    assert node.figures == {
        f"{what} {topic}/{r['PARTITION']}": int(r[column])
        for r in rows
        for what, column in (("start", "START-OFFSET"), ("lag", "LAG"))
    }
    assert (edge.relation, edge.source, edge.lag) == ("reads", f"topic:k/{topic}", 3)
    client.close()


def test_a_cluster_without_share_groups_is_told_so(broker: str) -> None:
    client = KafkaClient("k", broker, {})
    told = reading(Shares(ClusterConfig("k", broker), client), "share")
    client.close()
    assert told is not None
    assert told.complete
    assert not [n for n in told.nodes if re.search("nobody", n.id)]
