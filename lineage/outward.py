"""``alerts:`` of ``playhead.yaml``: where alerts may go beside public addresses, and when they are told again. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_network

from lineage.documents import Value


@dataclass(frozen=True)
class Alerts:
    """``allow``: networks not public that may be sent to. ``escalate_after``: seconds without acknowledgement."""

    allow: tuple[IPv4Network | IPv6Network, ...] = ()
    escalate_after: float = 900.0


def alerts_of(value: Value) -> Alerts:
    """What this part of playhead.yaml says. Raises ConfigError."""
    given = value.fields(("allow", "escalate_after"))
    after = given["escalate_after"].duration(low=60.0) if "escalate_after" in given else Alerts.escalate_after
    return Alerts(tuple(_network(v) for v in given["allow"].items()) if "allow" in given else (), after)


def _network(value: Value) -> IPv4Network | IPv6Network:
    text = value.text("a network")
    try:
        return ip_network(text)
    except ValueError as e:
        raise value.error("a network such as 10.0.0.0/8, 192.0.2.7/32 or fd00::/8", found=str(e)[:100]) from e
