"""Committed offsets of all groups: hundreds of groups a call; a failed call is halved until who failed it is alone.

kafka-python asks as many groups as one likes (65,000: 2 s of CPU), but one group's error fails its whole call.
librdkafka is not asked at all: its admin client follows a null pointer when a broker that comes back answers
OffsetFetch with "not the coordinator", and takes the process with it (confluentinc/librdkafka issue 5315).
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from confluent_kafka import KafkaError, KafkaException

from collectors.base import Budget, CollectorError
from collectors.kafka.client import KafkaClient

log = logging.getLogger(__name__)
BATCH = 500
ATTEMPTS = 4
WAITS = (0.1, 0.2, 0.4)  # seconds; as many in one sweep, however many groups
# A coordinator that still loads, or moved, answers so for a moment: asked again, never reported.
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
    done = Swept(groups=len(wanted))
    todo = deque((wanted[i : i + BATCH], 1) for i in range(0, len(wanted), BATCH))
    waits = iter(WAITS)
    while todo:
        batch, attempt = todo.popleft()
        error = ask(client, batch, take, budget)
        if error is None:
            continue
        code = error.args[0].code()
        if code in PASSING and attempt < ATTEMPTS:
            time.sleep(next(waits, 0.0))
            todo.append((batch, attempt + 1))
        elif len(batch) > 1 and code != KafkaError._TRANSPORT:
            half = len(batch) // 2
            todo.extend(((batch[:half], attempt), (batch[half:], attempt)))
        elif code in GONE:
            take(batch[0], [])
        else:
            done.failed |= dict.fromkeys(batch, error)
    return done


def ask(client: KafkaClient, batch: list[str], take: Take, budget: Budget) -> KafkaException | None:
    """One call for all of ``batch``; where it fails as a whole, nothing is taken and the error is returned."""
    budget.spend()
    try:
        answer = client.python.list_group_offsets(dict.fromkeys(batch))
    except CollectorError:
        raise
    except Exception as error:
        log.debug("a batch of %d groups failed: %s", len(batch), type(error).__name__)
        client.forget_coordinators()  # the likeliest reason is one that moved
        return client.kafka_error(error)
    if set(answer) != set(batch):
        return KafkaException(KafkaError(KafkaError.UNKNOWN, "the answer leaves out groups"))
    for group, found in answer.items():
        positions = (Position(tp.topic, tp.partition, o.offset) for tp, o in found.items())
        take(group, [p for p in positions if p.offset >= 0])
    return None
