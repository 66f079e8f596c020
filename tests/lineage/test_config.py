"""playhead.yaml: what it means, and the sentence for each way of getting it wrong."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lineage.config import Config, ConfigError, load, parse, secret, service_of
from lineage.counters import MetricNames

WHOLE = """\
clusters:
  - name: production
    bootstrap_servers: kafka-1:9092,kafka-2:9092
    properties: {security.protocol: SASL_SSL, sasl.username: playhead, sasl.password: "${KAFKA_PASSWORD}", on: true}
    include: {topics: ["*"], groups: ["*"]}
    exclude: {topics: ["_*"], groups: []}
    every: {positions: 2s, groups: 10s, topology: 1m, configs: 5m, acls: 5m, records: 30s}
    records: {bytes_per_second: 1MB, requests_per_second: 20, per_topic: 20, payloads: masked}
    connect: [{name: main, url: "http://connect:8083/", username: u, password: "${CONNECT_PASSWORD}"}]
    ksqldb: [{name: main, url: "http://ksql:8088"}]
    schema_registry: {url: "http://registry:8081"}
  - {name: test, bootstrap_servers: [a:1, "[::1]:2"]}
services:
  - {match: {group: "^(?P<name>.+?)-(cg|consumer)$"}, service: "{name}"}
  - {match: {client_id: "^inv-.*"}, service: inventory}
  - {match: {principal: "User:payments"}, service: payments}
teams:
  payments: {contact: "#payments", url: "https://wiki/payments", email: payments@example.com}
owners:
  - {topic: "payments.*", team: payments}
  - {service: "fraud", team: risk}
catalogs: [{backstage: ./catalog-info.yaml}, {codeowners: ./CODEOWNERS}]
retention: {full: 14d, minute: 13mo, changes: 5y}
metrics:
  prometheus:
    {url: "http://prom:9090/", username: u, password: "${CONNECT_PASSWORD}", services: [team, job],
     producers: [{metric: sent_total, by: client}]}
  jaeger: {url: "http://jaeger:16686"}
alerts: {allow: [10.0.0.0/8, "fd00::/8"], escalate_after: 5m}
"""
ENV = {"KAFKA_PASSWORD": "s3cr3t-kafka", "CONNECT_PASSWORD": "s3cr3t-connect"}


@pytest.fixture
def whole() -> Config:
    return parse(WHOLE, "playhead.yaml", ENV)


def test_every_key_is_read(whole: Config) -> None:
    production, test = whole.clusters
    assert production.bootstrap_servers == "kafka-1:9092,kafka-2:9092"
    assert production.properties["sasl.password"] == "s3cr3t-kafka"
    assert production.properties["on"] == "true"
    assert (production.every.positions, production.every.topology) == (2.0, 60.0)
    assert (production.records.bytes_per_second, production.records.payloads) == (1_000_000, "masked")
    assert (production.connect[0].url, production.connect[0].password) == ("http://connect:8083", "s3cr3t-connect")
    assert production.schema_registry is not None
    assert test.bootstrap_servers == "a:1,[::1]:2"
    assert test.every.positions == 10.0
    assert whole.teams["payments"].contact == "#payments"
    assert [c.kind for c in whole.catalogs] == ["backstage", "codeowners"]
    prometheus, jaeger = whole.metrics.prometheus, whole.metrics.jaeger
    assert prometheus is not None
    assert jaeger is not None
    assert (prometheus.endpoint.url, prometheus.endpoint.password) == ("http://prom:9090", "s3cr3t-connect")
    assert (prometheus.services, prometheus.producers) == (("team", "job"), (MetricNames("sent_total", "client"),))
    assert jaeger.url == "http://jaeger:16686"
    assert [str(n) for n in whole.alerts.allow] == ["10.0.0.0/8", "fd00::/8"]
    assert whole.alerts.escalate_after == 300.0
    assert whole.retention.full == 14 * 86_400
    assert whole.retention.changes == 5 * 365.25 * 86_400


def test_no_secret_is_part_of_what_is_printed(whole: Config) -> None:
    assert "s3cr3t" not in repr(whole)
    assert "s3cr3t" not in str(whole)


def test_filters_let_names_through(whole: Config) -> None:
    cluster = whole.cluster("production")
    assert cluster.wants_topic("orders")
    assert not cluster.wants_topic("_schemas")
    assert cluster.wants_group("_any")


def test_a_cluster_that_is_not_there_is_named_with_those_that_are(whole: Config) -> None:
    with pytest.raises(KeyError, match="no cluster 'prod'; there are production, test"):
        whole.cluster("prod")


def test_services_are_named_by_the_first_rule_that_matches_in_full(whole: Config) -> None:
    assert service_of(whole.services, group="fraud-cg", client_id="inv-1") == "fraud"
    assert service_of(whole.services, client_id="inv-1") == "inventory"
    assert service_of(whole.services, principal="User:payments") == "payments"
    assert service_of(whole.services, principal="User:payments2") is None
    assert service_of(whole.services, group="", client_id="") is None


def test_a_rule_with_two_conditions_needs_both() -> None:
    text = "services: [{match: {group: 'g', client_id: 'c-(?P<n>.+)'}, service: 's-{n}'}]"
    rules = parse(text, "f", {}).services
    assert service_of(rules, group="g", client_id="c-1") == "s-1"
    assert service_of(rules, group="g") is None


def test_without_a_file_the_environment_names_the_cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert load({}).clusters == ()
    [cluster] = load({"KAFKA_BOOTSTRAP_SERVERS": "h:1,i:2"}).clusters
    assert (cluster.name, cluster.bootstrap_servers) == ("kafka", "h:1,i:2")
    with pytest.raises(ConfigError, match=r"KAFKA_BOOTSTRAP_SERVERS: found 'h', expected host:port"):
        load({"KAFKA_BOOTSTRAP_SERVERS": "h"})


def test_the_file_in_the_working_directory_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "playhead.yaml").write_text("clusters: [{name: mine, bootstrap_servers: h:1}]")
    monkeypatch.chdir(tmp_path)
    assert load({"KAFKA_BOOTSTRAP_SERVERS": "other:1"}).clusters[0].name == "mine"


def test_rules_in_a_file_go_with_the_cluster_of_the_environment(tmp_path: Path) -> None:
    path = tmp_path / "rules.yaml"
    path.write_text("owners: [{topic: '*', team: all}]")
    config = load({"PLAYHEAD_CONFIG": str(path), "KAFKA_BOOTSTRAP_SERVERS": "h:1"})
    assert (config.clusters[0].name, config.owners[0].team) == ("kafka", "all")


def test_a_named_file_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"gone.yaml: found no file that can be read \(No such"):
        load({"PLAYHEAD_CONFIG": str(tmp_path / "gone.yaml")})


CLUSTER = "clusters:\n  - name: a\n    bootstrap_servers: h:1\n"
BROKEN = {
    "an unknown key": (
        "clustrs: []",
        "f.yaml:1: found the unknown key 'clustrs', expected one of clusters, services, teams, owners, catalogs, "
        "declared, retention, metrics, alerts; did you mean clusters?",
    ),
    "an unknown key deep inside": (
        CLUSTER + "    every: {positons: 5s}",
        "f.yaml:4: found the unknown key 'positons', expected one of positions, groups, topology, configs, acls, "
        "records; did you mean positions?",
    ),
    "a network that is none": (
        "alerts:\n  allow: [10.0.0.1/8]",
        "f.yaml:2: found 10.0.0.1/8 has host bits set, expected a network such as 10.0.0.0/8, 192.0.2.7/32 or fd00::/8",
    ),
    "an escalation at once": (
        "alerts: {escalate_after: 1s}",
        "f.yaml:1: found '1s', expected at least 60s",
    ),
    "a missing key": (
        "clusters:\n  - name: a",
        "f.yaml:2: found no 'bootstrap_servers', expected the key 'bootstrap_servers'",
    ),
    "an address without a port": (
        "clusters:\n  - name: a\n    bootstrap_servers: h:1,kafka",
        "f.yaml:3: found 'kafka', expected host:port, several with commas between",
    ),
    "a duration without a unit": (
        CLUSTER + "    every: {positions: 10}",
        "f.yaml:4: found '10', expected a duration such as 10s, 5m, 14d, 13mo or 5y; did you mean 10s?",
    ),
    "a duration that is too short": (
        CLUSTER + "    every:\n      positions: 10ms",
        "f.yaml:5: found '10ms', expected at least 1s",
    ),
    "a variable that is not set": (
        CLUSTER + "    properties:\n      sasl.password: ${NOWHERE}",
        "f.yaml:5: found ${NOWHERE}, which is not set, expected the environment variable NOWHERE to be set",
    ),
    "two clusters of one name": (
        CLUSTER + "  - {name: a, bootstrap_servers: i:1}",
        "f.yaml:4: found a second cluster named 'a' (the first is on line 2), expected another name",
    ),
    "a broken pattern": (
        "services:\n  - match: {group: '('}\n    service: x",
        "f.yaml:2: found '(' (missing ), unterminated subpattern at position 0), expected a regular expression",
    ),
    "a group that the pattern lacks": (
        "services:\n  - match: {group: '(?P<name>.*)'}\n    service: '{nam}'",
        "f.yaml:3: found '{nam}', expected named groups of the match ({name}); did you mean {name}?",
    ),
    "broken YAML": (
        "clusters:\n  - {name: a",
        "f.yaml:2: found broken YAML (expected ',' or '}', but got '<stream end>'), expected YAML",
    ),
    "a repeated key": (
        "teams: {}\nowners: []\nteams: {}",
        "f.yaml:3: found the key 'teams' again (it is on line 1 already), expected each key once",
    ),
    "an alias": (
        "teams: &t {}\nowners: *t",
        "f.yaml:2: found the alias *t, expected the value written out (aliases are not read)",
    ),
    "a list where a mapping belongs": (
        "- clusters",
        "f.yaml:1: found a list, expected a mapping with clusters, services, teams, owners, catalogs, declared, "
        "retention, metrics, alerts",
    ),
    "an unknown choice": (
        CLUSTER + "    records: {payloads: show}",
        "f.yaml:4: found 'show', expected one of hidden, masked, shown; did you mean shown?",
    ),
    "a size that is none": (
        CLUSTER + "    records: {bytes_per_second: 1 Mb}",
        "f.yaml:4: found '1 Mb', expected a size such as 500kB, 1MB or 2GiB",
    ),
    "a property that is ours": (
        CLUSTER + "    properties: {group.id: mine}",
        "f.yaml:4: found the property 'group.id', expected it left to Playhead",
    ),
    "a label that could end a query": (
        "metrics:\n  prometheus:\n    url: http://p:9090\n    services: ['job) or (x']",
        "f.yaml:4: found 'job) or (x', expected names of labels: letters, digits and _",
    ),
    "a metric that could end a query": (
        "metrics:\n  prometheus:\n    url: http://p:9090\n    producers: [{metric: 'up{}'}]",
        "f.yaml:4: found 'up{}', expected the name of a counter: letters, digits, _ and :",
    ),
    "a metric by nobody": (
        "metrics:\n  prometheus:\n    url: http://p:9090\n    producers: [{metric: up, by: team}]",
        "f.yaml:4: found 'team', expected one of service, client",
    ),
    "metrics without an address": (
        "metrics:\n  jaeger: {}",
        "f.yaml:2: found no 'url', expected the key 'url'",
    ),
    "an owner of nothing": (
        "owners:\n  - {team: a}",
        "f.yaml:2: found a rule without what it owns, expected one of topic, service, group",
    ),
    "a password in an address": (
        CLUSTER + "    schema_registry: {url: 'http://u:hush@r:1'}",
        "f.yaml:4: found another, expected an address such as http://connect:8083, name and password beside it",
    ),
}


@pytest.mark.parametrize(("text", "sentence"), BROKEN.values(), ids=BROKEN)
def test_a_wrong_file_is_named_in_a_sentence(text: str, sentence: str) -> None:
    with pytest.raises(ConfigError) as e:
        parse(text, "f.yaml", {})
    closing = str(e.value)
    assert closing == sentence
    assert (e.value.file, f"f.yaml:{e.value.line}") == ("f.yaml", sentence.split(": ")[0])


def test_a_bomb_is_refused_quickly() -> None:
    with pytest.raises(ConfigError, match="more than 20 levels"):
        parse("[" * 100_000, "f.yaml", {})
    with pytest.raises(ConfigError, match="a file of at most 1 MiB"):
        parse("a" * (1 << 20) + "b", "f.yaml", {})


def test_a_huge_or_binary_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "f.yaml"
    path.write_bytes(b"teams: {}\n\xff\xfe")
    with pytest.raises(ConfigError, match=r"f.yaml:2: found bytes that are not UTF-8"):
        load({"PLAYHEAD_CONFIG": str(path)})
    path.write_bytes(b"#" * (2 << 20))
    with pytest.raises(ConfigError, match="more than 1 MiB"):
        load({"PLAYHEAD_CONFIG": str(path)})


def test_a_value_from_the_environment_is_never_printed() -> None:
    text = "clusters:\n  - name: ${SECRET}\n    bootstrap_servers: ${SECRET}"
    with pytest.raises(ConfigError) as e:
        parse(text, "f.yaml", {"SECRET": "hush hush"})
    assert "hush" not in str(e.value)
    with pytest.raises(ConfigError) as e:
        parse("clusters: [{name: a, bootstrap_servers: '${SECRET}'}]", "f.yaml", {"SECRET": "hush hush"})
    assert "hush" not in str(e.value)


def test_two_dollars_keep_a_variable_as_it_is_written() -> None:
    text = "teams: {a: {contact: '$${HOME} ${X}'}}"
    assert parse(text, "f.yaml", {"X": "y"}).teams["a"].contact == "${HOME} y"


def test_a_secret_may_lie_in_a_file(tmp_path: Path) -> None:
    path = tmp_path / "password"
    path.write_text("hush\n")
    assert secret({"KAFKA_PASSWORD_FILE": str(path)}, "KAFKA_PASSWORD") == "hush"
    text = "clusters: [{name: a, bootstrap_servers: 'h:1', properties: {sasl.password: '${KAFKA_PASSWORD}'}}]"
    [cluster] = parse(text, "f.yaml", {"KAFKA_PASSWORD_FILE": str(path)}).clusters
    assert cluster.properties["sasl.password"] == "hush"
    assert secret({}, "KAFKA_PASSWORD") is None
    with pytest.raises(ConfigError, match="both X and X_FILE"):
        secret({"X": "a", "X_FILE": str(path)}, "X")
    with pytest.raises(ConfigError, match="X_FILE=/nowhere"):
        secret({"X_FILE": "/nowhere"}, "X")


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=200))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        parse(text, "f.yaml", {})
    except ConfigError as e:
        assert str(e).startswith("f.yaml:")  # noqa: PT017 - either outcome is right


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_any_damaged_file_is_read_or_refused(data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(WHOLE)))
    end = data.draw(st.integers(at, min(len(WHOLE), at + 30)))
    try:
        parse(WHOLE[:at] + data.draw(st.text(max_size=10)) + WHOLE[end:], "f.yaml", ENV)
    except ConfigError as e:
        assert "s3cr3t" not in str(e)  # noqa: PT017 - either outcome is right
