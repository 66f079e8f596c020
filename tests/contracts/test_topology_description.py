"""KIP-1331 on a broker of Kafka 4.4: an application's own description of its topology names its sinks.

Left out where KAFKA_LIBS holds an older broker. Kafka Streams of 4.4 pushes the description by itself; here its two
messages are sent by hand, in the schemas that lie in Kafka's own jar.
"""

from __future__ import annotations

import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from collectors.base import Budget, run
from collectors.kafka.client import KafkaClient
from collectors.kafka.groups import Groups
from lineage.config import ClusterConfig
from lineage.observations import Reading
from tests.contracts import brokers
from tests.contracts.shop import Shop, name

MESSAGES = ("StreamsGroupHeartbeat", "StreamsGroupTopologyDescriptionUpdate")
PLUGIN_CLASS = "org.apache.kafka.server.streams.InMemoryTopologyDescriptionPlugin"
PLUGIN = f"group.streams.topology.description.plugin.class={PLUGIN_CLASS}\n"


def jar() -> Path | None:
    """The clients' jar, if it knows the messages."""
    for path in brokers.libs().glob("kafka-clients-*.jar") if "KAFKA_LIBS" in brokers.os.environ else ():
        with zipfile.ZipFile(path) as packed:
            if f"common/message/{MESSAGES[1]}Request.json" in packed.namelist():
                return path
    return None


pytestmark = [pytest.mark.kafka, pytest.mark.skipif(jar() is None, reason="KAFKA_LIBS holds no broker of Kafka 4.4")]


@pytest.fixture(scope="module", params=[PLUGIN, ""], ids=["with a plug-in", "without"])
def broker_of_4_4(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, bool]]:
    with brokers.apache(tmp_path_factory.mktemp("next"), request.param) as address:
        yield address, bool(request.param)


@pytest.fixture(scope="module")
def messages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Kafka's own messages, made from the schemas in its jar."""
    from kafka.protocol.api_message import ApiMessage

    package, found = tmp_path_factory.mktemp("schemas") / "kafkas_schemas", jar()
    assert found is not None
    package.mkdir()
    (package / "__init__.py").write_text("")
    with zipfile.ZipFile(found) as packed:
        for one in MESSAGES:
            for end in ("Request", "Response"):
                (package / f"{one}{end}.json").write_bytes(packed.read(f"common/message/{one}{end}.json"))
    sys.path.insert(0, str(package.parent))
    names = [f"{one}{end}" for one in MESSAGES for end in ("Request", "Response")]
    made = type(ApiMessage)
    return {n: made(n, (ApiMessage,), {"__module__": __name__}, load_json="kafkas_schemas") for n in names}


def test_sinks_are_told_where_the_broker_keeps_descriptions(
    broker_of_4_4: tuple[str, bool], messages: dict[str, Any]
) -> None:
    address, keeps = broker_of_4_4
    shop, app, client = Shop(address), name("app"), KafkaClient("k", address, {})
    source, sink = shop.topic(1), shop.topic(1)
    shop.commit("anybody", source, {0: 0})  # the coordinators' topic is there
    describe(client, app, source, sink, messages, push=keeps)
    seen = run(Groups(ClusterConfig("k", address), client), Budget(seconds=60))
    client.close()
    told = next(o for o in seen if isinstance(o, Reading))
    (node,) = [n for n in told.nodes if n.name == app]
    assert node.attrs["topology"]["status"] == ("available" if keeps else "not stored")
    assert node.attrs["topology"]["sources"] == [source]
    assert [(e.relation, e.source, e.target, e.strength, e.detail) for e in told.edges] == (
        [("writes", node.id, f"topic:k/{sink}", "inferred", f"a sink of its topology, fed by {source}")]
        if keeps
        else []
    )


def describe(client: KafkaClient, app: str, source: str, sink: str, messages: dict[str, Any], *, push: bool) -> None:
    """Joins a streams group as a member would, and pushes what its topology is."""
    from kafka.protocol.metadata import CoordinatorType

    manager, python = client.python._manager, client.python
    (broker,) = manager.run(lambda: python._find_coordinator_ids([app], key_type=CoordinatorType.GROUP)).values()
    heartbeat, update = (messages[f"{one}Request"] for one in MESSAGES)
    part = heartbeat.Topology.Subtopology
    topology = heartbeat.Topology(epoch=0, subtopologies=[part(
        subtopology_id="0", source_topics=[source], source_topic_regex=[], state_changelog_topics=[],
        repartition_sink_topics=[], repartition_source_topics=[], copartition_groups=[],
    )])  # fmt: skip
    joined = manager.run(manager.send, heartbeat(
        group_id=app, member_id="one", member_epoch=0, endpoint_information_epoch=0, rebalance_timeout_ms=60_000,
        topology=topology, active_tasks=[], standby_tasks=[], warmup_tasks=[], process_id="process", client_tags=[],
    ), broker)  # fmt: skip
    assert joined.error_code == 0, joined
    if not push:
        return
    Description = update.TopologyDescription
    nodes = [node(update, "S", 1, ["K"], source_topics=[source]), node(update, "K", 3, [], sink_topic=sink)]
    part = Description.TopologyDescriptionSubtopology
    whole = Description(subtopologies=[part(subtopology_id="0", nodes=nodes)], global_stores=[])
    pushed = manager.run(
        manager.send, update(group_id=app, member_id="one", topology_epoch=0, topology_description=whole), broker
    )
    assert pushed.error_code == 0, pushed


def node(update: Any, called: str, kind: int, successors: list[str], **more: Any) -> Any:
    of = update.TopologyDescription.TopologyDescriptionSubtopology.TopologyDescriptionNode
    given = {"source_topics": [], "sink_topic": None, "stores": [], **more}
    return of(name=called, node_type=kind, successors=successors, **given)
