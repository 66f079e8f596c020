"""The changes of a stretch of time, told: read from the temporal tables, put into words by lineage.wording."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from django.conf import settings
from django.db.models import QuerySet

from lineage.frames import Change
from lineage.models import Change as Row
from lineage.observations import Ms
from lineage.wording import RECENT_MS, Said, say, things_of

FIELDS = ("id", "at", "recorded_at", "kind", "subject", "before", "after", "evidence")
MOST = 5_000  # changes told at once; of more, the newest
AT_ONCE = 500  # ids in one question to the database
KEPT = 8


@dataclass(frozen=True)
class Told:
    """A change with its words and the nodes that it speaks of, the one that acts first.

    ``learned``: when it was recorded, where it is told (``change.recorded_at``) by when it happened.
    """

    change: Change
    said: Said
    things: tuple[str, ...]
    learned: Ms | None = None


@dataclass(frozen=True, eq=False)
class Stories:
    """The newest changes of a stretch, oldest first; ``more`` older ones were left out. Equal only to itself."""

    told: tuple[Told, ...]
    more: int


def tell(changes: Sequence[Change], begin: Ms | None = None) -> list[Told]:
    """Each change with its words. What stood already when the tape began (``begin``) did not appear then."""
    things = [things_of(c) for c in changes]
    appeared = _appearances({t for each in things for t in each}, changes, begin)
    return [Told(c, say(c, appeared), t) for c, t in zip(changes, things, strict=True)]


def _appearances(nodes: Collection[str], changes: Sequence[Change], begin: Ms | None) -> dict[str, list[Ms]]:
    """When these nodes appeared, as far back as it explains anything."""
    if not changes:
        return {}
    low, high = changes[0].recorded_at - RECENT_MS, changes[-1].recorded_at
    # What the first minute of a recording brings was there before: it is found, it does not appear.
    low = max(low, begin + 60_000) if begin is not None else low
    found: dict[str, list[Ms]] = {}
    wanted = sorted(nodes)
    for i in range(0, len(wanted), AT_ONCE):
        rows = Row.objects.filter(subject__in=wanted[i : i + AT_ONCE], kind="appeared")
        rows = rows.filter(recorded_at__gte=low, recorded_at__lte=high).order_by("id")
        for subject, at in rows.values_list("subject", "recorded_at"):
            found.setdefault(subject, []).append(at)
    return found


class _Kept:
    """The last stretches told. A live page asks each tick, and hardly ever is there anything new. Safe for threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: OrderedDict[object, Stories] = OrderedDict()

    def get(self, start: Ms, end: Ms, begin: Ms | None, hindsight: bool) -> Stories:
        rows = _rows(start, end, hindsight)
        newest = rows.order_by("-id").values_list("id", flat=True).first()
        oldest = rows.order_by("id").values_list("id", flat=True).first()
        # By when they happened, changes do not stand in the order of their ids: their number tells of one more.
        count = rows.count() if hindsight else None
        where = (str(settings.DATABASES["default"]["NAME"]), str(settings.DATA_DIR))
        key = (oldest, newest, count, begin, *where)
        with self._lock:
            kept = self._kept.get(key)
        if kept is None:
            kept = _read(start, end, begin, hindsight)
        with self._lock:
            self._kept[key] = kept
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        return kept

    def clear(self) -> None:
        with self._lock:
            self._kept.clear()


_kept = _Kept()


def between(start: Ms, end: Ms, begin: Ms | None = None, *, hindsight: bool = False) -> Stories:
    """The changes recorded after ``start`` and up to ``end``; the same object as long as there is nothing new.

    With ``hindsight`` those that happened then, whenever they were recorded, told by when they happened.
    """
    return _kept.get(start, end, begin, hindsight)


def forget() -> None:
    """Drops what is kept: for tests and for a data directory that was replaced."""
    _kept.clear()


def _rows(start: Ms, end: Ms, hindsight: bool) -> QuerySet[Row]:
    time = "at" if hindsight else "recorded_at"
    return Row.objects.filter(**{f"{time}__gt": start, f"{time}__lte": end})


def _read(start: Ms, end: Ms, begin: Ms | None, hindsight: bool) -> Stories:
    rows, order = _rows(start, end, hindsight), ("-at", "-id") if hindsight else ("-id",)
    found = [Change(*r) for r in rows.order_by(*order).values_list(*FIELDS)[:MOST]][::-1]
    more = rows.count() - len(found) if len(found) == MOST else 0
    told = tell([replace(c, recorded_at=c.at) for c in found] if hindsight else found, begin)
    if hindsight:
        told = [replace(t, learned=c.recorded_at) for t, c in zip(told, found, strict=True)]
    return Stories(tuple(told), more)
