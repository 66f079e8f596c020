"""All committed offsets of one cluster, held small: 65,000 groups with 200,000 positions in some 40 MB."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from lineage.observations import Commit, Ms

# A position's key within its group: the topic's number and the partition in one int.
_SHIFT = 20
_MASK = (1 << _SHIFT) - 1

Commits = dict[str, dict[str, list[Commit]]]
Ended = list[tuple[str, str, int]]


class Positions:
    """What is known now, and what moved since ``take_changes`` was last called."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}
        self._topics: list[str] = []
        self._offsets: dict[str, dict[int, int]] = {}
        self._times: dict[str, dict[int, Ms]] = {}
        self._pauses: dict[str, dict[int, tuple[Ms, int]]] = {}  # first of the new commits, longest ms between them
        self._moved: dict[str, set[int]] = {}

    def __len__(self) -> int:
        return sum(map(len, self._offsets.values()))

    def groups(self) -> Iterable[str]:
        """Groups that hold a position."""
        return self._offsets.keys()

    def places(self) -> Iterator[tuple[str, int, int]]:
        """Topic, partition and offset of every position."""
        for offsets in self._offsets.values():
            for key, offset in offsets.items():
                yield (*self._name(key), offset)

    def commit(self, group: str, topic: str, partition: int, offset: int, at: Ms) -> None:
        """A followed commit, made ``at``. The same offset again is no movement, it only may add its time."""
        key = self._key(topic, partition)
        offsets = self._offsets.setdefault(group, {})
        if offsets.get(key) == offset and key in self._times.get(group, ()):
            return
        times = self._times.setdefault(group, {})
        if offsets.get(key) != offset:
            pauses = self._pauses.setdefault(group, {})
            first, longest = pauses.get(key, (at, 0))
            pauses[key] = first, max(longest, at - times[key] if key in pauses else 0)
        offsets[key], times[key] = offset, at
        self._moved.setdefault(group, set()).add(key)

    def end(self, group: str, topic: str, partition: int) -> None:
        """A tombstone."""
        self._remove(group, self._key(topic, partition))

    def replace(self, group: str, swept: Iterable[tuple[str, int, int]]) -> int:
        """A swept group: (topic, partition, offset), complete. Returns how many positions differed."""
        new = {self._key(topic, partition): offset for topic, partition, offset in swept}
        old = self._offsets.get(group, {})
        gone = [k for k in old if k not in new]
        differ = [k for k, offset in new.items() if old.get(k) != offset]
        for key in gone:
            self._remove(group, key)
        if differ:
            self._set(group, new, differ)
        return len(differ) + len(gone)

    def merge(self, group: str, swept: Iterable[tuple[str, int, int]]) -> int:
        """A swept group of which a part may be hidden: nothing ends. Returns how many positions differed."""
        new = {self._key(topic, partition): offset for topic, partition, offset in swept}
        old = self._offsets.get(group, {})
        differ = [k for k, offset in new.items() if old.get(k) != offset]
        if differ:
            self._set(group, new, differ)
        return len(differ)

    def _set(self, group: str, new: dict[int, int], differ: list[int]) -> None:
        offsets = self._offsets.setdefault(group, {})
        times = self._times.get(group, {})
        for key in differ:
            offsets[key] = new[key]
            times.pop(key, None)
            self._pauses.get(group, {}).pop(key, None)
        self._moved.setdefault(group, set()).update(differ)

    def _remove(self, group: str, key: int) -> None:
        offsets = self._offsets.get(group)
        if offsets is None or offsets.pop(key, None) is None:
            return
        for told in (self._times, self._pauses):
            told.get(group, {}).pop(key, None)
        self._moved.setdefault(group, set()).add(key)
        if not offsets:
            del self._offsets[group]
            self._times.pop(group, None)

    def take_changes(self) -> tuple[Commits, Ended]:
        """What moved and what ended since the last call."""
        moved, self._moved = self._moved, {}
        commits: Commits = {}
        ended: Ended = []
        for group, keys in moved.items():
            offsets = self._offsets.get(group, {})
            ended += [(group, *self._name(k)) for k in keys if k not in offsets]
            if alive := [k for k in keys if k in offsets]:
                commits[group] = self._by_topic(group, alive)
        self._pauses = {}
        return commits, ended

    def everything(self) -> Commits:
        """All positions; forgets what moved."""
        commits = {group: self._by_topic(group, offsets) for group, offsets in self._offsets.items()}
        self._moved, self._pauses = {}, {}
        return commits

    def _by_topic(self, group: str, keys: Iterable[int]) -> dict[str, list[Commit]]:
        offsets, times = self._offsets[group], self._times.get(group, {})
        pauses = self._pauses.get(group, {})
        found: dict[str, list[Commit]] = {}
        for key in keys:
            topic, partition = self._name(key)
            at, (first, gap) = times.get(key), pauses.get(key, (None, 0))
            found.setdefault(topic, []).append(Commit(partition, offsets[key], at, first if first != at else None, gap))
        return found

    def _key(self, topic: str, partition: int) -> int:
        number = self._numbers.get(topic)
        if number is None:
            number = self._numbers[topic] = len(self._topics)
            self._topics.append(topic)
        return number << _SHIFT | partition & _MASK

    def _name(self, key: int) -> tuple[str, int]:
        return self._topics[key >> _SHIFT], key & _MASK


def triples(positions: Iterable[Any], wanted: Any) -> Iterator[tuple[str, int, int]]:
    """(topic, partition, offset) of what the client answered, for topics that are wanted."""
    return ((p.topic, p.partition, p.offset) for p in positions if wanted(p.topic))
