"""Bytes on disk by topic: what the leaders' log directories hold. librdkafka has no such call."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from collectors.base import Budget, Collection, CollectorError, now_ms
from collectors.kafka import errors, listing
from collectors.kafka.client import KafkaClient
from lineage.config import ClusterConfig
from lineage.observations import SizesSeen

REFUSED = (29, 31)


class Sizes:
    """A Collector."""

    name, source = "sizes", "kafka"

    def __init__(self, config: ClusterConfig, client: KafkaClient) -> None:
        self.cluster, self.interval = config.name, config.every.topology
        self._config, self._client = config, client

    def collect(self, budget: Budget) -> Collection:
        """SizesSeen. Raises CollectorError."""
        at = now_ms()
        leaders = listing.leaders(self._client, budget)
        budget.spend()
        try:
            answer = self._client.python.describe_log_dirs()
        except CollectorError:
            raise
        except Exception as error:
            self._client.drop_python()
            raise self._client.error(error, "asking for log directories") from error
        if refused(answer):
            raise errors.missing("Describe Cluster", self._client.bootstrap_servers, self._client.principal)
        sizes = by_topic(answer, leaders)
        wanted = {t: size for t, size in sizes.items() if self._config.wants_topic(t)}
        return Collection([SizesSeen(cluster=self.cluster, at=at, sizes=wanted)])


def refused(answer: list[dict[str, Any]]) -> bool:
    """Whether the right is missing: an error code from newer brokers, nothing at all from older ones."""
    directories = [d for b in answer for d in b["log_dirs"]]
    return not directories or any(d["error_code"] in REFUSED for d in directories)


def by_topic(answer: list[dict[str, Any]], leaders: dict[tuple[str, int], int]) -> dict[str, int]:
    """Bytes by topic, counting each partition at its leader only."""
    sizes: dict[str, int] = defaultdict(int)
    for broker in answer:
        for directory in broker["log_dirs"]:
            for topic in directory["topics"]:
                for part in topic["partitions"]:
                    mine = leaders.get((topic["name"], part["partition_index"])) == broker["broker"]
                    if mine and not part["is_future_key"]:
                        sizes[topic["name"]] += part["partition_size"]
    return dict(sizes)
