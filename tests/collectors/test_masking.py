"""What is masked stays masked: rules over names, and what looks like a secret wherever it stands."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collectors.kafka.decoding import Decoder
from collectors.kafka.masking import MARK, Mask, scrubbed
from lineage.config import MASK, parse

SECRET = "hunter2hunter2"
DEFAULT = Mask(MASK)


def shown(value: object, mask: Mask = DEFAULT) -> str:
    payload = Decoder("masked", mask).value(json.dumps(value).encode())
    assert payload.kind == "json"
    return payload.text or ""


def test_fields_that_a_rule_names_are_replaced_and_the_shape_stays() -> None:
    value = {"order": 7, "customer": {"eMail": "x", "Phone": 123, "ok": True}, "cards": [{"n": 1}, {"n": 2}], "a": None}
    assert json.loads(shown(value)) == {
        "order": 7,
        "customer": {"eMail": MARK, "Phone": MARK, "ok": True},
        "cards": [{MARK: MARK}, {MARK: MARK}],
        "a": None,
    }


def test_a_rule_for_everything_leaves_the_shape_only() -> None:
    assert json.loads(shown({"a": {"b": 1}, "c": [2, "d"]}, Mask(["*"]))) == {"a": {MARK: MARK}, "c": [MARK, MARK]}


@pytest.mark.parametrize(
    "text",
    ["write to ada@example.org now", "4111 1111 1111 1111", "4111111111111111", "Bearer eyJhbGciOi.eyJzdWIiOi.c2ln"],
)
def test_secrets_are_found_where_no_name_tells(text: str) -> None:
    found = shown({"note": text, text: 1, "list": [text]})
    assert text not in found
    assert "ada@" not in found
    assert "4111" not in found
    assert "eyJ" not in found


def test_numbers_that_are_no_cards_stay() -> None:
    assert json.loads(shown({"id": 4111111111111112, "n": 4111111111111111})) == {"id": 4111111111111112, "n": MARK}
    assert scrubbed("order 1234567890123456789012") == ("order 1234567890123456789012", 0)


@pytest.mark.parametrize(
    "data", [SECRET.encode(), b"\xff\x00" + SECRET.encode(), b"\x00\x00\x00\x00\x01" + SECRET.encode()]
)
def test_what_has_no_structure_is_replaced_whole(data: bytes) -> None:
    payload = Decoder("masked", DEFAULT).value(data)
    assert (payload.text, payload.size, payload.masked) == (None, len(data), 1)
    assert SECRET not in repr(payload)
    assert data.hex(" ")[-8:] not in repr(payload)


def test_headers_fall_under_the_same_switch() -> None:
    masked, hidden = Decoder("masked", DEFAULT), Decoder("hidden", DEFAULT)
    assert masked.header("traceparent", b"00-ab-cd-01")[1].text == "00-ab-cd-01"
    assert masked.header("x-whatever", SECRET.encode())[1].text is None
    assert hidden.header("traceparent", b"00-ab-cd-01")[1].text is None
    assert Decoder("masked", Mask(["trace*"])).header("traceparent", b"1")[1].text is None


@given(st.binary(max_size=200))
def test_hidden_shows_kind_and_size_of_any_bytes(data: bytes) -> None:
    payload = Decoder("hidden", DEFAULT).value(data)
    assert (payload.size, payload.text, payload.error) == (len(data), None, None)
    assert payload.kind in {"json", "text", "bytes", "schema"}


@given(st.binary(max_size=200))
def test_any_bytes_can_be_shown(data: bytes) -> None:
    assert Decoder("shown", DEFAULT).value(data).size == len(data)
    Decoder("masked", DEFAULT).value(b'{"a":' + data + b"}")


@settings(max_examples=40)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(), lambda x: st.lists(x) | st.dictionaries(st.text(), x)
    )
)
def test_what_stands_under_a_named_field_never_shows(value: object) -> None:
    text = shown({"password": [SECRET, value, {SECRET: value}]})
    assert SECRET not in text


def test_deep_and_large_values_are_bounded() -> None:
    deep = b'{"a":' * 5_000 + b"1" + b"}" * 5_000
    assert Decoder("masked", DEFAULT).value(deep).size == len(deep)
    large = json.dumps({"a": "x" * 100_000}).encode()
    payload = Decoder("shown", DEFAULT).value(large)
    assert payload.truncated
    assert len(payload.text or "") < 20_000
    assert payload.size == len(large)


def test_the_rules_are_configured() -> None:
    text = "clusters: [{name: k, bootstrap_servers: 'h:1', records: {payloads: masked, mask: ['order*']}}]"
    (cluster,) = parse(text, "f", {}).clusters
    assert (cluster.records.payloads, cluster.records.mask) == ("masked", ("order*",))
    assert json.loads(shown({"orderId": 1, "email": "x"}, Mask(cluster.records.mask))) == {
        "orderId": MARK,
        "email": "x",
    }
