"""Committed offsets of all groups: hundreds of groups a request, and what did not answer a few times more."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from confluent_kafka import KafkaError, KafkaException

from collectors.base import Budget, CollectorError
from collectors.kafka.client import KafkaClient

BATCH = 500
ATTEMPTS = 4
PAUSE = 0.2
# A coordinator that still loads, or moved, answers so for a moment: asked again, never reported.
PASSING = frozenset(
    {
        KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
        KafkaError.COORDINATOR_NOT_AVAILABLE,
        KafkaError.NOT_COORDINATOR,
        KafkaError._TRANSPORT,
    }
)

Take = Callable[[str, list[Any]], None]


@dataclass
class Swept:
    """How a sweep went; ``failed`` names groups without an answer, with the error."""

    groups: int = 0
    failed: dict[str, Exception] = field(default_factory=dict)


def sweep(client: KafkaClient, groups: Iterable[str], take: Take, budget: Budget) -> Swept:
    """Asks every group and gives ``take(group, positions)`` each answer. Raises CollectorError over budget."""
    todo = list(groups)
    done = Swept(groups=len(todo))
    for attempt in range(ATTEMPTS):
        if attempt:
            client.forget_coordinators()
            time.sleep(PAUSE * attempt)
        failed: dict[str, Exception] = {}
        for i in range(0, len(todo), BATCH):
            failed |= _take_batch(client, todo[i : i + BATCH], take, budget)
        done.failed = {g: e for g, e in done.failed.items() if not _passes(e)} | failed
        todo = [g for g, error in failed.items() if _passes(error)]
        if not todo:
            break
    return done


def _passes(error: Exception) -> bool:
    return not isinstance(error, KafkaException) or error.args[0].code() in PASSING


def _take_batch(client: KafkaClient, batch: list[str], take: Take, budget: Budget) -> dict[str, Exception]:
    """The groups that gave no answer, each with its error."""
    from collectors.kafka import coordinators

    budget.spend()
    try:
        answers = coordinators.offsets(client.python, batch)
    except CollectorError:
        raise
    except Exception as error:  # a broker that died takes its connection along
        client.drop_python()
        return dict.fromkeys(batch, error)
    failed: dict[str, Exception] = {}
    for group in batch:
        code, positions = answers.get(group, (KafkaError.COORDINATOR_NOT_AVAILABLE, []))
        if code in (0, KafkaError.GROUP_ID_NOT_FOUND):  # listed and then not there: ended in between
            take(group, positions)
        else:
            failed[group] = KafkaException(KafkaError(code))
    return failed
