"""Schema Registry: subjects with their newest version, compatibility and references, told of the topics they describe.

It speaks Confluent's API, as Karapace, Apicurio (``/apis/ccompat/v7``) and Redpanda do. ``GET /subjects`` says at every
collection which subjects there are. What their newest versions say comes from ``GET /schemas``, page by page, where the
registry has it, and else one subject a request, in turns; compatibility always so. Versions change rarely, so that
what is known is asked again slowly. Numbers of schemas that records bear are looked up too. Nothing is told of a topic
before all its subjects are known, so that a collector that starts anew never tells less than it did before.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import Any, Protocol
from urllib.parse import quote, urlsplit

from collectors.base import Budget, Collection, CollectorError, Kept, now_ms
from collectors.given import fields, listed, text
from collectors.schema_ids import SchemaIds
from collectors.subjects import MOST_NAME, UNREADABLE, Latest, latest_of, referenced, row, topic_of
from collectors.web import Refused, TooMuch, Web
from lineage.config import ClusterConfig, Config
from lineage.identity import node_id
from lineage.observations import Ms, NodeSeen, Reading

FIRST = 2_000  # requests a collection for what is not known yet
AGAIN = 200  # … and for what is known
PAGE = 1_000
MOST_LISTING = 32 * 1024 * 1024
MOST_SCHEMA = 2 * 1024 * 1024
RATE = 20_000  # bytes a second that reading all schemas again may cost, on average
PER_TOPIC = 50
ELSEWHERE = 300
MISSING = (404, 405, 501)


class Asked(Protocol):
    """What is used of sources.Asked."""

    config: Config
    cluster: ClusterConfig
    kept: Callable[[str], Kept] | None


class Schemas:
    """A Collector."""

    source = "registry"

    def __init__(self, asked: Asked) -> None:
        endpoint = asked.cluster.schema_registry
        if endpoint is None:
            raise ValueError(f"cluster {asked.cluster.name} has no schema_registry")
        self.name, self.cluster, self.interval = "registry", asked.cluster.name, asked.cluster.every.configs
        self._web = Web(endpoint, "the schema registry")
        self._wants, self._host = asked.cluster.wants_topic, urlsplit(endpoint.url).netloc
        self._ids = SchemaIds(self._web, asked.kept, self.cluster, asked.cluster.bootstrap_servers)
        self._latest: dict[str, Latest] = {}
        self._levels: dict[str, str | None] = {}
        self._read: dict[str, Ms] = {}  # when a subject's version was asked for
        self._levelled: dict[str, Ms] = {}
        self._listing = True  # GET /schemas is there, as far as we know
        self._listed_at, self._listed_bytes = 0, 0

    def collect(self, budget: Budget) -> Collection:
        """One Reading. Raises CollectorError where the subjects cannot be listed."""
        at = now_ms()
        names = self._subjects(budget)
        self._forget(names)
        default, mode = self._setting("/config", budget), self._setting("/mode", budget)
        error = None
        try:
            self._list_all(names, at, budget)
            self._ask_each(names, at, budget)
            self._ids.ask(at, budget)
        except CollectorError as e:  # what came before it is told all the same
            error = str(e)
        return self._told(names, at, default, mode, error)

    def _subjects(self, budget: Budget) -> list[str]:
        given = listed(self._web.get("/subjects", budget, MOST_LISTING), "the registry's /subjects")
        return sorted({text(n) for n in given if isinstance(n, str) and 0 < len(n) <= MOST_NAME})

    def _forget(self, names: list[str]) -> None:
        there = set(names)
        for kept in (self._latest, self._levels, self._read, self._levelled):
            for gone in kept.keys() - there:
                del kept[gone]

    def _setting(self, path: str, budget: Budget) -> str:
        """The registry's own compatibility or mode; "" where it does not say."""
        try:
            given = fields(self._web.get(path, budget, MOST_SCHEMA))
        except Refused as e:
            if e.status not in (401, 403, *MISSING):
                raise
            return ""
        return text(given.get("compatibilityLevel") or given.get("compatibility") or given.get("mode"), 40)

    # Versions

    def _list_all(self, names: list[str], at: Ms, budget: Budget) -> None:
        """All newest versions at once, where the registry offers that, as often as its size allows."""
        rest = max(self.interval * 900, self._listed_bytes / RATE * 1000)  # 900: a little before the next is due
        if not names or not self._listing or (self._listed_at and at - self._listed_at < rest):
            return
        before, there, seen = budget.spent_bytes, set(names), set[str]()
        for page in range(len(names) // PAGE + 2):
            entries = self._page(page, budget)
            new = dict(found for e in entries if (found := latest_of(e)) and found[0] not in seen)
            seen.update(new)
            for name in new.keys() & there:
                self._latest[name], self._read[name] = new[name], at
            if not new or len(entries) != PAGE:  # the last page, or a registry that knows no pages
                break
        if self._listing:
            self._listed_at, self._listed_bytes = at, budget.spent_bytes - before

    def _page(self, page: int, budget: Budget) -> list[Any]:
        try:
            path = f"/schemas?latestOnly=true&limit={PAGE}&offset={page * PAGE}"
            return listed(self._web.get(path, budget, MOST_LISTING), "the registry's /schemas")
        except TooMuch:
            self._listing = False
        except Refused as e:
            if e.status not in (*MISSING, 400, 401, 403, 422, 500):
                raise
            self._listing = False
        return []

    def _ask_each(self, names: list[str], at: Ms, budget: Budget) -> None:
        """One request a subject: first what is not known, then what was asked longest ago."""
        left = self._turn(names, self._read, self._ask_latest, FIRST, AGAIN, at, budget)
        self._turn(names, self._levelled, self._ask_level, left, AGAIN, at, budget)

    def _turn(
        self, names: list[str], when: dict[str, Ms], ask: Any, first: int, again: int, at: Ms, budget: Budget
    ) -> int:
        """How many of ``first`` are left."""
        unknown = [n for n in names if n not in when][:first]
        old = [] if unknown else sorted((n for n in when if at - when[n] > 900 * self.interval), key=when.__getitem__)
        for name in unknown or old[:again]:
            if budget.left() < budget.seconds / 4:  # what has come is told, the rest is for the next one
                break
            ask(name, budget)
            when[name] = at
        return first - len(unknown)

    def _ask_latest(self, name: str, budget: Budget) -> None:
        try:
            given = self._web.get(f"/subjects/{quote(name, safe='')}/versions/latest", budget, MOST_SCHEMA)
        except TooMuch:
            self._latest[name] = Latest()
            return
        except Refused as e:
            if e.status not in (401, 403, 404):
                raise
            self._latest[name] = UNREADABLE  # refused to us; or deleted just now, and gone from the next list
            return
        found = latest_of({**fields(given), "subject": name})
        self._latest[name] = found[1] if found else Latest()

    def _ask_level(self, name: str, budget: Budget) -> None:
        try:
            given = fields(self._web.get(f"/config/{quote(name, safe='')}", budget, MOST_SCHEMA))
        except Refused as e:
            if e.status not in (401, 403, *MISSING):
                raise
            given = {}
        self._levels[name] = text(given.get("compatibilityLevel") or given.get("compatibility"), 40) or None

    # What is told

    def _told(self, names: list[str], at: Ms, default: str, mode: str, error: str | None) -> Collection:
        known = [n for n in names if n in self._latest and n in self._levels]
        complete = len(known) == len(names)
        reading = Reading(
            cluster=self.cluster,
            at=at,
            source=self.source,
            scope="",
            nodes=self._nodes(names, default, mode),
            edges=[],
            complete=complete,
            interval=self.interval,
        )
        return Collection([reading], self._note(names, known, mode), error=error)

    def _nodes(self, names: list[str], default: str, mode: str) -> list[NodeSeen]:
        """Topics all of whose subjects are known, and the registry with the subjects named after no topic."""
        by_topic, partly = self._rows(names, default)
        attrs: dict[str, Any] = {"class": "schema registry", "compatibility": default, "mode": mode}
        attrs["subjects_elsewhere"] = by_topic.pop("", [])[:ELSEWHERE]
        own = NodeSeen(node_id("system", f"registry://{self._host}"), self._host, attrs, {"subjects": len(names)})
        told: dict[str, dict[str, Any]] = {
            t: {"subjects": s[:PER_TOPIC]} for t, s in by_topic.items() if t not in partly
        }
        for topic, numbers in self._ids.topics().items():
            told.setdefault(topic, {})["schema_versions"] = numbers
        topics = sorted(t for t in told if t not in partly and self._wants(t))
        return [own, *(NodeSeen(node_id("topic", self.cluster, t), t, told[t]) for t in topics)]

    def _rows(self, names: list[str], default: str) -> tuple[dict[str, list[dict[str, Any]]], set[str]]:
        """What is shown, by topic ("": of none), and the topics of which not all is known."""
        users, by_topic, partly = referenced(self._latest), defaultdict(list), set[str]()
        for name in names:
            latest = self._latest.get(name)
            topic, part = topic_of(name, latest.record if latest else "") or ("", "")
            if latest is None or name not in self._levels:
                partly.add(topic)
            else:
                level = (self._levels[name] or default, self._levels[name] is not None)
                by_topic[topic].append(row(name, part, latest, level, users.get(name, [])))
        return by_topic, partly

    def _note(self, names: list[str], known: list[str], mode: str) -> str:
        refused = sum(not self._latest[n].readable for n in known)
        strange = sum(self._latest[n].version is None for n in known) - refused
        parts = [f"{len(names)} subjects"]
        if len(known) < len(names):
            parts.append(f"{len(known)} of them read so far, {FIRST} requests a collection")
        if refused:
            parts.append(f"{refused} may not be read by us")
        if strange:
            parts.append(f"{strange} answered what is no version of a schema")
        if mode not in ("", "READWRITE"):
            parts.append(f"the registry is in mode {mode}")
        return "; ".join(parts)
