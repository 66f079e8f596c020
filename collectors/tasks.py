"""The schedule: which collector, which cluster, how often, under which lease. Everything here ends.

Tasks expire when the next one is due, so that a backlog never builds; requests have time-outs that end before the
lease does, because a pool of threads enforces no deadline itself.
"""

from __future__ import annotations

import importlib
import logging
import math
import threading
from collections.abc import Callable
from typing import Any

import redis
from celery import shared_task
from celery.signals import worker_ready
from django.conf import settings

from collectors.base import Budget, Collector, Kept, Lease, run
from collectors.sources import BY_NAME, NOWHERE, Asked, jobs, made
from collectors.stream import Stream
from lineage.config import ClusterConfig, Config
from lineage.observations import AnyObservation, CollectorRan

log = logging.getLogger(__name__)
TASK = "collectors.tasks.collect"
RETRY_SECONDS = 30.0  # a source that did not answer is asked again after this long, however rarely it is asked else


def beats(seconds: float) -> float:
    """Seconds between two looks at a kind that is collected every ``seconds``: whole parts of it."""
    return seconds / math.ceil(seconds / RETRY_SECONDS)


def beat_schedule(config: Config) -> dict[str, dict[str, Any]]:
    """Celery's ``beat_schedule``."""
    return {
        ":".join(filter(None, (kind.name, cluster.name, target))): {
            "task": TASK,
            "schedule": beats(kind.every(cluster)),
            "args": (cluster.name, kind.name, target),
            "options": {"expires": beats(kind.every(cluster))},
        }
        for kind, cluster, target in jobs(config)
    }


def prime(config: Config) -> None:
    """Asks for everything once, now: beat's first runs come only after their interval."""
    for kind, cluster, target in jobs(config):
        collect.apply_async((cluster.name, kind.name, target), expires=kind.every(cluster), retry=False)


@worker_ready.connect  # type: ignore[untyped-decorator]  # Celery has no types
def _prime_at_start(**_: Any) -> None:
    try:
        prime(settings.PLAYHEAD)
    except Exception:
        log.warning("the first collections could not be queued; the schedule brings them", exc_info=True)


@shared_task(name=TASK, ignore_result=True)  # type: ignore[untyped-decorator]
def collect(cluster: str, kind: str, target: str = "") -> None:
    """One collection, published. Does nothing where the same one is still under way, or answered not long ago."""
    collector = _workshop.collector(cluster, kind, target)
    if collector is None:
        return
    seconds = BY_NAME[kind].seconds
    lease, rest = _lease(f"{kind}:{target}" if target else kind, cluster, seconds + 5), _rest(collector)
    try:
        if (rest and rest.held()) or not lease.acquire():
            return
    except redis.RedisError as error:
        log.warning("%s of %s was left out: Redis does not answer (%s)", kind, cluster, type(error).__name__)
        return
    try:
        found = run(collector, Budget(seconds=seconds))
        _workshop.stream().publish(found)
        _quietly(rest.take if rest and not _unreachable(found) else None)
    finally:
        _quietly(lease.release)


def _lease(kind: str, cluster: str, seconds: float) -> Lease:
    return Lease(_workshop.stream().redis, f"{kind}:{cluster}", seconds)


def _rest(collector: Collector) -> Lease | None:
    """What keeps a rare kind from being asked at every beat once it was answered."""
    every, beat = collector.interval, beats(collector.interval)
    return _lease(f"rest:{collector.name}", collector.cluster, every - beat / 2) if every > beat else None


def _unreachable(found: list[AnyObservation]) -> bool:
    return any(isinstance(o, CollectorRan) and o.unreachable for o in found)


def _quietly(call: Callable[[], object] | None) -> None:
    try:
        if call is not None:
            call()
    except redis.RedisError:
        log.debug("a lease runs out by itself: Redis does not answer")


class _Workshop:
    """This process's clients and collectors, kept between tasks. Safe for threads."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._clients: dict[str, Any] = {}
        self._collectors: dict[tuple[str, str, str], Collector] = {}
        self._stream: Stream | None = None

    def stream(self) -> Stream:
        with self._lock:
            if self._stream is None:
                self._stream = Stream(settings.REDIS_URL)
            return self._stream

    def collector(self, cluster: str, kind: str, target: str) -> Collector | None:
        """The collector of this source; None where the configuration has no such source (any more)."""
        with self._lock:
            if (cluster, kind, target) not in self._collectors:
                found = next((c for c in (NOWHERE, *settings.PLAYHEAD.clusters) if c.name == cluster), None)
                if found is None or kind not in BY_NAME:
                    return None
                client = lambda other=found: self._client(other)  # noqa: E731
                asked = Asked(settings.PLAYHEAD, found, target, client, lambda key: Kept(self.stream().redis, key))
                self._collectors[cluster, kind, target] = made(BY_NAME[kind], asked)
            return self._collectors[cluster, kind, target]

    def _client(self, config: ClusterConfig) -> Any:
        with self._lock:
            if config.name not in self._clients:
                client = importlib.import_module("collectors.kafka.client").KafkaClient
                self._clients[config.name] = client(config.name, config.bootstrap_servers, config.properties)
            return self._clients[config.name]


_workshop = _Workshop()
