"""MirrorMaker 2 as Connect tells of it: copies by their originals' names, the clusters found, the lag known or not."""

from __future__ import annotations

import json
from typing import Any

import pytest

from collectors import mirrors
from collectors.base import Budget, CollectorError, run
from collectors.mirrors import Mirrors, mirror_of
from collectors.sources import Asked
from lineage.config import ClusterConfig, Config, Endpoint
from lineage.observations import CollectorRan, EdgeSeen, Reading
from tests.collectors.serving import Answer, serving

MIRROR = {
    "connector.class": "org.apache.kafka.connect.mirror.MirrorSourceConnector",
    "source.cluster.alias": "B",
    "source.cluster.bootstrap.servers": "b1:9092, B2:9092",
    "source.cluster.sasl.jaas.config": "secret-jaas",
}
IDENTITY = {**MIRROR, "replication.policy.class": "org.apache.kafka.connect.mirror.IdentityReplicationPolicy"}
BERLIN = ClusterConfig("berlin", "b2:9092")


def at(topic: str, partition: int, offset: int) -> Any:
    return {"partition": {"cluster": "B", "topic": topic, "partition": partition}, "offset": {"offset": offset}}


class Worker:
    def __init__(self, config: dict[str, str], used: list[str], offsets: list[Any] | None) -> None:
        self.config, self.used, self.offsets = config, used, offsets

    def __call__(self, method: str, path: str, body: bytes) -> Answer:
        if path.endswith("/offsets") and self.offsets is None:
            return 404, "application/json", b'{"error_code": 404, "message": "HTTP 404 Not Found"}'
        told: Any = {"offsets": self.offsets} if path.endswith("/offsets") else {"mm": {"topics": self.used}}
        if path.startswith("/connectors?"):
            told = {"mm": {"info": {"config": self.config, "type": "source"}, "status": {}}, "junk": None}
        return 200, "application/json", json.dumps(told).encode()


def told(
    config: dict[str, str], used: list[str], offsets: list[Any] | None, source: ClusterConfig = BERLIN
) -> tuple[list[EdgeSeen], CollectorRan]:
    with serving(Worker(config, used, offsets)) as url:
        here = ClusterConfig("here", "a:9092", connect=(Endpoint(url, "main"),))
        asked = Asked(Config(clusters=(here, source)), here, "main", lambda other=here: Client(other.name))
        *seen, ran = run(Mirrors(asked), Budget(seconds=20))
    assert isinstance(ran, CollectorRan)
    return [e for o in seen if isinstance(o, Reading) for e in o.edges], ran


class Client:
    """Stands for the source's client: what is asked of it is given by ``ends``."""

    def __init__(self, name: str) -> None:
        assert name == "berlin"
        self.admin = None


@pytest.fixture
def ends(monkeypatch: pytest.MonkeyPatch) -> dict[tuple[str, int], tuple[int, int]]:
    """Log start and log end by partition of the source cluster; empty: it does not answer."""
    logs: dict[tuple[str, int], tuple[int, int]] = {}

    def leaders(*_: object) -> dict[tuple[str, int], int]:
        if not logs:
            raise CollectorError("berlin does not answer", unreachable=True)
        return dict.fromkeys(logs, 1)

    def ranges(_: object, leaders: dict[tuple[str, int], int], __: object) -> Any:
        return {k: logs[k][0] for k in leaders}, {k: logs[k][1] for k in leaders}, []

    monkeypatch.setattr(mirrors.listing, "leaders", leaders)
    monkeypatch.setattr(mirrors, "log_ranges", ranges)
    return logs


Ends = dict[tuple[str, int], tuple[int, int]]


def copies(edges: list[EdgeSeen]) -> dict[tuple[str, str], int | None]:
    return {(e.source, e.target): e.lag for e in edges if e.relation == "replicates"}


def test_a_copy_is_known_by_its_offsets_with_the_records_that_are_not_copied_yet(ends: Ends) -> None:
    ends.update({("orders", 0): (0, 10), ("orders", 1): (3, 5), ("other", 0): (0, 99)})
    edges, ran = told(MIRROR, ["B.orders", "B.heartbeats"], [at("orders", 0, 6), at("heartbeats", 0, 1)])
    assert copies(edges) == {("topic:berlin/orders", "topic:here/B.orders"): 3 + 2}
    assert ran.error is None
    assert {(e.relation, e.source, e.target, e.strength) for e in edges if e.relation != "replicates"} == {
        ("reads", "topic:berlin/orders", "connector:here/main/mm", "observed"),
        ("writes", "connector:here/main/mm", "topic:here/B.orders", "observed"),
        ("writes", "connector:here/main/mm", "topic:berlin/mm2-offset-syncs.target.internal", "inferred"),
    }


def test_an_identity_policy_copies_under_the_same_name(ends: Ends) -> None:
    ends.update({("orders", 0): (0, 10)})
    edges, _ = told(IDENTITY, ["orders", "B.heartbeats"], [at("orders", 0, 9)])
    assert copies(edges) == {("topic:berlin/orders", "topic:here/orders"): 0}


def test_a_worker_without_offsets_tells_copies_by_the_topics_used_and_no_lag(ends: Ends) -> None:
    edges, ran = told(MIRROR, ["B.orders", "B.x.y"], None)
    assert copies(edges) == {
        ("topic:berlin/orders", "topic:here/B.orders"): None,
        ("topic:berlin/x.y", "topic:here/B.x.y"): None,
    }
    assert ran.error is None


def test_a_source_that_does_not_answer_leaves_the_copies_and_says_that_lag_is_unknown(ends: Ends) -> None:
    edges, ran = told(MIRROR, ["B.orders"], [at("orders", 0, 6)])
    assert copies(edges) == {("topic:berlin/orders", "topic:here/B.orders"): None}
    assert "berlin is behind" in str(ran.error) or "from berlin are behind is unknown" in str(ran.error)


def test_an_offset_beyond_the_end_is_unknown_never_negative(ends: Ends) -> None:
    ends.update({("orders", 0): (0, 3)})
    edges, _ = told(MIRROR, ["B.orders"], [at("orders", 0, 6)])
    assert copies(edges) == {("topic:berlin/orders", "topic:here/B.orders"): None}


def test_the_source_cluster_is_found_by_its_alias_where_no_address_fits(ends: Ends) -> None:
    edges, _ = told(MIRROR, ["B.orders"], None, ClusterConfig("B", "elsewhere:1"))
    assert copies(edges) == {("topic:B/orders", "topic:here/B.orders"): None}


def test_a_source_cluster_that_is_not_watched_is_a_system(ends: Ends) -> None:
    edges, _ = told(MIRROR, ["B.orders"], None, ClusterConfig("x", "elsewhere:1"))
    assert [(e.relation, e.source) for e in edges] == [("reads", "system:kafka://b1:9092")]


@pytest.mark.parametrize("junk", [None, [], [None], [{"partition": {"topic": 1}}], [{"partition": {}, "offset": None}]])
def test_offsets_of_another_shape_tell_nothing(ends: Ends, junk: Any) -> None:
    edges, ran = told(MIRROR, [], junk)
    assert (edges, ran.error) == ([], None)


def test_only_source_connectors_of_mirror_maker_are_mirrors() -> None:
    checkpoint = {"connector.class": "org.apache.kafka.connect.mirror.MirrorCheckpointConnector"}
    assert mirror_of(checkpoint) is None
    assert mirror_of(MIRROR)
    assert "jaas" not in repr(mirror_of(MIRROR))
