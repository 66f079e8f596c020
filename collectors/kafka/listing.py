"""What a cluster lists: topics with their leaders, groups of every type; and whether a listing lacks nothing.

Brokers leave out what the asker may not see without a word. A name that does not exist tells the difference: to who
may see everything it is unknown, to who may not it is refused.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from confluent_kafka import KafkaError, KafkaException, TopicCollection

from collectors.base import Budget, CollectorError
from collectors.kafka.client import KafkaClient
from lineage.observations import Group

PROBE = "playhead-probe-of-rights"
OFFSETS_TOPIC = "__consumer_offsets"
# Seconds: long enough for a dead broker's connection to be given up and another one asked.
METADATA_TIMEOUT = 8.0


@dataclass
class Groups:
    """A listing of groups; ``note`` says where it was not asked in the best way."""

    groups: list[Group]
    note: str = ""


def leaders(client: KafkaClient, budget: Budget) -> dict[tuple[str, int], int]:
    """Every partition's leader, -1 where there is none. Raises CollectorError."""
    budget.spend(2)
    client.reach(budget.timeout(METADATA_TIMEOUT))  # says sooner and better why nobody answers
    try:
        metadata = client.admin.list_topics(timeout=budget.timeout(METADATA_TIMEOUT))
    except KafkaException as error:
        raise client.error(error, "asking for metadata") from error
    return {(name, p): part.leader for name, topic in metadata.topics.items() for p, part in topic.partitions.items()}


def list_groups(client: KafkaClient, budget: Budget) -> Groups:
    """Groups of every type and protocol. Raises CollectorError."""
    budget.spend()
    try:
        listed = client.python.list_groups()
    except CollectorError:
        raise
    except Exception as error:
        client.drop_python()
        return _by_confluent(client, budget, error)
    return Groups([_group(g) for g in listed])


def _group(listed: dict[str, Any]) -> Group:
    protocol = listed.get("protocol_type") or ""
    kind = (listed.get("group_type") or "unknown").lower()
    if kind == "classic" and protocol == "connect":
        kind = "connect"
    return Group(id=listed["group_id"], type=kind, state=listed.get("group_state") or "Unknown", protocol=protocol)


def _by_confluent(client: KafkaClient, budget: Budget, why: Exception) -> Groups:
    budget.spend()
    try:
        listed = client.admin.list_consumer_groups(request_timeout=budget.timeout()).result()
    except KafkaException as error:
        raise client.error(error, "listing groups") from error
    if listed.errors:
        raise client.error(listed.errors[0], "listing groups")
    found = [Group(id=g.group_id, type=g.type.name.lower(), state=_state(g.state.name)) for g in listed.valid]
    failed = f"the full listing failed ({type(why).__name__})"
    return Groups(found, f"share, streams and Connect groups are left out: {failed}")


def _state(name: str) -> str:
    return "".join(part.capitalize() for part in name.split("_"))


def hidden_topics(client: KafkaClient, budget: Budget) -> str | None:
    """The right whose lack may hide topics; None when the listing of topics lacks nothing."""
    budget.spend()
    asked = client.admin.describe_topics(TopicCollection([PROBE]), request_timeout=budget.timeout())
    return _refused(client, asked[PROBE], KafkaError.TOPIC_AUTHORIZATION_FAILED, "Describe Topic *")


def hidden_groups(client: KafkaClient, budget: Budget) -> str | None:
    """The right whose lack may hide groups or their offsets; None when nothing is hidden."""
    from collectors.kafka import coordinators

    budget.spend()
    try:
        code = coordinators.may_see(client.python, PROBE)
    except CollectorError:
        raise
    except Exception as error:
        client.drop_python()
        raise client.error(error, "asking for rights") from error
    return "Describe Group *" if code == KafkaError.GROUP_AUTHORIZATION_FAILED else None


def _refused(client: KafkaClient, future: Any, code: int, right: str) -> str | None:
    try:
        future.result()
    except KafkaException as error:
        return _right(client, error, code, right)
    return None


def _right(client: KafkaClient, error: KafkaException | None, code: int, right: str) -> str | None:
    if error is None:
        return None
    if error.args[0].code() == code:
        return right
    if error.args[0].code() < 0:  # the client's own: nothing was answered
        raise client.error(error, "asking for rights") from error
    return None
