"""Positions of share groups (KIP-932), which commit no offsets: start offset and lag, as the coordinators tell them.

Nothing is computed here: records between start and end may be acquired or acknowledged in any order, so that the
difference of offsets is not their lag. Brokers before Kafka 4.2 tell no lag.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from kafka.errors import IncompatibleBrokerVersion, UnsupportedVersionError
from kafka.protocol.api_message import ApiMessage

from collectors.base import Budget, Collection, CollectorError, now_ms
from collectors.kafka import coordinators, errors, listing
from collectors.kafka.client import KafkaClient
from collectors.kafka.describe import SCHEMAS
from lineage.config import ClusterConfig
from lineage.identity import node_id
from lineage.observations import EdgeSeen, Ms, NodeSeen, Reading

BATCH = 100
MOST_PARTITIONS = 500  # of one group, shown one by one


class DescribeShareGroupOffsetsRequest(ApiMessage, load_json=SCHEMAS):  # type: ignore[misc, call-arg]  # untyped base
    """API 90."""


class DescribeShareGroupOffsetsResponse(ApiMessage, load_json=SCHEMAS):  # type: ignore[misc, call-arg]
    """Found by its number when an answer comes."""


class Position(NamedTuple):
    """One partition of one share group; None is unknown, or not begun."""

    topic: str
    partition: int
    start: int | None
    lag: int | None


class Shares:
    """A Collector."""

    name, source = "shares", "kafka"

    def __init__(self, config: ClusterConfig, client: KafkaClient) -> None:
        self.cluster, self.interval = config.name, config.every.groups
        self._config, self._client = config, client

    def collect(self, budget: Budget) -> Collection:
        """A Reading. Raises CollectorError."""
        at = now_ms()
        listed = listing.list_groups(self._client, budget)
        wanted = [g.id for g in listed.groups if g.type == "share" and self._config.wants_group(g.id)]
        found: dict[str, list[Position]] = {}
        failed: dict[str, int] = {}
        for i in range(0, len(wanted), BATCH):
            self._ask(wanted[i : i + BATCH], budget, found, failed)
        hidden = bool(listed.note) or listing.hidden_groups(self._client, budget) is not None
        hidden = hidden or (bool(wanted) and listing.hidden_topics(self._client, budget) is not None)
        told = [self._told(group, positions, at) for group, positions in sorted(found.items())]
        reading = Reading(
            cluster=self.cluster, at=at, source="share", scope="", nodes=[node for node, _ in told],
            edges=[e for _, own in told for e in own], complete=not failed and not hidden, interval=self.interval,
        )  # fmt: skip
        return Collection([reading], self._note(failed))

    def _note(self, failed: Mapping[str, int]) -> str:
        if not failed:
            return ""
        group, code = next(iter(sorted(failed.items())))
        why = errors.explain_code(code, self._client.principal)
        return f"{len(failed)} share groups gave no positions, {group} first: {why}"

    def _ask(self, groups: list[str], budget: Budget, found: dict[str, list[Position]], failed: dict[str, int]) -> None:
        budget.spend()
        try:
            answers, errors_ = self._client.python._manager.run(_describe, self._client.python, groups)
        except CollectorError:
            raise
        except (IncompatibleBrokerVersion, UnsupportedVersionError):
            return
        except Exception as error:
            self._client.drop_python()
            raise self._client.error(error, "asking for positions of share groups") from error
        failed |= errors_
        for group in (g for answer in answers for g in answer.to_dict()["groups"]):
            if group["error_code"]:
                failed[group["group_id"]] = group["error_code"]
            else:
                found[group["group_id"]] = list(positions(group, self._config))
        if failed:
            self._client.forget_coordinators()

    def _told(self, group: str, held: list[Position], at: Ms) -> tuple[NodeSeen, list[EdgeSeen]]:
        node = node_id("group", self.cluster, group)
        figures: dict[str, float | None] = {}
        for p in held[:MOST_PARTITIONS]:
            figures |= {f"start {p.topic}/{p.partition}": p.start, f"lag {p.topic}/{p.partition}": p.lag}
        by_topic = {t: [p for p in held if p.topic == t] for t in {p.topic for p in held}}
        edges = [
            EdgeSeen("reads", node_id("topic", self.cluster, t), node, at, at, len(own), lag=total(p.lag for p in own))
            for t, own in sorted(by_topic.items())
        ]
        return NodeSeen(node, group, {}, figures), edges


async def _describe(python: Any, groups: list[str]) -> tuple[list[Any], dict[str, int]]:
    by_coordinator, failed = await coordinators.find(python, groups)
    group = DescribeShareGroupOffsetsRequest.DescribeShareGroupOffsetsRequestGroup
    answers = []
    for broker, own in by_coordinator.items():
        request = DescribeShareGroupOffsetsRequest(groups=[group(group_id=g, topics=None) for g in own], min_version=0)
        answers.append(await python._manager.send(request, node_id=broker))
    return answers, failed


def positions(group: Mapping[str, Any], config: ClusterConfig) -> Iterable[Position]:
    """A group's partitions that gave no error, by topic and partition."""
    found = [
        Position(t["topic_name"], p["partition_index"], _known(p["start_offset"]), _known(p.get("lag", -1)))
        for t in group["topics"]
        for p in t["partitions"]
        if not p["error_code"] and config.wants_topic(t["topic_name"])
    ]
    return sorted(found, key=lambda p: (p.topic, p.partition))


def _known(value: int | None) -> int | None:
    return value if value is not None and value >= 0 else None


def total(lags: Iterable[int | None]) -> int | None:
    """The sum, where every part is known."""
    known = list(lags)
    return sum(n for n in known if n is not None) if None not in known else None
