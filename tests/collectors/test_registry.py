"""Avro, Protobuf and JSON by a schema registry over real HTTP that answers as Confluent's documentation says."""

from __future__ import annotations

import base64
import io
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

import fastavro
import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

from collectors.kafka.decoding import Decoder
from collectors.kafka.masking import MARK, Mask
from collectors.kafka.registry import MOST_BYTES, Registry, RegistryError
from lineage.config import MASK, Endpoint

MONEY = {"type": "record", "name": "Money", "namespace": "shop", "fields": [{"name": "cents", "type": "long"}]}
FIELDS = [
    {"name": "order", "type": "string"},
    {"name": "email", "type": ["null", "string"]},
    {"name": "price", "type": "shop.Money"},
    {"name": "day", "type": {"type": "int", "logicalType": "date"}},
    {"name": "raw", "type": "bytes"},
]
ORDER = {"type": "record", "name": "Order", "namespace": "shop", "fields": FIELDS}


def proto(name: str, package: str, text: str) -> descriptor_pb2.FileDescriptorProto:
    """A file with one message per line: ``Name: field type, field type``."""
    file = descriptor_pb2.FileDescriptorProto(name=name, package=package, syntax="proto3")
    for line in text.splitlines():
        message, _, fields = line.partition(": ")
        made = file.message_type.add(name=message)
        for i, field in enumerate(fields.split(", "), 1):
            label, kind = field.split()
            one = made.field.add(name=label, number=i, label=1)
            if kind.startswith("."):
                one.type, one.type_name = 11, kind
            else:
                one.type = {"string": 9, "int64": 3}[kind]
    return file


MONEY_PROTO = proto("money.proto", "shop", "Money: cents int64")
ORDER_PROTO = proto(
    "order.proto",
    "shop",
    "Other: x string\nOrder: id string, email string, price .shop.Money, at .google.protobuf.Timestamp",
)
ORDER_PROTO.dependency.extend(["money.proto", "google/protobuf/timestamp.proto"])


def b64(file: descriptor_pb2.FileDescriptorProto) -> str:
    return base64.b64encode(file.SerializeToString()).decode()


REFERS = [{"name": "shop.Money", "subject": "money/value", "version": 1}]
PROTO_REFERS = [{"name": "money.proto", "subject": "money.proto", "version": 3}]
ANSWERS: dict[str, Any] = {
    "/schemas/ids/1": {"schema": json.dumps(ORDER), "references": REFERS},
    "/subjects/money%2Fvalue/versions/1": {"schema": json.dumps(MONEY), "id": 9},
    "/schemas/ids/2": {"schema": 'syntax = "proto3"; …', "schemaType": "PROTOBUF", "references": PROTO_REFERS},
    "/schemas/ids/2?format=serialized": {
        "schema": b64(ORDER_PROTO),
        "schemaType": "PROTOBUF",
        "references": PROTO_REFERS,
    },
    "/subjects/money.proto/versions/3": {"schema": "…", "schemaType": "PROTOBUF"},
    "/subjects/money.proto/versions/3?format=serialized": {"schema": b64(MONEY_PROTO), "schemaType": "PROTOBUF"},
    "/schemas/ids/3": {"schema": "{}", "schemaType": "JSON"},
    "/schemas/ids/5": {"schema": "this is no schema"},
    "/schemas/ids/6": {"schema": "{}", "schemaType": "THRIFT"},
    "/schemas/ids/7": {"schema": "x" * (MOST_BYTES + 1)},
    "/schemas/ids/8": "no object",
    "/schemas/ids/10": {"schema": '"string"'},
}


class Handler(BaseHTTPRequestHandler):
    asked: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        self.asked.append(self.path)
        allowed = self.headers["Authorization"] == "Basic " + base64.b64encode(b"me:pw").decode()
        status = 401 if not allowed else 200 if self.path in ANSWERS else 404
        body = json.dumps(ANSWERS.get(self.path, {"error_code": 40403})).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None: ...


@pytest.fixture
def registry() -> Iterator[Registry]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Handler.asked.clear()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield Registry(Endpoint(f"http://127.0.0.1:{server.server_port}", username="me", password="pw"))
    server.shutdown()
    server.server_close()


def framed(number: int, body: bytes) -> bytes:
    return b"\0" + number.to_bytes(4, "big") + body


def avro() -> bytes:
    known: dict[str, Any] = {}
    fastavro.parse_schema(MONEY, named_schemas=known)
    schema = fastavro.parse_schema(ORDER, named_schemas=known)
    out = io.BytesIO()
    record = {"order": "o1", "email": "ada@example.org", "price": {"cents": 5}, "day": 3, "raw": b"\xff\x01"}
    fastavro.schemaless_writer(out, schema, record)
    return framed(1, out.getvalue())


def protobuf() -> bytes:
    pool = descriptor_pool.DescriptorPool()
    from google.protobuf import timestamp_pb2

    pool.AddSerializedFile(timestamp_pb2.DESCRIPTOR.serialized_pb)
    for file in (MONEY_PROTO, ORDER_PROTO):
        pool.Add(file)
    message = message_factory.GetMessageClass(pool.FindMessageTypeByName("shop.Order"))()
    message.id, message.email, message.price.cents, message.at.seconds = "o1", "ada@example.org", 5, 1
    return framed(2, b"\x02\x02" + message.SerializeToString())  # the path [1]: the second message of the file


def test_avro_with_references_and_logical_types(registry: Registry) -> None:
    payload = Decoder("shown", Mask(()), registry).value(avro())
    assert (payload.kind, payload.schema_id, payload.schema_name, payload.error) == ("avro", 1, "shop.Order", None)
    assert json.loads(payload.text or "") == {
        "order": "o1",
        "email": "ada@example.org",
        "price": {"cents": 5},
        "day": "1970-01-04",
        "raw": "ff01",
    }


def test_protobuf_by_its_message_index_with_imports(registry: Registry) -> None:
    payload = Decoder("shown", Mask(()), registry).value(protobuf())
    assert (payload.kind, payload.schema_id, payload.error) == ("protobuf", 2, None)
    expected = {"id": "o1", "email": "ada@example.org", "price": {"cents": "5"}, "at": "1970-01-01T00:00:01Z"}
    assert json.loads(payload.text or "") == expected


@pytest.mark.parametrize("make", [avro, protobuf])
def test_what_a_schema_names_is_masked(registry: Registry, make: Any) -> None:
    payload = Decoder("masked", Mask(MASK), registry).value(make())
    assert json.loads(payload.text or "")["email"] == MARK
    assert "ada@" not in repr(payload)
    assert payload.masked == 1


def test_a_schema_is_asked_for_once(registry: Registry) -> None:
    decoder = Decoder("shown", Mask(()), registry)
    for _ in range(5):
        decoder.value(avro())
        decoder.value(framed(404, b"x"))
    assert sorted(Handler.asked) == ["/schemas/ids/1", "/schemas/ids/404", "/subjects/money%2Fvalue/versions/1"]


def test_hidden_asks_the_registry_nothing(registry: Registry) -> None:
    payload = Decoder("hidden", Mask(()), registry).value(avro())
    assert (payload.kind, payload.schema_id, payload.text) == ("schema", 1, None)
    assert Handler.asked == []


def test_json_of_the_registry(registry: Registry) -> None:
    payload = Decoder("shown", Mask(()), registry).value(framed(3, b'{"a": 1}'))
    assert (payload.kind, payload.text) == ("json", '{"a":1}')


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (framed(1, b"\xff\xff"), "not readable by schema 1"),
        (framed(1, avro()[5:] + b"more"), "not readable by schema 1"),
        (framed(2, b"\xff" * 30), "not readable by schema 2"),
        (framed(2, b"\x02\x63" + b"x"), "not readable by schema 2"),
        (framed(4, b"x"), "does not know /schemas/ids/4"),
        (framed(5, b"x"), "schema 5 cannot be used"),
        (framed(6, b"x"), "'THRIFT'"),
        (framed(7, b"x"), "more than"),
        (framed(8, b"x"), "without a schema"),
    ],
)
def test_what_cannot_be_read_says_why_beside_its_bytes(registry: Registry, data: bytes, words: str) -> None:
    payload = Decoder("shown", Mask(()), registry).value(data)
    assert words in (payload.error or "")
    assert (payload.kind, payload.text) == ("bytes", data.hex(" "))
    masked = Decoder("masked", Mask(()), registry).value(data)
    assert masked.text is None
    assert masked.error


def test_a_bare_string_is_masked_whole(registry: Registry) -> None:
    payload = Decoder("masked", Mask(()), registry).value(framed(10, b"\x06abc"))
    assert (payload.kind, payload.text, payload.masked) == ("avro", None, 1)


def test_without_a_registry_the_schema_is_named() -> None:
    payload = Decoder("shown", Mask(())).value(framed(1, b"x"))
    assert "no schema_registry is configured" in (payload.error or "")


def test_a_registry_that_is_away_is_a_sentence() -> None:
    with pytest.raises(RegistryError, match="does not answer"):
        Registry(Endpoint("http://127.0.0.1:1")).schema(1)
