"""A record's bytes as people read them: JSON, text, hexadecimal, Avro and Protobuf by the schema registry.

What may be shown is decided here, in the process that read the bytes: what is hidden never leaves it. Nothing
raises for what a record holds; a payload that cannot be read says so itself.
"""

from __future__ import annotations

import json
import math
import struct
from typing import Any

from collectors.kafka.masking import TECHNICAL, Mask, scrubbed
from collectors.kafka.registry import Registry, RegistryError
from lineage.ports import Payload

MOST_SHOWN = 16 * 1024  # characters of one payload
MOST_HEX = 2 * 1024  # bytes
MOST_PARSED = 4 * 1024 * 1024  # bytes; larger ones are shown as text or bytes
MOST_NAME = 200
HEADER = 5  # the magic byte 0 and a schema's number


class Decoder:
    """For one cluster: its switch, its mask, its registry. Safe for threads."""

    def __init__(self, payloads: str, mask: Mask, registry: Registry | None = None) -> None:
        self.payloads, self._mask, self._registry = payloads, mask, registry

    def value(self, data: bytes | None) -> Payload:
        """A record's key or value."""
        if data is None:
            return Payload(kind="null", size=0)
        number = framed(data)
        if self.payloads == "hidden":
            return Payload(kind="schema" if number is not None else guess(data), size=len(data), schema_id=number)
        if number is not None:
            return self._by_schema(data, number)
        return self._plain(data, len(data))

    def header(self, name: str, data: bytes | None) -> tuple[str, Payload]:
        """A header; its value falls under the same switch as the record's."""
        shown = name[:MOST_NAME]
        if self.payloads != "masked" or not data:
            return shown, self.value(data)
        if self._mask.names(name) or name.lower() not in TECHNICAL or guess(data) == "bytes":
            return shown, Payload(kind=guess(data), size=len(data), masked=1)
        text, masked = scrubbed(data[:MOST_NAME].decode("utf-8", "replace"))
        return shown, Payload(kind="text", size=len(data), text=text, masked=masked, truncated=len(data) > MOST_NAME)

    def _by_schema(self, data: bytes, number: int) -> Payload:
        if self._registry is None:
            why = f"written with schema {number}, and no schema_registry is configured for this cluster"
            return self._bytes(data, number, why)
        try:
            schema = self._registry.schema(number)
            value = schema.decode(data[HEADER:])
        except RegistryError as e:
            return self._bytes(data, number, str(e))
        except Exception as e:  # any bytes may stand here, and a library may fail on them in any way
            # A library's message may quote what it read.
            more = f": {str(e)[:200]}" if self.payloads == "shown" else ""
            return self._bytes(data, number, f"not readable by schema {number}: {type(e).__name__}{more}")
        return self._structure(value, schema.kind, len(data), number, schema.name)

    def _plain(self, data: bytes, size: int) -> Payload:
        kind, value = parsed(data)
        if kind == "json":
            return self._structure(value, "json", size)
        if kind == "bytes":
            return self._bytes(data)
        if self.payloads == "masked":
            return Payload(kind="text", size=size, masked=1)
        return Payload(kind="text", size=size, text=value[:MOST_SHOWN], truncated=len(value) > MOST_SHOWN)

    def _structure(self, value: Any, kind: str, size: int, number: int | None = None, name: str = "") -> Payload:
        try:
            if self.payloads == "masked" and not isinstance(value, dict | list):
                # A bare string or number has no name to be judged by.
                return Payload(kind=kind, size=size, schema_id=number, schema_name=name or None, masked=1)
            value, masked = self._judged(value)
            text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=_leaf)
        except (ValueError, TypeError, RecursionError) as e:
            why = f"cannot be shown: {type(e).__name__}"
            return Payload(kind=kind, size=size, schema_id=number, schema_name=name or None, error=why)
        cut = len(text) > MOST_SHOWN
        return Payload(
            kind=kind,
            size=size,
            text=text[:MOST_SHOWN],
            schema_id=number,
            schema_name=name or None,
            masked=masked,
            truncated=cut,
        )

    def _judged(self, value: Any) -> tuple[Any, int]:
        if self.payloads == "shown":
            return value, 0
        return self._mask.apply(json.loads(json.dumps(value, default=_leaf)))

    def _bytes(self, data: bytes, number: int | None = None, error: str | None = None) -> Payload:
        if self.payloads == "masked":
            return Payload(kind="bytes", size=len(data), schema_id=number, masked=1, error=error)
        text, cut = data[:MOST_HEX].hex(" "), len(data) > MOST_HEX
        return Payload(kind="bytes", size=len(data), text=text, schema_id=number, truncated=cut, error=error)


def framed(data: bytes) -> int | None:
    """The schema's number in the registry's wire format, or None."""
    return struct.unpack_from(">I", data, 1)[0] if len(data) > HEADER and data[0] == 0 else None


def guess(data: bytes) -> str:
    """json, text or bytes."""
    return parsed(data)[0]


def parsed(data: bytes) -> tuple[str, Any]:
    """What kind it is, and the value: of JSON its structure, of text the text."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        return "bytes", None
    if any(ord(c) < 32 and c not in "\t\r\n" for c in text[:4096]):
        return "bytes", None
    if len(data) > MOST_PARSED or text.lstrip()[:1] not in {"{", "["}:
        return "text", text
    try:
        return "json", json.loads(text)
    except (ValueError, RecursionError):
        return "text", text


def _leaf(value: Any) -> Any:
    """What JSON has no word for: bytes as hexadecimal, dates and decimals as text."""
    if isinstance(value, bytes | bytearray):
        return value.hex()
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return str(value)
