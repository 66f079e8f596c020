"""What a page may ask of a source: bound to an implementation by dotted path in settings.PLAYHEAD_PORTS.

So the dashboard never imports a collector, and a test can put another in its place.
"""

from __future__ import annotations

from typing import Protocol

from lineage.observations import AnyObservation


class BadDocument(ValueError):
    """Uploaded bytes that cannot be read; the message names the place and the remedy."""


class DecodeTraces(Protocol):
    """Settings key ``decode_traces``."""

    def __call__(self, body: bytes, content_type: str, now: int) -> list[AnyObservation]:
        """Observations in an inflated OTLP body; ``now`` in ms. Raises BadDocument."""
        ...


class CheckStep(Protocol):
    """One line of an address check."""

    name: str
    ok: bool | None  # None: not tried
    detail: str
    remedy: str


class CheckAddress(Protocol):
    """Settings key ``check_address``."""

    def __call__(self, bootstrap_servers: str, properties: dict[str, str]) -> list[CheckStep]:
        """Connects read-only and answers line by line; never raises for what the network does."""
        ...
