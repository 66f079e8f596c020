"""A small Kafka as collectors would report it: its observations, one call each."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping

import psycopg
from django.db import connection

from lineage.config import Config, parse
from lineage.lake import SCHEMA
from lineage.observations import (
    Broker,
    ClusterSeen,
    CollectorRan,
    Commit,
    EdgeSeen,
    EdgesSeen,
    Group,
    GroupDetail,
    GroupsDescribed,
    GroupsListed,
    LogRange,
    Member,
    NodeSeen,
    Partition,
    PositionsFrame,
    Reading,
    RecordAt,
    Topic,
    TopicsListed,
)

T0 = 1_790_000_000_000 - 1_790_000_000_000 % 600_000
YAML = """
clusters: [{name: c, bootstrap_servers: "localhost:9092", every: {positions: 2s}}]
services: [{match: {group: "^(?P<name>.+)-cg$"}, service: "{name}"}]
teams: {shop: {contact: "#shop"}}
owners: [{topic: "orders*", team: shop}, {service: "billing", team: shop}]
"""


@contextlib.contextmanager
def autocommitting() -> Iterator[psycopg.Connection]:
    """A connection to the test's PostgreSQL, outside its transaction."""
    given = connection.get_connection_params()
    with psycopg.connect(**{k: v for k, v in given.items() if k in {"dbname", "user", "host", "port"}}) as own:
        own.autocommit = True
        own.execute("SET lock_timeout = '20s'")
        yield own


def without_catalog() -> None:
    """On PostgreSQL a lake's catalog is in the database and outlives a test's transaction: it is dropped."""
    if connection.vendor == "postgresql":
        with autocommitting() as own:
            own.execute(f"DROP SCHEMA IF EXISTS {SCHEMA} CASCADE")


def config(text: str = YAML) -> Config:
    return parse(text, "playhead.yaml", {})


def cluster(at: int, cluster_id: str = "id-c") -> ClusterSeen:
    return ClusterSeen(cluster="c", at=at, cluster_id=cluster_id, controller=1, brokers=[Broker(1, "b", 9092)])


def topics(at: int, *names: str, complete: bool = True, leader: int = 1) -> TopicsListed:
    listed = [Topic(n, f"id-{n}", n.startswith("__"), [Partition(0, leader, [1], [1])]) for n in names]
    return TopicsListed(cluster="c", at=at, topics=listed, complete=complete)


def groups(at: int, *names: str, state: str = "Stable", complete: bool = True) -> GroupsListed:
    listed = [Group(n, "classic", state, "consumer") for n in names]
    return GroupsListed(cluster="c", at=at, groups=listed, complete=complete)


def members(at: int, group: str, *client_ids: str, topic: str = "orders") -> GroupsDescribed:
    described = [
        Member(f"m-{c}", c, "/127.0.0.1", None, [topic], {topic: [0]} if i == 0 else {})
        for i, c in enumerate(client_ids)
    ]
    return GroupsDescribed(cluster="c", at=at, groups=[GroupDetail(group, described)])


def frame(
    at: int,
    ends: dict[str, int | None],
    commits: Mapping[str, Mapping[str, int | Commit]] | None = None,
    *,
    keyframe: bool = False,
    complete: bool = False,
    epoch: int = 1,
    starts: dict[str, int] | None = None,
    records: list[RecordAt] | None = None,
) -> PositionsFrame:
    """One partition a topic; ``commits[group][topic]`` is its offset."""
    given = {
        g: {t: [o if isinstance(o, Commit) else Commit(0, o)] for t, o in c.items()} for g, c in (commits or {}).items()
    }
    logs = {t: [LogRange(0, (starts or {}).get(t, 0), e)] for t, e in ends.items()}
    return PositionsFrame(
        cluster="c", at=at, ends_at=at + 50, epoch=epoch, method="swept", keyframe=keyframe, complete=complete,
        swept_at=at, commits=given, ended=[], logs=logs, records=records or [],
    )  # fmt: skip


def spans(
    at: int, relation: str, source: str, target: str, group: str = "", count: int = 1, client_id: str = ""
) -> EdgesSeen:
    edge = EdgeSeen(relation, source, target, at, at, count, group=group, client_id=client_id)
    return EdgesSeen(cluster="", at=at, source="otlp", edges=[edge])


def reading(
    at: int, *connectors: str, topic: str = "orders", complete: bool = True, tasks: int = 1, scope: str = "main"
) -> Reading:
    """A Connect worker that runs these connectors, each a sink of the topic."""
    nodes = [NodeSeen(f"connector:c/{scope}/{n}", n, {"class": "Sink"}, {"tasks": tasks}) for n in connectors]
    nodes += [NodeSeen(f"topic:c/{topic}", topic, {"sinks": len(connectors)})]
    edges = [EdgeSeen("reads", f"topic:c/{topic}", n.id, at, at, lag=tasks) for n in nodes[:-1]]
    return Reading(
        cluster="c", at=at, source="connect", scope=scope, nodes=nodes, edges=edges, complete=complete, interval=30.0
    )


def ran(
    at: int, collector: str, error: str | None = None, *, unreachable: bool = False, needs: tuple[str, ...] = ()
) -> CollectorRan:
    return CollectorRan(
        cluster="c", at=at, collector=collector, source="kafka", duration=0.1, requests=3, error=error, interval=2.0,
        unreachable=unreachable, needs=list(needs),
    )  # fmt: skip
