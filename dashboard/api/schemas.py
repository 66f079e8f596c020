"""The answers as the OpenAPI document describes them. Times are RFC 3339; unknown is null; more may be added."""

from __future__ import annotations

from typing import Any

from ninja import Schema
from pydantic import ConfigDict


class Open(Schema):
    """May hold more than is named here."""

    model_config = ConfigDict(extra="allow")


class Moment(Open):
    at: str
    live: bool
    resolution: str


class Cluster(Open):
    name: str
    cluster_id: str | None
    brokers: int
    topics: int
    partitions: int
    groups: int
    status: str
    sampled_at: str | None
    error: str | None


class PartitionRow(Open):
    partition: int
    committed: int | None
    committed_at: str | None
    log_start: int | None
    log_end: int | None
    lag: int | None
    time_lag: float | None
    owner_member: str | None


class Lag(Open):
    cluster: str
    group: str
    topic: str
    service: str | None
    team: str | None
    lag: int | None
    time_lag: float | None
    time_lag_error: float | None
    verdict: str
    reason: str
    rules_version: int
    since: str | None
    unread: int | None
    rate_in: float | None
    rate_out: float | None
    catch_up: float | None
    loss_in: float | None
    members: int | None
    sampled_at: str
    partitions: list[PartitionRow] | None = None


class Collector(Open):
    name: str
    cluster: str
    source: str
    last_success: str | None
    duration: float
    requests: int
    error: str | None
    needs: list[str]


class Thing(Open):
    id: str
    name: str


class Outsider(Thing):
    kind: str
    cluster: str
    team: str | None
    stale: bool
    sampled_at: str | None
    tasks: int
    failed_tasks: int
    inputs: int
    outputs: int
    lag: int | None
    worst_verdict: str | None


class Hit(Open):
    id: str
    kind: str
    name: str
    cluster: str
    team: str | None
    verdict: str | None
    url: str | None


class Clusters(Moment):
    items: list[Cluster]
    next: str | None


class Lags(Moment):
    items: list[Lag]
    next: str | None


class Collectors(Moment):
    items: list[Collector]
    next: str | None


class Things(Moment):
    items: list[Thing]
    next: str | None


class Outsiders(Moment):
    items: list[Outsider]
    next: str | None


class Hits(Moment):
    items: list[Hit]


class Detail(Moment):
    id: str
    name: str


class GraphNode(Open):
    id: str
    kind: str
    name: str
    cluster: str
    team: str | None


class GraphEdge(Open):
    source: str
    target: str
    key: str
    relation: str
    strength: str
    rate: float | None
    lag: int | None
    stale: bool


class Graph(Moment):
    directed: bool
    multigraph: bool
    graph: dict[str, Any]
    nodes: list[GraphNode]
    edges: list[GraphEdge]


class DiffPart(Schema):
    nodes: list[GraphNode]
    edges: list[GraphEdge]


class Differing(Open):
    id: str
    before: dict[str, Any]
    after: dict[str, Any]


class DiffChanged(Schema):
    nodes: list[Differing]
    edges: list[Differing]


class Diff(Moment):
    added: DiffPart
    removed: DiffPart
    changed: DiffChanged


class Series(Moment):
    subject: str
    metric: str
    points: list[tuple[str, float | None]]


class Tape(Moment):
    total_lag: list[tuple[str, float | None]]
    changes: list[dict[str, Any]]
    alerts: list[dict[str, Any]]
    gaps: list[tuple[str, str]]


class ChangeRow(Open):
    id: int
    at: str
    recorded_at: str
    kind: str
    subject: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    evidence: str
    sentence: str


class Changes(Moment):
    items: list[ChangeRow]
    next: str | None


class HeatRow(Open):
    topic: str
    partition: int
    values: list[float | None]


class Heat(Moment):
    id: str
    metric: str
    times: list[str]
    recorded: list[bool]
    partitions: int
    rows: list[HeatRow]


class Members(Moment):
    id: str
    members: list[dict[str, Any]]
    rebalances: list[dict[str, Any]]
    more: int


class Payload(Open):
    kind: str
    size: int
    text: str | None
    schema_id: int | None
    schema_name: str | None
    truncated: bool
    masked: int
    error: str | None


class Header(Payload):
    name: str


class Record(Open):
    partition: int
    offset: int
    at: str | None
    clock: str
    size: int
    key: Payload
    value: Payload
    headers: list[Header]


class Records(Moment):
    topic: str
    payloads: str
    partitions: int
    items: list[Record]
    next: str | None
    newer: str
    older: str
    ended: bool
    stopped: str
    bytes: int
    seconds: float
    sampled_at: str
    error: str
    remedy: str


class RecordsUnderWay(Moment):
    topic: str
    state: str
    records: int
    bytes: int
    seconds: float


class Me(Open):
    kind: str
    name: str
    scopes: list[str]


class TokenIn(Schema):
    name: str
    scope: str


class TokenOut(Open):
    id: int
    name: str
    scope: str
    start: str
    created_at: str
    last_used_at: str | None


class Tokens(Schema):
    items: list[TokenOut]


class Audit(Schema):
    items: list[dict[str, Any]]


class JoinOut(Open):
    kind: str
    cluster: str
    name: str
    service: str
    verdict: str
    by: str


class Taken(Schema):
    taken: int


class Joins(Moment):
    said: list[JoinOut]
    suggestions: list[dict[str, Any]]


class ProblemDocument(Open):
    type: str
    title: str
    status: int
    detail: str | None = None
