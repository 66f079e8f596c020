"""A span names a topic without its cluster."""

from __future__ import annotations

from lineage.facts import Facts, see_cluster, see_topics
from lineage.observations import Broker, ClusterSeen, EdgeSeen, Topic, TopicsListed
from lineage.resolve import Waiting, resolve


def facts(**clusters: list[str]) -> Facts:
    out = Facts()
    for name, topics in clusters.items():
        see_cluster(out, ClusterSeen(cluster=name, at=1, cluster_id=f"id-{name}", controller=1, brokers=[]))
        listed = [Topic(t, f"t-{t}", False, []) for t in topics]
        see_topics(out, TopicsListed(cluster=name, at=1, topics=listed, complete=True))
    return out


def writes(topic: str) -> EdgeSeen:
    return EdgeSeen("writes", "service:shop", topic, 5, 5)


def test_the_only_cluster_that_has_the_topic_is_meant() -> None:
    (edge,) = resolve(facts(a=["orders"], b=["other"]).clusters, writes("topic:?/orders"))
    assert (edge.target, edge.strength) == ("topic:a/orders", "observed")


def test_kafkas_cluster_id_names_the_cluster() -> None:
    (edge,) = resolve(facts(a=["orders"], b=["orders"]).clusters, writes("topic:@id-b/orders"))
    assert (edge.target, edge.strength) == ("topic:b/orders", "observed")


def test_a_brokers_address_names_the_cluster_that_has_it() -> None:
    known, told = facts(a=["orders"], b=["orders"], c=["orders"]), {"a": frozenset({"front-a:9092"})}
    see_cluster(
        known, ClusterSeen(cluster="b", at=2, cluster_id="id-b", controller=1, brokers=[Broker(1, "B-1", 9092)])
    )
    found = {
        where: [(e.target, e.strength) for e in resolve(known.clusters, writes(f"topic:@{where}/orders"), told)]
        for where in ("front-a:9092", "b-1:9092", "elsewhere:9092")
    }
    assert found == {
        "front-a:9092": [("topic:a/orders", "observed")],
        "b-1:9092": [("topic:b/orders", "observed")],
        "elsewhere:9092": [(f"topic:{c}/orders", "inferred") for c in "abc"],
    }


def test_a_topic_of_two_clusters_is_only_inferred_in_each() -> None:
    edges = resolve(facts(a=["orders"], b=["orders"]).clusters, writes("topic:?/orders"))
    assert {(e.target, e.strength) for e in edges} == {("topic:a/orders", "inferred"), ("topic:b/orders", "inferred")}


def test_an_edge_between_services_needs_no_cluster() -> None:
    call = EdgeSeen("calls", "service:a", "service:b", 5, 5)
    assert resolve({}, call) == [call]


def test_a_span_that_comes_before_its_topic_waits_for_it() -> None:
    waiting, known = Waiting(), facts(a=[])
    assert waiting.take(known.clusters, "otlp", writes("topic:?/orders")) == []
    assert waiting.again(known.clusters) == []
    assert len(waiting) == 1
    ((source, edge),) = waiting.again(facts(a=["orders"]).clusters)
    assert (source, edge.target) == ("otlp", "topic:a/orders")


def test_what_waits_is_bounded() -> None:
    waiting = Waiting()
    for i in range(6_000):
        waiting.take({}, "otlp", writes(f"topic:?/t{i}"))
    assert len(waiting) == 5_000
