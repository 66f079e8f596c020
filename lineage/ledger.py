"""What the pieces of evidence of an edge say together: where they agree, where one is missing, and in which words.

Pure functions of the evidence that stands at a moment. Absence says something only where the source that lacks the
edge speaks of its ends at all: a document about another service contradicts nothing, and neither does a sample.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from lineage.evidence import ago, noun, rank
from lineage.observations import Ms

SEEN = frozenset({"observed", "inferred"})
ALONE = {"declared": "declared_only", "permitted": "permitted_only", "observed": "observed_only"}
ENDS = frozenset({"service", "connector", "query", "writer", "group"})


class Claimed(NamedTuple):
    """An edge as the ledger needs it."""

    relation: str
    source: str
    target: str
    strengths: frozenset[str]


@dataclass(frozen=True)
class Entry:
    """What is to be said of an edge beside its evidence. ``drift``: declared_only, observed_only, permitted_only."""

    drift: str | None = None
    contradictions: tuple[str, ...] = ()


NOTHING = Entry()


class Ledger:
    """Every edge of a moment, so that each can be held against what documents and ACLs say of its ends."""

    def __init__(self, edges: Iterable[Claimed]) -> None:
        self._declared: set[str] = set()
        self._written: set[str] = set()  # topics of which it is declared who writes them
        self._permitted: set[str] = set()
        self._pairs: dict[tuple[str, str], set[str]] = {}
        for edge in edges:
            self._hear(edge)

    def _hear(self, edge: Claimed) -> None:
        if "declared" in edge.strengths:
            self._declared |= {edge.source, edge.target}
            self._written |= {edge.target} if edge.relation == "writes" else set()
            self._pairs.setdefault((edge.source, edge.target), set()).add(edge.relation)
        if "permitted" in edge.strengths:
            self._permitted.add(_actor(edge))

    def entry(self, edge: Claimed) -> Entry:
        """What drifts, and what speaks against the edge."""
        if not self._declared and not self._permitted and edge.strengths & SEEN:
            return NOTHING
        return Entry(self._drift(edge), tuple(self._against(edge)))

    def _drift(self, edge: Claimed) -> str | None:
        if not edge.strengths & SEEN:
            return ALONE["declared" if "declared" in edge.strengths else "permitted"]
        return ALONE["observed"] if self._lacks_declaration(edge) else None

    def _lacks_declaration(self, edge: Claimed) -> bool:
        """Seen, and not declared by whoever declares what this service does, or this topic's writers."""
        if "declared" in edge.strengths:
            return False
        if edge.source.startswith("writer:"):
            return edge.target in self._written
        actor = _actor(edge)  # between two topics nobody acts: of such a flow nothing is declared
        return actor.partition(":")[0] in ENDS and actor in self._declared

    def _against(self, edge: Claimed) -> Iterable[str]:
        if not edge.strengths & SEEN:
            return
        if self._lacks_declaration(edge):
            reverse = self._pairs.get((edge.target, edge.source))
            yield "declared the other way round" if reverse else "not declared"
        if "permitted" not in edge.strengths and _actor(edge) in self._permitted:
            yield "no ACL that is known permits it"


def _actor(edge: Claimed) -> str:
    """Who acts: the writer of a topic, the reader of one."""
    return edge.target if edge.relation == "reads" and edge.source.startswith("topic:") else edge.source


class Told(Protocol):
    """A piece of evidence with its numbers; ``recent``: count within the last hour, or None."""

    @property
    def source(self) -> str: ...
    @property
    def strength(self) -> str: ...
    @property
    def last_seen(self) -> Ms: ...
    @property
    def detail(self) -> str: ...
    @property
    def count(self) -> int: ...
    @property
    def recent(self) -> int | None: ...


def sentence(pieces: Sequence[Told], at: Ms, against: Sequence[str] = ()) -> str:
    """``observed: 412 spans in the last hour, newest 3 s ago; also permitted: 1 ACL; not declared``."""
    ordered = sorted(pieces, key=_weight) if len(pieces) > 1 else pieces
    said = [_piece(p, at, also=i > 0 and p.strength != ordered[0].strength) for i, p in enumerate(ordered)]
    return "; ".join([*said, *against]) or "no evidence"


def _weight(piece: Told) -> tuple[int, Ms, str]:
    return rank(piece.strength), -piece.last_seen, piece.source


def _piece(piece: Told, at: Ms, *, also: bool) -> str:
    what = noun(piece.source, piece.count if piece.recent is None else piece.recent)
    hour = "" if piece.recent is None else " in the last hour"
    via = f" ({piece.detail})" if piece.detail else ""
    standing = piece.strength in ("declared", "permitted")  # stands as long as it is not taken back
    newest = "" if standing else f", newest {ago(at - piece.last_seen)} ago"
    return f"{'also ' if also else ''}{piece.strength}: {what}{hour}{via}{newest}"
