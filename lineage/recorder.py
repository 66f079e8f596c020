"""The one process that writes the tape: reads the stream of observations, stores ticks, compacts, announces.

A tick's samples go into the lake first, then its changes, its place in the stream and its row into SQL in one
transaction: a death between the two leaves samples that nobody sees, and that the next start removes.
"""

from __future__ import annotations

import fcntl
import logging
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, Any, TypeVar

import msgspec
import redis
from django.db import OperationalError, close_old_connections, connection, transaction

from lineage import models, retention
from lineage.batch import Batch
from lineage.config import Config
from lineage.framing import Samples, build
from lineage.ingest import Ingest
from lineage.lake import Away, Lake, NoRoom, NotNow, Row, is_full
from lineage.minutes import closed, group_rows, subject_rows
from lineage.models import Tick
from lineage.observations import FIELD, STREAM, AnyObservation, Ms, PositionsFrame, decode
from lineage.outline import Standing
from lineage.restore import restored
from lineage.storage import left_behind, place, shortage

__all__ = ["AlreadyRunning", "Away", "Lease", "Recorder", "Tape", "clock", "run"]
log = logging.getLogger(__name__)
T = TypeVar("T")

RECORDERS = 0x506C6179  # the number of their lock in PostgreSQL
OTHERS_MS = 1_000  # without a frame of positions, what came is cut into a tick this often
HEARTBEAT_MS = 10_000  # and without anything at all this often, so that ages go on
COMPACT_SECONDS = 60.0
WHOLE_EVERY = 30  # of so many compactions one merges everything small
READ_COUNT = 500
ROOM_SECONDS = 1.0  # between two looks at a full disk, or at a server that is away


class AlreadyRunning(RuntimeError):
    """Another recorder holds this data directory."""


class Lease:
    """The lock of data directory and database: one recorder at a time; it is let go of when the process dies."""

    def __init__(self, data_dir: Path) -> None:
        data_dir.mkdir(parents=True, exist_ok=True)
        self._file: IO[str] = (data_dir / "recorder.lock").open("w")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self._file.close()
            raise AlreadyRunning(f"another recorder writes to {data_dir}") from error
        self._session: Any = None
        if connection.vendor == "postgresql":
            self._lock_database()

    def _lock_database(self) -> None:
        """The data directories may be two, on two machines, and the database one: it holds a lock for a session."""
        self._session = connection.get_new_connection(connection.get_connection_params())
        self._session.autocommit = True
        ((held,),) = self._session.execute("SELECT pg_try_advisory_lock(%s)", [RECORDERS]).fetchall()
        if not held:
            self.release()
            raise AlreadyRunning("another recorder writes to this database")

    def release(self) -> None:
        """Lets the next one in."""
        self._file.close()
        if self._session is not None:
            self._session.close()


def clock() -> Ms:
    """Now, in ms UTC."""
    return time.time_ns() // 1_000_000


class Tape:
    """What is recorded, without the stream: takes observations, stores ticks. One for a lake. Raises Away."""

    def __init__(self, config: Config, data_dir: Path) -> None:
        self.lake = Lake(place(data_dir))
        self.held: Batch | None = None  # a tick that the lake did not take
        self._tried = False
        newest = _patiently(lambda: Tick.objects.order_by("-number").first())
        self.stream_id = newest.stream_id if newest else ""
        self.lake.remove_above(newest.number if newest else 0)
        self.ingest: Ingest = restored(config, self.lake)
        self._structure = newest.structure if newest else 0

    def take(self, observation: AnyObservation, stream_id: str = "") -> None:
        """Takes one observation; what cannot be understood is logged and passed over."""
        try:
            self.ingest.apply(observation)
        except (ValueError, KeyError, TypeError, IndexError, ArithmeticError):
            log.exception("an observation %s is passed over", type(observation).__name__)
        self.stream_id = stream_id or self.stream_id

    def cut(self, now: Ms) -> int:
        """Stores everything since the last tick as one; its number. Times never run back on the tape.

        Raises NoRoom where the disk is full, Away where a server is: the tick is held, and the next call stores it.
        """
        if self.held is None:
            if (why := shortage(self.lake.depot)) is not None:
                raise NoRoom(why)
            before = self.ingest.at
            self.held = self.ingest.cut(max(now, before + 1))
            if (minute := closed(before, self.held.at)) is not None:
                self.held.rows |= _minute(minute, self.ingest)
        return self._save(self.held)

    def _save(self, batch: Batch) -> int:
        if self._tried:
            self.lake.remove_above(batch.number - 1)  # its samples may be there already
        self._tried = True
        self.lake.write(batch.number, batch.at, batch.rows)
        _patiently(lambda: self._store(batch))
        self.held, self._tried = None, False
        return batch.number

    def _store(self, batch: Batch) -> None:
        if _is_structural(batch):
            self._structure = batch.number
        with transaction.atomic():
            _close(batch)
            _open(self.ingest, batch)
            _place(batch)
            models.Name.objects.bulk_create(
                [models.Name(id=i, kind=k, cluster=c, name=n, tick=batch.number) for i, k, c, n in batch.names]
            )
            models.Change.objects.bulk_create([_change(batch, d) for d in batch.deltas], batch_size=500)
            Tick.objects.create(
                number=batch.number,
                at=batch.at,
                cluster=batch.cluster,
                stream_id=self.stream_id,
                structure=self._structure,
                total_lag=batch.total_lag,
            )

    def close(self) -> None:
        """Lets go of the lake."""
        self.lake.close()


def _minute(minute: Ms, ingest: Ingest) -> dict[str, list[Row]]:
    """What alert rules see of the minute that the tick just cut has closed."""
    known, structure = ingest.facts, ingest.structure
    meters = {n: c.meter for n, c in known.clusters.items()}
    lag = {(n, *pair): t.row for n, m in meters.items() for pair, t in m.tracks.items() if t.row}
    standing = Standing(structure.nodes, {}, ingest.stored["clusters"], known.collectors, {})
    frame = build(ingest.at, ingest.tick, standing, Samples(ingest.numbers, lag))  # type: ignore[arg-type]
    groups = group_rows(minute, frame, lambda *name: ingest.names.get(name))
    return {
        "group_minutes": list(groups),
        "subject_minutes": list(subject_rows(minute, frame, structure.edges.values())),
    }


def _is_structural(batch: Batch) -> bool:
    return any((*batch.closed.values(), *batch.opened.values(), batch.ended, batch.placed, batch.unplaced))


def _change(batch: Batch, delta: Any) -> models.Change:
    path = delta.subject.partition("|")[2] or delta.subject
    cluster = next((p.partition(":")[2].partition("/")[0] for p in path.split("|") if "/" in p), "")
    return models.Change(
        at=batch.valid.get(delta.subject, batch.seen_at), recorded_at=batch.at, tick=batch.number,
        kind=delta.kind, subject=delta.subject, cluster=cluster[:255], before=delta.before, after=delta.after,
        evidence=delta.evidence,
    )  # fmt: skip


def _close(batch: Batch) -> None:
    ended = {"valid_until": batch.seen_at, "superseded_at": batch.at}
    for part in _parts(batch.closed.get("nodes", [])):
        models.NodeVersion.objects.filter(superseded_at=None, node__in=part).update(**ended)
    for edge in batch.ended:
        named = {"relation": edge.relation, "source": edge.source, "target": edge.target, "key": edge.key}
        models.EdgeVersion.objects.filter(superseded_at=None, **named).update(**ended)
    for cluster in batch.closed.get("clusters", []):
        models.ClusterVersion.objects.filter(superseded_at=None, cluster=cluster).update(**ended)
    for name in batch.closed.get("collectors", []):
        cluster, _, collector = name.partition("/")
        models.CollectorVersion.objects.filter(superseded_at=None, cluster=cluster, collector=collector).update(**ended)
    models.JoinVersion.objects.filter(superseded_at=None, key__in=batch.closed.get("joins", [])).update(**ended)


def _parts(keys: Sequence[str], size: int = 500) -> list[Sequence[str]]:
    return [keys[i : i + size] for i in range(0, len(keys), size)]


def _open(ingest: Ingest, batch: Batch) -> None:
    known: dict[str, Any] = {"recorded_at": batch.at, "tick": batch.number}
    models.NodeVersion.objects.bulk_create(_nodes(ingest, batch, known), batch_size=500)
    models.EdgeVersion.objects.bulk_create(_edges(ingest, batch, known), batch_size=500)
    stored, seen = ingest.stored, {**known, "valid_from": batch.seen_at}
    models.ClusterVersion.objects.bulk_create(
        [models.ClusterVersion(cluster=c, attrs=stored["clusters"][c], **seen) for c in batch.opened["clusters"]]
    )
    models.CollectorVersion.objects.bulk_create(
        [
            models.CollectorVersion(
                cluster=n.partition("/")[0], collector=n.partition("/")[2], attrs=stored["collectors"][n], **seen
            )
            for n in batch.opened["collectors"]
        ]
    )
    models.JoinVersion.objects.bulk_create(
        [models.JoinVersion(key=k, **stored["joins"][k], **seen) for k in batch.opened.get("joins", [])]
    )


def _nodes(ingest: Ingest, batch: Batch, known: dict[str, Any]) -> list[models.NodeVersion]:
    details = ingest.structure.details
    return [
        models.NodeVersion(
            **{**n.as_dict(), "id": None},
            node=n.id,
            detail=details.get(n.id, {}),
            valid_from=batch.valid.get(n.id, batch.seen_at),
            **known,
        )
        for n in map(ingest.structure.nodes.__getitem__, batch.opened.get("nodes", []))
    ]


def _edges(ingest: Ingest, batch: Batch, known: dict[str, Any]) -> list[models.EdgeVersion]:
    return [
        models.EdgeVersion(
            **{k: v for k, v in e.as_dict().items() if k != "evidence"},
            attrs={"evidence": list(e.evidence)},
            valid_from=batch.valid.get(e.id, batch.seen_at),
            **known,
        )
        for e in map(ingest.structure.edges.__getitem__, batch.opened.get("edges", []))
    ]


def _place(batch: Batch) -> None:
    for part in _parts(batch.unplaced):
        models.Placement.objects.filter(superseded_at=None, node__in=part).update(superseded_at=batch.at)
    placed = [models.Placement(node=n, x=p[0], y=p[1], recorded_at=batch.at) for n, p in batch.placed.items()]
    models.Placement.objects.bulk_create(placed, batch_size=500)


def _patiently(call: Callable[[], T], tries: int = 60) -> T:
    """A locked or restarting database is asked again; its transaction was rolled back, so nothing is doubled."""
    for attempt in range(tries):
        try:
            return call()
        except OperationalError as error:
            if is_full(error):
                raise NoRoom(str(error)) from error
            if attempt == tries - 1:
                raise
            log.warning("the database does not answer (%s); trying again", error)
            close_old_connections()
            time.sleep(min(5.0, 0.1 * 2**attempt))
    raise AssertionError("unreachable")


class Recorder:
    """The process around the tape: its place in the stream, its pace, its patience with Redis."""

    def __init__(
        self, tape: Tape, client: redis.Redis, announce: Callable[[int], None], now: Callable[[], Ms] = clock
    ) -> None:
        self.tape, self.client, self.announce, self.now = tape, client, announce, now
        self.stopped = threading.Event()
        self._waiting_since: Ms | None = None
        self._still = ""
        self._compacted, self._compactions = time.monotonic(), 0

    def run(self) -> None:
        """Records until ``stopped`` is set."""
        wait = 0.2
        while not self.stopped.is_set():
            try:
                self.step()
                wait = 0.2
            except redis.RedisError as error:
                log.warning("Redis does not answer (%s); trying again in %.1f s", error, wait)
                self._beat()
                self.stopped.wait(wait)
                wait = min(5.0, wait * 2)
        self._flush()

    def step(self, block_ms: int = 500) -> None:
        """Reads what came, at most once, and cuts the ticks that are due."""
        if self._still and not self._again():
            return  # what comes waits in the stream
        last = self.tape.stream_id or "0-0"
        answer: Any = self.client.xread({STREAM: last}, count=READ_COUNT, block=block_ms)
        for _, entries in answer or ():
            for entry, fields in entries:
                self._take(entry, fields)
        if self._waiting_since is not None and self.now() - self._waiting_since >= OTHERS_MS:
            self._cut()
        if not answer:
            self._check_stream(last)
            self._beat()
        self._compact()

    def _take(self, entry: bytes | str, fields: dict[bytes, bytes]) -> None:
        position = entry.decode() if isinstance(entry, bytes) else entry
        try:
            observation = decode(fields[FIELD])
        except (KeyError, msgspec.MsgspecError, UnicodeDecodeError) as error:
            log.warning("entry %s of the stream is passed over: %s", position, error)
            self.tape.stream_id = position
            return
        self.tape.take(observation, position)
        if isinstance(observation, PositionsFrame):
            self._cut()
        elif self._waiting_since is None:
            self._waiting_since = self.now()

    def _check_stream(self, last: str) -> None:
        """A Redis that lost its data numbers entries anew: a stream that ends before our place is read whole."""
        if last == "0-0":
            return
        newest: Any = self.client.xrevrange(STREAM, count=1)
        ends = _order(newest[0][0]) if newest else None
        if ends is not None and ends < _order(last):
            log.warning("the stream ends before %s: it was made anew and is read from its start", last)
            self.tape.stream_id = ""

    def _beat(self) -> None:
        if self.tape.ingest.tick and self.now() - self.tape.ingest.at >= HEARTBEAT_MS:
            self._cut()

    def _again(self) -> bool:
        """Whether it can be stored again; asked with a pause, so that a full disk costs no time."""
        self.stopped.wait(ROOM_SECONDS)
        if shortage(self.tape.lake.depot) is None:
            self._cut()
        return not self._still

    def _cut(self) -> None:
        try:
            number = self.tape.cut(self.now())
        except NotNow as error:
            if not self._still:
                log.error("recording stands still: %s", error)
            self._still = str(error)
            return
        if self._still:
            log.warning("recording goes on")
        self._still, self._waiting_since = "", None
        try:
            self.announce(number)
        except Exception:
            log.exception("tick %d could not be announced; viewers learn of it with the next one", number)

    def _compact(self) -> None:
        if time.monotonic() - self._compacted < COMPACT_SECONDS:
            return
        self._compacted, self._compactions = time.monotonic(), self._compactions + 1
        try:
            self.tape.lake.compact(whole=self._compactions % WHOLE_EVERY == 0)
            retention.step(self.tape.lake, self.tape.ingest.config.retention, self.tape.ingest.at)
        except Away as error:
            log.warning("the lake's files are not merged: %s", error)
        except Exception:
            log.exception("merging the lake's files failed; it is tried again")

    def _flush(self) -> None:
        if self._waiting_since is not None:
            self._cut()


def _order(entry: bytes | str) -> tuple[int, int]:
    text = entry.decode() if isinstance(entry, bytes) else entry
    ms, _, sequence = text.partition("-")
    return int(ms), int(sequence or 0)


def run(
    config: Config,
    data_dir: Path,
    redis_url: str,
    announce: Callable[[int], None],
    stopped: threading.Event,
) -> None:
    """Records until ``stopped`` is set. Raises AlreadyRunning where another one does, Away where the lake is."""
    left_behind(data_dir)
    lease = Lease(data_dir)
    tape = Tape(config, data_dir)
    client = redis.Redis.from_url(redis_url, socket_timeout=10, socket_connect_timeout=3, health_check_interval=30)
    recorder = Recorder(tape, client, announce)
    recorder.stopped = stopped
    try:
        recorder.run()
    finally:
        tape.close()
        client.close()
        lease.release()
