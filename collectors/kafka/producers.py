"""Producer ids and their last writes, by topic: how many idempotent writers there are.

Who they are is known of those alone that have a transactional id (``transactions``, ``writers``).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from collectors.base import Budget, Collection, CollectorError, now_ms
from collectors.kafka import errors, listing, writers
from collectors.kafka.client import KafkaClient
from collectors.kafka.transactions import RIGHT as TRANSACTIONAL
from collectors.kafka.transactions import Active, Coordinators, Hanging, Transactions, hanging
from lineage.config import ClusterConfig, ServiceRule
from lineage.observations import Ms, Producer, ProducersSeen, Reading

if TYPE_CHECKING:
    from collectors.sources import Asked

BATCH = 200
EACH_RUN = 5000
RIGHT = "Read Topic *"


class Producers:
    """A Collector; more than EACH_RUN partitions are asked in turns, whole topics at a time."""

    name, source = "producers", "kafka"

    def __init__(self, config: ClusterConfig, client: KafkaClient, services: tuple[ServiceRule, ...] = ()) -> None:
        self.cluster, self.interval = config.name, config.every.records
        self._config, self._client, self._services = config, client, services
        self._coordinators = Coordinators(client)
        self._turn = 0

    def collect(self, budget: Budget) -> Collection:
        """ProducersSeen, and a Reading of who they are. Raises CollectorError where the right is missing."""
        at, topics, offline = now_ms(), *self._topics(budget)
        chosen = self._this_turn(topics)
        found: list[Active] = []
        answered: set[str] = set()
        for batch in _batches(chosen):
            asked, active = self._ask(batch, budget)
            answered |= asked
            found += active
        known = self._coordinators.look(budget)
        seen = ProducersSeen(cluster=self.cluster, at=at, topics=by_topic(found, answered, known.named))
        whole = known.complete and answered == topics.keys() and not offline
        whole = whole and not listing.hidden_topics(self._client, budget)
        reading, notes = self._reading(found, known, at, whole, budget)
        runs = -(-len(topics) // max(1, len(chosen)))
        notes += [f"{len(chosen)} of {len(topics)} topics a run, in turns"] if runs > 1 else []
        silent = len(chosen.keys() - answered)
        notes += [f"{silent} topics gave no answer"] if silent else []
        slow = msgspec.structs.replace(reading, interval=self.interval * max(1, runs))
        return Collection([seen, slow], "; ".join(filter(None, notes)), [TRANSACTIONAL] if known.hidden else [])

    def _topics(self, budget: Budget) -> tuple[dict[str, list[int]], bool]:
        """Partitions by topic, and whether any has no leader to be asked."""
        topics: dict[str, list[int]] = defaultdict(list)
        offline = False
        for (topic, partition), leader in listing.leaders(self._client, budget).items():
            if not topic.startswith("__") and self._config.wants_topic(topic):
                offline |= leader < 0
                topics[topic] += [partition] if leader >= 0 else []
        return {t: p for t, p in topics.items() if p}, offline

    def _reading(
        self, found: list[Active], known: Transactions, at: Ms, whole: bool, budget: Budget
    ) -> tuple[Reading, list[str]]:
        """Who writes by transactional id, what producers tell of topics, and what is to be noted."""
        pairs = writers.edges(found, known.named, self._known(known, budget), at)
        nodes, beyond = writers.unowned(pairs)
        hangs = hanging(found, known, at)
        told = Reading(
            cluster=self.cluster,
            at=at,
            source="transactions",
            scope="",
            nodes=nodes + writers.topics(found, hangs, self.cluster, at, known.named),
            edges=[edge for own, edge in pairs if own.node not in beyond],
            complete=whole,
            interval=self.interval,
        )
        return told, self._notes(known, hangs, len(beyond))

    def _notes(self, known: Transactions, hangs: list[Hanging], beyond: int) -> list[str]:
        line = errors.grant(TRANSACTIONAL, self._client.bootstrap_servers, self._client.principal)
        return [
            known.note,
            f"transactional ids may be hidden from us: {line}" if known.hidden else "",
            f"{len(hangs)} hanging transactions, {_said(hangs[0])} first" if hangs else "",
            f"{beyond} writers more than the {writers.MOST_WRITERS} that are shown" if beyond else "",
        ]

    def _known(self, known: Transactions, budget: Budget) -> writers.Known:
        """The groups are only asked for where there is a name that could be after one."""
        listed = listing.list_groups(self._client, budget).groups if known.named else []
        groups = {g.id: g.type for g in listed if self._config.wants_group(g.id)}
        return writers.Known(self.cluster, self._services, groups, tuple(e.name for e in self._config.connect))

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

    def _ask(self, batch: dict[str, list[int]], budget: Budget) -> tuple[set[str], list[Active]]:
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
        return set(batch), [_active(key, p) for key, state in answer.items() for p in state.active_producers]

    def _halves(self, batch: dict[str, list[int]], budget: Budget) -> tuple[set[str], list[Active]]:
        names = list(batch)
        if len(names) == 1:
            return set(), []
        half = len(names) // 2
        (one, first), (other, second) = (
            self._ask({n: batch[n] for n in part}, budget) for part in (names[:half], names[half:])
        )
        return one | other, first + second


def _active(key: Any, state: Any) -> Active:
    begun = state.current_transaction_start_offset
    return Active(key.topic, key.partition, state.producer_id, state.last_timestamp, begun if begun >= 0 else None)


def _said(hang: Hanging) -> str:
    return f"{hang.topic} partition {hang.partition} by producer id {hang.producer_id}"


def _batches(topics: dict[str, list[int]]) -> Iterator[dict[str, list[int]]]:
    batch: dict[str, list[int]] = {}
    for topic, partitions in topics.items():
        batch[topic] = partitions
        if sum(map(len, batch.values())) >= BATCH:
            yield batch
            batch = {}
    if batch:
        yield batch


def by_topic(active: Iterable[Active], asked: Iterable[str], named: Mapping[int, str]) -> dict[str, list[Producer]]:
    """One entry a producer id and topic, with its latest write on any partition."""
    last: dict[str, dict[int, Ms]] = {topic: {} for topic in asked}
    for a in active:
        of_topic = last[a.topic]
        of_topic[a.producer_id] = max(of_topic.get(a.producer_id, 0), a.last_at)
    return {t: [Producer(pid, at, pid in named) for pid, at in ids.items()] for t, ids in last.items()}


def for_asked(asked: Asked) -> Producers:
    """The collector with the configuration's rules of who is who."""
    return Producers(asked.cluster, asked.kafka(), asked.config.services)
