"""Kafka Connect: its connectors, what each touches on both sides, and how their tasks are.

Two readings come of it, for two kinds of knowledge: ``connect`` is what a worker reports of what happened (states, the
topics that records really went through); ``connect_config`` is what the configurations say, which transformations may
rename. Of a configuration only what is listed is taken: see ``collectors.systems``.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote

import msgspec

from collectors.base import Budget, Collection, CollectorError, now_ms
from collectors.sources import Asked
from collectors.systems import System, logical, spoken, systems
from collectors.web import Refused, Web
from lineage.config import Endpoint
from lineage.identity import node_id
from lineage.observations import EdgeSeen, Ms, NodeSeen, Reading

MOST_CONNECTORS, MOST_TASKS, MOST_TOPICS, MOST_NAME = 5_000, 200, 2_000, 249
TOPIC = re.compile(r"[\w.-]{1,249}", re.ASCII)
CLASS = re.compile(r"[\w.$]{1,300}", re.ASCII)
USED = "its list of topics used"
CONFIGURED = ""  # the evidence's name says it: 1 connector's configuration
ROUTED = "it has moved records, and its configuration names this"
UNTRACKED = "the worker does not track topics (topic.tracking.enable=false): topics are as the configurations say"


def endpoint_of(asked: Asked) -> Endpoint:
    """The worker that is meant."""
    return next(e for e in asked.cluster.connect if e.name == asked.target)


@dataclass(frozen=True)
class Connector:
    """One connector as its worker tells it; ``config`` never leaves this module and ``collectors.systems``."""

    name: str
    type: str  # source, sink, unknown
    cls: str
    state: str
    worker: str
    tasks: tuple[dict[str, Any], ...]
    failure: str
    config: Mapping[str, str] = field(repr=False)
    used: tuple[str, ...] = ()

    @property
    def group(self) -> str:
        """A sink's consumer group."""
        own = self.config.get("consumer.override.group.id", "")
        return own if own and "${" not in own else f"connect-{self.name}"

    @property
    def configured(self) -> tuple[str, ...]:
        """The topics that its configuration names one by one."""
        keys = ("topics",) if self.type == "sink" else ("topic", "kafka.topic", "topics")
        named = (t.strip() for key in keys for t in self.config.get(key, "").split(","))
        return tuple(dict.fromkeys(t for t in named if TOPIC.fullmatch(t)))[:MOST_TOPICS]

    @property
    def dead_letters(self) -> str:
        """Its dead letter topic, or ""."""
        topic = self.config.get("errors.deadletterqueue.topic.name", "").strip() if self.type == "sink" else ""
        return topic if TOPIC.fullmatch(topic) else ""


class Connect:
    """One Connect cluster, asked at one of its workers."""

    source = "connect"

    def __init__(self, asked: Asked) -> None:
        endpoint = endpoint_of(asked)
        self.name, self.cluster, self.target = f"connect:{asked.target}", asked.cluster.name, asked.target
        self.interval = asked.cluster.every.topology
        self._web = Web(endpoint, f'the Connect worker "{asked.target}"')

    def collect(self, budget: Budget) -> Collection:
        """Both readings. Raises CollectorError."""
        at = now_ms()
        connectors, note = self._with_topics(listed(self._web, budget), budget)
        whole = len(connectors) <= MOST_CONNECTORS
        told = [_Told(self.cluster, self.target, c, at) for c in connectors[:MOST_CONNECTORS]]
        failed = sum(c.state == "FAILED" or any(t["state"] == "FAILED" for t in c.tasks) for c in connectors)
        notes = [f"{len(connectors)} connectors, {failed} failed", note, "" if whole else f"{MOST_CONNECTORS} are kept"]
        readings = [
            self._reading(
                at, "connect", [n for t in told for n in t.nodes()], [e for t in told for e in t.seen()], whole
            ),
            self._reading(at, "connect_config", [], [e for t in told for e in t.declared()], whole),
        ]
        return Collection(list(readings), note="; ".join(filter(None, notes)))

    def _reading(self, at: Ms, source: str, nodes: list[NodeSeen], edges: list[EdgeSeen], whole: bool) -> Reading:
        nodes = _once(nodes)
        return Reading(
            cluster=self.cluster, at=at, source=source, scope=self.target, nodes=nodes, edges=edges, complete=whole,
            interval=self.interval,
        )  # fmt: skip

    def _with_topics(self, connectors: list[Connector], budget: Budget) -> tuple[list[Connector], str]:
        """The connectors with the topics that they used, where the worker tracks them."""
        out: list[Connector] = []
        for i, connector in enumerate(connectors[:MOST_CONNECTORS]):
            try:
                used = used_topics(self._web, connector.name, budget)
            except Refused as refused:
                if refused.status != 404:  # deleted since it was listed
                    raise
                continue
            if used is None:
                return [*out, *connectors[i:]], UNTRACKED
            out.append(replace(connector, used=used))
        return [*out, *connectors[MOST_CONNECTORS:]], ""


def _once(nodes: list[NodeSeen]) -> list[NodeSeen]:
    """Each node once; a system that several connectors read has all the names that Debezium gives it."""
    names: dict[str, set[str]] = defaultdict(set)
    for node in nodes:
        names[node.id].update(node.attrs.get("debezium", ()))
    found = {n.id: n for n in nodes}.values()
    return [
        msgspec.structs.replace(n, attrs={**n.attrs, "debezium": sorted(names[n.id])}) if names[n.id] else n
        for n in found
    ]


def used_topics(web: Web, name: str, budget: Budget) -> tuple[str, ...] | None:
    """The topics that a connector really used; None where the worker does not track them. Raises CollectorError."""
    try:
        answer = web.get(f"/connectors/{quote(name, safe='')}/topics", budget)
    except Refused as refused:
        if refused.status == 403:
            return None
        raise
    found = answer.get(name) if isinstance(answer, dict) else None
    topics = found.get("topics") if isinstance(found, dict) else None
    return tuple(sorted(t for t in _list(topics) if isinstance(t, str) and TOPIC.fullmatch(t)))[:MOST_TOPICS]


def listed(web: Web, budget: Budget) -> list[Connector]:
    """Every connector with its configuration and status. Raises CollectorError."""
    answer = web.get("/connectors?expand=info&expand=status", budget)
    if isinstance(answer, list):
        raise CollectorError(f"{web.what} is older than Kafka 2.3: it lists names only", permanent=True)
    if not isinstance(answer, dict):
        raise CollectorError(
            f"{web.what} at {web.url} answered with no list of connectors",
            remedy="check that the address is the one of Kafka Connect's REST API",
        )
    return [_connector(name, said) for name, said in sorted(answer.items()) if name and isinstance(said, dict)]


def _connector(name: str, said: Mapping[str, Any]) -> Connector:
    info, status = _dict(said.get("info")), _dict(said.get("status"))
    config = {str(k): str(v) for k, v in _dict(info.get("config")).items() if v is not None}
    state = _dict(status.get("connector"))
    cls, kind = config.get("connector.class", ""), info.get("type") or status.get("type")
    return Connector(
        name=name[:MOST_NAME],
        type=kind if kind in ("source", "sink") else "unknown",
        cls=cls if CLASS.fullmatch(cls) else "",
        state=_word(state.get("state")),
        worker=_word(state.get("worker_id")),
        tasks=tuple(_task(t, config) for t in _list(status.get("tasks"))[:MOST_TASKS] if isinstance(t, dict)),
        failure=spoken(str(state.get("trace") or ""), config),
        config=config,
    )


def _task(said: Mapping[str, Any], config: Mapping[str, str]) -> dict[str, Any]:
    number, trace = said.get("id"), spoken(str(said.get("trace") or ""), config)
    kept = {"id": number if isinstance(number, int) else -1, "state": _word(said.get("state"))}
    return {**kept, "worker": _word(said.get("worker_id")), **({"failure": trace} if trace else {})}


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _word(value: Any) -> str:
    return value[:120] if isinstance(value, str) else "UNKNOWN"


class _Told:
    """What is to be told of one connector."""

    def __init__(self, cluster: str, target: str, connector: Connector, at: Ms) -> None:
        self.cluster, self.c, self.at = cluster, connector, at
        self.id = node_id("connector", cluster, target, connector.name)
        self.systems = systems(connector.cls, connector.config, target)
        self.sink = connector.type == "sink"
        self.group = connector.group if self.sink else ""

    def nodes(self) -> Iterator[NodeSeen]:
        yield NodeSeen(self.id, self.c.name, self._attrs())
        for system in self.systems:
            name = logical(self.c.cls, self.c.config, system)
            yield NodeSeen(system.id, system.name, {"type": system.type, **({"debezium": [name]} if name else {})})

    def _attrs(self) -> dict[str, Any]:
        tasks = sorted(self.c.tasks, key=lambda t: int(t["id"]))
        known = {
            "class": self.c.cls,
            "type": self.c.type,
            "state": self.state(),
            "worker": self.c.worker,
            "tasks": tasks,
        }
        sink = {"group": self.group, "dead_letters": self.c.dead_letters} if self.sink else {}
        pattern = {"topics_regex": self.c.config["topics.regex"][:MOST_NAME]} if "topics.regex" in self.c.config else {}
        failure = self.c.failure or next((t["failure"] for t in tasks if t.get("failure")), "")
        return {**known, **sink, **pattern, **({"failure": failure} if failure else {})}

    def state(self) -> str:
        """FAILED where the connector or a task of it has failed: a connector stays RUNNING when its tasks are gone."""
        states = [self.c.state, *(t["state"] for t in self.c.tasks)]
        return "FAILED" if "FAILED" in states else self.c.state

    def seen(self) -> Iterator[EdgeSeen]:
        """What happened: the topics used; that the system was touched follows from it."""
        for topic in self.c.used:
            yield self._moved(topic, "observed", USED)
        if self.c.used:
            yield from (self._touched(system, "inferred", ROUTED) for system in self.systems)

    def declared(self) -> Iterator[EdgeSeen]:
        """What the configuration says."""
        for topic in self.c.configured:
            yield self._moved(topic, "declared", CONFIGURED)
        yield from (self._touched(system, "declared", CONFIGURED) for system in self.systems)
        if self.c.dead_letters:
            yield self._dead("writes", self.id)
            for topic in dict.fromkeys((*self.c.used, *self.c.configured)):
                yield self._dead("dead_letters", node_id("topic", self.cluster, topic))

    def _moved(self, topic: str, strength: str, detail: str) -> EdgeSeen:
        node = node_id("topic", self.cluster, topic)
        if self.sink:
            return self._edge("reads", node, self.id, strength, detail)
        return self._edge("writes", self.id, node, strength, detail)

    def _touched(self, system: System, strength: str, detail: str) -> EdgeSeen:
        if self.sink:
            return self._edge("writes", self.id, system.id, strength, detail)
        return self._edge("reads", system.id, self.id, strength, detail)

    def _edge(self, relation: str, source: str, target: str, strength: str, detail: str) -> EdgeSeen:
        return EdgeSeen(relation, source, target, self.at, self.at, 1, strength, detail)

    def _dead(self, relation: str, source: str) -> EdgeSeen:
        """A claim about its dead letter topic: under its group, as the headers of what lies there are told."""
        target = node_id("topic", self.cluster, self.c.dead_letters)
        return EdgeSeen(relation, source, target, self.at, self.at, 1, "declared", CONFIGURED, self.group)
