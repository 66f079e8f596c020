"""Keeps the customers; each change is a record of a compacted topic, so that the topic is the table."""

from __future__ import annotations

from typing import Any

from demo.http import serve
from demo.service import Service, Spec

SPEC = Spec("customers", "customers-1", writes=("customers",), serves=True)


def main(service: Service) -> None:
    def change(customer: dict[str, Any]) -> dict[str, Any]:
        service.send("customers", str(customer["id"]), customer)
        return {"accepted": customer["id"]}

    serve(service, {"/customers": change})
    service.stopping.wait()
