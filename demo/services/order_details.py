"""Votes on what an order says: dear products go out in small numbers only. Speaks the vocabulary of 1.24."""

from __future__ import annotations

from confluent_kafka import Message

from demo.service import Recent, Service, Spec, body

SPEC = Spec(
    "order-details",
    "order-details-1",
    vocabulary="1.24",
    group="order-details",
    reads=("orders", "legacy.catalogue.products"),
    writes=("order-validations",),
    tables=("legacy.catalogue.products",),
)

EXPENSIVE = 18000  # cents
MANY, FEW = 10, 3


def main(service: Service) -> None:
    catalogue = Recent()

    def handle(message: Message) -> None:
        value = body(message)
        if message.topic() == "legacy.catalogue.products":
            catalogue[value["after"]["id"]] = value["after"]["price"]
            return
        price = catalogue.get(value["product"], 0)  # one that is not in the catalogue yet is no reason to lose an order
        allowed = MANY if price < EXPENSIVE else FEW
        good = bool(value["amount"]) and 0 < value["quantity"] <= allowed
        verdict = {"order": value["id"], "check": SPEC.name, "result": "PASS" if good else "FAIL"}
        service.send("order-validations", value["id"], verdict)

    service.consume(handle)
