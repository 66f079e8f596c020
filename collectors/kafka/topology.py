"""Cluster id, brokers, topics with ids, partitions, leaders and ISR: two requests, however many topics."""

from __future__ import annotations

from typing import Any

from collectors.base import Budget, Collection, CollectorError, now_ms
from collectors.kafka import listing
from collectors.kafka.client import KafkaClient
from collectors.kafka.errors import grant
from lineage.config import ClusterConfig
from lineage.observations import Broker, ClusterSeen, Partition, Topic, TopicsListed

# A topic that is just being made or elects a leader answers with these; it is there all the same.
LEADERLESS = (0, 5, 9)


class Topology:
    """A Collector."""

    name, source = "topology", "kafka"

    def __init__(self, config: ClusterConfig, client: KafkaClient) -> None:
        self.cluster, self.interval = config.name, config.every.topology
        self._config, self._client = config, client

    def collect(self, budget: Budget) -> Collection:
        """ClusterSeen and TopicsListed. Raises CollectorError."""
        seen = self._brokers(budget)
        at = now_ms()
        raw = self._metadata(budget)
        hidden = listing.hidden_topics(self._client, budget)
        broken = [t["name"] for t in raw if t["error_code"] not in LEADERLESS]
        topics = [_topic(t) for t in raw if t["error_code"] in LEADERLESS and self._config.wants_topic(t["name"])]
        listed = TopicsListed(cluster=self.cluster, at=at, topics=topics, complete=not hidden and not broken)
        note = f"{len(broken)} topics could not be described, {broken[0]} first" if broken else ""
        if hidden:
            line = grant(hidden, self._client.bootstrap_servers, self._client.principal)
            note = f"topics may be hidden from us: {line}"
        return Collection([seen, listed], note, [hidden] if hidden else [])

    def _brokers(self, budget: Budget) -> ClusterSeen:
        budget.spend()
        at = now_ms()
        found = self._client.reach(budget.timeout(8.0))
        brokers = [Broker(id=n.id, host=n.host, port=n.port, rack=n.rack or "") for n in found.nodes]
        controller = found.controller.id if found.controller else None
        return ClusterSeen(
            cluster=self.cluster, at=at, cluster_id=found.cluster_id or "", controller=controller, brokers=brokers
        )

    def _metadata(self, budget: Budget) -> list[dict[str, Any]]:
        budget.spend()
        try:
            raw: list[dict[str, Any]] = self._client.python.describe_topics()
        except CollectorError:
            raise
        except Exception as error:
            self._client.drop_python()
            raise self._client.error(error, "listing topics") from error
        return raw


def _topic(raw: dict[str, Any]) -> Topic:
    topic_id = raw.get("topic_id")
    partitions = [
        Partition(
            id=p["partition_index"],
            leader=p["leader_id"] if p["error_code"] != 5 else -1,
            replicas=list(p["replica_nodes"]),
            isr=list(p["isr_nodes"]),
        )
        for p in sorted(raw["partitions"], key=lambda p: int(p["partition_index"]))
    ]
    internal = bool(raw.get("is_internal")) or raw["name"].startswith("__")
    return Topic(name=raw["name"], topic_id=str(topic_id) if topic_id else "", internal=internal, partitions=partitions)
