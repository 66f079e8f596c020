"""ksqlDB: persistent queries with their SQL, the topics that they read and write, and whether they run.

One request asks for streams, tables and queries together. A query names streams and tables, which are mapped to their
topics. Where the server does not offer the extended listing, or it is too long, each query is explained once.
Push queries belong to a client and end with it, and pull queries are listed nowhere: neither is told. Built against
the documented replies and the server's published classes; not tried on a server.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

from collectors.base import Budget, Collection, now_ms
from collectors.given import fields, items, listed, text, texts
from collectors.web import Refused, TooMuch, Web
from lineage.config import ClusterConfig, Config
from lineage.identity import node_id
from lineage.observations import EdgeSeen, Ms, NodeSeen, Reading

SOURCES = "LIST STREAMS; LIST TABLES;"
EXTENDED = "SHOW QUERIES EXTENDED;"
PLAIN = "SHOW QUERIES;"
MOST_QUERIES = 2_000
MOST_SQL = 4_000
EXPLAINED = 100  # queries a collection
SAYS = "as the server lists it"
SAFE = re.compile(r"[A-Za-z0-9_-]{1,200}")  # an id that may stand in a statement


class Asked(Protocol):
    """What is used of sources.Asked."""

    config: Config
    cluster: ClusterConfig
    target: str


@dataclass
class Query:
    """One persistent query; ``topics_out`` are its sinks where the server names them as topics."""

    id: str
    sql: str
    state: str
    group: str = ""
    sources: list[str] = field(default_factory=list)
    sinks: list[str] = field(default_factory=list)
    topics_out: list[str] = field(default_factory=list)
    hosts: dict[str, int] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)

    @property
    def runs(self) -> bool:
        return self.state.startswith("RUNNING") or "RUNNING" in self.hosts


class KsqlDb:
    """A Collector of one server, or of any one of a cluster's: each answers for all."""

    source = "ksqldb"

    def __init__(self, asked: Asked) -> None:
        endpoint = next(e for e in asked.cluster.ksqldb if e.name == asked.target)
        self.name, self.cluster = f"ksqldb:{asked.target}", asked.cluster.name
        self.interval = asked.cluster.every.topology
        self._web, self._target = Web(endpoint, f'the ksqlDB server "{asked.target}"'), asked.target
        self._explained: dict[tuple[str, str], Query] = {}  # by id and SQL: a query may be replaced under its id

    def collect(self, budget: Budget) -> Collection:
        """One Reading. Raises CollectorError."""
        at = now_ms()
        answers = self._ask(SOURCES + EXTENDED, budget)
        topics = {name: topic for answer in answers for name, topic in _sources(answer)}
        queries, total, left = self._queries(answers, budget)
        edges, unknown = _edges(self.cluster, self._target, queries, topics, at)
        reading = Reading(
            cluster=self.cluster,
            at=at,
            source=self.source,
            scope=self._target,
            nodes=[self._node(q) for q in queries],
            edges=edges,
            complete=not left,
            interval=self.interval,
        )
        return Collection([reading], _note(len(queries), total, left, unknown))

    def _ask(self, statements: str, budget: Budget) -> list[dict[str, Any]]:
        body = {"ksql": statements, "streamsProperties": {}}
        try:
            given = self._web.post("/ksql", body, budget)
        except (Refused, TooMuch) as e:
            if EXTENDED not in statements or getattr(e, "status", 400) != 400:
                raise
            return self._ask(statements.replace(EXTENDED, PLAIN), budget)
        return [fields(one) for one in listed(given, "ksqlDB's /ksql")]

    def _queries(self, answers: list[dict[str, Any]], budget: Budget) -> tuple[list[Query], int, int]:
        """Persistent queries, how many queries were listed, and how many of them are not known yet."""
        described = [d for a in answers for d in items(a.get("queryDescriptions"))]
        plain = [d for a in answers for d in items(a.get("queries"))]
        found = [q for one in described if (q := query_of(fields(one)))]
        wanted = [q for one in plain if (q := query_of(fields(one)))]
        more = [known for q in wanted if (known := self._known(q, budget))]
        kept = {q.id: q for q in [*found, *more]}
        queries = [kept[i] for i in sorted(kept)[:MOST_QUERIES]]
        return queries, len(described) + len(plain), len(wanted) - len(more) + len(kept) - len(queries)

    def _known(self, query: Query, budget: Budget) -> Query | None:
        """The query with its sources: they are asked for once. None where this has to wait."""
        key = (query.id, query.sql)
        if key not in self._explained:
            if budget.spent_requests > EXPLAINED or not SAFE.fullmatch(query.id):
                return None
            for answer in self._ask(f"EXPLAIN {query.id};", budget):
                described = fields(answer.get("queryDescription"))
                query.sources, query.group = texts(described.get("sources")), text(described.get("consumerGroupId"))
            self._explained[key] = query
        known = self._explained[key]
        known.state, known.hosts = query.state, query.hosts
        return known

    def _node(self, query: Query) -> NodeSeen:
        attrs = {
            "class": "ksqlDB query",
            "state": query.state,
            "sql": query.sql,
            "hosts": query.hosts,
            "group": query.group,
            "reads_from": query.sources,
            "writes_into": query.sinks,
            "errors": query.errors,
        }
        return NodeSeen(node_id("query", self.cluster, self._target, query.id), query.id, attrs)


def query_of(given: dict[str, Any]) -> Query | None:
    """A persistent query of either listing; None for one of a client, and for what says no id."""
    name, kind = text(given.get("id"), 200), text(given.get("queryType"), 40)
    if not name or kind not in ("", "PERSISTENT") or name.startswith("transient"):
        return None
    hosts = _hosts(given)
    return Query(
        id=name,
        sql=text(given.get("statementText") or given.get("queryString"), MOST_SQL),
        state=(text(given.get("state"), 60) or next(iter(hosts), "unknown")).partition(":")[0],
        group=text(given.get("consumerGroupId")),
        sources=texts(given.get("sources")),
        sinks=texts(given.get("sinks")),
        topics_out=texts(given.get("sinkKafkaTopics")),
        hosts=hosts,
        errors=sorted({text(fields(e).get("type"), 40) or "UNKNOWN" for e in items(given.get("queryErrors"))[:100]}),
    )


def _hosts(given: dict[str, Any]) -> dict[str, int]:
    """How many servers say which state."""
    counted = fields(given.get("statusCount"))
    told = {text(k, 40): v for k, v in counted.items() if isinstance(v, int) and v > 0 and text(k, 40)}
    for state in list(fields(given.get("ksqlHostQueryStatus")).values())[:1_000]:
        if name := text(state, 40):
            told[name] = told.get(name, 0) + 1
    return dict(sorted(told.items()))


def _sources(answer: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for one in [*items(answer.get("streams")), *items(answer.get("tables"))]:
        name, topic = text(fields(one).get("name")), text(fields(one).get("topic"))
        if name and topic:
            yield name, topic


def _edges(
    cluster: str, target: str, queries: list[Query], topics: dict[str, str], at: Ms
) -> tuple[list[EdgeSeen], set[str]]:
    """What queries read and write, and the streams and tables whose topic is not known."""
    edges, unknown = [], set()
    for query in queries:
        node = node_id("query", cluster, target, query.id)
        unknown |= {s for s in [*query.sources, *(() if query.topics_out else query.sinks)] if s not in topics}
        read = {topics[s] for s in query.sources if s in topics}
        written = set(query.topics_out) or {topics[s] for s in query.sinks if s in topics}
        # A query that runs polls its sources; that a row came through to the sink is only likely.
        strength = "observed" if query.runs else "inferred"
        edges += [_edge("reads", node_id("topic", cluster, t), node, at, strength, query.group) for t in sorted(read)]
        edges += [_edge("writes", node, node_id("topic", cluster, t), at, "inferred") for t in sorted(written)]
    return edges, unknown


def _edge(relation: str, source: str, target: str, at: Ms, strength: str, group: str = "") -> EdgeSeen:
    return EdgeSeen(relation, source, target, at, at, strength=strength, detail=SAYS, group=group)


def _note(told: int, total: int, left: int, unknown: set[str]) -> str:
    parts = [f"{told} persistent queries"]
    if total - told - left > 0:
        parts.append(f"{total - told - left} queries of clients are left out")
    if left:
        parts.append(f"{left} are not known yet, {EXPLAINED} are explained a collection")
    if unknown:
        shown = ", ".join(sorted(unknown)[:5])
        parts.append(f"no topic is known for {shown}{'' if len(unknown) < 6 else f' and {len(unknown) - 5} more'}")
    return "; ".join(parts)
