"""What every collector is: something with a name that is asked under a budget and answers with observations.

``run`` never raises: what goes wrong becomes a ``CollectorRan`` with a sentence. A lease keeps one collection of a
kind and cluster from running twice; an epoch tells an old follower's frames from a new one's.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from lineage.observations import AnyObservation, CollectorRan, Ms


def now_ms() -> Ms:
    """Milliseconds since 1970 in UTC."""
    return time.time_ns() // 1_000_000


class CollectorError(Exception):
    """A collection failed. The message is a sentence for people; ``remedy`` says what to do about it.

    ``permanent``: trying again without a change by someone cannot help. ``needs`` names rights that were refused.
    ``unreachable``: there was no answer at all; the next try may well get one.
    """

    def __init__(
        self,
        sentence: str,
        *,
        permanent: bool = False,
        remedy: str = "",
        needs: Sequence[str] = (),
        unreachable: bool = False,
    ) -> None:
        super().__init__(sentence)
        self.permanent = permanent
        self.remedy = remedy
        self.needs = list(needs)
        self.unreachable = unreachable


@dataclass
class Budget:
    """What one collection may cost: seconds, requests and bytes. Spending beyond it raises CollectorError."""

    seconds: float = 30.0
    requests: int = 10_000
    bytes: int = 256 * 1024 * 1024
    started: float = field(default_factory=time.monotonic)
    spent_requests: int = 0
    spent_bytes: int = 0

    def spend(self, requests: int = 1, size: int = 0) -> None:
        """Counts what is about to be asked. Raises CollectorError where that is too much."""
        self.spent_requests += requests
        self.spent_bytes += size
        if self.left() <= 0:
            raise CollectorError(f"the collection took more than its {self.seconds:g} s and was ended")
        if self.spent_requests > self.requests:
            raise CollectorError(f"the collection needed more than its {self.requests} requests and was ended")
        if self.spent_bytes > self.bytes:
            raise CollectorError(f"the collection read more than its {self.bytes} bytes and was ended")

    def left(self) -> float:
        """Seconds that remain; negative when over."""
        return self.seconds - self.elapsed()

    def elapsed(self) -> float:
        """Seconds since the collection began."""
        return time.monotonic() - self.started

    def timeout(self, most: float = 15.0) -> float:
        """A request's time-out that ends before the budget does; at least half a second."""
        return max(0.5, min(most, self.left()))


@dataclass
class Collection:
    """What a collector brings home; ``error`` where only a part came."""

    observations: list[AnyObservation] = field(default_factory=list)
    note: str = ""
    needs: list[str] = field(default_factory=list)
    error: str | None = None


class Collector(Protocol):
    """One kind of source of one cluster."""

    name: str
    source: str
    cluster: str
    interval: float

    def collect(self, budget: Budget) -> Collection:
        """Asks the source. Raises CollectorError."""
        ...


def run(collector: Collector, budget: Budget, clock: Callable[[], Ms] = now_ms) -> list[AnyObservation]:
    """Observations of one collection, its CollectorRan last. Never raises."""
    at = clock()
    try:
        got = collector.collect(budget)
    except CollectorError as error:
        return [_failed(collector, budget, at, error)]
    except Exception as error:  # a bug or a library's surprise must not end the process or hide the collector
        surprise = CollectorError(f"unexpected {type(error).__name__}: {str(error)[:300]}")
        return [_failed(collector, budget, at, surprise)]
    return [*got.observations, report(collector, budget, at, got.error, note=got.note, needs=got.needs)]


def _failed(collector: Collector, budget: Budget, at: Ms, error: CollectorError) -> CollectorRan:
    how = {"permanent": error.permanent, "unreachable": error.unreachable}
    return report(collector, budget, at, str(error), note=error.remedy, needs=error.needs, **how)


def report(
    collector: Collector,
    budget: Budget,
    at: Ms,
    error: str | None,
    *,
    note: str = "",
    needs: Sequence[str] = (),
    permanent: bool = False,
    unreachable: bool = False,
) -> CollectorRan:
    """The CollectorRan of one collection that began ``at``."""
    return CollectorRan(
        cluster=collector.cluster,
        at=at,
        collector=collector.name,
        source=collector.source,
        duration=budget.elapsed(),
        requests=budget.spent_requests,
        error=error,
        permanent=permanent,
        needs=list(needs),
        note=note,
        interval=collector.interval,
        unreachable=unreachable,
    )


_RELEASE = "if redis.call('get',KEYS[1])==ARGV[1] then return redis.call('del',KEYS[1]) else return 0 end"
_RENEW = "if redis.call('get',KEYS[1])==ARGV[1] then return redis.call('pexpire',KEYS[1],ARGV[2]) else return 0 end"
# A Redis that lost its data must not hand out a lower epoch: the clock is the floor.
_EPOCH = (
    "local n=math.max(tonumber(redis.call('get',KEYS[1]) or '0')+1,tonumber(ARGV[1]));"
    "redis.call('set',KEYS[1],string.format('%.0f',n));return string.format('%.0f',n)"
)


class Lease:
    """The right to collect one kind from one cluster, for ``ttl`` seconds. Raises redis.RedisError."""

    def __init__(self, redis: Any, key: str, ttl: float) -> None:
        self._redis, self.key, self._ttl_ms = redis, f"playhead:lease:{key}", int(ttl * 1000)
        self._token = uuid.uuid4().hex

    def acquire(self) -> bool:
        """True when it is ours now."""
        return bool(self._redis.set(self.key, self._token, nx=True, px=self._ttl_ms))

    def take(self) -> bool:
        """Ours now, whoever had it: for who has another fence against the one before."""
        return bool(self._redis.set(self.key, self._token, px=self._ttl_ms))

    def renew(self) -> bool:
        """False when it was lost."""
        return bool(self._redis.eval(_RENEW, 1, self.key, self._token, self._ttl_ms))

    def held(self) -> bool:
        """Whether somebody has it, we or another."""
        return bool(self._redis.exists(self.key))

    def release(self) -> None:
        """Gives it back, if it is still ours."""
        self._redis.eval(_RELEASE, 1, self.key, self._token)


class Kept:
    """Bytes of a collector that outlast its process, by a day at most. Raises redis.RedisError."""

    SECONDS = 86_400

    def __init__(self, redis: Any, key: str) -> None:
        self._redis, self.key = redis, f"playhead:kept:{key}"

    def read(self) -> bytes:
        """What was written last; b"" where there is nothing."""
        return bytes(self._redis.get(self.key) or b"")

    def write(self, data: bytes) -> None:
        """Puts it in the place of what was there."""
        self._redis.set(self.key, data, ex=self.SECONDS)


def next_epoch(redis: Any, cluster: str, clock: Callable[[], Ms] = now_ms) -> int:
    """A fencing number higher than any before for this cluster's followers. Raises redis.RedisError."""
    return int(redis.eval(_EPOCH, 1, f"playhead:epoch:{cluster}", clock()))
