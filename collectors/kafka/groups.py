"""Groups of every type as listed, and the members of those that have some."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from confluent_kafka import KafkaException

from collectors.base import Budget, Collection, CollectorError, now_ms
from collectors.kafka import listing
from collectors.kafka.client import KafkaClient
from collectors.kafka.errors import grant
from lineage.config import ClusterConfig
from lineage.identity import text
from lineage.observations import AnyObservation, Group, GroupDetail, GroupsDescribed, GroupsListed, Member

BATCH = 100
# Describing is the dearest request of all: more groups than this are described in turns.
EACH_RUN = 500
WITHOUT_MEMBERS = frozenset({"Empty", "Dead"})
CANNOT = {
    "share": "a share group: its members cannot be described yet",
    "streams": "a streams group: its members cannot be described yet",
    "connect": "a group of Connect workers: Connect describes its members",
}


class Groups:
    """A Collector that remembers who had members, so that their leaving is told."""

    name, source = "groups", "kafka"

    def __init__(self, config: ClusterConfig, client: KafkaClient) -> None:
        self.cluster, self.interval = config.name, config.every.groups
        self._config, self._client = config, client
        self._had_members: set[str] = set()
        self._turn = 0

    def collect(self, budget: Budget) -> Collection:
        """GroupsListed and GroupsDescribed. Raises CollectorError."""
        at = now_ms()
        listed = listing.list_groups(self._client, budget)
        groups = [g for g in listed.groups if self._config.wants_group(g.id)]
        hidden = listing.hidden_groups(self._client, budget)
        complete = not listed.note and not hidden
        details = self._describe(groups, budget)
        observations: list[AnyObservation] = [
            GroupsListed(cluster=self.cluster, at=at, groups=groups, complete=complete),
            GroupsDescribed(cluster=self.cluster, at=at, groups=details),
        ]
        note = listed.note
        if hidden:
            line = grant(hidden, self._client.bootstrap_servers, self._client.principal)
            note = f"groups may be hidden from us: {line}"
        return Collection(observations, note, [hidden] if hidden else [])

    def _describe(self, groups: list[Group], budget: Budget) -> list[GroupDetail]:
        living = [g for g in groups if g.state not in WITHOUT_MEMBERS]
        details = [GroupDetail(g.id, [], False, CANNOT[g.type]) for g in living if g.type in CANNOT]
        wanted = self._this_turn([g for g in living if g.type not in CANNOT])
        modern = [g.id for g in wanted if g.type == "consumer"]
        classic = [g.id for g in wanted if g.type != "consumer"]
        for batch in _batches(classic):
            details += self._classic(batch, budget)
        for batch in _batches(modern):
            details += self._modern(batch, budget)
        return details + self._left(groups, details)

    def _this_turn(self, groups: list[Group]) -> list[Group]:
        if len(groups) <= EACH_RUN:
            return groups
        self._turn %= len(groups)
        chosen = (groups + groups)[self._turn : self._turn + EACH_RUN]
        self._turn += EACH_RUN
        return chosen

    def _left(self, groups: list[Group], details: list[GroupDetail]) -> list[GroupDetail]:
        """Groups that had members when last described and now are listed as empty."""
        empty = {g.id for g in groups if g.state in WITHOUT_MEMBERS}
        gone = self._had_members & empty
        self._had_members -= empty
        self._had_members |= {d.id for d in details if d.members}
        return [GroupDetail(g, []) for g in sorted(gone)]

    def _classic(self, batch: list[str], budget: Budget) -> list[GroupDetail]:
        budget.spend()
        try:
            answer = self._client.python.describe_groups(batch)
        except CollectorError:
            raise
        except Exception as error:  # one member's odd bytes must not hide the other groups
            if len(batch) > 1:
                half = len(batch) // 2
                return [*self._classic(batch[:half], budget), *self._classic(batch[half:], budget)]
            self._client.drop_python()
            return [GroupDetail(batch[0], [], False, f"cannot be described: {type(error).__name__}")]
        return [_classic_detail(group, found) for group, found in answer.items()]

    def _modern(self, batch: list[str], budget: Budget) -> list[GroupDetail]:
        budget.spend()
        cut = [g for g in batch if text(g) != g]  # librdkafka cuts a name at a NUL, and would describe another group
        details = [GroupDetail(g, [], False, "cannot be described: librdkafka cannot ask by its name") for g in cut]
        if not (whole := [g for g in batch if g not in cut]):
            return details
        asked = self._client.admin.describe_consumer_groups(whole, request_timeout=budget.timeout())
        return details + [self._modern_detail(group, future) for group, future in asked.items()]

    def _modern_detail(self, group: str, future: Any) -> GroupDetail:
        try:
            found = future.result()
        except KafkaException as error:
            return GroupDetail(group, [], False, f"cannot be described: {self._client.error(error, 'describing it')}")
        return GroupDetail(group, [_modern_member(m) for m in found.members])


def _batches(groups: list[str]) -> Iterable[list[str]]:
    return (groups[i : i + BATCH] for i in range(0, len(groups), BATCH))


def _classic_detail(group: str, found: dict[str, Any]) -> GroupDetail:
    if found.get("error"):
        return GroupDetail(group, [], False, f"cannot be described: {found['error']}")
    return GroupDetail(group, [_classic_member(m) for m in found.get("members", [])])


def _classic_member(raw: dict[str, Any]) -> Member:
    subscription, assignment = raw.get("member_metadata"), raw.get("member_assignment")
    assigned = assignment.get("assigned_partitions", []) if isinstance(assignment, dict) else []
    return Member(
        id=raw["member_id"],
        client_id=raw["client_id"],
        host=raw["client_host"].lstrip("/"),
        instance_id=raw.get("group_instance_id"),
        subscribed=sorted(subscription.get("topics", [])) if isinstance(subscription, dict) else [],
        assigned={a["topic"]: sorted(a["partitions"]) for a in assigned},
    )


def _modern_member(member: Any) -> Member:
    assigned: dict[str, list[int]] = {}
    for part in sorted(member.assignment.topic_partitions if member.assignment else []):
        assigned.setdefault(part.topic, []).append(part.partition)
    return Member(
        id=member.member_id,
        client_id=member.client_id,
        host=(member.host or "").lstrip("/"),
        instance_id=member.group_instance_id,
        subscribed=[],  # librdkafka keeps an 848 member's subscription to itself
        assigned=assigned,
    )
