"""What a page may ask of a source: bound to an implementation by dotted path in settings.PLAYHEAD_PORTS.

So the dashboard never imports a collector, and a test can put another in its place.
"""

from __future__ import annotations

from typing import Protocol

import msgspec

from lineage.observations import AnyObservation, Ms


class BadDocument(ValueError):
    """Uploaded bytes that cannot be read; the message names the place and the remedy."""


class DecodeTraces(Protocol):
    """Settings key ``decode_traces``."""

    def __call__(self, body: bytes, content_type: str, now: int) -> list[AnyObservation]:
        """Observations in an inflated OTLP body; ``now`` in ms. Raises BadDocument."""
        ...


class DecodeLineage(Protocol):
    """Settings key ``decode_lineage``."""

    def __call__(self, body: bytes, now: Ms) -> list[AnyObservation]:
        """Observations in OpenLineage events; ``now`` in ms. Raises BadDocument."""
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


class RecordsAsked(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One page of a topic's records. Equal questions share one reader.

    ``at``: on from this moment, or, where ``older``, back from it; None is the end of the topic. ``offset`` needs
    ``partition``. ``places`` goes on where a page ended: the next offset of each partition, or the one after the last.
    """

    cluster: str
    topic: str
    partition: int | None = None
    at: Ms | None = None
    offset: int | None = None
    places: dict[int, int] | None = None
    older: bool = False
    limit: int = 100


class Payload(msgspec.Struct, frozen=True, kw_only=True):
    """A key, a value or a header's value as far as it may be shown; ``size`` is always its whole size in bytes.

    ``kind``: null, json, text, bytes, avro, protobuf, or schema (of a kind that nobody asked for). ``text`` is None
    where it is hidden; ``masked`` counts the places that were replaced; ``error`` says why it could not be read.
    """

    kind: str
    size: int
    text: str | None = None
    schema_id: int | None = None
    schema_name: str | None = None
    truncated: bool = False
    masked: int = 0
    error: str | None = None


class RecordRead(msgspec.Struct, frozen=True, kw_only=True):
    """One record. ``at`` is None where the broker keeps no time; ``clock`` is ``create`` or ``append``."""

    partition: int
    offset: int
    at: Ms | None
    clock: str
    size: int
    key: Payload
    value: Payload
    headers: list[tuple[str, Payload]]


class RecordsAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Records in the order in which they were written, as far as partitions have one between them.

    ``first`` and ``next`` are the places before and after them. ``ended``: there is nothing more in this direction
    now. ``stopped`` says which limit ended the page early. ``error`` and ``remedy`` where something could not be
    read; ``absent``: because what was asked for does not exist.
    """

    payloads: str = "hidden"
    records: list[RecordRead] = []
    first: dict[int, int] = {}
    next: dict[int, int] = {}
    partitions: int = 0
    ended: bool = False
    stopped: str = ""
    bytes: int = 0
    seconds: float = 0.0
    error: str = ""
    remedy: str = ""
    absent: bool = False


class RecordsProgress(msgspec.Struct, frozen=True, kw_only=True):
    """A page that is still being read; ``state`` is waiting or reading."""

    state: str
    records: int = 0
    bytes: int = 0
    seconds: float = 0.0


class PlayerAway(Exception):
    """Nobody reads records now; the message says why and what to do."""


class AskRecords(Protocol):
    """Settings key ``ask_records``."""

    def __call__(self, asked: RecordsAsked, wait: float) -> RecordsAnswer | RecordsProgress:
        """The page, or how far it has come after ``wait`` seconds. Who no longer asks has cancelled.

        Raises PlayerAway.
        """
        ...
