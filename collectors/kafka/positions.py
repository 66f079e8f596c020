"""Committed offsets of all groups: hundreds of groups a call, and one by one where a call failed.

librdkafka asks one group a call (65,000 groups: 7 s of CPU); kafka-python asks as many as one likes (2 s), but one
group's error fails its call. So the batches come first, and only a failed batch is asked again group by group, with
a bounded number of calls in flight.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from confluent_kafka import ConsumerGroupTopicPartitions, KafkaError, KafkaException
from confluent_kafka.admin import AdminClient

from collectors.base import Budget, CollectorError
from collectors.kafka.client import KafkaClient
from lineage.identity import text

log = logging.getLogger(__name__)
BATCH = 500
IN_FLIGHT = 64
ATTEMPTS = 4
# A coordinator that still loads, or moved, answers so for a moment: asked again, never reported.
UNNAMEABLE = KafkaError(KafkaError._INVALID_ARG, "librdkafka cannot ask for a group by such a name")
PASSING = frozenset(
    {
        KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
        KafkaError.COORDINATOR_NOT_AVAILABLE,
        KafkaError.NOT_COORDINATOR,
        KafkaError._TRANSPORT,
    }
)
# Whoever is listed and then not there has ended in between; a share group has no such offsets.
GONE = frozenset({KafkaError.GROUP_ID_NOT_FOUND})

Take = Callable[[str, list[Any]], None]


class Position(NamedTuple):
    """As librdkafka's TopicPartition names it."""

    topic: str
    partition: int
    offset: int


@dataclass
class Swept:
    """How a sweep went; ``failed`` names groups without an answer, with the error."""

    groups: int = 0
    failed: dict[str, KafkaException] = field(default_factory=dict)


def sweep(client: KafkaClient, groups: Iterable[str], take: Take, budget: Budget) -> Swept:
    """Asks every group and gives ``take(group, positions)`` each answer. Raises CollectorError over budget."""
    wanted = list(groups)
    left: list[str] = []
    for i in range(0, len(wanted), BATCH):
        batch = wanted[i : i + BATCH]
        if not _take_batch(client, batch, take, budget):
            left += batch
    done = _one_by_one(client.admin, left, take, budget)
    done.groups = len(wanted)
    return done


def _take_batch(client: KafkaClient, batch: list[str], take: Take, budget: Budget) -> bool:
    """False where the batch failed as a whole: nothing of it was taken."""
    budget.spend()
    try:
        answer = client.python.list_group_offsets(dict.fromkeys(batch))
    except CollectorError:
        raise
    except Exception as error:
        log.debug("a batch of %d groups is asked one by one: %s", len(batch), type(error).__name__)
        return False
    if set(answer) != set(batch):
        return False
    for group, found in answer.items():
        positions = (Position(tp.topic, tp.partition, o.offset) for tp, o in found.items())
        take(group, [p for p in positions if p.offset >= 0])
    return True


def _one_by_one(admin: AdminClient, groups: list[str], take: Take, budget: Budget) -> Swept:
    todo = deque((g, 1) for g in groups if text(g) == g)
    flying: deque[tuple[str, int, Future[Any]]] = deque()
    # librdkafka cuts a name at a NUL, and would answer for another group.
    done = Swept(len(groups), {g: KafkaException(UNNAMEABLE) for g in groups if text(g) != g})
    while todo or flying:
        while todo and len(flying) < IN_FLIGHT:
            group, attempt = todo.popleft()
            flying.append((group, attempt, _ask(admin, group, budget)))
        group, attempt, future = flying.popleft()
        error = _answer(group, future, take)
        if error is None:
            continue
        if error.args[0].code() in PASSING and attempt < ATTEMPTS:
            todo.append((group, attempt + 1))
        else:
            done.failed[group] = error
    return done


def _ask(admin: AdminClient, group: str, budget: Budget) -> Future[Any]:
    budget.spend()
    asked = admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions(group)], request_timeout=budget.timeout())
    return next(iter(asked.values()))


def _answer(group: str, future: Future[Any], take: Take) -> KafkaException | None:
    try:
        positions = future.result().topic_partitions
    except KafkaException as error:
        if error.args[0].code() not in GONE:
            return error
        positions = []
    refused = next((p.error for p in positions if p.error is not None), None)
    if refused is not None:  # half an answer would end the other half
        return KafkaException(refused)
    take(group, [p for p in positions if p.offset >= 0])
    return None
