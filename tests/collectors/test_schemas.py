"""Schema Registry's subjects over real HTTP, as Karapace 3.11 answered and as Confluent's documentation says."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from hypothesis import given, settings

from collectors import schema_ids, schemas
from collectors.base import Budget, CollectorError, Kept, run
from collectors.kafka.remembered import Known, packed
from collectors.schemas import Schemas
from collectors.sources import Asked
from collectors.subjects import record_of, topic_of
from lineage.config import Config, parse
from lineage.identity import node_id
from lineage.observations import CollectorRan, NodeSeen, Reading, encode
from tests.collectors.hostile import spoiled
from tests.collectors.serving import Answer, serving

KIND = "application/vnd.schemaregistry.v1+json"
MONEY, ORDER = '{"type":"record","name":"Money","namespace":"shop"}', '{"type":"record","name":"shop.Order"}'
PROTO = 'syntax = "proto3";\npackage shop;\n\nmessage Common {\n  string a = 1;\n}\n'


def entry(subject: str, version: int = 1, schema: str = ORDER, **more: Any) -> dict[str, Any]:
    return {"subject": subject, "version": version, "id": version + 10, "schema": schema, **more}


SHOP = {
    "orders-value": entry("orders-value", 3, references=[{"name": "m", "subject": "money-value", "version": 2}]),
    "orders-key": entry("orders-key", schema='"string"'),
    "money-value": entry("money-value", 2, MONEY),
    "shop.Order": entry("shop.Order"),
    "returns-shop.Order": entry("returns-shop.Order"),
    "common.proto": entry("common.proto", schema=PROTO, schemaType="PROTOBUF"),
    ":.eu:orders-value": entry(":.eu:orders-value"),
}


class RegistryServer:
    """What a registry answers; what a test changes is answered from then on."""

    def __init__(self, subjects: dict[str, Any]) -> None:
        self.subjects = dict(subjects)
        self.levels = {"orders-value": "FULL"}
        self.asked: list[str] = []
        self.instead: dict[str, tuple[int, Any]] = {}
        self.pages = True

    def answer(self, _: str, path: str, __: bytes) -> Answer:
        self.asked.append(path)
        status, body = self.instead.get(path.partition("?")[0]) or self._body(path)
        return status, KIND, json.dumps(body).encode("utf-8", "surrogatepass")

    def _body(self, path: str) -> tuple[int, Any]:
        parts = [unquote(p) for p in urlsplit(path).path.split("/")[1:]]
        match parts:
            case ["subjects"]:
                return 200, list(self.subjects)
            case ["schemas"]:
                query, found = parse_qs(urlsplit(path).query), list(self.subjects.values())
                start, most = int(query["offset"][0]), int(query["limit"][0])
                return 200, found[start : start + most] if self.pages else found
            case ["subjects", name, "versions", "latest"] if name in self.subjects:
                return 200, self.subjects[name]
            case ["config", name] if name in self.levels:
                return 200, {"compatibilityLevel": self.levels[name]}
            case ["config"]:
                return 200, {"compatibilityLevel": "BACKWARD"}
            case ["mode"]:
                return 200, {"mode": "READWRITE"}
        return 404, {"error_code": 40408, "message": f"{parts} not found"}


@pytest.fixture
def server() -> RegistryServer:
    return RegistryServer(SHOP)


@pytest.fixture
def url(server: RegistryServer) -> Iterator[str]:
    with serving(server.answer) as at:
        yield at


def configured(url: str) -> Config:
    return parse(
        f'clusters: [{{name: c, bootstrap_servers: "k:1", schema_registry: {{url: "{url}"}}}}]', "playhead.yaml", {}
    )


def collector(url: str) -> Schemas:
    config = configured(url)
    return Schemas(Asked(config, config.clusters[0], "", lambda: None))


def reading(one: Schemas, budget: Budget | None = None) -> tuple[Reading, str]:
    found = one.collect(budget or Budget(seconds=30))
    assert found.error is None
    assert isinstance(found.observations[0], Reading)
    return found.observations[0], found.note


def nodes(told: Reading) -> dict[str, NodeSeen]:
    return {n.id: n for n in told.nodes}


def names(told: Reading, topic: str) -> list[str]:
    return [s["name"] for s in nodes(told)[f"topic:c/{topic}"].attrs["subjects"]]


def test_a_topic_is_told_its_subjects_with_version_type_compatibility_and_references(url: str) -> None:
    told, note = reading(collector(url))
    assert names(told, "orders") == [":.eu:orders-value", "orders-key", "orders-value"]
    assert nodes(told)["topic:c/orders"].attrs["subjects"][2] == {
        "name": "orders-value",
        "part": "value",
        "version": 3,
        "schema_id": 13,
        "type": "AVRO",
        "compatibility": "FULL",
        "own_level": True,
        "references": ["money-value v2"],
        "referenced_by": [],
        "readable": True,
    }
    money = nodes(told)["topic:c/money"].attrs["subjects"][0]
    assert (money["compatibility"], money["own_level"], money["referenced_by"]) == ("BACKWARD", False, ["orders-value"])
    assert (told.complete, note) == (True, "7 subjects")


def test_subjects_named_after_a_record_belong_to_the_registry_or_to_the_topic_before_the_record(url: str) -> None:
    told, _ = reading(collector(url))
    own = nodes(told)[node_id("system", f"registry://{urlsplit(url).netloc}")]
    assert [s["name"] for s in own.attrs["subjects_elsewhere"]] == ["common.proto", "shop.Order"]
    assert (own.attrs["compatibility"], own.attrs["mode"], own.figures) == ("BACKWARD", "READWRITE", {"subjects": 7})
    assert names(told, "returns") == ["returns-shop.Order"]


@pytest.mark.parametrize(
    ("subject", "record", "topic"),
    [
        ("a-b-value", "", ("a-b", "value")),
        ("a-key", "x.Y", ("a", "key")),
        ("a-x.Y", "x.Y", ("a", "record")),
        ("x.Y", "x.Y", None),
        ("-value", "", None),
        (":.ctx:a-value", "", ("a", "value")),
        (":.ctx:-value", "", None),
        ("a-other", "x.Y", None),
    ],
)
def test_a_subject_names_its_topic_or_none(subject: str, record: str, topic: tuple[str, str] | None) -> None:
    assert topic_of(subject, record) == topic


@pytest.mark.parametrize(
    ("kind", "schema", "record"),
    [
        ("AVRO", MONEY, "shop.Money"),
        ("AVRO", ORDER, "shop.Order"),
        ("AVRO", '"string"', ""),
        ("AVRO", "[" * 100_000, ""),
        ("JSON", '{"title": "Order"}', "Order"),
        ("PROTOBUF", PROTO, "shop.Common"),
        ("PROTOBUF", "message A {}", "A"),
        ("PROTOBUF", "package x;", ""),
    ],
)
def test_the_name_of_a_record_is_found_in_its_schema(kind: str, schema: str, record: str) -> None:
    assert record_of(kind, schema) == record


def test_all_schemas_are_read_in_pages_and_not_again_until_it_is_time(
    server: RegistryServer, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schemas, "PAGE", 3)
    one = collector(url)
    told, _ = reading(one)
    assert told.complete
    assert [p.rpartition("=")[2] for p in server.asked if p.startswith("/schemas?")] == ["0", "3", "6"]
    server.asked.clear()
    reading(one)
    assert server.asked == ["/subjects", "/config", "/mode"]


def test_a_registry_that_knows_no_pages_is_asked_once(
    server: RegistryServer, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schemas, "PAGE", 3)
    server.pages = False
    told, _ = reading(collector(url))
    assert (told.complete, len([p for p in server.asked if p.startswith("/schemas?")])) == (True, 1)


@pytest.mark.parametrize("status", [404, 405, 501, 403])
def test_without_a_list_of_schemas_each_subject_is_asked_for(server: RegistryServer, url: str, status: int) -> None:
    server.instead["/schemas"] = (status, {})
    told, _ = reading(collector(url))
    assert told.complete
    assert names(told, "orders") == [":.eu:orders-value", "orders-key", "orders-value"]
    assert len([p for p in server.asked if p.endswith("/latest")]) == 7


def test_a_big_registry_is_read_in_turns_and_tells_nothing_of_a_topic_half_known(
    server: RegistryServer, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schemas, "FIRST", 10)
    server.instead["/schemas"] = (404, {})
    server.subjects = {s: entry(s) for i in range(20_000) for s in (f"t{i}-value", f"t{i}-key")[: 1 + (i < 4)]}
    one, budget = collector(url), Budget(seconds=30)
    told, note = reading(one, budget)
    assert (told.complete, budget.spent_requests) == (False, 14)
    assert note == "20004 subjects; 0 of them read so far, 10 requests a collection"
    assert [n.id for n in told.nodes if n.id.startswith("topic:")] == []
    monkeypatch.setattr(schemas, "FIRST", 50_000)
    server.subjects = {s: entry(s) for s in list(server.subjects)[:8]}
    told, note = reading(one)
    assert (told.complete, note) == (True, "8 subjects")
    assert names(told, "t3") == ["t3-key", "t3-value"]


def test_a_subject_that_we_may_not_read_is_named_all_the_same(server: RegistryServer, url: str) -> None:
    server.instead = {
        "/schemas": (403, {}), "/subjects/orders-key/versions/latest": (403, {}), "/config/orders-key": (403, {}),
    }  # fmt: skip
    told, note = reading(collector(url))
    key = nodes(told)["topic:c/orders"].attrs["subjects"][1]
    assert (key["name"], key["version"], key["readable"]) == ("orders-key", None, False)
    assert (told.complete, note) == (True, "7 subjects; 1 may not be read by us")


def test_a_registry_that_only_reads_says_so(server: RegistryServer, url: str) -> None:
    server.instead["/mode"] = (200, {"mode": "READONLY"})
    assert reading(collector(url))[1] == "7 subjects; the registry is in mode READONLY"


def test_what_was_deleted_is_told_no_more(server: RegistryServer, url: str) -> None:
    one = collector(url)
    reading(one)
    del server.subjects["orders-key"], server.subjects["money-value"]
    told, _ = reading(one)
    assert told.complete
    assert names(told, "orders") == [":.eu:orders-value", "orders-value"]
    assert "topic:c/money" not in nodes(told)


def test_a_subject_that_goes_while_it_is_asked_for_breaks_nothing(server: RegistryServer, url: str) -> None:
    server.instead = {"/schemas": (404, {}), "/subjects/money-value/versions/latest": (404, {"error_code": 40401})}
    assert reading(collector(url))[0].complete


def test_a_refused_registry_says_what_to_do(server: RegistryServer, url: str) -> None:
    server.instead["/subjects"] = (401, {"error_code": 40101, "message": "Unauthorized"})
    with pytest.raises(CollectorError, match="answered /subjects with 401") as raised:
        reading(collector(url))
    assert raised.value.permanent


def test_a_registry_that_fails_half_way_tells_what_it_said_and_why_it_stopped(server: RegistryServer, url: str) -> None:
    server.instead = {"/schemas": (404, {}), "/config/shop.Order": (503, {})}
    found = collector(url).collect(Budget(seconds=30))
    told = found.observations[0]
    assert isinstance(told, Reading)
    assert "/config/shop.Order with 503" in (found.error or "")
    assert (told.complete, "topic:c/money" in nodes(told)) == (False, True)


ANSWERS = {
    "/subjects": list(SHOP),
    "/schemas": list(SHOP.values()),
    "/config": {"compatibilityLevel": "BACKWARD"},
    "/mode": {"mode": "READWRITE"},
    "/subjects/orders-value/versions/latest": SHOP["orders-value"],
    "/config/orders-value": {"compatibilityLevel": "FULL"},
}


def test_whatever_a_registry_answers_is_a_sentence_or_a_whole_reading(server: RegistryServer, url: str) -> None:
    @settings(max_examples=150, deadline=None)
    @given(answers=spoiled(ANSWERS))
    def holds(answers: Any) -> None:
        server.instead = {k: (200, v) for k, v in answers.items()} if isinstance(answers, dict) else {}
        found = run(collector(url), Budget(seconds=20))
        ran = found[-1]
        assert isinstance(ran, CollectorRan)
        assert "unexpected" not in (ran.error or "")
        for one in found:
            assert encode(one)
            assert ran.error is None or not (isinstance(one, Reading) and one.complete)

    holds()


class Memory(Kept):
    """What the sampler of headers left behind, without a Redis."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    def read(self) -> bytes:
        return self.data


def met(url: str, **topics: list[int | str]) -> Schemas:
    known = {t: Known({0: 9}, ids, [], [], []) for t, ids in topics.items()}
    config = configured(url)
    kept = Memory(packed("k:1", known))
    return Schemas(Asked(config, config.clusters[0], "", lambda: None, lambda key: kept))


def versions(told: Reading, topic: str) -> Any:
    return nodes(told)[f"topic:c/{topic}"].attrs["schema_versions"]


def test_numbers_met_in_records_are_looked_up_old_versions_and_other_topics_subjects_too(
    url: str, server: RegistryServer
) -> None:
    both = [{"subject": "orders-value", "version": 2}, {"subject": "audit-value", "version": 1}]
    server.instead["/schemas/ids/12/versions"] = (200, both)
    told, _ = reading(met(url, orders=[12, "guid"], plain=[12]))
    assert versions(told, "orders") == {"12": [["audit-value", 1], ["orders-value", 2]]}
    assert names(told, "orders") == [":.eu:orders-value", "orders-key", "orders-value"]
    assert versions(told, "plain") == {"12": [["audit-value", 1], ["orders-value", 2]]}


def test_a_number_that_the_registry_does_not_know_is_told_apart_from_one_whose_versions_it_does_not_list(
    url: str, server: RegistryServer
) -> None:
    server.instead["/schemas/ids/5"] = (200, {"schema": '"string"'})
    server.instead["/schemas/ids/6"] = (403, {})
    told, _ = reading(met(url, orders=[4, 5, 6]))
    assert versions(told, "orders") == {"4": [], "5": None, "6": None}


def test_a_registry_that_fails_at_numbers_still_tells_its_subjects(url: str, server: RegistryServer) -> None:
    server.instead["/schemas/ids/4/versions"] = (500, {})
    found = met(url, orders=[4]).collect(Budget(seconds=30))
    assert isinstance(found.observations[0], Reading)
    assert "subjects" in nodes(found.observations[0])["topic:c/orders"].attrs
    assert "answered /schemas/ids/4/versions with 500" in (found.error or "")


def test_only_so_many_numbers_are_asked_in_one_collection_and_each_gets_its_turn(
    url: str, server: RegistryServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schema_ids, "TRIES", 2)
    one = met(url, orders=[1, 2, 3])
    assert len(versions(reading(one)[0], "orders")) == 2
    assert versions(reading(one)[0], "orders").keys() == {"1", "2", "3"}
