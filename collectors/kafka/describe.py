"""Describes consumer (KIP-848), share (KIP-932) and streams (KIP-1071) groups, in Kafka's own messages.

librdkafka keeps an 848 member's subscription to itself and knows no share or streams groups, kafka-python has none of
the three; it builds messages from Kafka's schemas, and those lie in ``schemas``. Imported when first needed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any

from kafka.protocol.api_message import ApiMessage

from collectors.kafka import coordinators
from collectors.kafka.client import KafkaClient
from collectors.kafka.topologies import Described, Topology, topology
from lineage.observations import Member

SCHEMAS = "collectors.kafka.schemas"
# (topic, partition) of all that exist
Existing = Callable[[], Iterable[tuple[str, int]]]


class ConsumerGroupDescribeRequest(ApiMessage, load_json=SCHEMAS):  # type: ignore[misc, call-arg]  # untyped base
    """API 69."""


class ConsumerGroupDescribeResponse(ApiMessage, load_json=SCHEMAS):  # type: ignore[misc, call-arg]
    """Found by its number when an answer comes."""


class ShareGroupDescribeRequest(ApiMessage, load_json=SCHEMAS):  # type: ignore[misc, call-arg]
    """API 77."""


class ShareGroupDescribeResponse(ApiMessage, load_json=SCHEMAS):  # type: ignore[misc, call-arg]
    """Found by its number when an answer comes."""


class StreamsGroupDescribeRequest(ApiMessage, load_json=SCHEMAS):  # type: ignore[misc, call-arg]
    """API 89."""


class StreamsGroupDescribeResponse(ApiMessage, load_json=SCHEMAS):  # type: ignore[misc, call-arg]
    """Found by its number when an answer comes."""


# Version 0 of ShareGroupDescribe was an early trial of Kafka 4.0. Brokers before 4.4 know no topology description.
REQUESTS: dict[str, tuple[Any, dict[str, Any]]] = {
    "consumer": (ConsumerGroupDescribeRequest, {"min_version": 0}),
    "share": (ShareGroupDescribeRequest, {"min_version": 1}),
    "streams": (StreamsGroupDescribeRequest, {"min_version": 0, "include_topology_description": True}),
}


def describe(client: KafkaClient, kind: str, groups: list[str], existing: Existing) -> list[Described]:
    """Asks each group's coordinator. ``existing`` tells how many partitions the topics of a streams group have.

    Raises kafka-python's errors, and CollectorError where the cluster cannot be reached.
    """
    python = client.python
    answers, errors = python._manager.run(_ask, python, *REQUESTS[kind], groups)
    found = [g for answer in answers for g in answer.to_dict()["groups"]]
    without = [Described(group, code, []) for group, code in errors.items()]
    if kind == "streams":
        known = _partitions(found, existing)
        return without + [_described(g, [_runner(m, g, known) for m in g["members"]], topology(g)) for g in found]
    return without + [_described(g, [_reader(m) for m in g["members"]]) for g in found]


def _described(raw: dict[str, Any], members: list[Member], topology: Topology | None = None) -> Described:
    return Described(raw["group_id"], raw["error_code"], members, raw.get("assignor_name") or "", topology)


async def _ask(
    python: Any, request: Any, options: dict[str, Any], groups: list[str]
) -> tuple[list[Any], dict[str, int]]:
    by_coordinator, errors = await coordinators.find(python, groups)
    answers = [
        await python._manager.send(request(group_ids=own, **options), node_id=broker)
        for broker, own in by_coordinator.items()
    ]
    return answers, errors


def _reader(raw: dict[str, Any]) -> Member:
    """A member of a consumer or a share group."""
    parts = raw["assignment"]["topic_partitions"]
    return _member(raw, raw["subscribed_topic_names"], {p["topic_name"]: sorted(p["partitions"]) for p in parts})


def _member(raw: dict[str, Any], subscribed: Iterable[str], assigned: dict[str, list[int]]) -> Member:
    return Member(
        id=raw["member_id"],
        client_id=raw["client_id"],
        host=raw["client_host"].lstrip("/"),
        instance_id=raw.get("instance_id"),
        subscribed=sorted(subscribed),
        assigned=assigned,
    )


def _sources(group: dict[str, Any]) -> dict[str, list[str]]:
    """The topics that each subtopology reads, its own repartition topics among them."""
    parts = (group["topology"] or {}).get("subtopologies") or []
    own = {s["subtopology_id"]: [t["name"] for t in s["repartition_source_topics"]] for s in parts}
    return {s["subtopology_id"]: s["source_topics"] + own[s["subtopology_id"]] for s in parts}


def _partitions(groups: list[dict[str, Any]], existing: Existing) -> set[tuple[str, int]]:
    wanted = {t for group in groups for topics in _sources(group).values() for t in topics}
    return {key for key in existing() if key[0] in wanted} if wanted else set()


def _runner(raw: dict[str, Any], group: dict[str, Any], known: set[tuple[str, int]]) -> Member:
    """A member of a streams group: task n of a subtopology reads partition n of each of its topics that has one."""
    sources = _sources(group)
    assigned: dict[str, set[int]] = defaultdict(set)
    for task in raw["assignment"]["active_tasks"]:
        for topic in sources.get(task["subtopology_id"], ()):
            assigned[topic] |= {p for p in task["partitions"] if (topic, p) in known}
    subscribed = {t for topics in sources.values() for t in topics}
    return _member(raw, subscribed, {t: sorted(parts) for t, parts in sorted(assigned.items()) if parts})
