"""Ids and names: every name has one id that leads back to it, and none that a table or an encoder refuses."""

from __future__ import annotations

import json
import sqlite3

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineage.identity import node_id, segment, split_id, text
from lineage.observations import Commit, EdgeSeen, EdgesSeen, Group, GroupsListed, PositionsFrame, decode, encode

# Neither a backslash of its own, which could be taken for the way in which a byte is written.
NAMES = st.binary(min_size=1, max_size=40).filter(lambda b: b"\\" not in b)


@pytest.mark.parametrize(
    ("name", "shown", "id"),
    [
        ("orders.v1_a-B", "orders.v1_a-B", "orders.v1_a-B"),
        ("a b|c:é😀<b>", "a b|c:é😀<b>", "a b|c:é😀<b>"),
        ("a/b%c", "a/b%c", "a%2Fb%25c"),
        (b"bad-\xff\xfe", "bad-\\xFF\\xFE", "bad-%FF%FE"),
        (b"nul-\x00-x", "nul-\\x00-x", "nul-%00-x"),
        ("ctl-\x01\x1b[31m\n", "ctl-\x01\x1b[31m\n", "ctl-%01%1B[31m%0A"),
        ("bidi-\u202e", "bidi-\u202e", "bidi-%E2%80%AE"),
        (b"sur-\xed\xa0\x80", "sur-\\xED\\xA0\\x80", "sur-%ED%A0%80"),
        ("lone-\ud800", "lone-\\xED\\xA0\\x80", "lone-%ED%A0%80"),
        ("kafka-\ufffd", "kafka-\ufffd", "kafka-\ufffd"),
    ],
)
def test_a_name_is_readable_and_its_id_encoded(name: str | bytes, shown: str, id: str) -> None:
    assert text(name) == shown
    assert segment(text(name)) == id
    assert split_id(f"group:c/{id}") == ("group", ("c", shown))


@given(NAMES, NAMES)
def test_every_bytes_have_a_name_and_every_name_an_id_of_its_own(one: bytes, other: bytes) -> None:
    name = text(one)
    assert split_id(node_id("group", "c", name)) == ("group", ("c", name))
    assert (node_id("group", "c", name) == node_id("group", "c", text(other))) == (one == other)


@given(st.text(st.characters(), min_size=1, max_size=40))
def test_any_text_becomes_what_tables_and_encoders_take(name: str) -> None:
    for safe in (text(name), node_id("topic", "c", name)):
        assert "\0" not in safe
        assert json.loads(json.dumps(safe)) == safe.encode().decode()
        assert sqlite3.connect(":memory:").execute("select ?", (safe,)).fetchone() == (safe,)
        assert text(safe) == safe


@given(st.text(st.characters(), max_size=20))
def test_what_comes_off_the_stream_is_speakable_all_through(name: str) -> None:
    listed = GroupsListed(cluster="c", at=1, groups=[Group(name, "classic", "Empty")], complete=True)
    commits = {name: {"t": [Commit(0, 5, None)]}}
    moved = PositionsFrame(
        cluster="c", at=1, ends_at=2, epoch=0, method="swept", keyframe=True, complete=True, swept_at=1,
        commits=commits, ended=[(name, "t", 1)], logs={}, stale={name: name},
    )  # fmt: skip
    edge = EdgeSeen("reads", "topic:?/t", "service:s", 1, 2, group=name, client_id=name, host=name)
    seen = EdgesSeen(cluster="", at=1, source="otlp", edges=[edge])
    safe = text(name)
    assert decode(encode(listed)) == GroupsListed(
        cluster="c", at=1, groups=[Group(safe, "classic", "Empty")], complete=True
    )
    found = decode(encode(moved))
    assert isinstance(found, PositionsFrame)
    assert (found.commits, found.ended, found.stale) == (
        {safe: {"t": [Commit(0, 5, None)]}},
        [(safe, "t", 1)],
        {safe: safe},
    )
    claimed = decode(encode(seen))
    assert isinstance(claimed, EdgesSeen)
    assert {claimed.edges[0].group, claimed.edges[0].client_id, claimed.edges[0].host} == {safe}


@pytest.mark.parametrize("wrong", ["", "orders", "thing:c/x", "topic:", ":x"])
def test_what_is_no_id_is_refused(wrong: str) -> None:
    with pytest.raises(ValueError, match="is no id"):
        split_id(wrong)
