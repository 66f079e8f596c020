"""The structure as it stands in the temporal tables at one moment; shared by the reader and by the recorder's start."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, NamedTuple, TypeVar

from django.conf import settings
from django.db.models import Model, Q, QuerySet

from lineage.frames import Said
from lineage.graph import Edge, Node
from lineage.identity import is_unknown_writer
from lineage.models import ClusterVersion, CollectorVersion, EdgeVersion, JoinVersion, NodeVersion, Placement
from lineage.observations import Ms

M = TypeVar("M", bound=Model)
T = TypeVar("T")
MOST_KEPT = 100_000  # versions
FEW = 400  # versions that are asked for by their numbers


@dataclass(frozen=True)
class Known:
    """What was known at one moment, by id."""

    nodes: Mapping[str, Node]
    edges: Mapping[str, Edge]
    clusters: Mapping[str, Mapping[str, Any]]
    collectors: Mapping[tuple[str, str], Mapping[str, Any]]
    places: Mapping[str, tuple[float, float]]
    said: tuple[Said, ...] = ()


def known_at(rows: QuerySet[M], at: Ms) -> QuerySet[M]:
    """The versions that the recorder held at ``at``."""
    return rows.filter(Q(superseded_at__isnull=True) | Q(superseded_at__gt=at), recorded_at__lte=at)


NODE = ("node", "kind", "name", "cluster", "team", "owner_source", "first_seen", "attrs")
HELD = ("recorded_at", "superseded_at")
EDGE = ("source", "target", "key", "relation", "strength", "first_seen", "attrs")


def read(at: Ms, hindsight: bool = False) -> Known:
    """Everything structural at ``at``, the time of a tick: as known then, or with hindsight as known now."""
    nodes, edges = _graph_known_now(at) if hindsight else _graph_known_then(at)
    clusters = known_at(ClusterVersion.objects.all(), at).values_list("cluster", "attrs")
    collectors = known_at(CollectorVersion.objects.all(), at).values_list("cluster", "collector", "attrs")
    places = known_at(Placement.objects.all(), at).values_list("node", "x", "y")
    joins = known_at(JoinVersion.objects.order_by("key"), at).values_list("kind", "cluster", "name", "service", "attrs")
    return Known(
        nodes=nodes,
        edges=edges,
        clusters=dict(clusters),
        collectors={(c, n): a for c, n, a in collectors},
        places={**(_later_places(at) if hindsight else {}), **{n: (x, y) for n, x, y in places}},
        said=tuple(Said(k, c, n, s, a["verdict"], a["by"], a["at"]) for k, c, n, s, a in joins),
    )


def _graph_known_then(at: Ms) -> tuple[dict[str, Node], dict[str, Edge]]:
    nodes = _kept_nodes.read(known_at(NodeVersion.objects.all(), at))
    edges = _kept_edges.read(known_at(EdgeVersion.objects.all(), at))
    return {n.id: n for n in nodes}, {e.id: e for e in edges}


class _Kept(Generic[M, T]):
    """Versions as they were read once: a version's constant part never changes, and moments share most of theirs."""

    def __init__(self, fields: tuple[str, ...], make: Callable[..., T]) -> None:
        self._fields, self._make = fields, make
        self._things: dict[tuple[str, int], T] = {}

    def read(self, rows: QuerySet[M]) -> list[T]:
        """The things of these rows; what is not at hand is fetched."""
        where, things = str(settings.DATABASES["default"]["NAME"]), self._things
        ids = list(rows.values_list("pk", flat=True))
        lacking = [i for i in ids if (where, i) not in things]
        if len(things) + len(lacking) > MOST_KEPT:
            self._things = things = {}
            lacking = ids
        few = len(lacking) <= FEW
        asked = rows.filter(pk__in=lacking) if few else rows
        for pk, *row in asked.values_list("pk", *self._fields) if lacking else ():
            things[where, pk] = self._make(*row)
        return [things[where, i] for i in ids if (where, i) in things]

    def forget(self) -> None:
        self._things = {}


def forget() -> None:
    """Drops what was read: for a database that was replaced."""
    _kept_nodes.forget()
    _kept_edges.forget()


class _Word(NamedTuple):
    """A version that is valid at the moment: the thing, and when the recorder held it."""

    thing: Any
    recorded_at: Ms
    superseded_at: Ms | None


def _graph_known_now(at: Ms) -> tuple[dict[str, Node], dict[str, Edge]]:
    words = (
        _Word(Node(*row[2:]), *row[:2]) for row in _valid_at(NodeVersion.objects.all(), at).values_list(*HELD, *NODE)
    )
    found = _newest(words, lambda n: n.id)
    told = (
        _Word(_edge(*row[2:]), *row[:2]) for row in _valid_at(EdgeVersion.objects.all(), at).values_list(*HELD, *EDGE)
    )
    words_of_edges = _attributed(_newest(told, lambda e: e.scope))
    writes = [w for w in words_of_edges if w.thing.relation == "writes"]
    named = {w.thing.target: w.recorded_at for w in writes if not is_unknown_writer(w.thing.source)}
    nodes = {w.thing.id: w.thing for w in found}
    edges = {
        w.thing.id: w.thing
        for w in words_of_edges
        if not _explained(w, named) and w.thing.source in nodes and w.thing.target in nodes
    }
    sources = {e.source for e in edges.values()}
    return {k: n for k, n in nodes.items() if not k.startswith("writer:") or k in sources}, edges


def _newest(words: Iterable[_Word], scope: Callable[[Any], Any]) -> list[_Word]:
    """Without the words that were taken back: what was superseded before the newest word of its scope came."""
    by_scope: dict[Any, list[_Word]] = defaultdict(list)
    for word in words:
        by_scope[scope(word.thing)].append(word)
    out = []
    for group in by_scope.values():
        newest = max(w.recorded_at for w in group)
        out += [w for w in group if w.superseded_at is None or w.superseded_at > newest]
    return out


def _attributed(words: list[_Word]) -> list[_Word]:
    """Without edges all of whose claims a newer word gives to another: a person said whose name it is, or took it back.

    Reads have their group for that.
    """
    newest: dict[tuple[str, ...], Ms] = {}
    for word in words:
        for claim in _claims(word.thing):
            newest[claim] = max(word.recorded_at, newest.get(claim, 0))
    return [w for w in words if w.superseded_at is None or not _elsewhere(w, newest)]


def _elsewhere(word: _Word, newest: Mapping[tuple[str, ...], Ms]) -> bool:
    claims, ended = _claims(word.thing), word.superseded_at or 0
    return bool(claims) and all(newest[claim] >= ended for claim in claims)


def _claims(edge: Edge) -> list[tuple[str, ...]]:
    """What sources said, in their own names; nothing where something else than claims speaks for the edge, too."""
    if edge.relation == "reads" or not all(e["joins"] for e in edge.evidence):
        return []
    ends = [edge.source, edge.target]
    return [(edge.relation, e["source"], *join.get("ends", ends)) for e in edge.evidence for join in e["joins"]]


def _explained(word: _Word, named: Mapping[str, Ms]) -> bool:
    """Whether this is an unknown writer that a span named afterwards, for this moment, too."""
    if not is_unknown_writer(word.thing.source) or word.superseded_at is None:
        return False
    return named.get(word.thing.target, -1) >= word.superseded_at


def _valid_at(rows: QuerySet[M], at: Ms) -> QuerySet[M]:
    """The versions that are valid at ``at``, whenever they were recorded."""
    return rows.filter(Q(valid_until__isnull=True) | Q(valid_until__gt=at), valid_from__lte=at)


def _later_places(at: Ms) -> dict[str, tuple[float, float]]:
    """The first places of what got one only afterwards."""
    rows = Placement.objects.filter(recorded_at__gt=at).order_by("-recorded_at").values_list("node", "x", "y")
    return {n: (x, y) for n, x, y in rows}


def _edge(source: str, target: str, key: str, relation: str, strength: str, first: Ms, attrs: dict[str, Any]) -> Edge:
    return Edge(source, target, key, relation, strength, first, tuple(attrs["evidence"]))


_kept_nodes: _Kept[NodeVersion, Node] = _Kept(NODE, Node)
_kept_edges: _Kept[EdgeVersion, Edge] = _Kept(EDGE, _edge)
