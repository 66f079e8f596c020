"""Votes whether there is enough in stock, of which the mainframe keeps telling. Its client id is an old host's name."""

from __future__ import annotations

from confluent_kafka import Message

from demo.service import Recent, Service, Spec, body

SPEC = Spec(
    "inventory",
    "wh-node-07",
    group="inventory",
    reads=("orders", "mainframe.stock-levels"),
    writes=("order-validations",),
)


def main(service: Service) -> None:
    stock = Recent()

    def handle(message: Message) -> None:
        value = body(message)
        if message.topic() == "mainframe.stock-levels":
            stock[value["product"]] = value["level"]
            return
        left = stock.get(value["product"], 100) - value["quantity"]
        stock[value["product"]] = max(left, 0)
        verdict = {"order": value["id"], "check": SPEC.name, "result": "PASS" if left >= 0 else "FAIL"}
        service.send("order-validations", value["id"], verdict)

    service.consume(handle)
