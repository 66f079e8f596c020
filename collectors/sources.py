"""Every kind of source that Celery asks: where it lives, how long it may take, how often, and which of them there are.

To add one: write its module, add its line to ``SOURCES``, test it. docs/adding-a-source.md has a whole example.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from collectors.base import Collector, Kept
from lineage.config import ClusterConfig, Config

NOWHERE = ClusterConfig("", "")  # of a source that belongs to no cluster


@dataclass(frozen=True)
class Asked:
    """What a collector is made for: one source of one cluster. ``kafka()`` is the cluster's client, made when asked;
    ``kafka(other)`` another's. ``kept(key)`` keeps what is to outlast the process, None where nothing is.

    ``target`` tells several of one kind in one cluster apart ("" where there is only one): an endpoint's name.
    """

    config: Config
    cluster: ClusterConfig
    target: str
    kafka: Callable[..., Any]
    kept: Callable[[str], Kept] | None = None


@dataclass(frozen=True)
class Kind:
    """One kind of source. ``every`` gives seconds between two collections; ``targets`` what there is to be asked.

    A Kafka collector is made as ``cls(cluster, client)``, any other as ``cls(asked)``.
    """

    name: str
    module: str
    cls: str
    seconds: float
    every: Callable[[ClusterConfig], float]
    targets: Callable[[Config, ClusterConfig], tuple[str, ...]] = lambda config, cluster: ("",)
    kafka: bool = True  # made of the cluster and its client; else of the Asked
    once: bool = False  # asked once for all, not for each cluster


def _registries(_: Config, cluster: ClusterConfig) -> tuple[str, ...]:
    return ("schemas",) if cluster.schema_registry else ()


def _ksqldbs(_: Config, cluster: ClusterConfig) -> tuple[str, ...]:
    return tuple(endpoint.name for endpoint in cluster.ksqldb)


def _prometheus(config: Config, _: ClusterConfig) -> tuple[str, ...]:
    return ("",) if config.metrics.prometheus else ()


def _jaeger(config: Config, _: ClusterConfig) -> tuple[str, ...]:
    return ("",) if config.metrics.jaeger else ()


def _topology(cluster: ClusterConfig) -> float:
    return cluster.every.topology


def _connect_workers(config: Config, cluster: ClusterConfig) -> tuple[str, ...]:
    return tuple(endpoint.name for endpoint in cluster.connect)


def _catalogs(config: Config, cluster: ClusterConfig) -> tuple[str, ...]:
    own = ("playhead.yaml",) if config.declared else ()
    return own + tuple(f"{c.kind}:{c.path}" for c in config.catalogs if c.kind != "codeowners")


# The kinds that a first picture needs come first.
SOURCES = (
    Kind("topology", "collectors.kafka.topology", "Topology", 30.0, _topology),
    Kind("groups", "collectors.kafka.groups", "Groups", 30.0, lambda c: c.every.groups),
    Kind("configs", "collectors.kafka.configs", "Configs", 60.0, lambda c: c.every.configs),
    Kind("sizes", "collectors.kafka.sizes", "Sizes", 30.0, _topology),
    Kind("producers", "collectors.kafka.producers", "for_asked", 30.0, lambda c: c.every.records, kafka=False),
    Kind("shares", "collectors.kafka.shares", "Shares", 30.0, lambda c: c.every.groups),
    Kind("acls", "collectors.kafka.acls", "for_asked", 60.0, lambda c: c.every.acls, kafka=False),
    Kind("declared", "collectors.declared", "Declared", 30.0, lambda c: 120.0, _catalogs, kafka=False, once=True),
    Kind("connect", "collectors.connect", "Connect", 30.0, _topology, _connect_workers, kafka=False),
    Kind("mirrors", "collectors.mirrors", "Mirrors", 30.0, _topology, _connect_workers, kafka=False),
    Kind("mirrored", "collectors.kafka.mirrored", "Mirrored", 30.0, lambda c: c.every.configs, kafka=False),
    Kind("headers", "collectors.kafka.headers", "for_asked", 30.0, lambda c: c.every.records, kafka=False),
    Kind("registry", "collectors.schemas", "Schemas", 60.0, lambda c: c.every.configs, _registries, kafka=False),
    Kind("ksqldb", "collectors.ksqldb", "KsqlDb", 30.0, _topology, _ksqldbs, kafka=False),
    Kind("prometheus", "collectors.metrics", "Prometheus", 30.0, lambda _: 60.0, _prometheus, kafka=False, once=True),
    Kind("jaeger", "collectors.metrics", "Jaeger", 30.0, lambda _: 300.0, _jaeger, kafka=False, once=True),
)
BY_NAME = {kind.name: kind for kind in SOURCES}


def jobs(config: Config) -> Iterator[tuple[Kind, ClusterConfig, str]]:
    """Every kind with every cluster and each of its targets, in the order of ``SOURCES``."""
    for kind in SOURCES:
        for cluster in (NOWHERE,) if kind.once else config.clusters:
            for target in kind.targets(config, cluster):
                yield kind, cluster, target


def made(kind: Kind, asked: Asked) -> Collector:
    """The collector, its module loaded only now: the clients are loaded by who collects."""
    cls = getattr(importlib.import_module(kind.module), kind.cls)
    collector: Collector = cls(asked.cluster, asked.kafka()) if kind.kafka else cls(asked)
    return collector
