"""Records of several partitions in the order in which they were written. No I/O.

Offsets order a partition and times order partitions: a record whose clock was behind its predecessor's stands where
its predecessor stood. A record is given out only when every partition has shown what comes next in it.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from typing import Generic, Protocol, TypeVar

from lineage.observations import Ms


class Timed(Protocol):
    @property
    def partition(self) -> int: ...
    @property
    def offset(self) -> int: ...
    @property
    def at(self) -> Ms | None: ...


R = TypeVar("R", bound=Timed)
Key = tuple[Ms, int, int]


class Merge(Generic[R]):
    """A streaming merge of the partitions given."""

    def __init__(self, partitions: Iterable[int]) -> None:
        self._waiting: dict[int, deque[tuple[Key, R]]] = {p: deque() for p in partitions}
        self._open = set(self._waiting)
        self._silent = set(self._waiting)  # open, and nothing of them is here: nothing can be given out
        self._newest: dict[int, Ms] = {}
        self._heads: list[Key] = []

    def put(self, record: R) -> None:
        """The next record of its partition."""
        p = record.partition
        at = max(self._newest.get(p, -1), -1 if record.at is None else record.at)
        self._newest[p] = at
        key = (at, p, record.offset)
        if not self._waiting[p]:
            heapq.heappush(self._heads, key)
        self._waiting[p].append((key, record))
        self._silent.discard(p)

    def end(self, partition: int) -> None:
        """There is no more of this partition."""
        self._open.discard(partition)
        self._silent.discard(partition)

    def waiting(self, partition: int) -> int:
        """How many records of it have not been given out."""
        return len(self._waiting[partition])

    @property
    def open(self) -> set[int]:
        """Partitions that have not ended."""
        return self._open

    def take(self, most: int) -> Iterator[R]:
        """Gives out what stands in order for certain, at most so many."""
        while most > 0 and self._heads and not self._silent:
            _, p, _ = heapq.heappop(self._heads)
            _, record = self._waiting[p].popleft()
            if self._waiting[p]:
                heapq.heappush(self._heads, self._waiting[p][0][0])
            elif p in self._open:
                self._silent.add(p)
            yield record
            most -= 1


def in_order(by_partition: Mapping[int, Iterable[R]]) -> list[tuple[Ms, R]]:
    """All of them with the time by which each stands, oldest first."""
    keyed = [x for records in by_partition.values() for x in _keyed(records)]
    keyed.sort(key=lambda x: x[0])
    return [(key[0], record) for key, record in keyed]


def _keyed(records: Iterable[R]) -> Iterator[tuple[Key, R]]:
    newest = -1
    for r in records:
        newest = max(newest, -1 if r.at is None else r.at)
        yield (newest, r.partition, r.offset), r
