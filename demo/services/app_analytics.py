"""The talk's example: `apps_opened` counted by app into `opened_per_day`, in tumbling windows of one day (UTC).

The counts are restored from `opened_per_day` at the start, as a stream processor restores its store from the changelog.
"""

from __future__ import annotations

import json
import time

from confluent_kafka import Message

from demo.service import Service, Spec, body

SPEC = Spec(
    "app-analytics",
    "app-analytics-1",
    group="app-analytics",
    reads=("apps_opened",),
    writes=("opened_per_day",),
)
DAY_MS = 86_400_000
EMIT_SECONDS = 1.0
Window = tuple[str, int]


def window(app: str, at: int) -> Window:
    """The app and the first millisecond of the day that this moment lies in."""
    return app, at - at % DAY_MS


def key(of: Window) -> str:
    return f"{of[0]}@{of[1]}"


def main(service: Service) -> None:
    counts: dict[Window, int] = {}
    for value in service.restore("opened_per_day"):
        row = json.loads(value)
        counts[row["app"], row["window_start"]] = row["opened"]
    changed: set[Window] = set()
    emitted = time.monotonic()

    def count(message: Message) -> None:
        event = body(message)
        of = window(event["app"], event["at"])
        counts[of] = counts.get(of, 0) + 1
        changed.add(of)
        for old in [w for w in counts if w[1] < of[1] - DAY_MS]:
            del counts[old]

    def emit() -> None:
        nonlocal emitted
        if time.monotonic() - emitted < EMIT_SECONDS:
            return
        emitted = time.monotonic()
        for of in sorted(changed):
            row = {"app": of[0], "window_start": of[1], "window_end": of[1] + DAY_MS, "opened": counts[of]}
            service.send("opened_per_day", key(of), row)
        changed.clear()

    service.consume(count, emit)
