"""The shop's face: it knows no Kafka, and calls customers and orders over HTTP. Now and then an order is poison."""

from __future__ import annotations

import random
import time
import uuid
from typing import Any

from demo import incidents
from demo.http import call
from demo.service import Service, Spec

SPEC = Spec("storefront", "")
CUSTOMERS = 60
PRODUCTS = 40
ORDERS_OF_RATE = 0.07  # an order makes about ten records on its way through the shop
CUSTOMERS_OF_RATE = 0.01
CITIES = ("Amsterdam", "Bergen", "Cork", "Dresden", "Évora", "Faro")


def customer(number: int) -> dict[str, Any]:
    level = random.choice(("bronze", "silver", "gold", "platinum"))
    email = f"customer{number}@example.com"
    return {"id": f"c{number}", "email": email, "city": random.choice(CITIES), "level": level}


def order(poison: bool) -> dict[str, Any]:
    """An order; a poison one has its amount written with a comma, which nobody notices before it is to be paid.

    All of those come from one customer who orders nothing else, so that no check stops them on their way.
    """
    quantity, cents = 1 if poison else random.randint(1, 4), random.randint(199, 19999)
    return {
        "id": uuid.uuid4().hex[:12],
        "customer": "c0" if poison else f"c{random.randrange(1, CUSTOMERS)}",
        "product": f"p{random.randrange(PRODUCTS)}",
        "quantity": quantity,
        "at": int(time.time() * 1000),
        "amount": f"{cents // 100}{',' if poison else '.'}{cents % 100:02d}",
    }


def main(service: Service) -> None:
    for number in range(CUSTOMERS):
        call(service, "customers", "/customers", customer(number))
    before = 0.0
    pace = 1 / (service.rate * (ORDERS_OF_RATE + CUSTOMERS_OF_RATE))
    for now in service.ticks(pace):
        for _ in range(incidents.poison_between(before, now)):
            call(service, "orders", "/orders", order(poison=True))
        before = now
        if random.random() < CUSTOMERS_OF_RATE / (ORDERS_OF_RATE + CUSTOMERS_OF_RATE):
            call(service, "customers", "/customers", customer(random.randrange(CUSTOMERS)))
        else:
            call(service, "orders", "/orders", order(poison=False))
