"""Names that may be one service: guesses for a person to confirm, never taken by themselves. Pure."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from lineage.frames import Frame, NodeState
from lineage.identity import is_named_writer, node_id
from lineage.ownership import is_default

MOST = 200
# What people hang onto a service's name to name its group, its client, its deployment.
AFFIXES = frozenset(
    {"service", "svc", "app", "application", "server", "consumer", "consumers", "producer", "group", "cg", "client"}
    | {"worker", "api", "reader", "writer", "prod", "production", "staging", "dev", "test", "v1", "v2", "v3"}
    | {"transactional", "tx", "txn", "eos"}
)


@dataclass(frozen=True)
class Suggestion:
    """That a name may be this service; ``why`` is a sentence."""

    kind: str
    cluster: str
    name: str
    service: str
    why: str


def suggestions(frame: Frame) -> list[Suggestion]:
    """At most MOST guesses, in a fixed order; none that a person has already spoken of."""
    settled = {(s.kind, s.cluster, s.name, s.service) for s in frame.said if s.verdict}
    services = _services(frame.nodes.values())
    guesses = [*_twins(services), *_groups(frame, services), *_writers(frame, services), *_declared(frame)]
    found = {(g.kind, g.cluster, g.name, g.service): g for g in guesses}
    return [g for key, g in sorted(found.items()) if key not in settled][:MOST]


def stem(name: str) -> str:
    """What is left of a name without case, separators and what is only hung onto it."""
    words = [w for w in re.split(r"[^a-z0-9]+", re.sub(r"([a-z])([A-Z])", r"\1-\2", name).lower()) if w]
    kept = [w for w in words if w not in AFFIXES and not w.isdigit()]
    return "".join(kept)


def _services(nodes: Iterable[NodeState]) -> dict[str, list[NodeState]]:
    by_stem: dict[str, list[NodeState]] = defaultdict(list)
    for node in nodes:
        if node.kind == "service" and (found := stem(node.name)):
            by_stem[found].append(node)
    return by_stem


def _twins(services: Mapping[str, list[NodeState]]) -> Iterator[Suggestion]:
    """Services whose names differ only by what is hung onto them: the one known longest is the service."""
    for alike in services.values():
        first, *others = sorted(alike, key=lambda n: (n.first_seen, n.name))
        for other in others:
            why = f"{other.name} and {first.name} differ only in how the name is written"
            yield Suggestion("service", "", other.name, first.name, why)


def _declared(frame: Frame) -> Iterator[Suggestion]:
    """Groups that a catalogue says are a service's."""
    for node in frame.nodes.values():
        for given in node.attrs.get("declared_groups", ()) if node.kind == "service" else ():
            cluster, _, group = given.partition("/")
            clusters = [c.name for c in frame.clusters] if cluster == "?" else [cluster]
            there = [n for c in clusters if c and group and (n := frame.nodes.get(node_id("group", c, group)))]
            for found in (n for n in there if not n.attrs.get("service")):
                why = f"{node.attrs.get('declared_in', 'a catalogue')} says that this group is {node.name}'s"
                yield Suggestion("group", found.cluster, group, node.name, why)


def _groups(frame: Frame, services: Mapping[str, list[NodeState]]) -> Iterator[Suggestion]:
    """Groups of nobody whose own name, or whose members' client ids, look like one service's name."""
    for node in frame.nodes.values():
        if node.kind == "group" and not node.attrs.get("service"):
            yield from _group(node, services)


def _writers(frame: Frame, services: Mapping[str, list[NodeState]]) -> Iterator[Suggestion]:
    """Transactional ids that look like one service's name."""
    for node in frame.nodes.values():
        if is_named_writer(node.id) and len(named := services.get(stem(node.name), [])) == 1:
            why = f"the transactional id is called like service {named[0].name}, apart from what is hung onto it"
            yield Suggestion("transactional_id", node.cluster, node.name, named[0].name, why)


def _group(node: NodeState, services: Mapping[str, list[NodeState]]) -> Iterator[Suggestion]:
    if len(named := services.get(stem(node.name), [])) == 1:
        why = f"the group's name is that of service {named[0].name}, apart from what is hung onto it"
        yield Suggestion("group", node.cluster, node.name, named[0].name, why)
        return
    clients = {m["client_id"] for m in node.attrs.get("members") or () if not is_default(m["client_id"])}
    meant = {s.name for c in clients for s in services.get(stem(c), [])}
    if len(meant) == 1:
        service = meant.pop()
        why = f"its members call themselves {', '.join(sorted(clients)[:3])}, as service {service} is called"
        yield Suggestion("group", node.cluster, node.name, service, why)
