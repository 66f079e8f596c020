"""Kafka Connect: connectors, what they touch, how they are doing, by the worker's REST API.

https://kafka.apache.org/documentation/#connect_rest. Of a config only what this module names is kept; whatever its
keys call secret is cut out of error texts, too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

from collectors.base import Budget, Collection, CollectorError, now_ms
from collectors.mirrors import Mirror, mirror_of
from collectors.sources import Asked
from collectors.systems import System, systems
from collectors.web import Refused, Web
from lineage.config import Config
from lineage.identity import node_id
from lineage.observations import EdgeSeen, Ms, NodeSeen, Reading

MOST_CONNECTORS = 2_000
MOST_TOPICS = 5_000
MOST_TASKS = 200
SECRET = re.compile(r"pass|secret|token|credential|api[._]?key|private|auth|jaas|sas", re.IGNORECASE)
IN_TEXT = re.compile(r"(?i)((?:password|passwd|secret|token|key|user(?:name)?)\s*[=:]\s*)[^\s,;&\"']+|//[^/\s@]+@")


class Connect:
    """A Collector of one worker: any of a Connect cluster answers for all of it."""

    source = "connect"

    def __init__(self, asked: Asked) -> None:
        endpoint = next(e for e in asked.cluster.connect if e.name == asked.target)
        self.name, self.cluster, self.worker = f"connect:{asked.target}", asked.cluster.name, asked.target
        self.interval = asked.cluster.every.topology
        self._config = asked.config
        self._web = Web(endpoint, f'the Connect worker "{endpoint.name}"')

    def collect(self, budget: Budget) -> Collection:
        """One Reading: connectors, systems and the edges between them. Raises CollectorError."""
        at = now_ms()
        listed = self._web.get("/connectors?expand=info&expand=status", budget)
        if not isinstance(listed, dict):
            raise CollectorError(f"{self._web.what} did not answer /connectors with a list of connectors")
        names = sorted(n for n in listed if isinstance(n, str) and n)[:MOST_CONNECTORS]
        notes = [f"{len(listed) - len(names)} connectors left out"] if len(names) < len(listed) else []
        found = [_Connector(self, n, _mapping(listed[n]), self._topics(n, budget, notes)) for n in names]
        return Collection([self._reading(at, found)], note="; ".join(dict.fromkeys(notes)))

    def _topics(self, name: str, budget: Budget, notes: list[str]) -> list[str]:
        """The topics that a connector really used, where the worker tells that."""
        try:
            answer = self._web.get(f"/connectors/{quote(name, safe='')}/topics", budget)
        except Refused as refused:
            if refused.status not in (403, 404):
                raise
            if refused.status == 403:
                notes.append("topics as configured, not as used: the worker has topic.tracking.enable=false")
            return []
        told = _mapping(_mapping(answer).get(name)).get("topics")
        return sorted(t for t in told or () if isinstance(t, str) and t)[:MOST_TOPICS]

    def _reading(self, at: Ms, found: list[_Connector]) -> Reading:
        nodes: dict[str, NodeSeen] = {}
        edges: list[EdgeSeen] = []
        for one in found:
            nodes[one.id] = one.node()
            nodes |= {s.id: NodeSeen(s.id, s.name, {"system": s.kind}) for s in one.systems}
            edges += one.edges(at, self._config)
        return Reading(
            cluster=self.cluster, at=at, source="connect", scope=self.worker, nodes=list(nodes.values()), edges=edges,
            complete=True, interval=self.interval,
        )  # fmt: skip


class _Connector:
    """One connector as the worker tells of it."""

    def __init__(self, worker: Connect, name: str, told: Mapping[str, Any], used: list[str]) -> None:
        self.worker, self.name, self.used = worker, name, used
        info, self.status = _mapping(told.get("info")), _mapping(told.get("status"))
        self.config = {str(k): str(v) for k, v in _mapping(info.get("config")).items() if v is not None}
        self.type = str(info.get("type") or self.status.get("type") or "unknown")
        self.id = node_id("connector", worker.cluster, worker.worker, name)
        self.systems: list[System] = systems(self.config)
        self.mirror: Mirror | None = mirror_of(self.config)

    @property
    def group(self) -> str:
        """A sink's consumer group."""
        return self.config.get("consumer.override.group.id") or f"connect-{self.name}"

    def node(self) -> NodeSeen:
        """The connector itself; a failure with the first line of its trace."""
        tasks = [_mapping(t) for t in self.status.get("tasks") or ()][:MOST_TASKS]
        state = str(_mapping(self.status.get("connector")).get("state") or "UNKNOWN")
        failed = [t for t in tasks if t.get("state") == "FAILED"]
        attrs = {
            "class": self.config.get("connector.class", ""),
            "type": self.type,
            "state": "FAILED" if failed and state == "RUNNING" else state,
            "tasks": [{"id": t.get("id"), "state": str(t.get("state")), "worker": t.get("worker_id")} for t in tasks],
            "error": self._error(failed),
            **({"group": self.group} if self.type == "sink" else {}),
        }
        return NodeSeen(self.id, self.name, attrs, {"tasks_failed": float(len(failed))})

    def _error(self, failed: list[Mapping[str, Any]]) -> str | None:
        traces = [_mapping(self.status.get("connector")).get("trace"), *(t.get("trace") for t in failed)]
        first = next((str(t) for t in traces if t), "")
        return self._clean(first.strip().partition("\n")[0])[:300] or None

    def _clean(self, text: str) -> str:
        """Without any value that the config's keys call secret, nor what looks like one."""
        for secret in (v for k, v in self.config.items() if SECRET.search(k) and len(v) > 3):
            text = text.replace(secret, "***")
        return IN_TEXT.sub(lambda m: f"{m[1]}***" if m[1] else "//***@", text)

    def edges(self, at: Ms, config: Config) -> Iterator[EdgeSeen]:
        """What it reads, writes and sends aside; in the data's direction."""
        if self.mirror:
            yield from self.mirror.edges(at, self.id, self.name, self.worker.cluster, self.used, config)
            return
        sink = self.type == "sink"
        for system in self.systems:
            start, end = (self.id, system.id) if sink else (system.id, self.id)
            yield EdgeSeen("writes" if sink else "reads", start, end, at, at, strength=self._worked())
        for topic, strength in self._touched().items():
            node = node_id("topic", self.worker.cluster, topic)
            if sink:
                yield EdgeSeen("reads", node, self.id, at, at, strength=strength, group=self.group)
            else:
                yield EdgeSeen("writes", self.id, node, at, at, strength=strength)
        if sink and (dead := self.config.get("errors.deadletterqueue.topic.name")):
            target = node_id("topic", self.worker.cluster, dead)
            yield EdgeSeen("dead_letters", self.id, target, at, at, strength="declared", detail="its configuration")

    def _worked(self) -> str:
        """A connector that has used topics has moved data; one that has not is only configured to."""
        return "observed" if self.used else "declared"

    def _touched(self) -> dict[str, str]:
        """Topics with how strongly they are known: used, or only configured."""
        keys = ("topics",) if self.type == "sink" else ("topic", "kafka.topic")
        named = (t.strip() for key in keys for t in self.config.get(key, "").split(","))
        dead = self.config.get("errors.deadletterqueue.topic.name")
        used = {t: "observed" for t in self.used if t != dead}
        return {t: "declared" for t in named if t and "$" not in t} | used


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
