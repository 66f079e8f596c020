"""What each page shows: one module a page, a pure function from a frame to tables and meta."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from dashboard.views import (
    alerts,
    changes,
    collectors,
    difference,
    drift,
    group,
    lag,
    map_view,
    outside,
    panel,
    service,
    services,
    team,
    teams,
    topic,
    topics,
)
from dashboard.views.common import NotThere, View
from lineage.frames import Frame, PartitionLag

__all__ = ["NAMES", "Extras", "NotThere", "View", "build", "needs"]

Positions = Mapping[tuple[str, str, str], tuple[PartitionLag, ...]]
Extras = Mapping[str, Any]

_PLAIN: Mapping[str, Callable[[Frame, Mapping[str, str]], View]] = {
    "map": map_view.build,
    "panel": panel.build,
    "lag": lag.build,
    "topics": topics.build,
    "drift": drift.build,
    "services": services.build,
    "service": service.build,
    "teams": teams.build,
    "team": team.build,
    **{kind: outside.one_of(kind) for kind in outside.KINDS},
    **{plural: outside.all_of(kind) for kind, plural in outside.KINDS.items()},
}
_DETAILED: Mapping[str, Callable[[Frame, Mapping[str, str], Extras], View]] = {
    "topic": topic.build,
    "group": group.build,
    "alerts": alerts.build,
    "changes": changes.build,
    "collectors": collectors.build,
}
_NEEDS = {"topic": "logs", "group": "partitions", "changes": "stories", "collectors": "storage", "alerts": "alerts"}
_WITHOUT_GRAPH = ("lag", "collectors")  # show neither nodes nor edges
NAMES: Sequence[str] = (*_PLAIN, *_DETAILED)
_OF_LISTS = ("cluster", "team", "kind", "verdict", "q", "group", "topic", "internal")
_OF_RANGE = ("from", "to", "what", "subject", "hindsight")
_OF_MAP = ("drift", "fold", "open", "focus", "strength", "upstream", "downstream")
PARAMS = frozenset({"id", *_OF_LISTS, *_OF_RANGE, *_OF_MAP})


def needs(name: str, params: Mapping[str, str]) -> str:
    """What a view needs beside the frame: "logs" (topic), "partitions" (group), "stories" (changes),
    "storage" (collectors), "alerts" (alerts), or "".

    A map that is compared with an earlier moment needs "difference".
    """
    if difference.asked(name, params):
        return "difference"
    return _NEEDS.get(name, "")


def draws(name: str) -> bool:
    """Whether a view of that name looks at the nodes and edges of its frame."""
    return name not in _WITHOUT_GRAPH


def build(name: str, frame: Frame, params: Mapping[str, str], extras: Extras | None = None) -> View:
    """The view of that name. KeyError where there is none; NotThere where its thing is not in the frame."""
    known = {k: v for k, v in params.items() if k in PARAMS}
    if difference.asked(name, known):
        return difference.build(known, extras or {})
    if name in _DETAILED:
        return _DETAILED[name](frame, known, extras or {})
    return _PLAIN[name](frame, known)
