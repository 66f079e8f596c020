"""Bodies with names chosen to do harm."""

from __future__ import annotations

from typing import Any

from dashboard.alerts.channels.kinds import Told

T0 = 1_750_000_200_000
NASTY = (
    "<!channel> @everyone <@U123> [click](http://evil.test) *b* `c` {{7*7}} ${x} \"'"
    "\r\nBcc: eve@evil.test\x1b[31m\u202e<at>all</at>"
)


def body(status: str = "firing", name: str = "orders", **more: Any) -> dict[str, Any]:
    alert = {
        **{"id": "a" * 32, "rule": f"Stopped {name}", "severity": "critical", "subject": f"lag:c/billing/{name}"},
        **{
            "started_at": "2025-06-15T15:10:00.000Z",
            "ended_at": "2025-06-15T15:20:00.000Z" if status == "resolved" else None,
        },
        **{"summary": f"billing stopped reading {name}", "reason": f"no member of billing reads {name} since 4 min"},
        **{"verdict": "stopped", "value": 12.5, "threshold": 10.0, "team": "payments"},
        **{"labels": {"topic": name, "1st-label": "x"}},
    }
    links = {
        "home": "https://playhead.test",
        "view": "https://playhead.test/groups/group%3Ac%2Fbilling?at=2025-06-15T15%3A10%3A00.000Z",
        "silence": "https://playhead.test/alerts?silence=a",
        "rule": "https://playhead.test/alerts?rule=r",
    }
    given = {"version": 1, "status": status, "alert": alert, "cause": None, "group": [], "links": links}
    return {**given, **more}


def told(status: str = "firing", name: str = "orders", more: Any = None, **settings: str) -> Told:
    return Told(body(status, name, **(more or {})), "d" * 32, T0, settings)
