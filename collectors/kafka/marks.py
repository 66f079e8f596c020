"""What a record says of its way: who wrote it, which trace it belongs to, where it failed, by which schema it is read.

Pure, and for any bytes: what cannot be read says nothing. Of payloads only what is named here leaves this module.
"""

from __future__ import annotations

import base64
import binascii
import re
import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Final, TypeVar
from urllib.parse import urlsplit

import msgspec

from lineage.identity import text
from lineage.observations import Ms

MOST_HEADERS: Final = 100
MOST_TEXT: Final = 255
MOST_PARSED: Final = 256 * 1024  # bytes of a value that is looked into
FRAME: Final = 5  # the magic byte 0 and a schema's number
LONG: Final = 8  # a serialized number begins with zeros, too
EARLIEST: Final = 1_262_304_000_000  # 2010: a time before it is none
DAY_MS: Final = 86_400_000

TRACEPARENT = re.compile(rb"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(?:-.{0,200})?")
CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")
TOPIC = re.compile(r"[A-Za-z0-9._-]{1,249}")
CONNECT, SPRING, STREAMS = "__connect.errors.", "kafka_dlt-original-", "__streams.errors."
WANTED = frozenset(
    {
        *("traceparent", "ce_traceparent", "ce_source", "ce_specversion", "content-type"),
        *("dd-pathway-ctx-base64", "dd-pathway-ctx", "__key_schema_id", "__value_schema_id"),
        *(CONNECT + "topic", CONNECT + "connector.name", STREAMS + "topic"),
        *(SPRING + "topic", SPRING + "consumer-group"),
    }
)
Headers = Mapping[str, bytes]
SchemaId = int | str  # a number, or a UUID


@dataclass(frozen=True, slots=True)
class Failed:
    """A dead letter: the topic it was read from, the group that failed ("": not told), and which framework says so."""

    topic: str
    group: str
    framework: str


@dataclass(frozen=True, slots=True)
class Table:
    """Where Debezium read a change: the kind of database, the connector's logical name, database and table."""

    connector: str
    name: str
    database: str
    table: str


@dataclass(frozen=True, slots=True)
class Marks:
    """All of one record. ``pathway`` is when Datadog's pathway began (ms); ``source`` what the event calls itself."""

    key_kind: str
    value_kind: str
    trace: bytes | None = None
    source: str = ""
    pathway: Ms | None = None
    failed: Failed | None = None
    key_schema: SchemaId | None = None
    value_schema: SchemaId | None = None
    table: Table | None = None


def wanted(headers: Iterable[tuple[str, bytes | str | None]]) -> dict[str, bytes]:
    """The headers that are understood, the last of each name."""
    return {
        name: value.encode() if isinstance(value, str) else value
        for name, value in islice(headers, MOST_HEADERS)
        if name in WANTED and value
    }


def trace_of(headers: Headers) -> bytes | None:
    """The 16 bytes of the W3C trace id, or None. Any flags will do; in the wild they are 00, 01 and 03."""
    given = headers.get("traceparent") or headers.get("ce_traceparent")
    return traced(given) if given else None


def traced(given: bytes) -> bytes | None:
    """The trace id in a ``traceparent``."""
    found = TRACEPARENT.fullmatch(given.strip()) if len(given) < 300 else None
    if not found or (given.strip()[:2] == b"00" and len(given.strip()) != 55):
        return None
    return bytes.fromhex(found[1].decode())


def look(headers: Headers, key: bytes | None, value: bytes | None, at: Ms) -> Marks:
    """Everything that a record written ``at`` says. Never raises."""
    content = headers.get("content-type", b"")[:100].lower()
    event = _event(headers, content, value)
    return Marks(
        key_kind=kind(key),
        value_kind=kind(value, content),
        trace=trace_of(headers) or (traced(event.traceparent.encode()) if event and event.traceparent else None),
        source=named(event.source) if event else "",
        pathway=_pathway(headers, at),
        failed=_failed(headers),
        key_schema=_schema(headers.get("__key_schema_id"), key),
        value_schema=_schema(headers.get("__value_schema_id"), value),
        table=_table(value),
    )


# Kinds and schemas


def kind(data: bytes | None, content: bytes = b"") -> str:
    """null, empty, schema (framed, by its number), json, avro, protobuf, text or bytes."""
    if data is None:
        return "null"
    if not data:
        return "empty"
    if _framed(data) is not None:
        return "schema"
    for word in ("avro", "protobuf"):
        if word.encode() in content:
            return word
    if data.startswith((b"Obj\x01", b"\xc3\x01")):
        return "avro"
    return _plain(data)


def _plain(data: bytes) -> str:
    head = data[:512]
    try:
        shown = head.decode()
    except UnicodeDecodeError as e:
        if len(data) <= len(head) or e.start < len(head) - 3:  # else a letter was cut in two
            return "bytes"
        shown = head[: e.start].decode()
    if CONTROL.search(shown):
        return "bytes"
    first, last = shown.lstrip()[:1], data[-16:].rstrip()[-1:]
    return "json" if (first, last) in {("{", b"}"), ("[", b"]")} else "text"


def _framed(data: bytes) -> int | None:
    """A schema's number; nothing where eight bytes may as well be a number of their own."""
    if len(data) <= FRAME or data[0] or len(data) == LONG:
        return None
    number: int = struct.unpack_from(">I", data, 1)[0]
    return number if 0 < number < 1 << 31 else None


def _schema(header: bytes | None, data: bytes | None) -> SchemaId | None:
    """By the header (0 and a number, or 1 and a UUID), or else by the payload's frame."""
    if header and header[0] == 0 and len(header) == FRAME:
        return struct.unpack_from(">I", header, 1)[0] or None
    if header and header[0] == 1 and len(header) >= 17:
        raw = header[1:17].hex()
        return "-".join((raw[:8], raw[8:12], raw[12:16], raw[16:20], raw[20:]))
    return _framed(data) if data else None


# Who wrote it


class _Event(msgspec.Struct):
    specversion: str
    source: str
    traceparent: str | None = None


_events = msgspec.json.Decoder(_Event)
_batches = msgspec.json.Decoder(list[_Event])
T = TypeVar("T")


def _parsed(decoder: msgspec.json.Decoder[T], data: bytes) -> T | None:
    try:
        return decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _event(headers: Headers, content: bytes, value: bytes | None) -> _Event | None:
    """CloudEvents: binary mode by its headers, structured mode (a batch by its first) by the value."""
    if headers.get("ce_source"):
        return _Event("", _text(headers["ce_source"]))
    if not value or len(value) > MOST_PARSED:
        return None
    if content.startswith(b"application/cloudevents+json"):
        return _parsed(_events, value)
    if content.startswith(b"application/cloudevents-batch+json"):
        return next(iter(_parsed(_batches, value) or ()), None)
    return None


def named(source: str) -> str:
    """A CloudEvents source without what may be secret in it: user information, query, fragment. "": not usable."""
    try:
        parts = urlsplit(source.strip())
    except ValueError:
        return ""
    host = parts.netloc.rpartition("@")[2]
    kept = parts._replace(netloc=host, query="", fragment="").geturl()
    return kept if 0 < len(kept) <= MOST_TEXT and kept.isprintable() else ""


def _text(data: bytes) -> str:
    return text(data[: 4 * MOST_TEXT])[:MOST_TEXT]


# Where it failed


def _failed(headers: Headers) -> Failed | None:
    """The dead letter's origin, of whichever framework wrote it."""
    if topic := _topic(headers.get(CONNECT + "topic")):
        connector = headers.get(CONNECT + "connector.name")
        return Failed(topic, f"connect-{_text(connector)}" if connector else "", "Connect")
    if topic := _topic(headers.get(SPRING + "topic")):
        return Failed(topic, _text(headers.get(SPRING + "consumer-group", b"")), "Spring")
    if topic := _topic(headers.get(STREAMS + "topic")):
        return Failed(topic, "", "Kafka Streams")
    return None


def _topic(data: bytes | None) -> str:
    shown = data.decode("ascii", "replace") if data else ""
    return shown if TOPIC.fullmatch(shown) else ""


# Where it began


def _pathway(headers: Headers, at: Ms) -> Ms | None:
    """When Datadog's pathway began: 8 bytes of hash, then two zig-zag numbers, its start and its last edge's (ms)."""
    if coded := headers.get("dd-pathway-ctx-base64"):
        try:
            raw = base64.b64decode(coded[:100], validate=True)
        except (binascii.Error, ValueError):
            return None
    else:
        raw = headers.get("dd-pathway-ctx", b"")
    began, end = _zigzag(raw, 8)
    edge, _ = _zigzag(raw, end)
    return began if EARLIEST < began <= edge <= at + DAY_MS else None


def _zigzag(data: bytes, at: int) -> tuple[int, int]:
    """The number at this place, 0 where there is none, and where the next one begins."""
    value = shift = 0
    for byte in data[at : at + 9]:
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return (value >> 1) ^ -(value & 1), at
        shift += 7
    return 0, len(data)


class _Source(msgspec.Struct):
    connector: str
    name: str
    db: str | None = None
    schema: str | None = None
    table: str | None = None
    collection: str | None = None


class _Payload(msgspec.Struct):
    source: _Source


class _Change(msgspec.Struct):
    source: _Source | None = None
    payload: _Payload | None = None


_changes = msgspec.json.Decoder(_Change)


def _table(value: bytes | None) -> Table | None:
    """Debezium's ``source`` block in a JSON value, with or without its schema around it."""
    if not value or len(value) > MOST_PARSED or value[:1] != b"{" or b'"source"' not in value:
        return None
    change = _parsed(_changes, value) if b'"connector"' in value else None
    found = change and (change.source or (change.payload and change.payload.source))
    if not found or not (found.table or found.collection) or not found.name or not found.connector:
        return None
    table = ".".join(filter(None, (found.schema, found.table or found.collection)))
    return Table(*(part[:MOST_TEXT] for part in (found.connector, found.name, found.db or "", table)))
