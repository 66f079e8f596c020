"""Sums of lag by whatever they are asked for: kept up to date by what moved. Pure."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

from lineage.graph import Node
from lineage.identity import node_id

Pair = tuple[str, str, str]  # cluster, group, topic


class Totals:
    """Lag by subject; a subject without any known lag has none."""

    def __init__(self) -> None:
        self.known = False
        self._of: dict[Pair, tuple[int, Collection[str]]] = {}
        self._sums: dict[str, int] = {}
        self._counts: dict[str, int] = {}
        self._moved: set[str] = set()

    def put(self, pair: Pair, lag: int | None, subjects: Callable[[], Collection[str]]) -> None:
        """The pair's lag from now on; ``subjects`` is asked once, when its lag is first known."""
        self.known = True
        before = self._of.pop(pair, None)
        named = before[1] if before else ()
        if before:
            self._add(named, -before[0], -1)
        if lag is not None:
            named = named or subjects()
            self._of[pair] = (lag, named)
            self._add(named, lag, 1)

    def _add(self, subjects: Collection[str], lag: int, count: int) -> None:
        for subject in subjects:
            self._sums[subject] = self._sums.get(subject, 0) + lag
            self._counts[subject] = self._counts.get(subject, 0) + count
        self._moved.update(subjects)

    def take(self) -> set[str]:
        """Subjects whose sum may have moved since the last call."""
        moved, self._moved = self._moved, set()
        return moved

    def of(self, subject: str) -> int | None:
        """The sum of this subject, None where no lag is known."""
        return self._sums[subject] if self._counts.get(subject) else None


def subjects_of(nodes: Mapping[str, Node], cluster: str, group: str, topic: str) -> set[str]:
    """All whose sums hold the lag of a group on a topic: everything, the cluster, both, the service, the team."""
    reader = node_id("group", cluster, group)
    node = nodes.get(reader)
    service = node.attrs.get("service") if node else None
    owner = nodes.get(service) if service else node
    team = f"team:{owner.team}" if owner and owner.team else ""
    return {"", f"cluster:{cluster}", reader, node_id("topic", cluster, topic), service or "", team}
