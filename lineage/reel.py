"""The tape as it goes by: what each tick brings is added to what stood before, so that a tick is not read whole.

A reel belongs to one who walks forward: a live view, or a playing one. Whoever plays reads a stretch of the tape at
once and shares it with all who play there; from the same rows the same answers come as from a tick that is read alone.
"""

from __future__ import annotations

import threading
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence, Set
from typing import Any, NamedTuple, TypeVar

from lineage.lake import BLOCK_MS, Lake, Row, block_of
from lineage.models import Tick
from lineage.observations import Ms

MOST_ROWS = 20_000  # about so many are read at once
MOST_KEPT = 300_000  # rows of all stretches that are kept for others
MOST_STRANDS = 8
TICKS = 60  # of a block, as a rule
T = TypeVar("T")
Decode = Callable[[Sequence[Row]], list[tuple[Any, Any]]]  # rows without tick and t -> key and value; None: it ended


class Part(NamedTuple):
    """A table, or of a table what ``where`` leaves; ``decode`` says what its rows mean."""

    table: str
    decode: Decode
    where: str = ""
    args: tuple[int, ...] = ()


class _Stretch(NamedTuple):
    """What the ticks of a stretch brought, in their order; complete up to tick ``upto``."""

    numbers: list[int]
    pairs: list[tuple[Any, Any]]
    upto: float


class Stretches:
    """The last stretches that were read, shared by all who play. Safe for threads."""

    def __init__(self) -> None:
        self._lock, self._kept, self._rows = threading.Lock(), OrderedDict[Any, _Stretch](), 0

    def get(self, lake: Lake, part: Part, start: Ms, span: Ms, tick: Tick) -> _Stretch:
        """The stretch from ``start`` on, which holds ``tick``."""
        key = (id(lake), part.table, part.where, part.args, start, span)
        with self._lock:
            kept = self._kept.get(key)
            if kept is not None and kept.upto >= tick.number:
                self._kept.move_to_end(key)
                return kept
        made = _read(lake, part, start, span)
        with self._lock:
            self._put(key, made)
        return made

    def _put(self, key: Any, made: _Stretch) -> None:
        before = self._kept.pop(key, None)
        self._kept[key] = made
        self._rows += len(made.pairs) - (len(before.pairs) if before else 0)
        while self._rows > MOST_KEPT and len(self._kept) > 1:
            self._rows -= len(self._kept.popitem(last=False)[1].pairs)

    def clear(self) -> None:
        """Forgets them all."""
        with self._lock:
            self._kept.clear()
            self._rows = 0


def _read(lake: Lake, part: Part, start: Ms, span: Ms) -> _Stretch:
    newest = Tick.objects.order_by("-number").first()
    number = newest.number if newest else 0
    rows = lake.between(part.table, start, start + span - 1, number, part.where, part.args)
    over = newest is not None and newest.at >= start + span  # nothing comes into it any more
    return _Stretch([r[0] for r in rows], part.decode([r[2:] for r in rows]), float("inf") if over else number)


stretches = Stretches()


class Strand:
    """The newest value of every key of a part, at the tick where it stands."""

    def __init__(self, part: Part, ahead: bool) -> None:
        self.part, self._ahead = part, ahead
        self._number, self._at = 0, -1
        self._before: tuple[int, Ms] | None = None  # the tick from which what moved is known
        self._moved = set[Any]()
        self.held: dict[Any, Any] = {}

    def to(self, lake: Lake, tick: Tick) -> Mapping[Any, Any]:
        """Goes to ``tick``. What it answers is good until it goes on."""
        if (tick.number, tick.at) == (self._number, self._at):
            return self.held
        same = block_of(tick.at) == block_of(self._at) and self._number < tick.number
        start = self._at + 1 if same else block_of(tick.at)
        self._before, self._moved = (self._number, self._at) if same else None, set()
        if not same:
            self.held = {}  # each block of the tape stands for itself
        if same or (self._ahead and tick.at - start < self._span()):
            self._walk(lake, start, tick, self._number if same else 0)
        else:
            part = self.part
            rows = lake.latest(part.table, tick.at, tick.number, 0, part.where, part.args)
            merge(self.held, part.decode(rows))
        self._number, self._at = tick.number, tick.at
        return self.held

    def _walk(self, lake: Lake, start: Ms, tick: Tick, after: int) -> None:
        if not self._ahead:
            rows = lake.between(self.part.table, start, tick.at, tick.number, self.part.where, self.part.args)
            return self._add(self.part.decode([r[2:] for r in rows]))
        span = self._span()
        for begin in range(start - start % span, tick.at + 1, span):
            found = stretches.get(lake, self.part, begin, span, tick)
            low, high = bisect_right(found.numbers, after), bisect_right(found.numbers, tick.number)
            self._add(found.pairs[low:high])

    def _add(self, pairs: Sequence[tuple[Any, Any]]) -> None:
        merge(self.held, pairs)
        self._moved.update([key for key, _ in pairs])

    def since(self, place: tuple[int, Ms]) -> Set[Any] | None:
        """Keys that moved from that tick to this one; None where that is not known."""
        if place == (self._number, self._at):
            return frozenset()
        return self._moved if place == self._before else None

    def _span(self) -> Ms:
        """How much is read at once: a block, or less of it where a tick holds much."""
        shift = 0
        while shift < 5 and (len(self.held) * TICKS >> shift) > MOST_ROWS:
            shift += 1
        return BLOCK_MS >> shift


def merge(held: dict[Any, Any], pairs: Sequence[tuple[Any, Any]]) -> None:
    """Adds what came, in its order; None ends a key."""
    held.update(pairs)
    for key in [key for key, value in pairs if value is None]:
        if key in held and held[key] is None:  # nothing came after its end
            del held[key]


class Reel:
    """What one who walks forward holds. With ``ahead`` it reads stretches at once. For one thread at a time."""

    def __init__(self, ahead: bool = False) -> None:
        self.ahead = ahead
        self.tick: Tick | None = None  # whose frame was made last
        self.notes: dict[str, Any] = {}  # what its owner knows of where it stands
        self._strands: OrderedDict[Any, Strand] = OrderedDict()
        self._memo: tuple[Any, Any] = (None, None)

    def at(self, lake: Lake, tick: Tick, part: Part) -> Mapping[Any, Any]:
        """Newest values by key at ``tick``, good until it is asked again."""
        key = (id(lake), part.table, part.where, part.args)
        strand = self._strands.pop(key, None) or Strand(part, self.ahead)
        self._strands[key] = strand
        if len(self._strands) > MOST_STRANDS:
            self._strands.popitem(last=False)
        return strand.to(lake, tick)

    def since(self, lake: Lake, part: Part, place: tuple[int, Ms]) -> Set[Any] | None:
        """Keys of a part that moved from that tick to where it was asked for last; None where that is not known."""
        strand = self._strands.get((id(lake), part.table, part.where, part.args))
        return strand.since(place) if strand else None

    def same(self, key: Any, make: Callable[[], T]) -> T:
        """What ``make`` made the last time for this key, or makes now: one thing is kept."""
        if self._memo[0] != key:
            self._memo = (key, make())
        kept: T = self._memo[1]
        return kept
