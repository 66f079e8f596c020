"""Why an edge is believed: grading, merging and saying it in plain words. Pure: time is an argument."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from lineage.observations import Ms

STRENGTHS = ("observed", "inferred", "declared", "permitted")  # strongest first
STALE_MS = 3_600_000  # a claim not confirmed for this long is drawn as stale
EXPIRES_MS = 86_400_000  # and ends after this long: absence alone never ends it sooner
LATE_MS = 10_000  # evidence that came out of order by less is no correction of when something was first seen
CONFIRMED = frozenset({"groups", "positions"})  # stand as long as the cluster's own listings stand

NOUNS = {
    "ksqldb": ("query", "queries"),
    "prometheus": ("event counted by metrics", "events counted by metrics"),
    "jaeger": ("call counted by Jaeger", "calls counted by Jaeger"),
    "otlp": ("span", "spans"),
    "positions": ("committed position", "committed positions"),
    "groups": ("assigned partition", "assigned partitions"),
    "log_end": ("record counted", "records counted"),
    "producers": ("producer id", "producer ids"),
    "streams": ("sink of a topology", "sinks of topologies"),
    "share": ("share group position", "share group positions"),
    "transactions": ("producer id", "producer ids"),
    "acls": ("ACL", "ACLs"),
    "asyncapi": ("AsyncAPI document", "AsyncAPI documents"),
    "eventcatalog": ("EventCatalog", "EventCatalogs"),
    "declared": ("declaration", "declarations"),
    "openlineage": ("run event", "run events"),
    "connect": ("report by Kafka Connect", "reports by Kafka Connect"),
    "connect_config": ("connector's configuration", "connectors' configurations"),
    "mirrors": ("copy by MirrorMaker 2", "copies by MirrorMaker 2"),
    "mirrored": ("name", "names"),
    "headers": ("record", "records"),
}


@dataclass(frozen=True)
class Piece:
    """One source's evidence for one edge. ``joins``: what it named besides the edge (group, client_id, host)."""

    source: str
    strength: str
    first_seen: Ms
    last_seen: Ms
    count: int = 1
    detail: str = ""
    joins: tuple[tuple[str, str], ...] = ()

    def constant(self) -> dict[str, Any]:
        """What does not move: the part that belongs to the structure, for JSON."""
        kept = {"source": self.source, "strength": self.strength, "first_seen": self.first_seen, "detail": self.detail}
        return {**kept, "joins": dict(self.joins)}

    def moving(self) -> tuple[Ms, int]:
        """What moves: last seen and count, numbers for the lake."""
        return self.last_seen, self.count


def grade(strengths: Iterable[str]) -> str:
    """The strongest of these; ``permitted`` where there is none."""
    return min(strengths, key=rank, default="permitted")


def rank(strength: str) -> int:
    """0 for the strongest."""
    return STRENGTHS.index(strength) if strength in STRENGTHS else len(STRENGTHS)


def merge(old: Piece | None, new: Piece) -> Piece:
    """Both together, in whatever order they came. Counts add up; the same claim seen twice is the caller's to drop."""
    if old is None:
        return new
    return Piece(
        source=old.source,
        strength=grade((old.strength, new.strength)),
        first_seen=min(old.first_seen, new.first_seen),
        last_seen=max(old.last_seen, new.last_seen),
        count=old.count + new.count,
        detail=old.detail or new.detail,
        joins=old.joins if old.joins == new.joins else tuple(sorted({**dict(new.joins), **dict(old.joins)}.items())),
    )


def is_stale(source: str, last_seen: Ms, confirmed_at: Ms | None, at: Ms, patience: float) -> bool:
    """Whether the evidence is too old at ``at``; ``patience`` (s) is three intervals of what confirms it."""
    if source in CONFIRMED:
        return confirmed_at is None or at - confirmed_at > patience * 1000
    return at - last_seen > STALE_MS


def earlier(known: Ms, seen: Ms) -> Ms:
    """When something was first seen, given what was known and what has come now."""
    return seen if seen < known - LATE_MS else known


_SPANS = ((172_800, 86_400, "days"), (7_200, 3_600, "h"), (120, 60, "min"))  # from so many seconds on, in this


def ago(ms: float) -> str:
    """A duration of ``ms`` in plain words: ``3 s``, ``4 min``, ``2 h``, ``5 days``."""
    seconds = max(0, int(ms // 1000))
    for least, size, unit in _SPANS:
        if seconds >= least:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def holds_until(since: Ms, at: Ms) -> Ms:
    """The first moment after ``at`` when the age, or the staleness, of what was seen at ``since`` is another one."""
    seconds = max(0, (at - since) // 1000)
    size = 1
    if seconds >= _SPANS[-1][0]:  # most of what moves is younger
        size = next(size for least, size, _ in _SPANS if seconds >= least)
    said = since + (seconds // size + 1) * size * 1000
    return min(said, since + STALE_MS + 1) if at <= since + STALE_MS else said


def noun(source: str, count: int) -> str:
    """``412 spans``: so many of what this source counts."""
    one, many = NOUNS.get(source, (f"sighting by {source}", f"sightings by {source}"))
    return f"{count:,} {one if count == 1 else many}".replace(",", " ")
