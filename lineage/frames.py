"""What is shown at one moment: plain frozen values, the same for live and for any past moment.

Times are milliseconds UTC, durations seconds, rates records a second. None is unknown, never 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from lineage.observations import Ms


class Plain(msgspec.Struct, frozen=True, gc=False):
    """What a frame holds thousands of: quickly made, and no work for the garbage collector."""


class NodeState(Plain, frozen=True, gc=False):
    """A node as known at the frame's moment; ``attrs`` by kind as the API shows them."""

    id: str
    kind: str
    name: str
    cluster: str
    team: str | None
    owner_source: str | None
    first_seen: Ms
    last_seen: Ms
    stale: bool
    attrs: Mapping[str, Any] = {}


class EvidenceState(Plain, frozen=True, gc=False):
    """One reason to believe an edge."""

    source: str
    strength: str
    first_seen: Ms
    last_seen: Ms
    detail: str
    count: int
    recent: int | None = None  # of the last hour, where sightings are counted


class EdgeState(Plain, frozen=True, gc=False):
    """An edge with its numbers; ``sentence`` says in plain words why it is believed, and what speaks against it.

    ``drift``: ``declared_only``, ``permitted_only`` (never seen), ``observed_only`` (seen, though not declared by who
    declares what its service does), or None.
    """

    source: str
    target: str
    key: str
    relation: str
    strength: str
    evidence: tuple[EvidenceState, ...]
    rate: float | None
    lag: int | None
    verdict: str | None
    stale: bool
    sentence: str
    drift: str | None = None
    contradictions: tuple[str, ...] = ()


@dataclass(frozen=True)
class PartitionLag:
    """One partition's position of one group; ``time_lag`` in seconds."""

    partition: int
    committed: int | None
    committed_at: Ms | None
    log_start: int | None
    log_end: int | None
    lag: int | None
    time_lag: float | None
    owner_member: str | None


class LagItem(Plain, frozen=True, gc=False):
    """One group on one topic, judged when it was recorded (``rules_version`` says by which rules)."""

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
    since: Ms | None
    unread: int | None
    rate_in: float | None
    rate_out: float | None
    catch_up: float | None
    loss_in: float | None
    members: int | None
    sampled_at: Ms


@dataclass(frozen=True)
class ClusterState:
    """A cluster's health; ``status`` is ok, degraded, down or unknown."""

    name: str
    cluster_id: str | None
    brokers: int
    brokers_expected: int
    topics: int
    partitions: int
    groups: int
    status: str
    sampled_at: Ms | None
    error: str | None
    offline: int
    under_replicated: int
    below_min_isr: int


@dataclass(frozen=True)
class CollectorState:
    """How a collector is doing; ``duration`` and ``interval`` in seconds."""

    name: str
    cluster: str
    source: str
    last_success: Ms | None
    last_run: Ms
    duration: float
    requests: int
    error: str | None
    needs: tuple[str, ...]
    note: str
    interval: float
    stale: bool


@dataclass(frozen=True)
class Said:
    """What a person said of a name; ``verdict`` is same, different, or "" where it was taken back."""

    kind: str
    cluster: str
    name: str
    service: str
    verdict: str
    by: str
    at: Ms


@dataclass(frozen=True)
class Change:
    """One structural change; for a node or edge ``before`` and ``after`` hold what differs."""

    id: int
    at: Ms
    recorded_at: Ms
    kind: str
    subject: str
    before: Mapping[str, Any] | None
    after: Mapping[str, Any] | None
    evidence: str


Changed = tuple[str, Mapping[str, Any], Mapping[str, Any]]  # id, and what differs: before, after


@dataclass(frozen=True)
class GraphDiff:
    """What was drawn at one moment and not at another; ids sorted. Numbers, ages and verdicts are no difference."""

    added_nodes: tuple[NodeState, ...]
    removed_nodes: tuple[NodeState, ...]
    added_edges: tuple[EdgeState, ...]
    removed_edges: tuple[EdgeState, ...]
    changed_nodes: tuple[Changed, ...]
    changed_edges: tuple[Changed, ...]


@dataclass(frozen=True)
class Frame:
    """Everything that is shown at ``at``, the moment of tick number ``tick``."""

    at: Ms
    live: bool
    resolution: str
    tick: int
    nodes: Mapping[str, NodeState]
    edges: tuple[EdgeState, ...]
    lag: tuple[LagItem, ...]
    clusters: tuple[ClusterState, ...]
    collectors: tuple[CollectorState, ...]
    positions: Mapping[str, tuple[float, float]]
    said: tuple[Said, ...] = ()
