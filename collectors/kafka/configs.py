"""The topic configurations that matter, only those keys asked for: a tenth of the bytes of all of them."""

from __future__ import annotations

from typing import Any

from confluent_kafka import KafkaException
from confluent_kafka.admin._config import ConfigResource

from collectors.base import Budget, Collection, CollectorError, now_ms
from collectors.kafka import errors, listing
from collectors.kafka.client import KafkaClient
from lineage.config import ClusterConfig
from lineage.observations import ConfigsSeen

KEYS = (
    "retention.ms",
    "retention.bytes",
    "cleanup.policy",
    "min.insync.replicas",
    "message.timestamp.type",
    "delete.retention.ms",
)
BATCH = 200
RIGHT = "DescribeConfigs Topic *"


class Configs:
    """A Collector."""

    name, source = "configs", "kafka"

    def __init__(self, config: ClusterConfig, client: KafkaClient) -> None:
        self.cluster, self.interval = config.name, config.every.configs
        self._config, self._client = config, client

    def collect(self, budget: Budget) -> Collection:
        """ConfigsSeen. Raises CollectorError; where only some topics are refused, the rest is kept."""
        at = now_ms()
        topics = sorted({t for t, _ in listing.leaders(self._client, budget) if self._config.wants_topic(t)})
        found: dict[str, dict[str, str]] = {}
        for i in range(0, len(topics), BATCH):
            found |= self._batch(topics[i : i + BATCH], budget)
        silent = [t for t in topics if not found.get(t)]
        seen = ConfigsSeen(cluster=self.cluster, at=at, configs={t: c for t, c in found.items() if c})
        why = self._why(silent[0], budget) if silent else None
        if why is None:
            return Collection([seen])
        return Collection([seen], why.remedy, why.needs, f"{len(silent)} of {len(topics)} topics: {why}")

    def _batch(self, topics: list[str], budget: Budget) -> dict[str, dict[str, str]]:
        from kafka.admin import ConfigResource as Wanted
        from kafka.admin import ConfigResourceType

        budget.spend()
        wanted = [Wanted(ConfigResourceType.TOPIC, t, dict.fromkeys(KEYS)) for t in topics]
        try:
            answer = self._client.python.describe_configs(wanted, config_filter="all")
        except CollectorError:
            raise
        except Exception as error:
            self._client.drop_python()
            raise self._client.error(error, "reading topic configurations") from error
        return {topic: _values(entries) for topic, entries in answer.get("topic", {}).items()}

    def _why(self, topic: str, budget: Budget) -> CollectorError | None:
        """Why one topic gave nothing: kafka-python swallows its error."""
        budget.spend()
        resource = ConfigResource(ConfigResource.Type.TOPIC, topic)
        asked = self._client.admin.describe_configs([resource], request_timeout=budget.timeout())
        try:
            asked[resource].result()
        except KafkaException as error:
            if errors.right_of(error.args[0].code()):
                return errors.missing(RIGHT, self._client.bootstrap_servers, self._client.principal)
            return self._client.error(error, "reading topic configurations")
        return None


def _values(entries: dict[str, dict[str, Any]]) -> dict[str, str]:
    return {key: entries[key]["value"] for key in KEYS if key in entries and entries[key]["value"] is not None}
