"""Ships what is paid. For a minute of each cycle it is slower than the orders come in."""

from __future__ import annotations

from confluent_kafka import Message

from demo.service import Service, Spec, body

SPEC = Spec("shipping", "shipping-1", group="shipping", reads=("payments",), writes=("shipments",))
CARRIERS = ("canal-bikes", "northern-rail", "sea-post")


def main(service: Service) -> None:
    def ship(message: Message) -> None:
        paid = body(message)
        carrier = CARRIERS[hash(paid["customer"]) % len(CARRIERS)]
        service.send("shipments", paid["order"], {"order": paid["order"], "carrier": carrier, "state": "SHIPPED"})

    service.consume(ship)
