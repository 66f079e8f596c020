"""Metrics that others keep: who writes a topic by producers' own counters, who calls whom by graphs made of traces.

Prometheus's HTTP API is asked for rates over the last minutes; Jaeger for its dependencies. A counter that grew is
something that happened. One that stands still, or is gone, ends nothing: its edge grows old on its own clock.
Topics bear no cluster here: an edge is claimed where a cluster has such a topic (``topic:?/NAME``).
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import quote

from collectors.base import Budget, Collection, CollectorError, now_ms
from collectors.given import fields, items, listed, mapped, text, whole
from collectors.web import Web
from lineage.config import Config, service_of
from lineage.counters import MetricNames
from lineage.evidence import EXPIRES_MS
from lineage.identity import node_id
from lineage.observations import EdgeSeen, Ms, Reading
from lineage.ownership import is_default

OFTEN, SLOWLY = 60.0, 300.0  # seconds between two questions to Prometheus, to Jaeger
WINDOW = 300  # seconds over which rates are taken
SERIES = 5_000  # a query
EDGES = 10_000
MOST_TOPIC = 249
GRAPH = "traces_service_graph_request_total"
LOOKBACK = 3_600_000  # ms of which Jaeger is asked for dependencies
# Jobs that are a way of scraping, librdkafka's names of its handles: no identity.
NAMELESS = ("rdkafka#", "kubernetes-")


def _nameless(name: str) -> bool:
    return is_default(name) or name.startswith(NAMELESS)


class Asked(Protocol):
    """What is used of sources.Asked."""

    config: Config


@dataclass
class Seen:
    """An edge since when, until when and how often it was seen to happen."""

    first: Ms
    last: Ms
    count: int
    detail: str
    strength: str


Key = tuple[str, str, str]  # relation, source, target
Moving = dict[Key, tuple[float, str, str]]  # rate, detail, strength
Series = tuple[dict[str, str], float]


class Prometheus:
    """A Collector. It tells of what it saw move in the last day, with the rates of now."""

    source = "prometheus"

    def __init__(self, asked: Asked) -> None:
        given = asked.config.metrics.prometheus
        if given is None:
            raise ValueError("there is no metrics.prometheus")
        self.name, self.cluster, self.interval = "prometheus", "", OFTEN
        self._given, self._rules = given, asked.config.services
        self._web = Web(given.endpoint, "Prometheus")
        self._seen: dict[Key, Seen] = {}

    def collect(self, budget: Budget) -> Collection:
        """One Reading. Raises CollectorError; where only some of the queries fail, the others are told."""
        at, moving, notes, failed = now_ms(), Moving(), list[str](), list[CollectorError]()
        for names in (*self._given.producers, None):
            try:
                found, note = self._writes(names, budget) if names else self._calls(budget)
            except CollectorError as e:
                failed.append(e)
                if e.unreachable:
                    raise
                continue
            for key in found.keys() - moving.keys():  # counted under two names, a record is still one
                moving[key] = found[key]
            notes += [note] if note else []
        if len(failed) > len(self._given.producers):
            raise failed[0]
        self._remember(moving, at)
        rest = None if failed else 0.0
        told = [_edge(key, seen, moving[key][0] if key in moving else rest) for key, seen in self._seen.items()]
        error = f"{len(failed)} of its queries failed: {failed[0]}" if failed else None
        return Collection([_reading(self, at, told)], "; ".join([f"{len(moving)} edges move", *notes]), error=error)

    def _rates(self, metric: str, labels: tuple[str, ...], only: str, budget: Budget) -> list[Series]:
        rates = f"sum by ({', '.join(labels)}) (rate({metric}{only}[{WINDOW}s]))"
        query = quote(f"topk({SERIES}, {rates} > 0)", safe="")
        given = mapped(self._web.get(f"/api/v1/query?query={query}", budget), "Prometheus")
        result = listed(fields(given.get("data")).get("result"), "Prometheus's query")
        return [found for one in result[:SERIES] if (found := _series(fields(one)))]

    def _calls(self, budget: Budget) -> tuple[Moving, str]:
        return calls_of(self._rates(GRAPH, ("client", "server", "connection_type"), "", budget))

    def _writes(self, names: MetricNames, budget: Budget) -> tuple[Moving, str]:
        by = ("topic", "client_id", "principal", *self._given.services)
        found, nameless = Moving(), 0
        for labels, rate in self._rates(names.metric, by, '{topic!=""}', budget):
            service, topic = self._who(labels, names), labels.get("topic", "")[:MOST_TOPIC]
            if not service or not topic:
                nameless += 1
                continue
            key = ("writes", node_id("service", service), node_id("topic", "?", topic))
            _add(found, {key: (rate, f"{names.metric} over {WINDOW // 60} min", "observed")})
        return found, f"{nameless} series of {names.metric} name nobody" if nameless else ""

    def _who(self, labels: Mapping[str, str], names: MetricNames) -> str:
        """The service of a series: by its labels where the client was scraped itself, else by the client's id."""
        client, principal = labels.get("client_id", ""), labels.get("principal", "")
        if names.by == "service":
            for label in self._given.services:
                value = labels.get(label, "")
                name = value.rpartition("/")[2] if label == "job" else value  # OpenTelemetry: namespace/name
                if not _nameless(name):
                    return name
        ruled = service_of(self._rules, client_id=client, principal=principal)
        return ruled or ("" if _nameless(client) else client)

    def _remember(self, moving: Moving, at: Ms) -> None:
        for key, (rate, detail, strength) in moving.items():
            first = self._seen[key].first if key in self._seen else at
            self._seen[key] = Seen(first, at, max(1, round(rate * WINDOW)), detail, strength)
        kept = sorted(self._seen.items(), key=lambda item: -item[1].last)[:EDGES]
        self._seen = {key: seen for key, seen in kept if at - seen.last < EXPIRES_MS}


def _series(given: dict[str, Any]) -> Series | None:
    value = items(given.get("value"))
    try:
        rate = float(text(value[1])) if len(value) == 2 else math.nan
    except ValueError:
        return None
    labels = {text(k): text(v) for k, v in fields(given.get("metric")).items()}
    return (labels, rate) if math.isfinite(rate) and rate > 0 else None


def calls_of(series: list[Series]) -> tuple[Moving, str]:
    """Calls between services. What goes through a broker is none; a peer that only the caller names is inferred."""
    found = Moving()
    kinds: Counter[str] = Counter()
    for labels, rate in series:
        kind, caller, called = (labels.get(n, "") for n in ("connection_type", "client", "server"))
        virtual = kind == "virtual_node"
        if not caller or not called or caller == called or kind not in ("", "virtual_node"):
            kinds[kind or "incomplete"] += 1
        elif not (virtual and caller == "user"):
            key = ("calls", node_id("service", caller), node_id("service", called))
            detail = f"{GRAPH} over {WINDOW // 60} min"
            _add(found, {key: (rate, detail, "inferred" if virtual else "observed")})
    left = ", ".join(f"{n} of {kind}" for kind, n in sorted(kinds.items()))
    return found, f"in the service graph no calls between services: {left}" if left else ""


def _add(into: Moving, more: Moving) -> None:
    """Rates of one edge add up; the stronger word holds."""
    for key, (rate, detail, strength) in more.items():
        before, _, held = into.get(key, (0.0, "", strength))
        into[key] = (before + rate, detail, "observed" if "observed" in (held, strength) else strength)


def _edge(key: Key, seen: Seen, rate: float | None) -> EdgeSeen:
    relation, source, target = key
    return EdgeSeen(
        relation=relation,
        source=source,
        target=target,
        first_seen=seen.first,
        last_seen=seen.last,
        count=seen.count,
        strength=seen.strength,
        detail=seen.detail,
        rate=None if rate is None else round(rate, 4),
    )


def _reading(whose: Prometheus | Jaeger, at: Ms, edges: list[EdgeSeen]) -> Reading:
    """Never complete: what a metric lacks has not ended by that."""
    return Reading(
        cluster="",
        at=at,
        source=whose.source,
        scope="",
        nodes=[],
        edges=edges,
        complete=False,
        interval=whose.interval,
    )


class Jaeger:
    """A Collector. Jaeger counts any child in another service, whatever lies between: its calls are inferred."""

    source = "jaeger"

    def __init__(self, asked: Asked) -> None:
        given = asked.config.metrics.jaeger
        if given is None:
            raise ValueError("there is no metrics.jaeger")
        self.name, self.cluster, self.interval = "jaeger", "", SLOWLY
        self._web = Web(given, "Jaeger")

    def collect(self, budget: Budget) -> Collection:
        """One Reading. Raises CollectorError."""
        at = now_ms()
        path = f"/api/dependencies?endTs={at}&lookback={LOOKBACK}"
        given = listed(mapped(self._web.get(path, budget), "Jaeger").get("data"), "Jaeger's dependencies")
        counts: dict[tuple[str, str], int] = defaultdict(int)
        for caller, called, count in _dependencies(given):
            counts[caller, called] += count
        edges = [_called(pair, count, at) for pair, count in sorted(counts.items())[:EDGES]]
        reading = Reading(
            cluster="",
            at=at,
            source=self.source,
            scope="",
            nodes=[],
            edges=edges,
            complete=False,
            interval=self.interval,
        )
        return Collection([reading], f"{len(edges)} pairs of services in the last {LOOKBACK // 60_000} min")


def _dependencies(given: list[Any]) -> Iterator[tuple[str, str, int]]:
    for one in given:
        caller, called = text(fields(one).get("parent")), text(fields(one).get("child"))
        count = whole(fields(one).get("callCount"))
        if caller and called and caller != called and count:
            yield caller, called, count


def _called(pair: tuple[str, str], count: int, at: Ms) -> EdgeSeen:
    caller, called = (node_id("service", name) for name in pair)
    return EdgeSeen("calls", caller, called, at, at, count=count, strength="inferred", detail="Jaeger's dependencies")
