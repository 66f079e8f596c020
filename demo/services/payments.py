"""Takes the money for validated orders. What it cannot read goes to a dead letter topic, with where it came from."""

from __future__ import annotations

import struct
from decimal import Decimal, InvalidOperation

from confluent_kafka import Message

from demo.service import Headers, Service, Spec, body

SPEC = Spec(
    "payments",
    "payments-1",
    group="payments",
    reads=("orders-validated",),
    writes=("payments", "payments.dlq"),
)


def dead_letter_headers(message: Message, group: str, error: Exception) -> Headers:
    """As Spring for Apache Kafka writes them: numbers are big-endian, four bytes the partition, eight the others."""
    return [
        ("kafka_dlt-original-topic", (message.topic() or "").encode()),
        ("kafka_dlt-original-partition", struct.pack(">i", message.partition())),
        ("kafka_dlt-original-offset", struct.pack(">q", message.offset())),
        ("kafka_dlt-original-timestamp", struct.pack(">q", message.timestamp()[1])),
        ("kafka_dlt-original-consumer-group", group.encode()),
        ("kafka_dlt-exception-fqcn", type(error).__qualname__.encode()),
        ("kafka_dlt-exception-message", str(error).encode()),
    ]


def main(service: Service) -> None:
    def pay(message: Message) -> None:
        order = body(message)
        if order["state"] != "VALIDATED":
            return
        try:
            amount = Decimal(order["amount"])
        except InvalidOperation as error:
            service.send("payments.dlq", order["id"], order, dead_letter_headers(message, service.group, error))
            return
        paid = {"order": order["id"], "customer": order["customer"], "amount": str(amount), "state": "PAID"}
        service.send("payments", order["id"], paid)

    service.consume(pay)
