"""Schemas by their number from a schema registry that speaks Confluent's API: Avro, Protobuf, JSON Schema.

A schema never changes under its number, so it is kept; a failure is kept for half a minute.
"""

from __future__ import annotations

import base64
import io
import json
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from collectors.base import Budget, CollectorError
from collectors.web import Refused, Web
from lineage.config import Endpoint

TIMEOUT = 4.0
MOST_BYTES = 2 * 1024 * 1024
MOST_SCHEMAS = 500
MOST_REFERENCES = 50
FAILED_FOR = 30.0


class RegistryError(Exception):
    """Why a schema cannot be had, in a sentence."""


@dataclass(frozen=True)
class Schema:
    """``decode`` turns the bytes behind the header into plain values; it raises anything for bad bytes."""

    kind: str
    name: str
    decode: Callable[[bytes], Any]


class Registry:
    """One registry's schemas. Safe for threads."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._web, self._url = Web(endpoint, "the schema registry"), endpoint.url
        self._lock = threading.Lock()
        self._kept: OrderedDict[int, tuple[Schema | RegistryError, float]] = OrderedDict()

    def schema(self, number: int) -> Schema:
        """The schema of this number. Raises RegistryError."""
        with self._lock:
            found, until = self._kept.get(number, (None, 0.0))
            if found is None or until < time.monotonic():
                found = self._kept_anew(number)
        if isinstance(found, RegistryError):
            raise RegistryError(*found.args)
        return found

    def _kept_anew(self, number: int) -> Schema | RegistryError:
        found: Schema | RegistryError
        try:
            found, lasts = self._made(number), float("inf")
        except RegistryError as e:
            found, lasts = e, FAILED_FOR
        except Exception as e:  # a schema's text may be anything
            found, lasts = RegistryError(f"schema {number} cannot be used: {type(e).__name__}: {str(e)[:200]}"), 300.0
        self._kept[number] = (found, time.monotonic() + lasts)
        while len(self._kept) > MOST_SCHEMAS:
            self._kept.popitem(last=False)
        return found

    def _made(self, number: int) -> Schema:
        answer = self._get(f"/schemas/ids/{number}")
        kind = answer.get("schemaType", "AVRO")
        if kind == "AVRO":
            return _avro(answer["schema"], [a["schema"] for _, a in self._references(answer, "")])
        if kind == "JSON":
            return Schema("json", "", json.loads)
        if kind != "PROTOBUF":
            raise RegistryError(f"schema {number} is of the kind {str(kind)[:40]!r}, which is not known here")
        serialized = self._get(f"/schemas/ids/{number}?format=serialized")
        return _protobuf(serialized["schema"], [(n, a["schema"]) for n, a in self._references(answer, "serialized")])

    def _references(self, answer: dict[str, Any], form: str) -> Iterator[tuple[str, dict[str, Any]]]:
        """What a schema refers to, and what that refers to, the innermost first, each once."""
        seen: set[str] = set()

        def walk(one: dict[str, Any], depth: int) -> Iterator[tuple[str, dict[str, Any]]]:
            for r in one.get("references") or ():
                if r["name"] in seen:
                    continue
                seen.add(r["name"])
                if len(seen) > MOST_REFERENCES or depth > MOST_REFERENCES:
                    raise RegistryError(f"a schema with more than {MOST_REFERENCES} references")
                path = f"/subjects/{quote(r['subject'], safe='')}/versions/{int(r['version'])}"
                plain = self._get(path)
                yield from walk(plain, depth + 1)
                yield r["name"], self._get(f"{path}?format={form}") if form else plain

        return walk(answer, 0)

    def _get(self, path: str) -> dict[str, Any]:
        try:
            found = self._web.get(path, Budget(seconds=TIMEOUT), MOST_BYTES)
        except Refused as e:
            if e.status == 404:
                raise RegistryError(f"the schema registry {self._url} does not know {path.partition('?')[0]}") from e
            raise RegistryError(f"the schema registry {self._url} answered {e.status}") from e
        except CollectorError as e:
            raise RegistryError(str(e)) from e
        if not isinstance(found, dict) or not isinstance(found.get("schema"), str):
            raise RegistryError(f"the schema registry {self._url} answered without a schema")
        return found


def _avro(text: str, references: list[str]) -> Schema:
    import fastavro

    known: dict[str, Any] = {}
    for one in references:
        fastavro.parse_schema(json.loads(one), named_schemas=known)
    schema = fastavro.parse_schema(json.loads(text), named_schemas=known)
    name = schema.get("name", "") if isinstance(schema, dict) else ""

    def decode(data: bytes) -> Any:
        source = io.BytesIO(data)
        value = fastavro.schemaless_reader(source, schema, None)
        if source.read(1):
            raise ValueError("bytes are left over")
        return value

    return Schema("avro", str(name), decode)


def _protobuf(serialized: str, references: list[tuple[str, str]]) -> Schema:
    from google.protobuf import descriptor_pb2, json_format, message_factory

    pool = _pool()
    for name, text in references:
        one = descriptor_pb2.FileDescriptorProto.FromString(base64.b64decode(text))
        one.name = name
        pool.Add(one)
    file = descriptor_pb2.FileDescriptorProto.FromString(base64.b64decode(serialized))
    file.name = file.name or "default"
    pool.Add(file)
    found = pool.FindFileByName(file.name)

    def decode(data: bytes) -> Any:
        path, rest = message_path(data)
        messages = list(found.message_types_by_name.values())
        chosen = messages[path[0]]
        for index in path[1:]:
            chosen = chosen.nested_types[index]
        message = message_factory.GetMessageClass(chosen)()
        message.ParseFromString(rest)
        return json_format.MessageToDict(message, preserving_proto_field_name=True, descriptor_pool=pool)

    first = next(iter(found.message_types_by_name.values()), None)
    return Schema("protobuf", first.full_name if first else "", decode)


def _pool() -> Any:
    """A pool with the types that come with Protobuf."""
    from google.protobuf import (
        any_pb2,
        descriptor_pool,
        duration_pb2,
        empty_pb2,
        field_mask_pb2,
        struct_pb2,
        timestamp_pb2,
        wrappers_pb2,
    )

    pool = descriptor_pool.DescriptorPool()
    for module in (any_pb2, duration_pb2, empty_pb2, field_mask_pb2, struct_pb2, timestamp_pb2, wrappers_pb2):
        pool.AddSerializedFile(module.DESCRIPTOR.serialized_pb)
    return pool


def message_path(data: bytes) -> tuple[list[int], bytes]:
    """Which message of its file it is, as indices from the outermost, and the message's bytes."""
    count, at = _varint(data, 0)
    if count == 0:
        return [0], data[at:]
    if not 0 < count <= 64:
        raise ValueError("the message's index is damaged")
    path = []
    for _ in range(count):
        index, at = _varint(data, at)
        path.append(index)
    if min(path) < 0:
        raise ValueError("the message's index is damaged")
    return path, data[at:]


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """A zig-zag varint and where it ends."""
    value = shift = 0
    while True:
        if at >= len(data) or shift > 63:
            raise ValueError("the message's index is damaged")
        value |= (data[at] & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if not data[at - 1] & 0x80:
            return (value >> 1) ^ -(value & 1), at
