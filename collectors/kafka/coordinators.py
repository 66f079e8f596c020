"""Asks groups' coordinators in kafka-python's messages: each group's own error, never one group's for all.

Not librdkafka's ``list_consumer_group_offsets``: it takes the process down when a coordinator has moved or is not
there yet (its issue 5040, open since 2025; met here with 2.16.1 on a broker that had no group so far).
"""

from __future__ import annotations

import logging
from collections import defaultdict
from typing import Any, NamedTuple

from confluent_kafka import KafkaError
from kafka.admin import KafkaAdminClient
from kafka.protocol.metadata import CoordinatorType, FindCoordinatorRequest

log = logging.getLogger(__name__)
GROUP = CoordinatorType.GROUP
# FindCoordinator asks for many groups at once since Kafka 3.0.
MANY = 4


class Position(NamedTuple):
    """One committed offset."""

    topic: str
    partition: int
    offset: int


class Offsets(NamedTuple):
    """A group's answer: Kafka's error code, 0 where there was none, and all positions."""

    error: int
    positions: list[Position]


async def find(python: KafkaAdminClient, groups: list[str]) -> tuple[dict[int, list[str]], dict[str, int]]:
    """Groups by their coordinator's broker id, and the error codes of those that have none. Raises kafka's errors."""
    cluster = python._manager.cluster
    found: dict[int, list[str]] = defaultdict(list)
    for group in groups:
        if (known := cluster.get_coordinator(group, GROUP)) is not None:
            found[known].append(group)
    errors: dict[str, int] = {}
    unknown = [g for g in groups if cluster.get_coordinator(g, GROUP) is None]
    for group, answer in await _ask(python, unknown) if unknown else ():
        if answer.error_code:
            errors[group] = answer.error_code
        else:
            found[cluster.add_coordinator(answer, GROUP, group, synthesize_node_id=False)].append(group)
    return found, errors


async def _ask(python: KafkaAdminClient, groups: list[str]) -> list[tuple[str, Any]]:
    manager = python._manager
    if manager.broker_version_data.api_version(FindCoordinatorRequest) >= MANY:
        request = FindCoordinatorRequest(key_type=GROUP.value, coordinator_keys=groups, min_version=MANY)
        return [(c.key, c) for c in (await manager.send(request)).coordinators]
    asked = [(g, FindCoordinatorRequest(key=g, key_type=GROUP.value, max_version=MANY - 1)) for g in groups]
    return [(g, await manager.send(request)) for g, request in asked]


def offsets(python: KafkaAdminClient, groups: list[str]) -> dict[str, Offsets]:
    """Committed offsets of all these groups. Raises kafka's errors where no broker tells the coordinators."""
    found: dict[str, Offsets] = python._manager.run(_offsets, python, groups)
    return found


async def _offsets(python: KafkaAdminClient, groups: list[str]) -> dict[str, Offsets]:
    by_coordinator, errors = await find(python, groups)
    answers = {group: Offsets(code, []) for group, code in errors.items()}
    for broker, own in by_coordinator.items():
        answers |= await _of_one_broker(python, broker, own)
    return answers


async def _of_one_broker(python: KafkaAdminClient, broker: int, groups: list[str]) -> dict[str, Offsets]:
    """A broker that died fails its own groups only."""
    answers: dict[str, Offsets] = {}
    try:
        for group, request in python._list_group_offsets_requests(dict.fromkeys(groups)):
            answers |= _answers(await python._manager.send(request, node_id=broker), group)
    except Exception:
        log.debug("broker %s did not answer for %d groups", broker, len(groups), exc_info=True)
    return {g: answers.get(g, Offsets(KafkaError._TRANSPORT, [])) for g in groups}


def _answers(response: Any, group: str | None) -> dict[str, Offsets]:
    """``group`` is the only one asked, or None for an answer that names its groups."""
    if group is not None:
        return {group: _one(response)}
    return {g.group_id: _one(g) for g in response.groups}


def _one(group: Any) -> Offsets:
    """A partition's error is its group's: half an answer would end the other half."""
    parts = [(t.name, p) for t in group.topics for p in t.partitions]
    error = group.error_code or next((p.error_code for _, p in parts if p.error_code), 0)
    known = (Position(topic, p.partition_index, p.committed_offset) for topic, p in parts)
    return Offsets(error, [] if error else [k for k in known if k.offset >= 0])


def may_see(python: KafkaAdminClient, group: str) -> int:
    """The error code of any broker, asked for this group's offsets: rights are judged before coordinators.

    No coordinator is looked for: on a cluster without groups that would make brokers create ``__consumer_offsets``.
    """
    ((name, request),) = python._list_group_offsets_requests({group: None})
    return _answers(python._manager.run(python._manager.send, request), name)[group].error
