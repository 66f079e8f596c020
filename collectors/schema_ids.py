"""Schemas' numbers that were met in records, looked up in the registry: under which subjects, as which versions.

Which numbers there are the sampler of headers leaves behind for us. A number names one schema for ever, a schema may
be registered under several subjects.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any, Final

from redis import RedisError

from collectors.base import Budget, Kept
from collectors.given import fields, items, text, whole
from collectors.kafka.remembered import unpacked
from collectors.subjects import MOST_NAME
from collectors.web import Refused, TooMuch, Web
from lineage.observations import Ms

MOST: Final = 2_000  # numbers of a cluster
MOST_SUBJECTS: Final = 20  # of one number
TRIES: Final = 200  # a collection
MISSING: Final = (404, 405, 501)
MOST_SCHEMA: Final = 2 * 1024 * 1024
Versions = list[list[Any]] | None  # [subject, version]; empty: no such schema; None: there, but under what is not said


class SchemaIds:
    """What the registry says of each number that was met."""

    def __init__(self, web: Web, kept: Callable[[str], Kept] | None, cluster: str, bootstrap: str) -> None:
        self._web, self._bootstrap = web, bootstrap
        self._kept = kept(f"headers:{cluster}") if kept else None
        self._topics: dict[str, list[int]] = {}
        self._said: dict[int, Versions] = {}
        self._asked: dict[int, Ms] = {}

    def ask(self, at: Ms, budget: Budget) -> None:
        """Asks for the numbers that were never asked for, then for those asked longest ago. Raises CollectorError."""
        self._topics = self._met()
        met = dict.fromkeys(itertools.islice(itertools.chain.from_iterable(self._topics.values()), MOST))
        self._said = {n: said for n, said in self._said.items() if n in met}
        for number in sorted(met, key=lambda n: self._asked.get(n, 0))[:TRIES]:
            if budget.left() < budget.seconds / 4:
                break
            self._said[number], self._asked[number] = self._versions(number, budget), at

    def _met(self) -> dict[str, list[int]]:
        try:
            known = unpacked(self._kept.read(), self._bootstrap) if self._kept else {}
        except RedisError:
            return self._topics
        return {topic: ids for topic, k in known.items() if (ids := [n for n in k.schemas if isinstance(n, int)])}

    def _versions(self, number: int, budget: Budget) -> Versions:
        try:
            given = items(self._web.get(f"/schemas/ids/{number}/versions", budget, MOST_SCHEMA))
        except Refused as e:
            if e.status not in (401, 403, *MISSING):
                raise
            return [] if e.status in MISSING and not self._there(number, budget) else None
        found = [[text(fields(v).get("subject"), MOST_NAME), whole(fields(v).get("version"))] for v in given]
        return sorted(v for v in found if v[0] and v[1] is not None)[:MOST_SUBJECTS] or None

    def _there(self, number: int, budget: Budget) -> bool:
        """Asked where the registry does not list versions: it may be too old for that, or not know the number."""
        try:
            self._web.get(f"/schemas/ids/{number}", budget, MOST_SCHEMA)
        except TooMuch:
            return True
        except Refused as e:
            if e.status not in (401, 403, *MISSING):
                raise
            return e.status not in MISSING
        return True

    def topics(self) -> dict[str, dict[str, Versions]]:
        """By topic: each of its numbers that was asked for."""
        told = {t: {str(n): self._said[n] for n in ids if n in self._said} for t, ids in self._topics.items()}
        return {topic: numbers for topic, numbers in told.items() if numbers}
