"""Keeps a ledger of orders and payments for the auditors. Never instrumented: only its group is to be seen."""

from __future__ import annotations

import hashlib

from confluent_kafka import Message

from demo.service import Service, Spec

SPEC = Spec("audit", "ledger", vocabulary=None, group="audit-archive", reads=("orders", "payments"))


def main(service: Service) -> None:
    ledger = hashlib.sha256()

    def archive(message: Message) -> None:
        ledger.update(message.value() or b"")

    service.consume(archive)
