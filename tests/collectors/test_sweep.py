"""Asking many groups at once: who refuses is found and named, who is late is asked again, nothing runs away."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import KafkaError
from kafka.errors import CoordinatorLoadInProgressError, GroupAuthorizationFailedError, NodeNotReadyError
from kafka.structs import OffsetAndMetadata, TopicPartition

from collectors.base import Budget
from collectors.kafka.client import KafkaClient
from collectors.kafka.positions import BATCH, sweep


class Answers(KafkaClient):
    """A client whose kafka-python side answers as a broker would: some groups refused, the first calls too early."""

    def __init__(
        self, refused: set[str], early: int = 0, error: type[Exception] = CoordinatorLoadInProgressError
    ) -> None:
        super().__init__("k", "127.0.0.1:1", {})
        self.refused, self.early, self.error, self.calls = refused, early, error, 0

    @property
    def python(self) -> Any:
        return self

    def forget_coordinators(self) -> None:
        """There are none."""

    def list_group_offsets(self, asked: Mapping[str, None]) -> Any:
        self.calls += 1
        if self.calls <= self.early:
            raise self.error
        if self.refused & asked.keys():
            raise GroupAuthorizationFailedError
        return {g: {TopicPartition("t", 0): OffsetAndMetadata(7, "", -1)} for g in asked}


def swept(client: Answers, count: int) -> tuple[set[str], dict[str, int]]:
    taken: set[str] = set()
    done = sweep(client, [f"g{i}" for i in range(count)], lambda g, p: taken.add(g), Budget())
    assert done.groups == count
    return taken, {g: e.args[0].code() for g, e in done.failed.items()}


def test_groups_that_refuse_are_found_and_all_others_are_taken() -> None:
    client = Answers({"g3", f"g{BATCH + 40}"})
    taken, failed = swept(client, 2 * BATCH)
    assert failed == dict.fromkeys(client.refused, KafkaError.GROUP_AUTHORIZATION_FAILED)
    assert len(taken) == 2 * BATCH - 2
    assert client.calls < 45


@pytest.mark.parametrize("error", [CoordinatorLoadInProgressError, NodeNotReadyError])
def test_a_coordinator_that_still_loads_is_asked_again_and_not_reported(error: type[Exception]) -> None:
    assert swept(Answers(set(), early=2, error=error), 10) == ({f"g{i}" for i in range(10)}, {})


def test_a_broker_that_stays_away_fails_its_groups_without_being_asked_for_each() -> None:
    client = Answers(set(), early=10_000, error=NodeNotReadyError)
    taken, failed = swept(client, BATCH)
    assert (taken, set(failed.values()), len(failed)) == (set(), {KafkaError._TRANSPORT}, BATCH)
    assert client.calls < 6


def test_no_collector_asks_librdkafkas_admin_client_for_offsets_because_that_can_end_the_process() -> None:
    sources = (Path(__file__).resolve().parents[2] / "collectors").rglob("*.py")
    assert [p.name for p in sources if ".list_consumer_group_offsets(" in p.read_text()] == []
