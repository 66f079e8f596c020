"""Takes orders over HTTP, makes each an event, and keeps a view of what became of them."""

from __future__ import annotations

from typing import Any

from confluent_kafka import Message

from demo.http import serve
from demo.service import Recent, Service, Spec, body

SPEC = Spec("orders", "orders-1", group="orders-view", reads=("orders-validated",), writes=("orders",), serves=True)


def main(service: Service) -> None:
    view = Recent()

    def place(order: dict[str, Any]) -> dict[str, Any]:
        view[order["id"]] = "CREATED"
        service.send("orders", order["id"], {**order, "state": "CREATED"})
        return {"id": order["id"], "state": "CREATED"}

    def show(asked: dict[str, Any]) -> dict[str, Any]:
        return {"id": asked["id"], "state": view.get(asked["id"], "UNKNOWN")}

    def validated(message: Message) -> None:
        order = body(message)
        view[order["id"]] = order["state"]

    serve(service, {"/orders": place, "/orders/state": show})
    service.consume(validated)
