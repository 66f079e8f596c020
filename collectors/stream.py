"""The way out of every collector: the Redis stream of observations, with a bounded buffer for when Redis is away."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Iterable
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from lineage.observations import FIELD, STREAM, AnyObservation, encode

log = logging.getLogger(__name__)
MAXLEN = 200_000
BUFFER_BYTES = 32 * 1024 * 1024
BACKOFF_MOST = 5.0


def connect(url: str) -> Any:
    """A Redis client that fails at once instead of retrying unseen: a silent reconnect would hide a loss."""
    return redis.Redis.from_url(url, socket_timeout=5, socket_connect_timeout=2, retry=Retry(NoBackoff(), 0))


class Stream:
    """Publishes observations in order; safe for threads.

    ``generation`` grows whenever entries may have been lost (Redis was away or the buffer overflowed):
    who sends differences sends everything when it has changed.
    """

    def __init__(self, url: str, *, buffer_bytes: int = BUFFER_BYTES) -> None:
        self.redis = connect(url)
        self.generation = 0
        self._most = buffer_bytes
        self._buffer: deque[bytes] = deque()
        self._size = 0
        self._lock = threading.Lock()
        self._away_since: float | None = None
        self._wait, self._not_before = 0.1, 0.0

    def publish(self, observations: Iterable[AnyObservation]) -> bool:
        """Sends them, or keeps them for the next call. True when nothing is left behind. Never raises for Redis."""
        encoded = [encode(o) for o in observations]
        with self._lock:
            for data in encoded:
                self._keep(data)
            return self._flush()

    def _keep(self, data: bytes) -> None:
        self._buffer.append(data)
        self._size += len(data)
        while self._size > self._most and len(self._buffer) > 1:
            self._size -= len(self._buffer.popleft())
            self.generation += 1

    def _flush(self) -> bool:
        if time.monotonic() < self._not_before:
            return False
        try:
            while self._buffer:
                self.redis.xadd(STREAM, {FIELD: self._buffer[0]}, maxlen=MAXLEN, approximate=True)
                self._size -= len(self._buffer.popleft())
        except redis.RedisError as error:
            self._went_away(error)
            return False
        if self._away_since is not None:
            log.warning("Redis is back after %.1f s", time.monotonic() - self._away_since)
        self._away_since, self._wait, self._not_before = None, 0.1, 0.0
        return True

    def _went_away(self, error: Exception) -> None:
        if self._away_since is None:
            self._away_since = time.monotonic()
            self.generation += 1
            log.warning("Redis does not answer (%s); observations are kept and sent later", type(error).__name__)
        self._not_before = time.monotonic() + self._wait
        self._wait = min(BACKOFF_MOST, self._wait * 2)
