"""The endless process of one cluster: holds the positions (swept, then followed) and sends a frame each tick.

A tick freezes the positions, then asks for log starts and ends, so that no lag is negative by order of asking.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterable, Iterator
from itertools import chain

import redis
from confluent_kafka import KafkaException

from collectors.base import Budget, Collection, CollectorError, Lease, next_epoch, now_ms, run
from collectors.kafka.client import KafkaClient
from collectors.kafka.logends import log_ranges
from collectors.kafka.logtable import LogTable
from collectors.kafka.positions_source import PositionsSource
from collectors.kafka.table import Commits
from collectors.kafka.timestamps import Place, RecordTimes
from collectors.stream import Stream
from lineage.config import ClusterConfig
from lineage.observations import LogRange, PositionsFrame, RecordAt

log = logging.getLogger(__name__)
KEYFRAME_SECONDS = 600.0
TICK_BUDGET = 120.0
LEASE_SECONDS = 60.0
BACKOFF_MOST = 10.0  # seconds: a cluster that is back misses one tick at the usual pace

Leaders = dict[tuple[str, int], int]
Logs = dict[str, list[LogRange]]


class Follower:
    """A Collector of kind ``positions`` that remembers between its ticks."""

    name, source = "positions", "kafka"

    def __init__(self, config: ClusterConfig, client: KafkaClient) -> None:
        self.cluster, self.interval = config.name, config.every.positions
        self._config, self._client = config, client
        self.positions = PositionsSource(config, client)
        self._logs = LogTable()
        self.times = RecordTimes(client)
        self.epoch = 0
        self._whole_at: float | None = None

    def begin_again(self) -> None:
        """The next frame is a keyframe: something sent before may not have arrived."""
        self._whole_at = None
        self.times.forget()

    def collect(self, budget: Budget) -> Collection:
        """One tick. Raises CollectorError; what is known is kept, and the next frame is whole."""
        try:
            return self._tick(budget)
        except Exception:
            self.begin_again()
            raise

    def _tick(self, budget: Budget) -> Collection:
        leaders = self.positions.bring_up_to_date(budget)
        keyframe = self._whole_at is None or time.monotonic() - self._whole_at >= KEYFRAME_SECONDS
        frame, error = self._frame(leaders, keyframe, budget)
        if keyframe:
            self._whole_at = time.monotonic()
        return Collection([frame], self.positions.note, self.positions.needs, self.positions.error or error)

    def _frame(self, leaders: Leaders, keyframe: bool, budget: Budget) -> tuple[PositionsFrame, str | None]:
        known = self.positions
        commits, ended = (known.table.everything(), []) if keyframe else known.table.take_changes()
        ends_at = now_ms()
        logs, error = self._ask_logs(leaders, keyframe, budget)
        records = self._look(commits)
        frame = PositionsFrame(
            cluster=self.cluster,
            at=known.true_at,
            ends_at=ends_at,
            epoch=self.epoch,
            method=known.method,
            keyframe=keyframe,
            complete=keyframe and known.complete,
            swept_at=known.swept_at,
            commits=commits,
            ended=ended,
            logs=logs,
            stale=known.stale,
            records=records,
        )
        return frame, error

    def _look(self, moved: Commits) -> list[RecordAt]:
        """What lies where groups stand behind a log's end; nothing where it may not be read."""
        if not self.times.due():
            return []
        whole = self.times.scans(len(self.positions.table))
        places = self.positions.table.places() if whole else chain(_places(moved), self.times.doubtful())
        try:
            return self.times.look(self._lagging(places), whole)
        except (KafkaException, CollectorError) as error:
            log.warning("%s: records at positions were not read: %s", self.cluster, error)
            return []

    def _lagging(self, places: Iterable[Place]) -> dict[Place, int]:
        ends = ((place, self._logs.end(place[0], place[1])) for place in places)
        return {place: end for place, end in ends if end is not None and 0 <= place[2] < end}

    def close(self) -> None:
        """Ends its consumers."""
        self.positions.close()
        self.times.close()

    def _ask_logs(self, leaders: Leaders, keyframe: bool, budget: Budget) -> tuple[Logs, str | None]:
        wanted = {k: leader for k, leader in leaders.items() if self._config.wants_topic(k[0])}
        starts, ends, errors = log_ranges(self._client.admin, wanted, budget)
        logs = self._logs.update(wanted, starts, ends, keyframe)
        if not errors:
            return logs, None
        why = self._client.error(errors[0], "asking for log offsets")
        return logs, f"{len(errors)} of {2 * len(wanted)} log offsets were not answered: {why}"


def _places(commits: Commits) -> Iterator[Place]:
    return ((t, c.partition, c.offset) for topics in commits.values() for t, found in topics.items() for c in found)


def run_follower(cluster: ClusterConfig, stream: Stream, stop: threading.Event) -> None:
    """Follows one cluster until ``stop``; errors become observations, never an end."""
    client = KafkaClient(cluster.name, cluster.bootstrap_servers, cluster.properties)
    follower = Follower(cluster, client)
    turn = Turn(cluster.name, stream)
    generation, failures = stream.generation, 0
    while not stop.is_set():
        began = time.monotonic()
        if not turn.ours(follower):
            stop.wait(cluster.every.positions)
            continue
        if stream.generation != generation:
            generation = stream.generation
            follower.begin_again()
        observations = run(follower, Budget(seconds=TICK_BUDGET, requests=2_000_000))
        failures = 0 if any(isinstance(o, PositionsFrame) for o in observations) else failures + 1
        stream.publish(observations)
        _wait(follower, began + _pause(cluster.every.positions, failures), stop)
    follower.close()
    client.close()


def _pause(interval: float, failures: int) -> float:
    """Seconds from one tick's begin to the next: longer while the cluster does not answer."""
    return min(max(interval, BACKOFF_MOST), interval * 1.5 ** max(0, failures - 3)) if failures else interval


def _wait(follower: Follower, until: float, stop: threading.Event) -> None:
    while not stop.is_set() and (left := until - time.monotonic()) > 0:
        if not follower.positions.listen(min(left, 0.5)):
            stop.wait(min(left, 0.5))


class Turn:
    """Whether this process is the cluster's follower.

    Who starts takes over at once (the one before may have been killed), under a higher epoch by which the recorder
    refuses the older one. Who finds itself replaced waits until the newer one's lease has run out.
    """

    def __init__(self, cluster: str, stream: Stream) -> None:
        self._cluster, self._stream = cluster, stream
        self._lease = Lease(stream.redis, f"follower:{cluster}", LEASE_SECONDS)
        self._mine = False
        self._started = False

    def ours(self, follower: Follower) -> bool:
        """Renews or takes the lease; without Redis we go on with what we have."""
        try:
            if self._mine and self._lease.renew():
                return True
            took = self._lease.acquire() or (not self._started and self._lease.take())
            if took:
                follower.epoch = next_epoch(self._stream.redis, self._cluster)
                follower.begin_again()
            self._mine, self._started = took, True
        except redis.RedisError:
            follower.epoch = follower.epoch or now_ms()
            return True
        return self._mine
