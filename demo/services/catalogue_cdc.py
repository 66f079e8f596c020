"""Change data capture: every change of a row in the legacy catalogue becomes a record, as Debezium would write it."""

from __future__ import annotations

import time
from typing import Any

from demo import catalogue
from demo.service import Service, Spec

SPEC = Spec("catalogue-cdc", "dbz-legacy-catalogue", writes=("legacy.catalogue.products",))
POLL_SECONDS = 0.5


def envelope(change: catalogue.Change) -> dict[str, Any]:
    source = {"connector": "sqlite", "name": "legacy", "db": "catalogue", "table": "products", "ts_ms": change.at}
    now = int(time.time() * 1000)
    return {"op": change.operation, "before": change.before, "after": change.after, "source": source, "ts_ms": now}


def main(service: Service) -> None:
    database = catalogue.connect(service.env["DEMO_STATE"])
    for _ in service.ticks(POLL_SECONDS):
        for change in catalogue.changes(database):
            service.send("legacy.catalogue.products", change.after["id"], envelope(change))
            catalogue.done(database, change)
    database.close()
