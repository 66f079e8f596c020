"""Spans out of OTLP bytes, protobuf or JSON, reduced to what says who talks to whom. Bounded in every direction."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

import msgspec
from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from lineage.ports import BadDocument

MAX_BODY: Final = 8 << 20
MAX_SPANS: Final = 50_000  # a request; an exporter sends 512
MAX_ATTRIBUTES: Final = 256  # looked at, a span; the specification's own limit is 128
MAX_TEXT: Final = 255  # characters of a name; a topic's are cut to 249

UNSPECIFIED, INTERNAL, SERVER, CLIENT, PRODUCER, CONSUMER = range(6)
KIND_NAMES = {
    f"SPAN_KIND_{name}": number
    for number, name in enumerate(("UNSPECIFIED", "INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER"))
}

RESOURCE_KEYS: Final = frozenset({"service.name", "host.name"})
SPAN_KEYS: Final = frozenset(
    {
        "messaging.system",
        "messaging.operation.type",
        "messaging.operation",
        "messaging.operation.name",
        "messaging.destination.name",
        "messaging.destination",
        "messaging.destination.temporary",
        "messaging.destination.anonymous",
        "messaging.temp_destination",
        "messaging.consumer.group.name",
        "messaging.kafka.consumer.group",
        "messaging.kafka.consumer_group",
        "messaging.client.id",
        "messaging.client_id",
        "messaging.kafka.client_id",
        "messaging.kafka.cluster.id",
        "messaging.url",
        "server.address",
        "server.port",
        "peer.service",
        "service.peer.name",
        "db.system",
        "db.system.name",
    }
)


@dataclass(frozen=True, slots=True)
class Span:
    """``start`` and ``end`` in ms since 1970, 0 where the span says nothing. Ids are empty where there is none."""

    service: str
    host: str
    trace_id: bytes
    span_id: bytes
    parent_id: bytes
    kind: int
    start: int
    end: int
    attributes: Mapping[str, str]


def read_spans(body: bytes, content_type: str) -> Iterator[Span]:
    """The spans of a request. Raises BadDocument (while being read, too)."""
    if len(body) > MAX_BODY:
        raise BadDocument(f"the body has {len(body):,} bytes; at most {MAX_BODY:,} are read, so send smaller batches")
    media = content_type.partition(";")[0].strip().lower()
    if media == "application/json":
        return _json_spans(body)
    if media in {"application/x-protobuf", "application/protobuf"}:
        return _protobuf_spans(body)
    raise BadDocument(f"content type {media[:60]!r}; expected application/x-protobuf or application/json")


def _too_many() -> BadDocument:
    return BadDocument(f"more than {MAX_SPANS:,} spans in one request; send smaller batches")


def _text(value: object) -> str:
    return str(value)[:MAX_TEXT]


# -- protobuf -------------------------------------------------------------------------------------------------


def _protobuf_spans(body: bytes) -> Iterator[Span]:
    if _count(memoryview(body), (1, 2, 2)) > MAX_SPANS:
        raise _too_many()
    request = ExportTraceServiceRequest()
    try:
        request.ParseFromString(body)
    except DecodeError as e:
        raise BadDocument("the body is no OTLP trace request in protobuf") from e
    return _from_protobuf(request)


def _count(data: memoryview, path: tuple[int, ...], budget: int = MAX_SPANS + 1) -> int:
    """How many messages lie at this path of field numbers, without making one: two bytes can stand for a whole span.

    Every message on the way counts too, and counting ends above ``budget``. Broken bytes end it as well: the parser
    will name them.
    """
    seen = 0
    for number, start, end in _fields(data):
        if number == path[0]:
            seen += 1
            if len(path) > 1 and seen < budget:
                seen += _count(data[start:end], path[1:], budget - seen)
        if seen >= budget:
            break
    return seen


def _fields(data: memoryview) -> Iterator[tuple[int, int, int]]:
    """Number, start and end of each length-delimited field; the others are skipped, groups are looked into."""
    at, size = 0, len(data)
    while at < size:
        tag, at = _varint(data, at)
        wire = tag & 7
        if wire == 2:
            length, at = _varint(data, at)
            yield tag >> 3, at, min(at + length, size)
            at += length
        elif wire == 0:
            _, at = _varint(data, at)
        elif wire in {1, 5}:
            at += 8 if wire == 1 else 4
        elif wire > 5:
            return


def _varint(data: memoryview, at: int) -> tuple[int, int]:
    value = shift = 0
    for byte in data[at : at + 10]:
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
    return 0, len(data)


def _from_protobuf(request: Any) -> Iterator[Span]:
    for block in request.resource_spans:
        resource = _protobuf_attributes(block.resource.attributes, RESOURCE_KEYS)
        service, host = resource.get("service.name", ""), resource.get("host.name", "")
        for scope in block.scope_spans:
            for span in scope.spans:
                yield Span(
                    service=service,
                    host=host,
                    trace_id=span.trace_id[:16],
                    span_id=span.span_id[:8],
                    parent_id=span.parent_span_id[:8],
                    kind=span.kind,
                    start=span.start_time_unix_nano // 1_000_000,
                    end=span.end_time_unix_nano // 1_000_000,
                    attributes=_protobuf_attributes(span.attributes, SPAN_KEYS),
                )


def _protobuf_attributes(pairs: Iterable[Any], keys: frozenset[str]) -> dict[str, str]:
    out = {}
    for pair in islice(pairs, MAX_ATTRIBUTES):
        if pair.key in keys:
            which = pair.value.WhichOneof("value")
            if which in {"string_value", "int_value", "bool_value"}:
                value = getattr(pair.value, which)
                out[pair.key] = _text(value).lower() if which == "bool_value" else _text(value)
    return out


# -- JSON -----------------------------------------------------------------------------------------------------
# Ids are hexadecimal, 64-bit numbers may be strings, enums may be numbers or names, fields not known are ignored.
# The structs are trees, so the collector of cycles need not walk over millions of them.


class _Value(msgspec.Struct, rename="camel", gc=False):
    string_value: str | None = None
    int_value: int | str | None = None
    bool_value: bool | None = None


class _Pair(msgspec.Struct, gc=False):
    key: str = ""
    value: _Value | None = None


class _Resource(msgspec.Struct, gc=False):
    attributes: list[_Pair] | None = None


class _Span(msgspec.Struct, rename="camel", gc=False):
    trace_id: str | None = None
    span_id: str | None = None
    parent_span_id: str | None = None
    kind: int | str | None = None
    start_time_unix_nano: int | float | str | None = None
    end_time_unix_nano: int | float | str | None = None
    attributes: list[_Pair] | None = None


class _Scope(msgspec.Struct, gc=False):
    spans: list[_Span] | None = None


class _Block(msgspec.Struct, rename="camel", gc=False):
    resource: _Resource | None = None
    scope_spans: list[_Scope] | None = None


class _Request(msgspec.Struct, rename="camel", gc=False):
    resource_spans: list[_Block] | None = None


_decoder = msgspec.json.Decoder(_Request)


def _json_spans(body: bytes) -> Iterator[Span]:
    try:
        request = _decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as e:
        raise BadDocument(f"the body is no OTLP trace request in JSON: {str(e)[:200]}") from e
    blocks = request.resource_spans or []
    scopes = [scope for block in blocks[: MAX_SPANS + 1] for scope in block.scope_spans or []]
    if len(blocks) + len(scopes) + sum(len(scope.spans or []) for scope in scopes) > MAX_SPANS:
        raise _too_many()
    return _from_json(blocks)


def _from_json(blocks: Iterable[_Block]) -> Iterator[Span]:
    for block in blocks:
        resource = _json_attributes(block.resource.attributes if block.resource else None, RESOURCE_KEYS)
        service, host = resource.get("service.name", ""), resource.get("host.name", "")
        for scope in block.scope_spans or []:
            for span in scope.spans or []:
                yield Span(
                    service=service,
                    host=host,
                    trace_id=_hex(span.trace_id, 16),
                    span_id=_hex(span.span_id, 8),
                    parent_id=_hex(span.parent_span_id, 8),
                    kind=_kind(span.kind),
                    start=_milliseconds(span.start_time_unix_nano),
                    end=_milliseconds(span.end_time_unix_nano),
                    attributes=_json_attributes(span.attributes, SPAN_KEYS),
                )


def _json_attributes(pairs: list[_Pair] | None, keys: frozenset[str]) -> dict[str, str]:
    out = {}
    for pair in (pairs or [])[:MAX_ATTRIBUTES]:
        if pair.key in keys and pair.value is not None:
            value = pair.value
            if value.string_value is not None:
                out[pair.key] = _text(value.string_value)
            elif value.bool_value is not None:
                out[pair.key] = "true" if value.bool_value else "false"
            elif value.int_value is not None:
                out[pair.key] = _text(value.int_value)
    return out


def _hex(text: str | None, size: int) -> bytes:
    try:
        raw = bytes.fromhex(text or "") if len(text or "") == 2 * size else b""
    except ValueError:
        return b""
    return raw


def _kind(value: int | str | None) -> int:
    if isinstance(value, str):
        return KIND_NAMES.get(value, int(value) if value in {"0", "1", "2", "3", "4", "5"} else UNSPECIFIED)
    return value or UNSPECIFIED


def _milliseconds(value: int | float | str | None) -> int:
    """Nanoseconds as a number or a text; 0 where it is neither, negative, or beyond 64 bits."""
    if isinstance(value, str):
        value = int(value) if len(value) <= 20 and value.isascii() and value.isdigit() else 0
    return int(value) // 1_000_000 if value and 0 < value < 2**64 else 0
