"""Kafka's protocol by hand: requests whose names are any bytes, as no client library would send them."""

from __future__ import annotations

import socket
import struct

FIND_COORDINATOR, OFFSET_COMMIT, JOIN_GROUP = 10, 8, 11


def string(data: bytes) -> bytes:
    return struct.pack(">h", len(data)) + data


def ask(bootstrap: str, api: int, version: int, body: bytes, client_id: bytes = b"raw") -> bytes:
    """The answer's body to one request."""
    host, _, port = bootstrap.rpartition(":")
    request = struct.pack(">hhi", api, version, 7) + string(client_id) + body
    with socket.create_connection((host, int(port)), timeout=10) as wire:
        wire.sendall(struct.pack(">i", len(request)) + request)
        with wire.makefile("rb") as answer:
            (size,) = struct.unpack(">i", answer.read(4))
            return answer.read(size)[4:]


def commit(bootstrap: str, group: bytes, topic: str, partition: int, offset: int) -> int:
    """OffsetCommit without a member, for a group named by any bytes; Kafka's error code."""
    ask(bootstrap, FIND_COORDINATOR, 0, string(group))
    one = struct.pack(">iiq", 1, partition, offset) + string(b"")
    body = string(group) + struct.pack(">i", -1) + string(b"") + struct.pack(">qi", -1, 1)
    (code,) = struct.unpack(">h", ask(bootstrap, OFFSET_COMMIT, 2, body + string(topic.encode()) + one)[-2:])
    return int(code)
