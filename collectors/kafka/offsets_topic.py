"""The records of ``__consumer_offsets``, decoded from their bytes.

Key: ``int16 version | string group | string topic | int32 partition``, version 0 or 1; above that a group's state.
Value of an offset: ``int16 version | int64 offset | …``; no value is a tombstone.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

OFFSET_KEYS = (0, 1)
VALUE_VERSIONS = range(5)


class OffsetRecord(NamedTuple):
    """A commit, or with ``offset`` None the end of a position (expired or deleted)."""

    group: str
    topic: str
    partition: int
    offset: int | None


def decode(key: bytes | None, value: bytes | None) -> OffsetRecord | None:
    """The offset in a record; None for a group's state and for bytes that are no such record. Never raises."""
    try:
        return _decode(key, value)
    except (struct.error, IndexError):
        return None


def _decode(key: bytes | None, value: bytes | None) -> OffsetRecord | None:
    if not key or (key[0] << 8 | key[1]) not in OFFSET_KEYS:
        return None
    group, at = _string(key, 2)
    topic, at = _string(key, at)
    (partition,) = struct.unpack_from(">i", key, at)
    if at + 4 != len(key) or partition < 0 or not topic:
        return None
    if value is None:
        return OffsetRecord(group, topic, partition, None)
    version, offset = struct.unpack_from(">hq", value)
    if version not in VALUE_VERSIONS or offset < 0:
        return None
    return OffsetRecord(group, topic, partition, offset)


def _string(data: bytes, at: int) -> tuple[str, int]:
    (length,) = struct.unpack_from(">h", data, at)
    end = at + 2 + length
    if length < 0 or end > len(data):
        raise IndexError("a string longer than its record")
    return data[at + 2 : end].decode("utf-8", "surrogateescape"), end


def partition_of(group: str, partitions: int) -> int:
    """Which partition of ``__consumer_offsets`` holds a group: Java's String.hashCode, made positive, modulo."""
    h = 0
    raw = group.encode("utf-16-be", "surrogatepass")
    for i in range(0, len(raw), 2):
        h = (31 * h + (raw[i] << 8 | raw[i + 1])) & 0xFFFFFFFF
    return (h & 0x7FFFFFFF) % partitions
