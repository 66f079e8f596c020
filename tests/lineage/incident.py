"""Incidents written down to be read: a graph, what goes wrong when, and what must be told of it.

graph:    `[topic]`, `service` (reads as group service-cg, or `service/group`), `<connector>`, `?` an unknown writer;
          `->` flows (seen), `.>` is declared only, `=>` is a copy of a topic; `west:` names another cluster than c
topics, lag, clusters, collectors: what the frame shows where it is not what all is well with
troubles: time, subject, what, facts
causes:   what is explained: by what, and over what; all else must stay on its own
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from lineage.frames import ClusterState, CollectorState, EdgeState, EvidenceState, Frame, LagItem, NodeState
from lineage.identity import node_id
from lineage.troubles import Trouble

MIDNIGHT = 1_790_035_200_000  # 2026-09-22T00:00Z
WRITTEN = Path(__file__).parent / "incidents"
DAY = "00:00"
GIVEN = ("topics", "lag", "clusters", "collectors", "connectors")


@dataclass(frozen=True)
class Incident:
    """``causes``: (subject, what) to (subject, what, path of names)."""

    name: str
    why: str
    frame: Frame
    troubles: list[Trouble]
    causes: dict[tuple[str, str], tuple[str, str, str]]


def ms(clock: str) -> int:
    """``12:03`` or ``12:03:20`` of the day of the incident."""
    parts = [int(p) for p in clock.split(":")]
    return MIDNIGHT + sum(n * size for n, size in zip(parts, (3_600_000, 60_000, 1000), strict=False))


def incidents() -> list[Incident]:
    return [read(path) for path in sorted(WRITTEN.glob("*.yaml"))]


def read(path: Path) -> Incident:
    # Times are words here: YAML's own rules would make 12:03 a number of minutes.
    text = yaml.load(path.read_text(), Loader=yaml.BaseLoader)
    told = [_trouble(t) for t in text["troubles"]]
    causes = {_key(c["explains"]): (*_key(c["by"]), c.get("through", "")) for c in text.get("causes", ())}
    assert causes.keys() <= {t.key for t in told}, f"{path.name} explains what is no trouble of it"
    return Incident(path.stem, text["why"], Sketch(text).frame(), told, causes)


def _trouble(line: str) -> Trouble:
    clock, kind, name, what, *facts = line.split(maxsplit=4)
    given = yaml.safe_load(f"{{{facts[0]}}}") if facts else {}
    return Trouble(subject(f"{kind} {name}"), what, ms(clock), given)


def _key(line: str) -> tuple[str, str]:
    kind, name, what = line.split()
    return subject(f"{kind} {name}"), what


def subject(told: str) -> str:
    """``lag payments-cg/orders.v1``, ``topic west:orders.v1``, ``service payments``, ``cluster c`` as subjects."""
    kind, name = told.split()
    if kind in ("cluster", "service", "collector"):
        return f"{kind}:{name}"
    cluster, path = _placed(name)
    return f"{kind}:{cluster}/{path}"


def _placed(name: str) -> tuple[str, str]:
    cluster, colon, rest = name.partition(":")
    return (cluster, rest) if colon else ("c", name)


class Sketch:
    """A frame from what is written of it; what is not written is well."""

    def __init__(self, text: Mapping[str, Any]) -> None:
        self.at = ms(text.get("at", "13:00"))
        self.given = {k: _typed(text.get(k, {})) for k in GIVEN}
        self.nodes: dict[str, NodeState] = {}
        self.edges: dict[tuple[str, str, str, str], EdgeState] = {}
        for line in text["graph"].splitlines():
            self._chain(line.split("#")[0].split())

    def _chain(self, words: list[str]) -> None:
        for one, arrow, other in zip(words[::2], words[1::2], words[2::2], strict=False):
            for a in one.split(","):
                for b in other.split(","):
                    self._join(a, arrow, b)

    def _join(self, one: str, arrow: str, other: str) -> None:
        (a, _), (b, group) = self._node(one, other), self._node(other, one)
        relation = "replicates" if arrow == "=>" else "reads" if a.startswith(("topic:", "system:")) else "writes"
        key = group if relation == "reads" else ""
        strength = "declared" if arrow == ".>" else "observed"
        seen = EvidenceState("otlp", strength, ms(DAY), self.at, "", 1)
        self.edges[relation, a, b, key] = EdgeState(
            a, b, key, relation, strength, (seen,), None, None, None, False, "otlp: seen"
        )  # fmt: skip

    def _node(self, word: str, beside: str) -> tuple[str, str]:
        """The node's id, and the group that it would read as."""
        if word == "?":
            cluster, topic = _placed(beside.strip("[]"))
            return self._known("writer", cluster, topic), ""
        if word.startswith("["):
            return self._known("topic", *_placed(word.strip("[]"))), ""
        if word.startswith("<"):
            cluster, name = _placed(word.strip("<>"))
            return self._known("connector", cluster, "main", name), f"connect-{name}"
        if word.startswith("{"):
            return self._known("system", word.strip("{}")), ""
        service, slash, group = word.partition("/")
        return self._known("service", service), group if slash else f"{service}-cg"

    def _known(self, kind: str, *path: str) -> str:
        node, name = node_id(kind, *path), path[-1]
        cluster = path[0] if len(path) > 1 else ""
        attrs: dict[str, Any] = {}
        if kind == "topic":
            short = name if cluster == "c" else f"{cluster}:{name}"
            attrs = {"partitions": 12, "offline": 0, "rate": None, **self.given["topics"].get(short, {})}
        if kind == "connector":
            attrs = {"state": "RUNNING", "group": f"connect-{name}", **self.given["connectors"].get(name, {})}
        at = self.at
        self.nodes[node] = NodeState(node, kind, name, cluster, None, None, ms(DAY), at, False, attrs)
        return str(node)

    def frame(self) -> Frame:
        edges = tuple(e for _, e in sorted(self.edges.items()))
        return Frame(
            at=self.at, live=True, resolution="full", tick=1, nodes=self.nodes, edges=edges, lag=tuple(self._lag()),
            clusters=tuple(self._clusters()), collectors=tuple(self._collectors()), positions={},
        )  # fmt: skip

    def _lag(self) -> Iterator[LagItem]:
        for edge in sorted((e for e in self.edges.values() if e.relation == "reads" and e.key), key=repr):
            if not edge.source.startswith("topic:"):
                continue
            cluster, topic = self.nodes[edge.source].cluster, self.nodes[edge.source].name
            short = f"{edge.key}/{topic}" if cluster == "c" else f"{cluster}:{edge.key}/{topic}"
            service = self.nodes[edge.target].name if edge.target.startswith("service:") else None
            base = LagItem(
                cluster, edge.key, topic, service, None, 0, 0.0, 0.0, "ok", "everything is read", 2, ms(DAY), 0,
                100.0, 100.0, None, None, 3, self.at,
            )  # fmt: skip
            given = self.given["lag"].get(short, {})
            yield LagItem(**{f: given.get(f, getattr(base, f)) for f in base.__struct_fields__})

    def _clusters(self) -> Iterator[ClusterState]:
        names = {n.cluster for n in self.nodes.values() if n.cluster} | set(self.given["clusters"])
        for name in sorted(names):
            given = dict(self.given["clusters"].get(name, {}))
            sampled = ms(given.pop("sampled_at")) if "sampled_at" in given else self.at
            well = {"brokers": 3, "brokers_expected": 3, "status": "ok", "offline": 0}
            well |= {"under_replicated": 0, "below_min_isr": 0}
            yield ClusterState(
                name=name, cluster_id=name, topics=1, partitions=12, groups=1, sampled_at=sampled, error=None,
                **{**well, **given},
            )  # fmt: skip

    def _collectors(self) -> Iterator[CollectorState]:
        for cluster in sorted({n.cluster for n in self.nodes.values() if n.cluster}):
            for name, source in (("positions", "kafka"), ("groups", "kafka"), ("connect:main", "connect")):
                interval = self.given["collectors"].get(name, 10.0)
                yield CollectorState(
                    name, cluster, source, self.at, self.at, 0.1, 1, None, (), "", float(interval), False
                )  # fmt: skip


def _typed(given: Any) -> dict[str, Any]:
    """Words as numbers where they are; times stay words."""
    if isinstance(given, dict):
        return {k: _typed(v) for k, v in given.items()}
    if isinstance(given, list):
        return [_typed(v) for v in given]  # type: ignore[return-value]
    if not isinstance(given, str):
        return given  # type: ignore[no-any-return]
    return float(given) if "." in given and _number(given) else int(given) if _number(given) else given  # type: ignore[return-value]


def _number(word: str) -> bool:
    return re.fullmatch(r"-?\d+(\.\d+)?", word) is not None
