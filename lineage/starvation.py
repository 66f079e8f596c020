"""How far a lack of input is sure to reach. Pure; times are ms UTC.

A topic starves once every writer of it that was seen gives less. A service gives less once at least half of what it
reads fails it; where the shares are not known, all of it. What is not sure starves nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import NamedTuple

import networkx as nx

from lineage.frames import EdgeState, Frame, LagItem
from lineage.ledger import SEEN
from lineage.observations import Ms
from lineage.outline import node_id, split_id
from lineage.troubles import Pair

MOST_HOPS = 12  # services between a cause and what it explains
SETTLES_MS = 180_000  # after which a topic whose only writers are dead must be silent
HALF = 0.5
BACKLOG = frozenset({"falling_behind", "stalled", "stopped", "catching_up", "will_lose_data"})  # has enough to read

Place = str | Pair  # where something fails: a topic, an actor, or a group's reading of a topic


class Seed(NamedTuple):
    """Something that fails at a place: ``key`` names the trouble; ``dead`` where nothing at all comes through."""

    since: Ms
    key: tuple[str, str]
    dead: bool = False


class Found(NamedTuple):
    """The nearest thing that explains a lack, and the actors between, the first one first."""

    seed: Seed
    through: tuple[str, ...]


class _Arrow(NamedTuple):
    """One end of an edge as seen from the other."""

    node: str
    group: str
    first: Ms


Accept = Callable[[Seed, int], bool]


class Flow:
    """Who feeds whom in a frame, what fails in it, and since when a lack of input is at each place."""

    def __init__(self, frame: Frame) -> None:
        self._at = frame.at
        self._rates = {n.id: n.attrs.get("rate") for n in frame.nodes.values() if n.kind == "topic"}
        self._items = {_pair(i): i for i in frame.lag}
        self.writers: dict[str, list[_Arrow]] = defaultdict(list)
        self.inputs: dict[str, list[_Arrow]] = defaultdict(list)
        self._fed: dict[str, set[str]] = defaultdict(set)
        self._seeds: dict[Place, set[Seed]] = defaultdict(set)
        self._usual: dict[str, float] = {}
        self._since: dict[str, Ms] = {}
        self._read_edges([e for e in frame.edges if e.strength in SEEN])

    def _read_edges(self, edges: Sequence[EdgeState]) -> None:
        for e in edges:
            first = min((p.first_seen for p in e.evidence), default=0)
            if e.relation == "writes" and e.target.startswith("topic:"):
                self._feed(self.writers, e.target, _Arrow(e.source, "", first))
            elif e.relation == "reads":
                self._feed(self.inputs, e.target, _Arrow(e.source, _group_of(e), first))
        for actor, arrows in self.inputs.items():
            known = {
                a.node for a in arrows if a.group
            }  # what is seen of the same reading without its group adds nothing
            self.inputs[actor] = [a for a in arrows if a.group or a.node not in known]
        for e in edges:
            # What lies between two topics is who copies: only where nobody is known, the copy itself.
            if e.relation in ("replicates", "derives") and (_copies(self.writers[e.target])):
                self._feed(self.writers, e.target, _Arrow(e.source, "", 0))

    def _feed(self, ends: dict[str, list[_Arrow]], target: str, arrow: _Arrow) -> None:
        ends[target].append(arrow)
        self._fed[arrow.node].add(target)

    @cached_property
    def rank(self) -> Mapping[str, int]:
        """How far down the stream each node is; those that feed each other are equally far."""
        whole: nx.DiGraph[str] = nx.DiGraph((a, b) for a, fed in sorted(self._fed.items()) for b in sorted(fed))
        rings = nx.condensation(whole)
        return {
            node: n
            for n, level in enumerate(nx.topological_generations(rings))
            for ring in level
            for node in rings.nodes[ring]["members"]
        }

    # What fails

    def usual(self, topic: str, rate: float) -> None:
        """So much arrived in a topic before it starved."""
        self._usual[topic] = max(rate, self._usual.get(topic, 0.0))

    def plant(self, places: Iterable[tuple[Place, Seed]]) -> None:
        """Takes what fails, and works out what starves by it. Those that are dead must be told first."""
        touched = set[str]()
        for place, seed in places:
            self._seeds[place].add(seed)
            touched |= set(self._readers(place)) if isinstance(place, tuple) else {place}
        self._spread(touched)

    def _readers(self, pair: Pair) -> Iterator[str]:
        topic, group = pair
        yield from (n for n in self._fed[topic] for a in self.inputs[n] if (a.node, a.group) == (topic, group))

    def _spread(self, touched: set[str]) -> None:
        while touched:
            level = {n: since for n in touched if (since := self._worked_out(n)) is not None}
            sooner = {n: s for n, s in level.items() if s < self._since.get(n, s + 1)}
            self._since.update(sooner)
            touched = {fed for n in sooner for fed in self._fed.get(n, ())}

    def _worked_out(self, node: str) -> Ms | None:
        """Since when it is sure that the node gives less."""
        own = min((s.since for s in self._seeds.get(node, ())), default=None)
        led = self._topic(node) if node.startswith("topic:") else self._actor(node)
        return min((t for t in (own, led) if t is not None), default=None)

    def _topic(self, topic: str) -> Ms | None:
        writers = self.writers.get(topic)
        if not writers or self._flows_on(topic, writers):
            return None
        times = [self._since.get(w.node) for w in writers]
        known = [max(t, w.first) for t, w in zip(times, writers, strict=True) if t is not None]
        return max(known) if len(known) == len(times) else None

    def _flows_on(self, topic: str, writers: Sequence[_Arrow]) -> bool:
        """Whether records come though whoever is known to write is dead: then somebody else does."""
        died = [self._died(w.node) for w in writers]
        return all(d is not None and self._at - d >= SETTLES_MS for d in died) and bool(self._rates.get(topic))

    def _died(self, actor: str) -> Ms | None:
        """Since when an actor reads nothing at all."""
        dead = [[s.since for s in self._seeds.get((a.node, a.group), ()) if s.dead] for a in self.inputs.get(actor, ())]
        return max(min(d) for d in dead) if dead and all(dead) else None

    def _actor(self, actor: str) -> Ms | None:
        inputs = [a for a in self.inputs.get(actor, ()) if not self._own_echo(actor, a)]
        failing = sorted(
            (max(t, a.first), self._weight(a)) for a in inputs if (t := self._input_since(a)) is not None
        )  # fmt: skip
        total = _sum(self._weight(a) for a in inputs)
        if total is None or not total:
            return failing[-1][0] if inputs and len(failing) == len(inputs) else None
        lost = 0.0
        for since, weight in failing:
            lost += weight or 0.0
            if lost >= HALF * total:
                return since
        return None

    def _own_echo(self, actor: str, given: _Arrow) -> bool:
        """An input that comes back from the actor itself says nothing, where there is another."""
        mine = self.rank.get(actor)
        outer = any(self.rank.get(a.node) != mine for a in self.inputs[actor])
        return outer and self.rank.get(given.node) == mine

    def _input_since(self, given: _Arrow) -> Ms | None:
        direct = [s.since for s in self._seeds.get((given.node, given.group), ())]
        starved = None if self.has_backlog((given.node, given.group)) else self._since.get(given.node)
        return min([*direct, *([starved] if starved is not None else [])], default=None)

    def _weight(self, given: _Arrow) -> float | None:
        """Records a second that this input gives when all is well; None where nobody knows."""
        item = self._items.get((given.node, given.group))
        rates = (self._usual.get(given.node), item.rate_in if item else None, self._rates.get(given.node))
        return next((r for r in rates if r is not None), None)

    def has_backlog(self, pair: Pair) -> bool:
        """Whether a group has enough to read, however little arrives."""
        item = self._items.get(pair)
        return item is not None and item.verdict in BACKLOG

    # What explains

    def since(self, node: str) -> Ms | None:
        """Since when it is sure that less comes from here; None where nothing says so."""
        return self._since.get(node)

    def explained(self, place: str, limit: Ms, accept: Accept) -> Found | None:
        """The nearest thing upstream that starves ``place`` and was there at ``limit``. None where it is not sure."""
        starts = self._since.get(place)
        if starts is None or starts > limit:
            return None
        level: dict[str, tuple[str, ...]] = {place: ()}
        seen = {place}
        for _ in range(2 * MOST_HOPS + 1):  # a topic and an actor for each hop
            if (found := self._nearest(level)) or not level:
                fitting = sorted((seed, way) for seed, way in found if accept(seed, len(way)))
                return Found(*fitting[0]) if fitting else None
            level = self._further(level, seen, limit)
        return None

    def _nearest(self, level: Mapping[str, tuple[str, ...]]) -> list[tuple[Seed, tuple[str, ...]]]:
        found = [(seed, way) for node, way in level.items() for seed in self._seeds.get(node, ())]
        found += [(seed, way) for node, way in level.items() for seed in self._own(node)]
        return found

    def _own(self, actor: str) -> list[Seed]:
        """How an actor fails by itself, where that alone is enough to starve what it feeds."""
        inputs = [a for a in self.inputs.get(actor, ()) if not self._own_echo(actor, a)]
        failing = [a for a in inputs if self._seeds.get((a.node, a.group))]
        total, lost = _sum(self._weight(a) for a in inputs), _sum(self._weight(a) for a in failing)
        enough = len(failing) == len(inputs) if not total or lost is None else lost >= HALF * total
        return [seed for a in failing for seed in self._seeds[a.node, a.group]] if enough else []

    def _further(
        self, level: Mapping[str, tuple[str, ...]], seen: set[str], limit: Ms
    ) -> dict[str, tuple[str, ...]]:  # fmt: skip
        further: dict[str, tuple[str, ...]] = {}
        for node, way in sorted(level.items()):
            for source, passed in self._feeders(node, limit):
                if source not in seen:
                    further.setdefault(source, (*passed, *way))
        seen |= further.keys()
        return further

    def _feeders(self, node: str, limit: Ms) -> Iterator[tuple[str, tuple[str, ...]]]:
        """What starves a node, one step up, with what is passed on the way."""
        for arrow in sorted(self.writers.get(node, ())):
            if self._since.get(arrow.node, limit + 1) <= limit:
                yield arrow.node, (arrow.node,)
        for arrow in sorted(self.inputs.get(node, ())):
            if self._since.get(arrow.node, limit + 1) <= limit and not self.has_backlog((arrow.node, arrow.group)):
                yield arrow.node, ()


def _copies(writers: Sequence[_Arrow]) -> bool:
    return all(w.node.startswith("topic:") for w in writers)


def _group_of(edge: EdgeState) -> str:
    """The id of the group that reads, or ""."""
    if edge.target.startswith("group:"):
        return edge.target
    if edge.key and edge.source.startswith("topic:"):
        return node_id("group", split_id(edge.source)[1][0], edge.key)
    return ""


def _pair(item: LagItem) -> Pair:
    return node_id("topic", item.cluster, item.topic), node_id("group", item.cluster, item.group)


def _sum(weights: Iterable[float | None]) -> float | None:
    total = 0.0
    for weight in weights:
        if weight is None:
            return None
        total += weight
    return total
