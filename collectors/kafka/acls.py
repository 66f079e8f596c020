"""ACLs of topics: who may write and who may read, and permitted edges of the services that rules name principals for.

May is not does: nothing of this is drawn unless somebody asks for it. Prefixes and wildcards are matched against the
topics that there are, all of it bounded. Super users stand in no ACL.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from collectors.base import Budget, Collection, CollectorError, now_ms
from collectors.kafka import errors, listing
from collectors.kafka.client import KafkaClient
from lineage.config import ClusterConfig, ServiceRule, service_of
from lineage.identity import node_id
from lineage.observations import EdgeSeen, Ms, NodeSeen, Reading

if TYPE_CHECKING:
    from collectors.sources import Asked

RIGHT = "Describe Cluster"
SHOWN = 20  # principals named at one topic
MOST_OF_SERVICE = 500  # permitted edges; a service that may do more has none, its topics say so
MOST_EDGES = 5_000
EVERYBODY = "User:*"
OPEN = "the cluster has no authorizer: everybody may read and write everything"


class Binding(NamedTuple):
    """One ACL of a topic or of a pattern of topics; ``operation`` is READ, WRITE or ALL."""

    name: str
    prefixed: bool
    principal: str
    host: str
    operation: str
    allowed: bool

    @property
    def pattern(self) -> str:
        """The topics as people write it: ``orders``, ``orders.*``, ``*``."""
        return f"{self.name}*" if self.prefixed else self.name


@dataclass
class Bindings:
    """Found by the topic that they speak of."""

    literal: dict[str, list[Binding]] = field(default_factory=lambda: defaultdict(list))
    prefixed: dict[str, list[Binding]] = field(default_factory=lambda: defaultdict(list))

    @classmethod
    def of(cls, bindings: Iterable[Binding]) -> Bindings:
        found = cls()
        for b in bindings:
            (found.prefixed if b.prefixed else found.literal)[b.name].append(b)
        return found

    def on(self, topic: str) -> Iterator[Binding]:
        """Every binding that speaks of this topic, the closest first."""
        yield from self.literal.get(topic, ())
        for end in range(len(topic), 0, -1):
            yield from self.prefixed.get(topic[:end], ())
        yield from self.literal.get("*", ())

    def who_may(self, operation: str, topic: str) -> list[Binding]:
        """What allows this operation and is not denied to the same principal from everywhere."""
        about = [b for b in self.on(topic) if b.operation in (operation, "ALL")]
        denied = {b.principal for b in about if not b.allowed and b.host == "*"}
        if EVERYBODY in denied:
            return []
        return [b for b in about if b.allowed and b.principal not in denied]


class Acls:
    """A Collector."""

    name, source = "acls", "kafka"

    def __init__(self, config: ClusterConfig, client: KafkaClient, services: tuple[ServiceRule, ...] = ()) -> None:
        self.cluster, self.interval = config.name, config.every.acls
        self._config, self._client, self._services = config, client, services

    def collect(self, budget: Budget) -> Collection:
        """A Reading. Where the right is missing or nothing is authorized a note says so. Raises CollectorError."""
        from kafka import errors as theirs

        at = now_ms()
        try:
            bindings = Bindings.of(self._bindings(budget))
        except theirs.SecurityDisabledError:
            return Collection([self._reading(at, [], [], complete=True)], OPEN)
        except theirs.ClusterAuthorizationFailedError:
            line = errors.grant(RIGHT, self._client.bootstrap_servers, self._client.principal)
            return Collection([], f"who may do what is hidden from us: {line}", [RIGHT])
        topics = sorted({t for t, _ in listing.leaders(self._client, budget) if self._config.wants_topic(t)})
        edges, beyond = permitted(bindings, topics, self.cluster, self._services, at)
        note = f"{len(beyond)} services may do too much to list it, {beyond[0]} first" if beyond else ""
        complete = not listing.hidden_topics(self._client, budget)
        return Collection([self._reading(at, told(bindings, topics, self.cluster), edges, complete=complete)], note)

    def _reading(self, at: Ms, nodes: list[NodeSeen], edges: list[EdgeSeen], *, complete: bool) -> Reading:
        return Reading(
            cluster=self.cluster, at=at, source="acls", scope="", nodes=nodes, edges=edges,
            complete=complete, interval=self.interval,
        )  # fmt: skip

    def _bindings(self, budget: Budget) -> list[Binding]:
        from kafka import errors as theirs
        from kafka.admin import (
            ACLFilter,
            ACLOperation,
            ACLPermissionType,
            ACLResourcePatternType,
            ResourcePatternFilter,
            ResourceType,
        )

        budget.spend()
        of_topics = ResourcePatternFilter(ResourceType.TOPIC, None, ACLResourcePatternType.ANY)
        everything = ACLFilter(None, None, ACLOperation.ANY, ACLPermissionType.ANY, of_topics)
        try:
            listed, _ = self._client.python.describe_acls(everything)
        except (CollectorError, theirs.SecurityDisabledError, theirs.ClusterAuthorizationFailedError):
            raise
        except Exception as error:
            self._client.drop_python()
            raise self._client.error(error, "listing ACLs") from error
        return [_binding(a) for a in listed if a.operation.name in ("READ", "WRITE", "ALL")]


def _binding(acl: Any) -> Binding:
    pattern, allowed = acl.resource_pattern, acl.permission_type.name == "ALLOW"
    prefixed = pattern.pattern_type.name == "PREFIXED"
    return Binding(pattern.resource_name, prefixed, acl.principal, acl.host, acl.operation.name, allowed)


def told(bindings: Bindings, topics: Iterable[str], cluster: str) -> list[NodeSeen]:
    """What each topic's page says of who may write and read it; topics that no ACL speaks of are left out."""
    found = []
    for topic in topics:
        attrs: dict[str, Any] = {}
        for what, operation in (("may_write", "WRITE"), ("may_read", "READ")):
            attrs |= _listed(what, bindings.who_may(operation, topic))
        if attrs:
            found.append(NodeSeen(node_id("topic", cluster, topic), topic, attrs))
    return found


def _listed(what: str, allowed: list[Binding]) -> dict[str, Any]:
    """The first SHOWN principals with the pattern that lets them, and how many more there are."""
    rows = list(dict.fromkeys((b.principal, b.pattern, b.host) for b in allowed))
    if not rows:
        return {}
    shown = [{"principal": p, "pattern": pattern, "host": host} for p, pattern, host in rows[:SHOWN]]
    return {what: shown, **({f"{what}_more": len(rows) - SHOWN} if len(rows) > SHOWN else {})}


def permitted(
    bindings: Bindings, topics: Iterable[str], cluster: str, services: tuple[ServiceRule, ...], at: Ms
) -> tuple[list[EdgeSeen], list[str]]:
    """Edges of the services that rules name the principals of, and the services that may do more than is listed.

    A service has all of its permitted edges or none: a part would make the rest look forbidden.
    """
    by_service: dict[str, list[EdgeSeen]] = defaultdict(list)
    for topic in topics:
        for operation in ("WRITE", "READ"):
            for service, mine in _services_of(bindings.who_may(operation, topic), services).items():
                by_service[service].append(_edge(operation, service, node_id("topic", cluster, topic), mine, at))
    kept: list[EdgeSeen] = []
    beyond: list[str] = []
    for service, found in sorted(by_service.items()):
        if len(found) > MOST_OF_SERVICE or len(kept) + len(found) > MOST_EDGES:
            beyond.append(service)
        else:
            kept += found
    return kept, beyond


def _services_of(allowed: list[Binding], services: tuple[ServiceRule, ...]) -> Mapping[str, list[Binding]]:
    found: dict[str, list[Binding]] = defaultdict(list)
    for b in allowed:
        if b.principal != EVERYBODY and (service := service_of(services, principal=b.principal)):
            found[service].append(b)
    return found


def _edge(operation: str, service: str, topic: str, mine: list[Binding], at: Ms) -> EdgeSeen:
    relation, node = ("writes" if operation == "WRITE" else "reads"), node_id("service", service)
    source, target = (node, topic) if operation == "WRITE" else (topic, node)
    detail = ", ".join(sorted({f"{b.principal} on {b.pattern}" for b in mine})[:3])
    return EdgeSeen(relation, source, target, at, at, len(mine), "permitted", detail)


def for_asked(asked: Asked) -> Acls:
    """The collector with the configuration's rules of who is who."""
    return Acls(asked.cluster, asked.kafka(), asked.config.services)
