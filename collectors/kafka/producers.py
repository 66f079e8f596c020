"""Producer ids and their last writes, by topic: how many idempotent writers there are, never who they are."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from collectors.base import Budget, Collection, CollectorError, now_ms
from collectors.kafka import errors, listing
from collectors.kafka.client import KafkaClient
from lineage.config import ClusterConfig
from lineage.observations import Producer, ProducersSeen

BATCH = 200
EACH_RUN = 5000
RIGHT = "Read Topic *"


class Producers:
    """A Collector; more than EACH_RUN partitions are asked in turns, whole topics at a time."""

    name, source = "producers", "kafka"

    def __init__(self, config: ClusterConfig, client: KafkaClient) -> None:
        self.cluster, self.interval = config.name, config.every.records
        self._config, self._client = config, client
        self._turn = 0

    def collect(self, budget: Budget) -> Collection:
        """ProducersSeen. Raises CollectorError where the right is missing."""
        at = now_ms()
        topics: dict[str, list[int]] = defaultdict(list)
        for (topic, partition), leader in listing.leaders(self._client, budget).items():
            if leader >= 0 and not topic.startswith("__") and self._config.wants_topic(topic):
                topics[topic].append(partition)
        chosen = self._this_turn(topics)
        found: dict[str, list[Producer]] = {}
        failed = 0
        for batch in _batches(chosen):
            answer = self._ask(batch, budget)
            failed += len(batch) - len(answer)
            found |= answer
        note = f"{failed} topics gave no answer" if failed else ""
        if len(chosen) < len(topics):
            note = f"{len(chosen)} of {len(topics)} topics a run, in turns" + (f"; {note}" if note else "")
        return Collection([ProducersSeen(cluster=self.cluster, at=at, topics=found)], note)

    def _this_turn(self, topics: dict[str, list[int]]) -> dict[str, list[int]]:
        names = sorted(topics)
        chosen: dict[str, list[int]] = {}
        count = 0
        for i in range(len(names)):
            name = names[(self._turn + i) % len(names)]
            count += len(topics[name])
            if chosen and count > EACH_RUN:
                self._turn = (self._turn + i) % len(names)
                break
            chosen[name] = topics[name]
        return chosen

    def _ask(self, batch: dict[str, list[int]], budget: Budget) -> dict[str, list[Producer]]:
        from kafka import TopicPartition
        from kafka.errors import TopicAuthorizationFailedError

        budget.spend()
        try:
            wanted = [TopicPartition(t, p) for t, partitions in batch.items() for p in partitions]
            answer = self._client.python.describe_producers(wanted)
        except CollectorError:
            raise
        except TopicAuthorizationFailedError as error:
            raise errors.missing(RIGHT, self._client.bootstrap_servers, self._client.principal) from error
        except Exception:  # one partition's moved leader fails a whole batch
            return self._halves(batch, budget)
        return by_topic(answer, batch)

    def _halves(self, batch: dict[str, list[int]], budget: Budget) -> dict[str, list[Producer]]:
        names = list(batch)
        if len(names) == 1:
            return {}
        half = len(names) // 2
        parts = ({n: batch[n] for n in names[:half]}, {n: batch[n] for n in names[half:]})
        return {t: p for part in parts for t, p in self._ask(part, budget).items()}


def _batches(topics: dict[str, list[int]]) -> Iterator[dict[str, list[int]]]:
    batch: dict[str, list[int]] = {}
    for topic, partitions in topics.items():
        batch[topic] = partitions
        if sum(map(len, batch.values())) >= BATCH:
            yield batch
            batch = {}
    if batch:
        yield batch


def by_topic(answer: dict[Any, Any], asked: dict[str, list[int]]) -> dict[str, list[Producer]]:
    """One entry a producer id and topic, with its latest write on any partition."""
    last: dict[str, dict[int, int]] = {topic: {} for topic in asked}
    for key, state in answer.items():
        for p in state.active_producers:
            of_topic = last[key.topic]
            of_topic[p.producer_id] = max(of_topic.get(p.producer_id, 0), p.last_timestamp)
    return {topic: [Producer(pid, at) for pid, at in ids.items()] for topic, ids in last.items()}
