"""Asking many groups at once: who refuses is found and named, who is late is asked again, nothing runs away."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from confluent_kafka import KafkaError
from kafka.errors import NodeNotReadyError

from collectors.base import Budget
from collectors.kafka import coordinators
from collectors.kafka.client import KafkaClient
from collectors.kafka.coordinators import Offsets, Position
from collectors.kafka.positions import ATTEMPTS, BATCH, sweep

Answer = Callable[[int, str], int]


class Client(KafkaClient):
    """A client whose connection is not opened: the coordinators answer as ``Coordinators`` says."""

    python = None  # type: ignore[assignment]


class Coordinators:
    """Answers with an error code for each group and call; an exception stands for a connection that is lost."""

    def __init__(self, code: Answer) -> None:
        self.code, self.calls = code, 0

    def __call__(self, python: object, groups: list[str]) -> dict[str, Offsets]:
        self.calls += 1
        return {g: Offsets(self.code(self.calls, g), [Position("t", 0, 7)]) for g in groups}


@pytest.fixture
def answering(monkeypatch: pytest.MonkeyPatch) -> Callable[[Answer], Coordinators]:
    def with_code(code: Answer) -> Coordinators:
        made = Coordinators(code)
        monkeypatch.setattr(coordinators, "offsets", made)
        return made

    return with_code


def swept(count: int) -> tuple[set[str], dict[str, Exception]]:
    taken: set[str] = set()
    client = Client("k", "127.0.0.1:1", {})
    done = sweep(client, [f"g{i}" for i in range(count)], lambda g, p: taken.add(g), Budget())
    assert done.groups == count
    return taken, done.failed


def test_groups_that_refuse_are_found_and_all_others_are_taken(answering: Callable[[Answer], Coordinators]) -> None:
    refused = {"g3", f"g{BATCH + 40}"}
    asked = answering(lambda call, g: KafkaError.GROUP_AUTHORIZATION_FAILED if g in refused else 0)
    taken, failed = swept(2 * BATCH)
    assert {g: e.args[0].code() for g, e in failed.items()} == dict.fromkeys(
        refused, KafkaError.GROUP_AUTHORIZATION_FAILED
    )
    assert len(taken) == 2 * BATCH - 2
    assert asked.calls == 2


def test_a_coordinator_that_still_loads_is_asked_again_and_not_reported(
    answering: Callable[[Answer], Coordinators],
) -> None:
    answering(lambda call, g: KafkaError.COORDINATOR_LOAD_IN_PROGRESS if call < 3 else 0)
    assert swept(10) == ({f"g{i}" for i in range(10)}, {})


def test_a_broker_that_stays_away_fails_its_groups_without_being_asked_for_each(
    answering: Callable[[Answer], Coordinators],
) -> None:
    def lost(call: int, group: str) -> int:
        raise NodeNotReadyError

    asked = answering(lost)
    taken, failed = swept(BATCH)
    assert (taken, len(failed)) == (set(), BATCH)
    assert asked.calls == ATTEMPTS


def test_a_group_that_ended_meanwhile_has_no_positions_and_is_no_failure(
    answering: Callable[[Answer], Coordinators],
) -> None:
    answering(lambda call, g: KafkaError.GROUP_ID_NOT_FOUND if g == "g1" else 0)
    assert swept(3) == ({"g0", "g1", "g2"}, {})


def test_no_collector_asks_librdkafkas_admin_client_for_offsets_because_that_can_end_the_process() -> None:
    sources = (Path(__file__).resolve().parents[2] / "collectors").rglob("*.py")
    assert [p.name for p in sources if ".list_consumer_group_offsets(" in p.read_text()] == []
