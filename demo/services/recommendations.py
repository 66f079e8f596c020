"""What is bought in the same city. Instrumented years ago: its spans name neither group nor client."""

from __future__ import annotations

from collections import Counter

from confluent_kafka import Message

from demo.service import Recent, Service, Spec, body

SPEC = Spec(
    "recommendations",
    "reco-1",
    vocabulary="1.11",
    group="reco-cg",
    reads=("orders-enriched",),
    writes=("recommendations",),
)


def main(service: Service) -> None:
    bought = Recent()

    def learn(message: Message) -> None:
        order = body(message)
        city = order["customer"].get("city", "unknown")
        counts: Counter[str] = bought.setdefault(city, Counter())
        counts[order["product"]] += order["quantity"]
        best = [product for product, _ in counts.most_common(3)]
        if counts.total() % 2:
            service.send("recommendations", city, {"city": city, "products": best})

    service.consume(learn)
