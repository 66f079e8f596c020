"""What the sampler of headers knows of each topic, as bytes: so that a new process counts nothing a second time."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from typing import Final

import msgspec

MOST: Final = 64 * 1024 * 1024  # bytes, unpacked
SchemaId = int | str


class Known(msgspec.Struct, array_like=True):
    """One topic: the first offset of each partition that was not looked at, and what its records said so far."""

    next: dict[int, int]
    schemas: list[SchemaId]
    key_kinds: list[str]
    value_kinds: list[str]
    sources: list[str]


class _All(msgspec.Struct, array_like=True):
    bootstrap: str
    topics: dict[str, Known]


_decoder = msgspec.msgpack.Decoder(_All)


def packed(bootstrap: str, topics: Mapping[str, Known]) -> bytes:
    """All topics of the cluster at this address."""
    return zlib.compress(msgspec.msgpack.encode(_All(bootstrap, dict(topics))), 1)


def unpacked(data: bytes, bootstrap: str) -> dict[str, Known]:
    """What was packed; nothing where it cannot be read or is another cluster's."""
    try:
        found = _decoder.decode(zlib.decompressobj().decompress(data, MOST))
    except (zlib.error, msgspec.DecodeError):
        return {}
    return found.topics if found.bootstrap == bootstrap else {}
