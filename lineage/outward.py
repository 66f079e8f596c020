"""``alerts:`` of ``playhead.yaml``: where alerts go, when they are told again, who hears that Playhead lives. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network, ip_network

from lineage.documents import Value


@dataclass(frozen=True)
class Heartbeat:
    """Whom to tell every so many seconds that rules are evaluated. Who knows the address may post there."""

    url: str = field(repr=False)
    every: float = 60.0


@dataclass(frozen=True)
class Alerts:
    """``allow``: networks not public that may be sent to. ``escalate_after``: seconds without acknowledgement."""

    allow: tuple[IPv4Network | IPv6Network, ...] = ()
    escalate_after: float = 900.0
    heartbeat: Heartbeat | None = None


def alerts_of(value: Value) -> Alerts:
    """What this part of playhead.yaml says. Raises ConfigError."""
    given = value.fields(("allow", "escalate_after", "heartbeat"))
    after = given["escalate_after"].duration(low=60.0) if "escalate_after" in given else Alerts.escalate_after
    beat = _heartbeat(given["heartbeat"]) if "heartbeat" in given else None
    return Alerts(tuple(_network(v) for v in given["allow"].items()) if "allow" in given else (), after, beat)


def _heartbeat(value: Value) -> Heartbeat:
    given = value.fields(("url", "every"), required=("url",))
    url = given["url"].text("an address")
    if not re.fullmatch(r"https?://[^/\s@]+(/\S*)?", url):
        raise given["url"].error("an address such as https://watch.example.com/ping/playhead", found="another")
    return Heartbeat(url, given["every"].duration(low=30.0) if "every" in given else Heartbeat.every)


def _network(value: Value) -> IPv4Network | IPv6Network:
    text = value.text("a network")
    try:
        return ip_network(text)
    except ValueError as e:
        raise value.error("a network such as 10.0.0.0/8, 192.0.2.7/32 or fd00::/8", found=str(e)[:100]) from e
