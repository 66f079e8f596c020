"""The legacy side: owns the old catalogue's database, and writes stock levels to Kafka without saying who it is."""

from __future__ import annotations

import random
import time

from demo import catalogue
from demo.service import Service, Spec
from demo.services.storefront import PRODUCTS

SPEC = Spec("mainframe", "", vocabulary=None, writes=("mainframe.stock-levels",))
CHANGES_A_TICK = 0.5
LEVELS_OF_RATE = 0.04


def main(service: Service) -> None:
    database = catalogue.connect(service.env["DEMO_STATE"])
    catalogue.fill(database, PRODUCTS)
    for _ in service.ticks(1 / (service.rate * LEVELS_OF_RATE)):
        product = f"p{random.randrange(PRODUCTS)}"
        level = {"product": product, "level": random.randint(200, 500), "at": int(time.time() * 1000)}
        service.send("mainframe.stock-levels", product, level)
        if random.random() < CHANGES_A_TICK:
            catalogue.reprice(database, f"p{random.randrange(PRODUCTS)}", random.randint(199, 19999))
    database.close()
