"""Who writes, as far as transactional ids tell: their owners, and the edges that follow. No I/O.

Rules of the configuration come first. Then the names that Kafka's own programs give: Streams names its ids after its
application (its group), Connect after its worker group and the connector. What remains stays a writer of its own,
called as it calls itself; ids that differ only in numbers or UUIDs are one writer.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from collectors.kafka.transactions import Active, Hanging, open_on
from lineage.config import ServiceRule, service_of
from lineage.evidence import EXPIRES_MS
from lineage.identity import named_writer, node_id
from lineage.observations import EdgeSeen, Ms, NodeSeen

ACTIVE_MS = 3_600_000  # who wrote within this long counts as a writer now
MOST_WRITERS = 500  # writers without an owner, of one cluster
MARGIN_MS = 600_000
SHOWN = 20
_UUID = re.compile(r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}")
_NUMBER = re.compile(r"(?<![^-_.:*/])\d+(?![^-_.:*/])")
_STARS = re.compile(r"\*(?:[-_.:/]\*)+")
# Streams' ids: application, process and thread; before exactly-once v2 application and task.
_STREAMS = re.compile(rf"(?P<app>.+)-(?:{_UUID.pattern}-\d+|\d+_\d+)")


class Owner(NamedTuple):
    """The node that a transactional id stands for."""

    node: str
    name: str
    strength: str
    detail: str


@dataclass(frozen=True)
class Known:
    """What owners are found by: the cluster, the rules, its groups with their types, its Connect endpoints."""

    cluster: str
    services: tuple[ServiceRule, ...] = ()
    groups: Mapping[str, str] = field(default_factory=dict)
    connect: tuple[str, ...] = ()


def stem(transactional_id: str) -> str:
    """The id without what tells one process or thread from another: ``pay-3`` and ``pay-4`` are ``pay-*``."""
    return _STARS.sub("*", _NUMBER.sub("*", _UUID.sub("*", transactional_id)))


def owner(transactional_id: str, known: Known) -> Owner:
    """Whose transactional id it is."""
    told = f"transactional id {stem(transactional_id)}"
    if service := service_of(known.services, transactional_id=transactional_id):
        return Owner(node_id("service", service), service, "observed", told)
    if app := application(transactional_id, known.groups):
        return Owner(node_id("group", known.cluster, app), app, "inferred", f"{told}, as Kafka Streams names {app}'s")
    if connector := connector_of(transactional_id, known):
        node = node_id("connector", known.cluster, known.connect[0], connector)
        return Owner(node, connector, "inferred", f"{told}, as Kafka Connect names {connector}'s")
    name = stem(transactional_id)
    return Owner(named_writer(known.cluster, name), name, "observed", told)


def application(transactional_id: str, groups: Mapping[str, str]) -> str | None:
    """The Streams application that names its transactional ids like this and is a group here."""
    found = _STREAMS.fullmatch(transactional_id)
    return found["app"] if found and groups.get(found["app"], "connect") not in ("connect", "share") else None


def connector_of(transactional_id: str, known: Known) -> str | None:
    """The connector of a worker group that names its tasks' ids like this; only where both can be only one."""
    body, dash, task = transactional_id.rpartition("-")
    if not dash or not task.isdecimal() or len(known.connect) != 1:
        return None
    groups = [g for g, kind in known.groups.items() if kind == "connect" and body.startswith(f"{g}-")]
    return body[len(groups[0]) + 1 :] or None if len(groups) == 1 else None


def edges(active: Iterable[Active], named: Mapping[int, str], known: Known, at: Ms) -> list[tuple[Owner, EdgeSeen]]:
    """One edge an owner and topic, with the time of its newest write and the number of its producer ids.

    What is nearly too old to be evidence is left out: it would end and come back at each look.
    """
    owners: dict[str, Owner] = {}
    seen: dict[tuple[str, str], dict[int, Ms]] = defaultdict(dict)
    for a in active:
        if a.producer_id in named and at - a.last_at < EXPIRES_MS - MARGIN_MS:
            name = named[a.producer_id]
            own = owners.setdefault(name, owner(name, known))
            ids = seen[own.node, a.topic]
            ids[a.producer_id] = max(ids.get(a.producer_id, 0), min(a.last_at, at))
    by_node = {own.node: own for own in owners.values()}
    return [(by_node[node], _edge(by_node[node], topic, ids, known)) for (node, topic), ids in sorted(seen.items())]


def _edge(own: Owner, topic: str, ids: Mapping[int, Ms], known: Known) -> EdgeSeen:
    target = node_id("topic", known.cluster, topic)
    first, last = min(ids.values()), max(ids.values())
    return EdgeSeen("writes", own.node, target, first, last, len(ids), own.strength, own.detail)


def unowned(found: Iterable[tuple[Owner, EdgeSeen]]) -> tuple[list[NodeSeen], set[str]]:
    """Nodes of the writers that nobody owns, and the ids of those beyond ``MOST_WRITERS``: they are left out."""
    writers = {own.node: own.name for own, _ in found if own.node.startswith("writer:")}
    kept = sorted(writers)[:MOST_WRITERS]
    return [NodeSeen(w, writers[w], {"transactional_id": writers[w]}) for w in kept], writers.keys() - set(kept)


def topics(
    active: Iterable[Active], hangs: Iterable[Hanging], cluster: str, at: Ms, named: Mapping[int, str]
) -> list[NodeSeen]:
    """What producers tell of topics: how many of them wrote lately, what is open and what hangs."""
    active = list(active)
    writing: dict[str, set[int]] = defaultdict(set)
    for a in active:
        writing[a.topic] |= {a.producer_id} if at - a.last_at <= ACTIVE_MS else set()
    opened, stuck = open_on(active), _stuck(hangs)
    return [
        NodeSeen(
            node_id("topic", cluster, topic),
            topic,
            {"hanging": stuck[topic]} if topic in stuck else {},
            {
                "active_producers": len(ids),
                "named_producers": len(ids & named.keys()),
                "open_transactions": opened.get(topic, 0),
            },
        )
        for topic, ids in sorted(writing.items())
    ]


def _stuck(hangs: Iterable[Hanging]) -> dict[str, list[dict[str, object]]]:
    found: dict[str, list[dict[str, object]]] = defaultdict(list)
    for h in hangs:
        if len(found[h.topic]) < SHOWN:
            more = {"since": h.since, "transactional_id": h.transactional_id}
            found[h.topic].append({"partition": h.partition, "producer_id": h.producer_id, **more})
    return found
