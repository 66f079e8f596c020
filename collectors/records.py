"""The desk between the pages, which ask for records, and the player's process, which reads them. Redis in between.

Equal questions have one key: whoever asks while the answer is read, or shortly after, gets the same. Who waits keeps
saying so; a page that nobody waits for any more is not read to its end.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import msgspec
import redis
from django.conf import settings

from collectors.stream import connect
from lineage.ports import PlayerAway, RecordsAnswer, RecordsAsked, RecordsProgress

PREFIX = "playhead:records:"
DEADLINE = 10.0  # seconds that reading one page may take
WANTED_MS = 3_000
ALIVE_MS = 10_000
MOST_WAITING = 50  # questions to one cluster
KEPT_MS = 5_000
KEPT_LIVE_MS = 900
LOOK = 0.03
AWAY = "nobody reads records: the player's process does not run; start it with: python manage.py playhead player"

Answer = RecordsAnswer | RecordsProgress


def key_of(asked: RecordsAsked) -> str:
    """The same for equal questions."""
    places = None if asked.places is None else dict(sorted(asked.places.items()))
    return hashlib.sha256(msgspec.msgpack.encode(msgspec.structs.replace(asked, places=places))).hexdigest()[:32]


class Desk:
    """Both sides of it. Safe for threads. Raises redis.RedisError."""

    def __init__(self, url: str) -> None:
        self.redis: Any = connect(url)

    # -- who asks ---------------------------------------------------------------------------------------------

    def ask(self, asked: RecordsAsked, wait: float) -> Answer:
        """The answer, or how far it has come after ``wait`` seconds. Raises PlayerAway."""
        key, until = key_of(asked), time.monotonic() + wait
        while True:
            found = self._look(key)
            if found is not None:
                return found
            self._queue(asked, key)
            left = until - time.monotonic()
            if left <= 0:
                return self._progress(key)
            time.sleep(min(LOOK, left))

    def _look(self, key: str) -> RecordsAnswer | None:
        """The answer, if it is there; says beside it that somebody waits."""
        pipe = self.redis.pipeline(transaction=False)
        pipe.get(f"{PREFIX}answer:{key}").set(f"{PREFIX}wanted:{key}", 1, px=WANTED_MS)
        data = pipe.execute()[0]
        return None if data is None else msgspec.msgpack.decode(data, type=RecordsAnswer)

    def _queue(self, asked: RecordsAsked, key: str) -> None:
        """Asks the player, unless that was done."""
        if not self.redis.set(f"{PREFIX}asked:{key}", 1, nx=True, px=int(2 * DEADLINE * 1000)):
            return
        if self.redis.exists(f"{PREFIX}answer:{key}"):  # it came between the look and this question
            self.redis.delete(f"{PREFIX}asked:{key}")
            return
        queue = f"{PREFIX}queue:{asked.cluster}"
        away = "" if self.redis.exists(f"{PREFIX}alive:{asked.cluster}") else AWAY
        if self.redis.llen(queue) >= MOST_WAITING:
            away = f"{MOST_WAITING} pages of records of this cluster are waiting to be read; try again in a moment"
        if away:
            self.redis.delete(f"{PREFIX}asked:{key}")
            raise PlayerAway(away)
        self.redis.lpush(queue, msgspec.msgpack.encode(asked))

    def _progress(self, key: str) -> RecordsProgress:
        data = self.redis.get(f"{PREFIX}progress:{key}")
        if data is None:
            return RecordsProgress(state="waiting")
        return msgspec.msgpack.decode(data, type=RecordsProgress)

    # -- who reads --------------------------------------------------------------------------------------------

    def here(self, cluster: str) -> None:
        """Somebody reads this cluster's records."""
        self.redis.set(f"{PREFIX}alive:{cluster}", 1, px=ALIVE_MS)

    def take(self, cluster: str, seconds: int) -> RecordsAsked | None:
        """The next question that somebody still waits for, or None after so many whole seconds."""
        found = self.redis.brpop(f"{PREFIX}queue:{cluster}", timeout=seconds)
        if found is None:
            return None
        asked = msgspec.msgpack.decode(found[1], type=RecordsAsked)
        if self.wanted(asked):
            return asked
        self.drop(asked)
        return None

    def wanted(self, asked: RecordsAsked) -> bool:
        """Whether somebody still waits."""
        return bool(self.redis.exists(f"{PREFIX}wanted:{key_of(asked)}"))

    def tell(self, asked: RecordsAsked, progress: RecordsProgress) -> None:
        """How far it has come."""
        self.redis.set(f"{PREFIX}progress:{key_of(asked)}", msgspec.msgpack.encode(progress), px=WANTED_MS)

    def answer(self, asked: RecordsAsked, answer: RecordsAnswer) -> None:
        """Gives the page to all who wait; the end of a topic is out of date sooner than its past."""
        live = answer.error or answer.ended or (asked.at is None and asked.offset is None and asked.places is None)
        kept = KEPT_LIVE_MS if live else KEPT_MS
        self.redis.set(f"{PREFIX}answer:{key_of(asked)}", msgspec.msgpack.encode(answer), px=kept)
        self.drop(asked)

    def drop(self, asked: RecordsAsked) -> None:
        """Nobody reads it any more."""
        key = key_of(asked)
        self.redis.delete(f"{PREFIX}asked:{key}", f"{PREFIX}progress:{key}")


@lru_cache(maxsize=4)
def _desk(url: str) -> Desk:
    return Desk(url)


def ask(asked: RecordsAsked, wait: float) -> Answer:
    """lineage.ports.AskRecords over the Redis of the settings."""
    return _reached(lambda: _desk(settings.REDIS_URL).ask(asked, wait))


def _reached(call: Callable[[], Answer]) -> Answer:
    try:
        return call()
    except redis.RedisError as e:
        raise PlayerAway(f"records cannot be asked for: Redis does not answer ({type(e).__name__})") from e
