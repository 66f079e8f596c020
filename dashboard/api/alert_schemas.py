"""Alerts, rules, silences, channels and deliveries as the OpenAPI document describes them; more may be added."""

from __future__ import annotations

from typing import Any, Literal

from ninja import Schema
from pydantic import Field

from dashboard.api.schemas import Moment, Open


class Told(Open):
    channel: str
    status: str
    state: str
    tries: int
    at: str


class AlertOut(Open):
    id: str
    rule_id: str | None
    rule_name: str
    rule_version: int
    severity: str
    subject: str
    cluster: str
    team: str | None
    labels: dict[str, Any]
    state: str
    since: str
    pending_at: str
    fired_at: str | None
    clear_since: str | None
    resolved_at: str | None
    resolved_why: str
    summary: str
    reason: str
    verdict: str
    value: float | None
    threshold: float | None
    cause: str | None
    cause_subject: str
    cause_reason: str
    acknowledged_at: str | None
    acknowledged_by: str
    taken_back_at: str | None
    taken_back_by: str
    escalated_at: str | None
    silenced: dict[str, Any] | None
    things: list[str]
    told: list[Told]


class Alerts(Moment):
    items: list[AlertOut]
    next: str | None


class RuleIn(Schema):
    """``definition`` as docs/alerts.md has it: metric, op, value, scope, for, keep, severity, channels."""

    name: str = Field(min_length=1, max_length=120)
    definition: dict[str, Any]
    enabled: bool = True


class TrialIn(Schema):
    """A rule that need not be saved, and the channel (its id or name) that is sent a test of it."""

    name: str = Field(default="", max_length=120)
    definition: dict[str, Any]
    channel: str = Field(min_length=1, max_length=120)


class RuleOut(Open):
    id: str
    name: str
    definition: dict[str, Any]
    sentence: str
    problem: str
    enabled: bool
    built_in: str
    version: int
    created_by: str
    changed_at: str
    firing: int
    fired_30d: int


class Rules(Schema):
    items: list[RuleOut]
    metrics: list[dict[str, Any]]
    verdicts: list[str]
    severities: list[str]


class BacktestIn(Schema):
    """A rule that need not be saved; ``saved`` is the id of one to compare with."""

    definition: dict[str, Any]
    start: str = Field("-30d", alias="from")
    end: str = Field("live", alias="to")
    saved: str = ""


class Fired(Open):
    subject: str
    since: str
    fired: str
    resolved: str | None
    value: float | None
    what: str


class Held(Schema):
    for_: float = Field(alias="for")
    fired: int


class BacktestOut(Open):
    """``fired`` times in all, ``firing`` seconds in all; ``curve``: the worst value in each step."""

    start: str = Field(alias="from")
    end: str = Field(alias="to")
    done: float
    fired: int
    firing: float
    left_out: int
    minutes: int
    incidents: list[Fired]
    curve: list[tuple[str, float | None]]
    gaps: list[tuple[str, str]]
    holds: list[Held]
    saved: dict[str, Any] | None


class SilenceIn(Schema):
    """``matcher``: globs by rule, severity, cluster, team, service, topic, group. ``lasts`` is in seconds."""

    matcher: dict[str, Any]
    reason: str = Field(min_length=1, max_length=1_000)
    starts_at: str = "live"
    ends_at: str = ""
    lasts: int = Field(0, ge=0, le=366 * 86_400)
    kind: Literal["silence", "maintenance"] = "silence"
    repeats: Literal["", "day", "week"] = ""


class SilenceOut(Open):
    id: str
    kind: str
    matcher: dict[str, Any]
    reason: str
    starts_at: str
    ends_at: str
    repeats: str
    created_by: str
    created_at: str
    ended_at: str | None
    active: bool
    held_back: int


class Silences(Schema):
    at: str
    items: list[SilenceOut]


class ChannelIn(Schema):
    """``settings`` holds settings and secrets alike, by name; what is left out stays as it was."""

    name: str = Field(min_length=1, max_length=120)
    kind: str = Field(max_length=32)
    settings: dict[str, Any] = {}
    team: str = Field("", max_length=255)
    escalation: bool = False
    enabled: bool = True


class ChannelOut(Open):
    id: str
    name: str
    kind: str
    team: str
    escalation: bool
    enabled: bool
    settings: dict[str, Any]
    secrets: list[str]
    state: str
    words: str
    delivered: int
    deliveries: int
    first_try: int
    p95: float | None


class Channels(Schema):
    items: list[ChannelOut]
    kinds: list[dict[str, Any]]


class AttemptOut(Open):
    at: str
    took: float
    code: int | None
    excerpt: str


class TestOut(AttemptOut):
    sent: bool  # false: the address is refused, nothing left this machine


class DeliveryOut(Open):
    id: str
    channel: str
    channel_id: str
    alert: str | None
    status: str
    what: str
    state: str
    created_at: str
    next_at: str | None
    finished_at: str | None
    tries: int
    attempts: list[AttemptOut]


class Deliveries(Schema):
    items: list[DeliveryOut]
    next: str | None
