"""Counts the votes on each order: one against it fails it, all three for it validate it."""

from __future__ import annotations

from typing import Any

from confluent_kafka import Message

from demo.service import Recent, Service, Spec, body

SPEC = Spec(
    "validation-aggregator",
    "validation-aggregator-1",
    group="validation-aggregator",
    reads=("orders", "order-validations"),
    writes=("orders-validated",),
)
CHECKS = frozenset({"fraud", "inventory", "order-details"})


def decided(votes: dict[str, str]) -> str | None:
    """VALIDATED, FAILED, or None as long as it is open."""
    if "FAIL" in votes.values():
        return "FAILED"
    return "VALIDATED" if votes.keys() >= CHECKS else None


def main(service: Service) -> None:
    orders, votes = Recent(), Recent()

    def handle(message: Message) -> None:
        value = body(message)
        if message.topic() == "orders":
            number = value["id"]
            orders[number] = value
        else:
            number = value["order"]
            votes[number] = {**votes.get(number, {}), value["check"]: value["result"]}
        settle(number, orders.get(number), decided(votes.get(number, {})))

    def settle(number: str, order: dict[str, Any] | None, state: str | None) -> None:
        if order is None or state is None or order["state"] != "CREATED":
            return
        order["state"] = state
        service.send("orders-validated", number, order)

    service.consume(handle)
