"""``playhead.yaml``: which clusters to watch, who is who, who owns what, how long to keep it.

``parse`` turns text into a frozen ``Config``; ``load`` finds the text by the environment. A wrong file raises
ConfigError with file, line, what was found, what was expected and the nearest known key. Durations are float
seconds, sizes bytes. No secret is part of any repr.
"""

from __future__ import annotations

import re
import string
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from fnmatch import fnmatchcase
from pathlib import Path
from types import MappingProxyType

from lineage.counters import LABEL, PRODUCERS, MetricNames, metric_names
from lineage.documents import MAX_BYTES, ConfigError, Value, nearest, read_document, secret
from lineage.outward import Alerts, alerts_of

__all__ = ["Config", "ConfigError", "load", "parse", "secret", "service_of"]

SLUG = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
PAYLOADS = ("hidden", "masked", "shown")
# Names of fields and headers whose values are replaced where payloads are masked; globs, upper and lower case alike.
MASK = (
    *("*password*", "*passwd*", "*secret*", "*token*", "*credential*", "*authorization*", "*api*key*", "*cookie*"),
    *("*card*", "pan", "cvv", "cvc", "*iban*", "*account*number*", "*ssn*", "*passport*", "*tax*id*"),
    *("*mail*", "*phone*", "*mobile*", "*first*name*", "*last*name*", "*full*name*", "*surname*", "*birth*"),
    *("*address*", "*street*", "*zip*", "*postal*", "ip", "*client*ip*", "*ip*address*"),
)
MATCHABLE = ("group", "client_id", "transactional_id", "principal")
OWNABLE = ("topic", "service", "group")
CATALOGS = ("backstage", "asyncapi", "codeowners", "eventcatalog")
OURS = ("bootstrap.servers", "group.id", "enable.auto.commit", "transactional.id", "allow.auto.create.topics")


@dataclass(frozen=True)
class Every:
    """Seconds between two collections of a kind."""

    positions: float = 10.0
    groups: float = 10.0
    topology: float = 30.0
    configs: float = 300.0
    acls: float = 300.0
    records: float = 30.0


@dataclass(frozen=True)
class Names:
    """Glob patterns over names of topics and of groups."""

    topics: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()


@dataclass(frozen=True)
class Records:
    """What reading records may cost, and how much of them is shown."""

    bytes_per_second: int = 1_000_000
    requests_per_second: int = 20
    per_topic: int = 20
    payloads: str = "hidden"
    mask: tuple[str, ...] = MASK


@dataclass(frozen=True)
class Endpoint:
    """An HTTP service beside the cluster: Connect, ksqlDB, a schema registry."""

    url: str
    name: str = ""
    username: str = ""
    password: str = field(default="", repr=False)


@dataclass(frozen=True)
class ClusterConfig:
    """One Kafka cluster. ``properties`` are librdkafka's own, and hold the secrets."""

    name: str
    bootstrap_servers: str
    properties: Mapping[str, str] = field(default_factory=dict, repr=False)
    include: Names = Names(("*",), ("*",))
    exclude: Names = Names()
    every: Every = Every()
    records: Records = Records()
    connect: tuple[Endpoint, ...] = ()
    ksqldb: tuple[Endpoint, ...] = ()
    schema_registry: Endpoint | None = None

    @property
    def addresses(self) -> frozenset[str]:
        """Each of ``bootstrap_servers``."""
        return frozenset(s.strip().lower() for s in self.bootstrap_servers.split(",") if s.strip())

    def wants_topic(self, name: str) -> bool:
        """Whether the filters let this topic through."""
        return _wanted(name, self.include.topics, self.exclude.topics)

    def wants_group(self, name: str) -> bool:
        """Whether the filters let this consumer group through."""
        return _wanted(name, self.include.groups, self.exclude.groups)


def _wanted(name: str, include: tuple[str, ...], exclude: tuple[str, ...]) -> bool:
    return any(fnmatchcase(name, p) for p in include) and not any(fnmatchcase(name, p) for p in exclude)


@dataclass(frozen=True)
class ServiceRule:
    """Whoever matches every pattern (in full) is this service; ``{name}`` is a named group of a pattern."""

    match: tuple[tuple[str, re.Pattern[str]], ...]
    service: str

    def name_for(self, **known: str) -> str | None:
        """The service's name, or None where the rule does not match; ``known`` has some of MATCHABLE."""
        groups: dict[str, str] = {}
        for what, pattern in self.match:
            found = pattern.fullmatch(known.get(what, ""))
            if not found:
                return None
            groups |= {k: v or "" for k, v in found.groupdict().items()}
        return self.service.format_map(groups) or None


def service_of(rules: tuple[ServiceRule, ...], **known: str) -> str | None:
    """The service named by the first rule that matches, or None. Empty names match nothing."""
    given = {k: v for k, v in known.items() if v}
    applicable = (r for r in rules if all(what in given for what, _ in r.match))
    return next((name for r in applicable if (name := r.name_for(**given))), None)


@dataclass(frozen=True)
class Team:
    name: str
    contact: str = ""
    url: str = ""
    email: str = ""


@dataclass(frozen=True)
class OwnerRule:
    """Everything of this kind (topic, service, group) whose name matches the glob belongs to the team."""

    kind: str
    pattern: str
    team: str

    def owns(self, kind: str, name: str) -> bool:
        return kind == self.kind and fnmatchcase(name, self.pattern)


@dataclass(frozen=True)
class Catalog:
    kind: str
    path: str


@dataclass(frozen=True)
class Declaration:
    """What a service is declared to do; ``cluster`` "" where any cluster that has the topic is meant."""

    service: str
    writes: tuple[str, ...] = ()
    reads: tuple[str, ...] = ()
    calls: tuple[str, ...] = ()
    cluster: str = ""


@dataclass(frozen=True)
class Retention:
    """Seconds that each resolution is kept."""

    full: float = 14 * 86_400.0
    minute: float = 13 * 365.25 / 12 * 86_400.0
    changes: float = 5 * 365.25 * 86_400.0


@dataclass(frozen=True)
class Prometheus:
    """``services``: labels that may hold a service's name, the first that does wins."""

    endpoint: Endpoint
    services: tuple[str, ...] = ("service_name", "service", "application", "app", "job")
    producers: tuple[MetricNames, ...] = PRODUCERS


@dataclass(frozen=True)
class Metrics:
    """Where others keep metrics that say who writes and who calls."""

    prometheus: Prometheus | None = None
    jaeger: Endpoint | None = None


@dataclass(frozen=True)
class Config:
    """All of it. ``file`` is "" where no file was read."""

    clusters: tuple[ClusterConfig, ...] = ()
    services: tuple[ServiceRule, ...] = ()
    teams: Mapping[str, Team] = field(default_factory=lambda: MappingProxyType({}))
    owners: tuple[OwnerRule, ...] = ()
    catalogs: tuple[Catalog, ...] = ()
    declared: tuple[Declaration, ...] = ()
    retention: Retention = Retention()
    metrics: Metrics = Metrics()
    alerts: Alerts = field(default_factory=Alerts)
    file: str = ""

    def cluster(self, name: str) -> ClusterConfig:
        """The cluster of this name. Raises KeyError that names those there are."""
        for candidate in self.clusters:
            if candidate.name == name:
                return candidate
        raise KeyError(f"no cluster {name!r}; there are {', '.join(c.name for c in self.clusters) or 'none'}")


def load(env: Mapping[str, str]) -> Config:
    """The configuration that the environment names: PLAYHEAD_CONFIG, ./playhead.yaml, KAFKA_BOOTSTRAP_SERVERS.

    A file without clusters takes the one of KAFKA_BOOTSTRAP_SERVERS, named ``kafka``. Raises ConfigError.
    """
    named = env.get("PLAYHEAD_CONFIG")
    path = Path(named or "playhead.yaml")
    if named or path.is_file():
        return parse(_read(path), str(path), env)
    return parse("", "", env)


def _read(path: Path) -> str:
    try:
        with path.open("rb") as f:
            data = f.read(MAX_BYTES + 1)
    except OSError as e:
        raise ConfigError(
            str(path), 0, f"no file that can be read ({e.strerror})", "the file in PLAYHEAD_CONFIG"
        ) from e
    if len(data) > MAX_BYTES:
        raise ConfigError(str(path), 1, "more than 1 MiB", "a file of at most 1 MiB")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as e:
        line = data.count(b"\n", 0, e.start) + 1
        raise ConfigError(str(path), line, "bytes that are not UTF-8", "YAML in UTF-8") from e


def parse(text: str, path: str, env: Mapping[str, str]) -> Config:
    """The configuration in this text; ``path`` is only for messages. Raises ConfigError."""
    root = read_document(text, path, env)
    top = root.fields([f.name for f in fields(Config) if f.name != "file"]) if root else {}
    clusters = _clusters(top["clusters"]) if "clusters" in top else ()
    return Config(
        clusters=clusters or _from_environment(env),
        services=tuple(_service_rule(v) for v in _items(top, "services")),
        teams=MappingProxyType(_teams(top.get("teams"))),
        owners=tuple(_owner_rule(v) for v in _items(top, "owners")),
        catalogs=tuple(_catalog(v) for v in _items(top, "catalogs")),
        declared=tuple(_declaration(v) for v in _items(top, "declared")),
        retention=_retention(top.get("retention")),
        metrics=_metrics(top.get("metrics")),
        alerts=alerts_of(top["alerts"]) if "alerts" in top else Alerts(),
        file=path,
    )


def _items(top: Mapping[str, Value], key: str) -> list[Value]:
    return top[key].items() if key in top else []


def _from_environment(env: Mapping[str, str]) -> tuple[ClusterConfig, ...]:
    servers = env.get("KAFKA_BOOTSTRAP_SERVERS", "").strip()
    if not servers:
        return ()
    if wrong := _wrong_server(servers):
        raise ConfigError("KAFKA_BOOTSTRAP_SERVERS", 0, repr(wrong), "host:port, several with commas between")
    return (ClusterConfig("kafka", servers),)


def _wrong_server(servers: str) -> str | None:
    """The first address that is not host:port, or None."""
    for server in servers.split(","):
        host, _, port = server.strip().rpartition(":")
        if not host or not re.fullmatch(r"\d{1,5}", port) or not 0 < int(port) < 65_536 or re.search(r"\s", host):
            return server.strip() or servers
    return None


def _clusters(value: Value) -> tuple[ClusterConfig, ...]:
    seen: dict[str, int] = {}
    out = []
    for item in value.items("a list of clusters"):
        cluster = _cluster(item)
        if cluster.name in seen:
            found = f"a second cluster named {cluster.name!r} (the first is on line {seen[cluster.name]})"
            raise item.error("another name", found=found)
        seen[cluster.name] = item.line
        out.append(cluster)
    return tuple(out)


def _cluster(value: Value) -> ClusterConfig:
    given = value.fields([f.name for f in fields(ClusterConfig)], required=("name", "bootstrap_servers"))
    registry = given.get("schema_registry")
    return ClusterConfig(
        name=_slug(given["name"]),
        bootstrap_servers=_servers(given["bootstrap_servers"]),
        properties=MappingProxyType(_properties(given.get("properties"))),
        include=_names(given.get("include"), Names(("*",), ("*",))),
        exclude=_names(given.get("exclude"), Names()),
        every=_every(given.get("every")),
        records=_records(given.get("records")),
        connect=_endpoints(given.get("connect")),
        ksqldb=_endpoints(given.get("ksqldb")),
        schema_registry=_endpoint(registry, named=False) if registry else None,
    )


def _slug(value: Value) -> str:
    name = value.text("a name")
    if not SLUG.fullmatch(name):
        raise value.error("a name of letters, digits, '.', '_' and '-', at most 63 long")
    return name


def _servers(value: Value) -> str:
    expected = "host:port, several with commas between"
    servers = ",".join(value.texts()) if value.is_list() else value.text(expected)
    if not servers or (wrong := _wrong_server(servers)):
        raise value.error(expected, found=repr(wrong) if servers and "$" not in value._shown() else "")
    return servers


def _properties(value: Value | None) -> dict[str, str]:
    out = {}
    for name, (key, item) in value.mapping("properties of librdkafka").items() if value else ():
        if name in OURS:
            where = "bootstrap_servers beside properties" if name == "bootstrap.servers" else "it left to Playhead"
            raise key.error(where, found=f"the property {name!r}")
        out[name] = item.text(f"a value for {name}")
    return out


def _names(value: Value | None, default: Names) -> Names:
    given = value.fields(("topics", "groups")) if value else {}
    return Names(
        topics=given["topics"].texts() if "topics" in given else default.topics,
        groups=given["groups"].texts() if "groups" in given else default.groups,
    )


def _every(value: Value | None) -> Every:
    given = value.fields([f.name for f in fields(Every)]) if value else {}
    return Every(**{name: v.duration(low=1.0) for name, v in given.items()})


def _records(value: Value | None) -> Records:
    given = value.fields([f.name for f in fields(Records)]) if value else {}
    default = Records()
    return Records(
        bytes_per_second=given["bytes_per_second"].size() if "bytes_per_second" in given else default.bytes_per_second,
        requests_per_second=_count(given.get("requests_per_second"), default.requests_per_second, 10_000),
        per_topic=_count(given.get("per_topic"), default.per_topic, 10_000),
        payloads=given["payloads"].choice(PAYLOADS) if "payloads" in given else default.payloads,
        mask=given["mask"].texts() if "mask" in given else default.mask,
    )


def _count(value: Value | None, default: int, high: int) -> int:
    return value.integer(1, high) if value else default


def _endpoints(value: Value | None) -> tuple[Endpoint, ...]:
    out: dict[str, Endpoint] = {}
    for item in value.items() if value else ():
        endpoint = _endpoint(item, named=True)
        if endpoint.name in out:
            raise item.error("another name", found=f"a second one named {endpoint.name!r}")
        out[endpoint.name] = endpoint
    return tuple(out.values())


def _endpoint(value: Value, *, named: bool) -> Endpoint:
    required = ("name", "url") if named else ("url",)
    return _at(value.fields((*required, "username", "password"), required=required))


def _at(given: Mapping[str, Value]) -> Endpoint:
    url = given["url"].text("an address")
    if not re.fullmatch(r"https?://[^/\s@]+(/\S*)?", url):
        raise given["url"].error("an address such as http://connect:8083, name and password beside it", found="another")
    return Endpoint(
        url=url.rstrip("/"),
        name=_slug(given["name"]) if "name" in given else "",
        username=given["username"].text() if "username" in given else "",
        password=given["password"].text() if "password" in given else "",
    )


def _service_rule(value: Value) -> ServiceRule:
    given = value.fields(("match", "service"), required=("match", "service"))
    match = given["match"].fields(MATCHABLE)
    if not match:
        raise given["match"].error(f"one of {', '.join(MATCHABLE)}", found="an empty match")
    patterns = tuple((what, _pattern(item)) for what, item in match.items())
    return ServiceRule(patterns, _template(given["service"], patterns))


def _pattern(value: Value) -> re.Pattern[str]:
    raw = value.text("a regular expression")
    try:
        return re.compile(raw)
    except (re.error, RecursionError, OverflowError) as e:
        raise value.error("a regular expression", found=f"{raw!r} ({e})") from e


def _template(value: Value, patterns: tuple[tuple[str, re.Pattern[str]], ...]) -> str:
    template = value.text("the service's name")
    known = {name for _, pattern in patterns for name in pattern.groupindex}
    try:
        used = [(name, spec, conversion) for _, name, spec, conversion in string.Formatter().parse(template)]
    except ValueError as e:
        raise value.error("a name in which {group} stands for a named group of the match") from e
    for name, spec, conversion in used:
        if name is not None and (name not in known or spec or conversion):
            there = ", ".join(f"{{{k}}}" for k in sorted(known)) or "none"
            near = nearest(name, known)
            raise value.error(f"named groups of the match ({there})", nearest=f"{{{near}}}" if near else "")
    return template


def _teams(value: Value | None) -> dict[str, Team]:
    out = {}
    for name, (_, item) in value.mapping("teams by name").items() if value else ():
        given = item.fields(("contact", "url", "email"))
        out[name] = Team(name, **{k: v.text() for k, v in given.items()})
    return out


def _owner_rule(value: Value) -> OwnerRule:
    given = value.fields((*OWNABLE, "team"), required=("team",))
    kinds = [k for k in OWNABLE if k in given]
    if len(kinds) != 1:
        raise value.error(f"one of {', '.join(OWNABLE)}", found=" and ".join(kinds) or "a rule without what it owns")
    return OwnerRule(kinds[0], given[kinds[0]].text(), given["team"].text())


def _catalog(value: Value) -> Catalog:
    given = value.fields(CATALOGS)
    if len(given) != 1:
        raise value.error(f"one of {', '.join(CATALOGS)}", found=" and ".join(given) or "an empty entry")
    kind, path = next(iter(given.items()))
    return Catalog(kind, path.text("a path"))


def _declaration(value: Value) -> Declaration:
    given = value.fields([f.name for f in fields(Declaration)], required=("service",))
    lists = {k: given[k].texts() for k in ("writes", "reads", "calls") if k in given}
    cluster = _slug(given["cluster"]) if "cluster" in given else ""
    return Declaration(given["service"].text("the service's name"), cluster=cluster, **lists)


def _retention(value: Value | None) -> Retention:
    given = value.fields([f.name for f in fields(Retention)]) if value else {}
    return Retention(**{name: v.duration(low=60.0) for name, v in given.items()})


def _metrics(value: Value | None) -> Metrics:
    given = value.fields([f.name for f in fields(Metrics)]) if value else {}
    prometheus, jaeger = given.get("prometheus"), given.get("jaeger")
    return Metrics(_prometheus(prometheus) if prometheus else None, _endpoint(jaeger, named=False) if jaeger else None)


def _prometheus(value: Value) -> Prometheus:
    given = value.fields(("url", "username", "password", "services", "producers"), required=("url",))
    default = Prometheus(_at(given))
    labels = given["services"].texts() if "services" in given else default.services
    if wrong := next((label for label in labels if not LABEL.fullmatch(label)), None):
        raise given["services"].error("names of labels: letters, digits and _", found=repr(wrong))
    names = tuple(metric_names(v) for v in given["producers"].items()) if "producers" in given else PRODUCERS
    return Prometheus(default.endpoint, labels, names)
