"""Asks every source beside Kafka that is configured, once, as its collector will; says how it went."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from collectors.base import Budget, run
from collectors.sources import NOWHERE, Asked, Kind, jobs, made
from lineage.config import ClusterConfig, Config
from lineage.observations import CollectorRan


@dataclass
class Step:
    """One line of the check."""

    name: str
    ok: bool | None
    detail: str
    remedy: str = ""


def check_nowhere(config: Config) -> Iterator[Step]:
    """A step for each source of no cluster (documents, Prometheus, Jaeger); never raises for what the network does."""
    for kind, of, target in jobs(config):
        if of is NOWHERE:
            yield from _asked(kind, Asked(config, NOWHERE, target, lambda: None))


def check_sources(config: Config, cluster: ClusterConfig) -> Iterator[Step]:
    """A step for each endpoint of this cluster; never raises for what the network does."""
    clients: dict[str, Any] = {}

    def kafka(other: ClusterConfig = cluster) -> Any:
        if other.name not in clients:
            client = importlib.import_module("collectors.kafka.client").KafkaClient
            clients[other.name] = client(other.name, other.bootstrap_servers, other.properties)
        return clients[other.name]

    try:
        for kind, of, target in jobs(config):
            if not kind.kafka and target and of is not NOWHERE and of.name == cluster.name:
                yield from _asked(kind, Asked(config, cluster, target, kafka))
    finally:
        for client in clients.values():
            client.close()


def _asked(kind: Kind, asked: Asked) -> Iterator[Step]:
    ran = run(made(kind, asked), Budget(seconds=kind.seconds))[-1]
    if isinstance(ran, CollectorRan):
        yield _step(ran)


def _step(ran: CollectorRan) -> Step:
    if ran.error:
        return Step(ran.collector, False, ran.error, ran.note)
    return Step(ran.collector, True, ran.note or "answers")
