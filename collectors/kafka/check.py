"""Asks a cluster everything Playhead will ask, one right after the other, and says what is missing in sentences.

Read on all topics brings Describe on them and reading ``__consumer_offsets`` with it, so that where Read is refused
the two are only named if they would be refused without it as well.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin._config import ConfigResource

from collectors.base import Budget, CollectorError
from collectors.kafka import errors, listing
from collectors.kafka.client import KafkaClient
from collectors.kafka.listing import OFFSETS_TOPIC, PROBE
from collectors.kafka.sizes import refused
from collectors.kafka.transactions import RIGHT as TRANSACTIONAL
from collectors.kafka.transactions import may_be_hidden

REFUSED = (29, 30, 31)
SECONDS = 30.0


@dataclass
class Step:
    """One line of the check; ``ok`` None: not tried, or not needed."""

    name: str
    ok: bool | None
    detail: str
    remedy: str = ""


def check_address(bootstrap_servers: str, properties: dict[str, str]) -> list[Step]:
    """Connects read-only and answers line by line; never raises for what the network does."""
    client = KafkaClient("check", bootstrap_servers, properties)
    try:
        return _check(client, Budget(seconds=SECONDS))
    finally:
        client.close()


def _check(client: KafkaClient, budget: Budget) -> list[Step]:
    names = _names(client.bootstrap_servers)
    if names.ok is False:
        return [names]
    connected = _step("connection", lambda: _connect(client, budget))
    if connected.ok is False:
        return [names, connected]
    return [names, connected, *_rights(client, budget)]


def _names(bootstrap_servers: str) -> Step:
    """Every host of the list must resolve; one wrong name among good ones is worth a line too."""
    for server in bootstrap_servers.split(","):
        host, colon, port = server.strip().rpartition(":")
        if not colon or not port.isdigit() or not host:
            return Step("address", False, f"{server.strip()!r} is no address", "write HOST:PORT, as in kafka-1:9092")
        try:
            socket.getaddrinfo(host.strip("[]"), int(port), type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            detail = f"the host {host} has no address: its name does not resolve"
            return Step("address", False, detail, "check bootstrap_servers")
    return Step("address", True, f"{bootstrap_servers} resolves")


def _step(name: str, ask: Callable[[], str]) -> Step:
    try:
        return Step(name, True, ask())
    except CollectorError as error:
        return Step(name, False, str(error), error.remedy)
    except Exception as error:
        return Step(name, False, f"unexpected {type(error).__name__}: {str(error)[:200]}")


def _connect(client: KafkaClient, budget: Budget) -> str:
    budget.spend()
    found = client.reach(8.0)
    return f"cluster {found.cluster_id} with {len(found.nodes)} brokers"


def _rights(client: KafkaClient, budget: Budget) -> list[Step]:
    read = _step("Read Topic *", lambda: _read_topics(client, budget))
    describe = _step("Describe Topic *", lambda: _not_hidden(client, listing.hidden_topics(client, budget)))
    offsets = _offsets(client, budget)
    if read.ok is False and read.remedy:
        describe, offsets = _comes_with(describe), _comes_with(offsets)
    return [
        describe,
        read,
        offsets,
        _step("DescribeConfigs Topic *", lambda: _configs(client, budget)),
        _step("Describe Group *", lambda: _not_hidden(client, listing.hidden_groups(client, budget))),
        _step(TRANSACTIONAL, lambda: _not_hidden(client, TRANSACTIONAL if may_be_hidden(client, budget) else None)),
        _step("Describe Cluster", lambda: _log_dirs(client, budget)),
    ]


def _comes_with(step: Step) -> Step:
    return step if step.ok else Step(step.name, None, "comes with Read Topic *")


def _not_hidden(client: KafkaClient, hidden: str | None) -> str:
    if hidden:
        raise _missing(client, hidden)
    return "granted"


def _missing(client: KafkaClient, right: str) -> CollectorError:
    return errors.missing(right, client.bootstrap_servers, client.principal)


def _read_topics(client: KafkaClient, budget: Budget) -> str:
    """DescribeProducers for a topic that does not exist, sent to any broker: unknown where granted, else refused."""
    from kafka import TopicPartition
    from kafka import errors as theirs

    budget.spend()
    broker = next(iter(client.admin.list_topics(topic=OFFSETS_TOPIC, timeout=8).brokers))
    try:
        client.python.describe_producers([TopicPartition(PROBE, 0)], broker_id=broker)
    except theirs.TopicAuthorizationFailedError as error:
        raise _missing(client, "Read Topic *") from error
    except theirs.BrokerResponseError:
        return "granted"
    return "granted"


def _offsets(client: KafkaClient, budget: Budget) -> Step:
    """Reading ``__consumer_offsets`` gives commits with their exact times; without it positions are swept."""
    right = f"Read Topic {OFFSETS_TOPIC}"

    def ask() -> str:
        budget.spend()
        found: dict[str, Any] = client.python.describe_topics([OFFSETS_TOPIC])[0]
        granted = found.get("authorized_operations")
        if found["error_code"] in REFUSED or (granted is not None and "READ" not in granted):
            raise _missing(client, right)
        return "granted" if found["error_code"] == 0 else "the topic is not there yet: no group has committed so far"

    return _step(right, ask)


def _configs(client: KafkaClient, budget: Budget) -> str:
    budget.spend()
    resource = ConfigResource(ConfigResource.Type.TOPIC, PROBE)
    asked = client.admin.describe_configs([resource], request_timeout=budget.timeout())
    try:
        asked[resource].result()
    except KafkaException as error:
        if error.args[0].code() == KafkaError.TOPIC_AUTHORIZATION_FAILED:
            raise _missing(client, "DescribeConfigs Topic *") from error
    return "granted"


def _log_dirs(client: KafkaClient, budget: Budget) -> str:
    budget.spend()
    answer = client.python.describe_log_dirs()
    if refused(answer):
        raise _missing(client, "Describe Cluster")
    return "granted"
