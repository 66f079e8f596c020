"""The structure as it stands in the temporal tables at one moment; shared by the reader and by the recorder's start."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from django.db.models import Model, Q, QuerySet

from lineage.graph import Edge, Node
from lineage.models import ClusterVersion, CollectorVersion, EdgeVersion, NodeVersion, Placement
from lineage.observations import Ms

M = TypeVar("M", bound=Model)


@dataclass(frozen=True)
class Known:
    """What was known at one moment, by id."""

    nodes: Mapping[str, Node]
    edges: Mapping[str, Edge]
    clusters: Mapping[str, Mapping[str, Any]]
    collectors: Mapping[tuple[str, str], Mapping[str, Any]]
    places: Mapping[str, tuple[float, float]]


def known_at(rows: QuerySet[M], at: Ms) -> QuerySet[M]:
    """The versions that the recorder held at ``at``."""
    return rows.filter(Q(superseded_at__isnull=True) | Q(superseded_at__gt=at), recorded_at__lte=at)


NODE = ("node", "kind", "name", "cluster", "team", "owner_source", "first_seen", "attrs")
EDGE = ("source", "target", "key", "relation", "strength", "first_seen", "attrs")


def read(at: Ms) -> Known:
    """Everything structural at ``at``, the time of a tick."""
    nodes = [Node(*row) for row in known_at(NodeVersion.objects.all(), at).values_list(*NODE)]
    edges = [_edge(*row) for row in known_at(EdgeVersion.objects.all(), at).values_list(*EDGE)]
    clusters = known_at(ClusterVersion.objects.all(), at).values_list("cluster", "attrs")
    collectors = known_at(CollectorVersion.objects.all(), at).values_list("cluster", "collector", "attrs")
    places = known_at(Placement.objects.all(), at).values_list("node", "x", "y")
    return Known(
        nodes={n.id: n for n in nodes},
        edges={e.id: e for e in edges},
        clusters=dict(clusters),
        collectors={(c, n): a for c, n, a in collectors},
        places={n: (x, y) for n, x, y in places},
    )


def _edge(source: str, target: str, key: str, relation: str, strength: str, first: Ms, attrs: dict[str, Any]) -> Edge:
    return Edge(source, target, key, relation, strength, first, tuple(attrs["evidence"]))
