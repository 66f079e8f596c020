"""The parts of the shop that decide something."""

from __future__ import annotations

import struct
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

import pytest

from demo import catalogue
from demo.services import app_analytics, payments, storefront, validation_aggregator

NOON = 1_790_000_000_000 - 1_790_000_000_000 % app_analytics.DAY_MS + app_analytics.DAY_MS // 2


class Record:
    def topic(self) -> str:
        return "orders-validated"

    def partition(self) -> int:
        return 5

    def offset(self) -> int:
        return 2**33

    def timestamp(self) -> tuple[int, int]:
        return (1, NOON)


@pytest.mark.parametrize(
    ("votes", "state"),
    [
        ({}, None),
        ({"fraud": "PASS", "inventory": "PASS"}, None),
        ({"fraud": "PASS", "inventory": "PASS", "order-details": "PASS"}, "VALIDATED"),
        ({"inventory": "FAIL"}, "FAILED"),
    ],
)
def test_one_vote_against_fails_an_order_and_three_for_it_validate_it(votes: dict[str, str], state: str | None) -> None:
    assert validation_aggregator.decided(votes) == state


def test_windows_tumble_at_midnight_utc() -> None:
    half = app_analytics.DAY_MS // 2
    assert app_analytics.window("shop-ios", NOON) == app_analytics.window("shop-ios", NOON + half - 1)
    assert app_analytics.window("shop-ios", NOON + half)[1] == NOON + half


def test_only_a_poison_order_cannot_be_paid() -> None:
    assert Decimal(storefront.order(poison=False)["amount"]) > 0
    with pytest.raises(InvalidOperation):
        Decimal(storefront.order(poison=True)["amount"])


def test_a_dead_letter_says_where_it_came_from() -> None:
    record: Any = Record()
    headers = dict(payments.dead_letter_headers(record, "payments", InvalidOperation()))
    assert headers["kafka_dlt-original-topic"] == b"orders-validated"
    assert headers["kafka_dlt-original-consumer-group"] == b"payments"
    offset = headers["kafka_dlt-original-offset"]
    assert isinstance(offset, bytes)
    assert struct.unpack(">q", offset) == (2**33,)


def test_each_change_of_the_catalogue_is_captured_once_and_in_order(tmp_path: Path) -> None:
    database = catalogue.connect(str(tmp_path))
    catalogue.fill(database, 3)
    catalogue.reprice(database, "p1", 777)
    found = catalogue.changes(database)
    assert [c.operation for c in found] == ["c", "c", "c", "u"]
    last = found[-1]
    assert last.before is not None
    assert (last.before["price"], last.after["price"]) == (449, 777)
    for change in found:
        catalogue.done(database, change)
    assert catalogue.changes(catalogue.connect(str(tmp_path))) == []
