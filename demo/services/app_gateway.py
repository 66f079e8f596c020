"""Hears from the apps in people's hands whenever one is opened."""

from __future__ import annotations

import random
import time

from demo.service import Service, Spec

SPEC = Spec("app-gateway", "app-gateway-1", writes=("apps_opened",))
APPS = {"shop-android": 5, "shop-ios": 4, "shop-web": 3, "courier": 1}
OPENED_OF_RATE = 0.18


def main(service: Service) -> None:
    for _ in service.ticks(1 / (service.rate * OPENED_OF_RATE)):
        (app,) = random.choices(list(APPS), list(APPS.values()))
        service.send("apps_opened", app, {"app": app, "at": int(time.time() * 1000)})
