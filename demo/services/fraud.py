"""Votes against who orders too often."""

from __future__ import annotations

from confluent_kafka import Message

from demo.service import Recent, Service, Spec, body

SPEC = Spec("fraud", "fraud-1", group="fraud", reads=("orders",), writes=("order-validations",))
AT_LEAST_APART = 300  # ms between two orders of one customer


def main(service: Service) -> None:
    latest = Recent()

    def vote(message: Message) -> None:
        order = body(message)
        suspect = abs(order["at"] - latest.get(order["customer"], 0)) < AT_LEAST_APART
        latest[order["customer"]] = order["at"]
        verdict = {"order": order["id"], "check": SPEC.name, "result": "FAIL" if suspect else "PASS"}
        service.send("order-validations", order["id"], verdict)

    service.consume(vote)
