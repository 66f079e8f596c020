"""Groups of every type as listed, and the members of those that have some."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from collectors.base import Budget, Collection, CollectorError, now_ms
from collectors.kafka import errors, listing
from collectors.kafka.client import KafkaClient
from collectors.kafka.errors import grant
from collectors.kafka.topologies import Described, Topology, told
from lineage.config import ClusterConfig
from lineage.observations import (
    AnyObservation,
    Group,
    GroupDetail,
    GroupsDescribed,
    GroupsListed,
    Member,
    Ms,
    Reading,
)

BATCH = 100
# Describing is the dearest request of all: more groups than this are described in turns.
EACH_RUN = 500
WITHOUT_MEMBERS = frozenset({"Empty", "Dead"})
CANNOT = {"connect": "a group of Connect workers: Connect describes its members"}
MODERN = ("consumer", "share", "streams")
# A coordinator that moved or still loads: nothing is said of the group until the next run.
PASSING = frozenset({14, 15, 16})
_ERROR = re.compile(r"\[Error (-?\d+)\]")

Ask = Callable[[list[str], Budget], list[Described]]


class Groups:
    """A Collector that remembers who had members, so that their leaving is told."""

    name, source = "groups", "kafka"

    def __init__(self, config: ClusterConfig, client: KafkaClient) -> None:
        self.cluster, self.interval = config.name, config.every.groups
        self._config, self._client = config, client
        self._had_members: set[str] = set()
        self._topologies: dict[str, Topology] = {}
        self._turn = 0

    def collect(self, budget: Budget) -> Collection:
        """GroupsListed and GroupsDescribed. Raises CollectorError."""
        at = now_ms()
        listed = listing.list_groups(self._client, budget)
        groups = [g for g in listed.groups if self._config.wants_group(g.id)]
        hidden = listing.hidden_groups(self._client, budget)
        complete = not listed.note and not hidden
        self._topologies = {}
        details = self._describe(groups, budget)
        observations: list[AnyObservation] = [
            GroupsListed(cluster=self.cluster, at=at, groups=groups, complete=complete),
            GroupsDescribed(cluster=self.cluster, at=at, groups=details),
        ]
        observations += self._applications(at)
        note = listed.note
        if hidden:
            line = grant(hidden, self._client.bootstrap_servers, self._client.principal)
            note = f"groups may be hidden from us: {line}"
        return Collection(observations, note, [hidden] if hidden else [])

    def _applications(self, at: Ms) -> list[AnyObservation]:
        """What streams groups tell of their topologies. Never complete: an application at rest still has its own."""
        both = [told(self.cluster, group, found, at) for group, found in sorted(self._topologies.items())]
        if not both:
            return []
        reading = Reading(
            cluster=self.cluster, at=at, source="streams", scope="", nodes=[node for node, _ in both],
            edges=[e for _, own in both for e in own], complete=False, interval=self.interval,
        )  # fmt: skip
        return [reading]

    def _describe(self, groups: list[Group], budget: Budget) -> list[GroupDetail]:
        living = [g for g in groups if g.state not in WITHOUT_MEMBERS]
        details = [GroupDetail(g.id, [], False, CANNOT[g.type]) for g in living if g.type in CANNOT]
        wanted = self._this_turn([g for g in living if g.type not in CANNOT])
        for batch in _batches(g.id for g in wanted if g.type not in MODERN):
            details += self._halving(self._classic, batch, budget)
        for kind in MODERN:
            for batch in _batches(g.id for g in wanted if g.type == kind):
                details += self._halving(partial(self._modern, kind), batch, budget)
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

    def _halving(self, ask: Ask, batch: list[str], budget: Budget) -> list[GroupDetail]:
        """One group's odd bytes must not hide the other groups: what fails is asked again in halves."""
        budget.spend()
        try:
            found = ask(batch, budget)
        except CollectorError:
            raise
        except Exception as error:
            if len(batch) > 1:
                half = len(batch) // 2
                return [*self._halving(ask, batch[:half], budget), *self._halving(ask, batch[half:], budget)]
            self._client.drop_python()
            return [GroupDetail(batch[0], [], False, f"cannot be described: {type(error).__name__}")]
        if any(one.error in PASSING for one in found):
            self._client.forget_coordinators()
        return [self._detail(one) for one in found if one.error not in PASSING]

    def _detail(self, one: Described) -> GroupDetail:
        if one.topology and not one.error:
            self._topologies[one.group] = one.topology
        if not one.error:
            return GroupDetail(one.group, one.members, assignor=one.assignor)
        why = errors.explain_code(one.error, self._client.principal)
        return GroupDetail(one.group, [], False, f"cannot be described: {why}")

    def _classic(self, batch: list[str], budget: Budget) -> list[Described]:
        answer = self._client.python.describe_groups(batch)
        return [_described(group, found) for group, found in answer.items()]

    def _modern(self, kind: str, batch: list[str], budget: Budget) -> list[Described]:
        from collectors.kafka.describe import describe

        return list(describe(self._client, kind, batch, lambda: listing.leaders(self._client, budget)))


def _batches(groups: Iterable[str]) -> Iterable[list[str]]:
    every = list(groups)
    return (every[i : i + BATCH] for i in range(0, len(every), BATCH))


def _described(group: str, found: dict[str, Any]) -> Described:
    members = [_classic_member(m) for m in found["members"]]
    return Described(group, _code(found), members, found.get("protocol_data") or "")


def _code(found: dict[str, Any]) -> int:
    """kafka-python gives an error as text that begins with its code."""
    said = _ERROR.match(found.get("error") or "")
    return int(said.group(1)) if said else 0


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
