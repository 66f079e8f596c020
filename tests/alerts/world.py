"""Alerts and channels in the database, a clock that a test sets, and what a receiver was told."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from dashboard.alerts import outbox
from dashboard.alerts.channels.client import Client
from dashboard.alerts.deliver import serve
from dashboard.alerts.keeping import keep
from dashboard.alerts.models import Alert, Channel
from tests.alerts.receiving import Receiver, client

T0 = 1_750_000_200_000
SECOND, MINUTE, HOUR, DAY = 1_000, 60_000, 3_600_000, 86_400_000
SECRET = "whsec_" + 43 * "A" + "="


def alert(name: str = "orders", at: int = T0, **more: Any) -> Alert:
    """One that fires since ``at``."""
    given = {
        **{"rule_name": "Stopped", "severity": "critical", "subject": f"lag:c/billing/{name}", "cluster": "c"},
        **{"team": "payments", "pending_at": at, "fired_at": at, "summary": f"billing stopped reading {name}"},
        **{"verdict": "stopped", "reason": "no member", "definition": {}},
    }
    return Alert.objects.create(**{**given, **more})


def fired(name: str = "orders", at: int = T0, **more: Any) -> Alert:
    """The same, told."""
    made = alert(name, at, **more)
    outbox.enqueue(made, "firing", at)
    return made


def resolve(made: Alert, at: int) -> None:
    """It is over, and that is told."""
    made.resolved_at = at
    made.save()
    outbox.enqueue(made, "resolved", at)


def channel(name: str = "hook", url: str = "https://a.test/hook", **more: Any) -> Channel:
    """A webhook of nobody's; ``given`` has other settings."""
    given = {"url": url, "secret": SECRET, **more.pop("given", {})}
    made = Channel(name=name, kind=more.pop("kind", "webhook"), changed_at=T0, **more)
    keep(made, {k: v for k, v in given.items() if v is not None}, "somebody", T0)
    return made


@dataclass
class Clock:
    now: int = T0

    def __call__(self) -> int:
        return self.now


@dataclass
class Post:
    """Serves a channel by a clock that stands still, and reads what a receiver got."""

    channel: Channel
    there: Receiver
    clock: Clock = field(default_factory=Clock)
    client: Client = field(default_factory=client)

    def at(self, now: int) -> int:
        """What is due at that moment is sent; how many tries that were."""
        self.clock.now = now
        return serve(self.channel.id, self.clock, self.client, chance=lambda: 1.0)

    def told(self) -> list[str]:
        return [f"{b['status']} {b['alert']['subject'].rpartition('/')[2]}" for b in self.bodies()]

    def bodies(self) -> list[dict[str, Any]]:
        return [json.loads(seen.body) for seen in self.there.seen]

    def ids(self) -> list[str]:
        return [seen.headers["webhook-id"] for seen in self.there.seen]
