"""Joins each validated order with its customer, who comes from the compacted topic of customers as from a table."""

from __future__ import annotations

from confluent_kafka import Message

from demo.service import Recent, Service, Spec, body

SPEC = Spec(
    "orders-enricher",
    "orders-enricher-1",
    group="orders-enricher",
    reads=("orders-validated", "customers"),
    writes=("orders-enriched",),
    tables=("customers",),
)


def main(service: Service) -> None:
    customers = Recent()

    def join(message: Message) -> None:
        value = body(message)
        if message.topic() == "customers":
            customers[value["id"]] = value
            return
        customer = customers.get(value["customer"], {})
        service.send("orders-enriched", value["id"], {**value, "customer": {"id": value["customer"], **customer}})

    service.consume(join)
