"""The player: reads records back from Kafka for the pages that ask, in a process of its own.

A few threads for each cluster, so that one that does not answer holds up no other. Nothing is committed and no group
is joined; what may not be shown is taken out before an answer leaves this process.
"""

from __future__ import annotations

import logging
import resource
import threading
import time
from collections.abc import Iterable
from typing import Any

import redis
from confluent_kafka import KafkaException

from collectors.base import Budget
from collectors.kafka.client import KafkaClient
from collectors.kafka.decoding import Decoder
from collectors.kafka.masking import Mask
from collectors.kafka.merging import Merge, in_order
from collectors.kafka.pace import SAMPLED, Pace
from collectors.kafka.reading import Cancelled, Errand, NotThere, Offsets, Raw, Reader
from collectors.kafka.registry import Registry
from collectors.records import DEADLINE, Desk
from lineage.config import ClusterConfig
from lineage.ports import RecordRead, RecordsAnswer, RecordsAsked, RecordsProgress

log = logging.getLogger(__name__)
THREADS = 2  # for each cluster
IDLE = 30.0  # seconds after which an unused consumer is closed
ROUNDS = 5
MEMORY = 4 << 30  # bytes of address space: a payload that a schema blows up ends as an error, not as a full machine


class Forward:
    """Takes records in their order until there are enough. A sink of Reader.read."""

    def __init__(self, partitions: Iterable[int], limit: int) -> None:
        self.taken: list[Raw] = []
        self._merge: Merge[Raw] = Merge(partitions)
        self._limit = limit

    @property
    def count(self) -> int:
        return len(self.taken)

    def put(self, raw: Raw) -> None:
        self._merge.put(raw)
        self._take()

    def end(self, partition: int) -> None:
        self._merge.end(partition)
        self._take()

    def _take(self) -> None:
        self.taken.extend(self._merge.take(self._limit - len(self.taken)))

    def force(self) -> None:
        """One record, of those that came, although others may belong before it: or no page would ever get past it."""
        for partition in list(self._merge.open):
            self._merge.end(partition)
        self.taken.extend(self._merge.take(1))

    def enough(self, partition: int) -> bool:
        return self._merge.waiting(partition) >= self._limit - len(self.taken)

    def full(self) -> bool:
        return len(self.taken) >= self._limit


class Backward:
    """Keeps what each partition holds between two offsets. A sink of Reader.read."""

    def __init__(self) -> None:
        self.found: dict[int, list[Raw]] = {}
        self.whole: set[int] = set()
        self.count = 0

    def put(self, raw: Raw) -> None:
        self.found.setdefault(raw.partition, []).append(raw)
        self.count += 1

    def end(self, partition: int) -> None:
        self.whole.add(partition)

    def enough(self, partition: int) -> bool:
        return False

    def full(self) -> bool:
        return False


class Player:
    """One cluster's records, for one thread."""

    def __init__(self, config: ClusterConfig, client: KafkaClient, pace: Pace, decoder: Decoder) -> None:
        self._config, self._client, self._pace, self._decoder = config, client, pace, decoder
        self._reader: Reader | None = None
        self._used = 0.0

    def page(self, asked: RecordsAsked, desk: Desk) -> RecordsAnswer:
        """The page, or why there is none. Raises Cancelled, redis.RedisError."""
        began = time.monotonic()

        def tell(records: int, size: int) -> None:
            spent = time.monotonic() - began
            desk.tell(asked, RecordsProgress(state="reading", records=records, bytes=size, seconds=spent))

        errand = Errand(self._pace, lambda: desk.wanted(asked), Budget(seconds=DEADLINE), tell)
        tell(0, 0)
        try:
            return self._page(asked, errand)
        except (Cancelled, redis.RedisError):
            raise
        except Exception as e:  # whatever Kafka's client raises becomes a sentence on the page
            self.close()
            found = self._client.error(e, "reading records")
            absent, mode = isinstance(e, NotThere), self._decoder.payloads
            return RecordsAnswer(payloads=mode, absent=absent, error=str(found), remedy=found.remedy)

    def _page(self, asked: RecordsAsked, errand: Errand) -> RecordsAnswer:
        if not self._config.wants_topic(asked.topic):
            raise NotThere(f"{asked.topic} is not watched", remedy="see include and exclude in playhead.yaml")
        self._client.reach(min(3.0, errand.budget.timeout()))
        reader = self._get_reader()
        leaders = reader.leaders(asked.topic, asked.partition, errand)
        starts, ends = reader.ranges(leaders, errand)
        known = {p: starts[p] for p in starts if p in ends}
        places = self._places(reader, asked, known, ends, errand)
        read = self._older if asked.older else self._newer
        records, first, after, ended = read(reader, asked, known, ends, places, errand)
        return RecordsAnswer(
            payloads=self._decoder.payloads,
            records=[self._shown(r) for r in records],
            first=first,
            next=after,
            partitions=len(known),
            ended=ended,
            stopped=errand.stopped,
            bytes=errand.bytes,
            seconds=errand.budget.elapsed(),
            error="" if len(known) == len(leaders) else _offline(len(leaders) - len(known), len(leaders)),
        )

    def _places(self, reader: Reader, asked: RecordsAsked, starts: Offsets, ends: Offsets, errand: Errand) -> Offsets:
        """Where reading begins, in either direction; within what is there."""
        given = dict(ends)
        if asked.places is not None:
            given |= {p: o for p, o in asked.places.items() if p in ends}
        elif asked.offset is not None:
            given = dict.fromkeys(ends, asked.offset)
        elif asked.at is not None:
            given = reader.places_at(asked.topic, ends, asked.at, errand)
        return {p: min(max(given[p], starts[p]), ends[p]) for p in starts}

    def _newer(
        self, reader: Reader, asked: RecordsAsked, starts: Offsets, ends: Offsets, places: Offsets, errand: Errand
    ) -> tuple[list[Raw], Offsets, Offsets, bool]:
        sink = Forward(places, asked.limit)
        reader.read(asked.topic, places, ends, errand, sink)
        if errand.stopped and not sink.taken:
            sink.force()
        after = dict(places) | {r.partition: r.offset + 1 for r in sink.taken}
        return sink.taken, places, after, not sink.full() and not errand.stopped

    def _older(
        self, reader: Reader, asked: RecordsAsked, starts: Offsets, ends: Offsets, places: Offsets, errand: Errand
    ) -> tuple[list[Raw], Offsets, Offsets, bool]:
        """The newest before ``places``: back from there in growing steps until there are enough, or no more."""
        found: dict[int, list[Raw]] = {p: [] for p in places}
        low, step = dict(places), 1 + 2 * asked.limit // max(1, len(places))
        kept: list[Raw] = []
        for _ in range(ROUNDS):
            deeper = {p for p in low if low[p] > starts[p]}
            if not deeper or len(kept) >= asked.limit or not errand.goes_on():
                break
            high = {p: low[p] for p in deeper}
            sink = Backward()
            reader.read(asked.topic, {p: max(starts[p], high[p] - step) for p in deeper}, high, errand, sink)
            for p in sink.whole & deeper:  # one that was not read to its end would leave a hole
                found[p] = sink.found.get(p, []) + found[p]
                low[p] = max(starts[p], high[p] - step)
            kept = _complete(found, low, starts, asked.limit)
            step *= 4
        # Where a partition held nothing, the way back was walked all the same.
        first = {p: places[p] if found[p] else low[p] for p in places}
        for r in reversed(kept):
            first[r.partition] = r.offset
        ended = not errand.stopped and len(kept) < asked.limit and all(low[p] <= starts[p] for p in low)
        return kept, first, places, ended

    def _shown(self, raw: Raw) -> RecordRead:
        return RecordRead(
            partition=raw.partition,
            offset=raw.offset,
            at=raw.at,
            clock=raw.clock,
            size=raw.size,
            key=self._decoder.value(raw.key),
            value=self._decoder.value(raw.value),
            headers=[self._decoder.header(n, v) for n, v in raw.headers[:100]],
        )

    def _get_reader(self) -> Reader:
        if self._reader is None:
            self._reader = Reader(self._client, self._config.records.bytes_per_second)
        self._used = time.monotonic()
        return self._reader

    def rest(self) -> None:
        """Lets go of a consumer that was not used for a while."""
        if self._reader is not None and time.monotonic() - self._used > IDLE:
            self.close()

    def close(self) -> None:
        """Lets go of the consumer."""
        if self._reader is not None:
            self._reader.close()
            self._reader = None


def _offline(missing: int, all_of_them: int) -> str:
    return f"{missing} of {all_of_them} partitions did not answer: their records are missing here"


def _complete(found: dict[int, list[Raw]], low: Offsets, starts: Offsets, limit: int) -> list[Raw]:
    """The newest of them before which no unread record can stand."""
    ordered = in_order(found)
    cut = -2
    for p, records in found.items():
        if low[p] > starts[p]:
            cut = max(cut, (records[0].at or -1) if records else _newest(ordered))
    return [r for at, r in ordered if at >= cut][-limit:]


def _newest(ordered: list[tuple[int, Raw]]) -> int:
    return ordered[-1][0] + 1 if ordered else -1


# The process


def run_player(clusters: Iterable[ClusterConfig], redis_url: str, stop: threading.Event) -> None:
    """Answers until told to stop."""
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY if hard == resource.RLIM_INFINITY else min(MEMORY, hard), hard))
    threads = [t for c in clusters for t in _threads(c, redis_url, stop)]
    for t in threads:
        t.start()
    stop.wait()
    for t in threads:
        t.join(DEADLINE)


def _threads(config: ClusterConfig, redis_url: str, stop: threading.Event) -> list[threading.Thread]:
    limits = config.records
    client = KafkaClient(config.name, config.bootstrap_servers, config.properties)
    registry = Registry(config.schema_registry) if config.schema_registry else None
    decoder = Decoder(limits.payloads, Mask(limits.mask), registry)
    pace = Pace(limits.bytes_per_second * (1 - SAMPLED), limits.requests_per_second * (1 - SAMPLED))
    made: list[Any] = [Player(config, client, pace, decoder) for _ in range(THREADS)]
    run = [(config.name, player, Desk(redis_url), stop) for player in made]
    return [threading.Thread(target=_serve, args=args, name=f"player {config.name}", daemon=True) for args in run]


def _serve(cluster: str, player: Player, desk: Desk, stop: threading.Event) -> None:
    while not stop.is_set():
        try:
            desk.here(cluster)
            if asked := desk.take(cluster, 1):
                _answer(asked, player, desk)
            player.rest()
        except redis.RedisError as e:
            log.debug("Redis does not answer: %s", e)
            stop.wait(1.0)
        except Exception:  # a question that cannot be answered must not end who answers the others
            log.exception("a page of records failed")
    player.close()


def _answer(asked: RecordsAsked, player: Player, desk: Desk) -> None:
    try:
        desk.answer(asked, player.page(asked, desk))
    except Cancelled:
        desk.drop(asked)
    except KafkaException:
        desk.drop(asked)
        raise
