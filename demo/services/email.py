"""Writes to the customer when the parcel leaves. Each deployment of it names its group anew."""

from __future__ import annotations

from confluent_kafka import Message

from demo.service import Recent, Service, Spec, body

SPEC = Spec("email", "email-1", group="email-v1", reads=("orders-enriched", "shipments"), writes=("emails",))


def main(service: Service) -> None:
    orders = Recent()

    def handle(message: Message) -> None:
        value = body(message)
        if message.topic() == "orders-enriched":
            orders[value["id"]] = value["customer"]
            return
        customer = orders.get(value["order"], {})
        mail = {"order": value["order"], "to": customer.get("email"), "subject": f"Your order left: {value['carrier']}"}
        service.send("emails", value["order"], mail)

    service.consume(handle)
