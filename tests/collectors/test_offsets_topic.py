"""Records of ``__consumer_offsets``: bytes as Kafka writes them, and bytes that nobody should have written."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors.kafka.offsets_topic import OffsetRecord, decode, partition_of

# Group g1 committed offset 42 on partition 3 of topic a, as Kafka's message schemas lay it out.
KEY = bytes.fromhex("0001 0002 6731 0001 61 00000003".replace(" ", ""))
VALUE = bytes.fromhex("0003 000000000000002a ffffffff 0000 0000019b00000000".replace(" ", ""))


def key(group: str, topic: str, partition: int, version: int = 1) -> bytes:
    names = b"".join(struct.pack(">h", len(n.encode())) + n.encode() for n in (group, topic))
    return struct.pack(">h", version) + names + struct.pack(">i", partition)


def test_a_commit_is_decoded() -> None:
    assert decode(KEY, VALUE) == OffsetRecord("g1", "a", 3, 42)


def test_no_value_is_a_tombstone() -> None:
    assert decode(KEY, None) == OffsetRecord("g1", "a", 3, None)


@pytest.mark.parametrize("version", [0, 1, 2, 3, 4])
def test_every_version_of_a_value_holds_its_offset(version: int) -> None:
    assert decode(KEY, struct.pack(">hq", version, 7) + b"rest") == OffsetRecord("g1", "a", 3, 7)


@pytest.mark.parametrize("version", [2, 3, 8, 14])
def test_a_groups_state_is_no_offset(version: int) -> None:
    assert decode(struct.pack(">h", version) + b"\x00\x02g1", b"anything") is None


@pytest.mark.parametrize(
    ("k", "v"),
    [
        (None, VALUE),
        (b"", VALUE),
        (b"\x00", VALUE),
        (KEY[:-1], VALUE),
        (KEY + b"x", VALUE),
        (KEY, b""),
        (KEY, VALUE[:9]),
        (KEY, struct.pack(">hq", 9, 1)),
        (KEY, struct.pack(">hq", 3, -1)),
        (b"\x00\x01\xff\xff", VALUE),
        (b"\x00\x01\x7f\xffg", VALUE),
        (key("g", "t", -1), VALUE),
        (key("g", "", 0), VALUE),
    ],
)
def test_garbage_is_nothing(k: bytes | None, v: bytes) -> None:
    assert decode(k, v) is None


def test_a_group_of_any_bytes_keeps_them() -> None:
    found = decode(b"\x00\x01\x00\x02\xff\xfe\x00\x01a\x00\x00\x00\x00", VALUE)
    assert found == OffsetRecord("\udcff\udcfe", "a", 0, 42)


@given(st.binary(max_size=60), st.none() | st.binary(max_size=40))
def test_no_bytes_ever_raise(k: bytes, v: bytes | None) -> None:
    decode(k, v)
    decode(b"\x00\x01" + k, v)


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=20), st.integers(0, 2**31 - 1))
def test_any_group_id_comes_back(group: str, partition: int) -> None:
    assert decode(key(group, "t", partition), VALUE) == OffsetRecord(group, "t", partition, 42)


@pytest.mark.parametrize(("group", "expected"), [("g1", 42), ("", 0), ("console-consumer-1", None)])
def test_a_groups_partition_is_javas(group: str, expected: int | None) -> None:
    found = partition_of(group, 50)
    assert 0 <= found < 50
    assert expected is None or found == expected
