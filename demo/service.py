"""What all services of the shop have in common: one process, at most one consumer, one producer, spans if any."""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition

from demo import incidents
from demo.gate import Gate

if TYPE_CHECKING:
    from demo.otel import Tracing

Headers = list[tuple[str, str | bytes | None]]
PR_SET_PDEATHSIG = 1
POLL_SECONDS = 0.25


@dataclass(frozen=True)
class Spec:
    """One service: `vocabulary` is that of its spans, None where it sends none; `group` where it reads."""

    name: str
    client_id: str
    vocabulary: str | None = "current"
    group: str | None = None
    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    tables: tuple[str, ...] = ()  # those of `reads` that are read from the beginning at each start
    serves: bool = False


def die_with_parent(parent: int) -> None:
    """Ask the kernel to end this process when its parent is gone; end it now if that has happened already.

    With KILL: leaving a group in good order can hang for ever when the broker is gone at the same moment.
    """
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        sys.exit(0)


class Service:
    """The running service of a spec. Its place in the world comes from the environment that the runner sets."""

    def __init__(self, spec: Spec, env: Mapping[str, str] = os.environ) -> None:
        self.spec, self.env = spec, env
        self.group = env.get("DEMO_GROUP") or spec.group or ""
        self.rate = float(env.get("DEMO_RATE", "50"))
        self.stopping = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self.stopping.set())
        self._started = float(env["DEMO_STARTED"])
        self._born = time.monotonic()
        self._gate: Gate | None = None
        self._kafka: dict[str, Any] = json.loads(env["DEMO_KAFKA"])
        self._tracing = self._make_tracing()
        self._producer = self._make_producer() if spec.writes else None
        self._consumer = self._make_consumer() if spec.reads else None

    @property
    def elapsed(self) -> float:
        """Seconds since the demo, not this process, was started."""
        return time.time() - self._started

    def _make_tracing(self) -> Tracing | None:
        if self.spec.vocabulary is None:
            return None
        from demo.otel import EVERYTHING_FOR, Tracing  # the services without spans shall not carry its weight

        def young() -> bool:
            return time.monotonic() - self._born < EVERYTHING_FOR

        name, token = self.spec.name, self.env.get("DEMO_OTLP_TOKEN", "")
        return Tracing(name, self.spec.vocabulary, self.env["DEMO_OTLP"], token, young)

    def _client(self) -> dict[str, Any]:
        identity = {"client.id": self.spec.client_id} if self.spec.client_id else {}
        return {**self._kafka, **identity, "log_level": 0, "error_cb": lambda _: None}

    def _make_producer(self) -> Producer:
        return Producer({**self._client(), "linger.ms": 50, "queue.buffering.max.messages": 5000})

    def _make_consumer(self) -> Consumer:
        settings = {
            "group.id": self.group,
            "auto.offset.reset": "earliest",
            "enable.auto.offset.store": False,
            "auto.commit.interval.ms": 1000,
            "session.timeout.ms": 10000,
            "topic.metadata.refresh.interval.ms": 30000,
        }
        consumer = Consumer({**self._client(), **settings})
        if self.env.get("DEMO_BUSY_BROKER"):
            self._gate = Gate(consumer, self.stopping)
        consumer.subscribe(list(self.spec.reads), on_assign=self._assigned)
        return consumer

    def _assigned(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        for partition in partitions:
            if partition.topic in self.spec.tables:
                partition.offset = OFFSET_BEGINNING
        consumer.assign(partitions)
        if self._gate is not None:
            self._gate.assigned(partitions)

    def send(self, topic: str, key: str, value: Mapping[str, Any], headers: Headers | None = None) -> None:
        """Produce one record. When the broker is away for long, the oldest wait and the newest are dropped."""
        if self._producer is None or topic not in self.spec.writes:
            raise ValueError(f"{self.spec.name} does not declare that it writes {topic}")
        with self._writing(topic) as carried:
            self._produce(topic, key, json.dumps(value).encode(), [*carried, *(headers or [])])

    def _produce(self, topic: str, key: str, value: bytes, headers: Headers) -> None:
        assert self._producer is not None
        with contextlib.suppress(BufferError):
            self._producer.produce(topic, value, key.encode(), headers=headers or None)
        self._producer.poll(0)

    def _writing(self, topic: str) -> AbstractContextManager[Headers]:
        return self._tracing.writing(topic, self.spec.client_id) if self._tracing else nullcontext([])

    def _reading(self, message: Message) -> AbstractContextManager[None]:
        if self._tracing is None:
            return nullcontext()
        return self._tracing.reading(message, self.group, self.spec.client_id)

    def calling(
        self, peer: str, method: str, host: str, port: int, path: str
    ) -> AbstractContextManager[dict[str, str]]:
        return self._tracing.calling(peer, method, host, port, path) if self._tracing else nullcontext({})

    def serving(self, method: str, route: str, headers: Mapping[str, str]) -> AbstractContextManager[None]:
        return self._tracing.serving(method, route, headers) if self._tracing else nullcontext()

    def listener(self) -> socket.socket:
        """The socket that the runner opened for this service; it outlives a restart."""
        return socket.socket(fileno=int(self.env["DEMO_LISTEN_FD"]))

    def ticks(self, seconds: float) -> Iterator[float]:
        """Elapsed seconds, about every so often, until the service is told to stop."""
        while not self.stopping.wait(seconds):
            yield self.elapsed

    def consume(self, handle: Callable[[Message], None], idle: Callable[[], None] = lambda: None) -> None:
        """Handle each record, commit what was handled; `idle` is called at least every quarter second."""
        assert self._consumer is not None
        while not self.stopping.is_set():
            message = self._consumer.poll(self._gate.poll_seconds if self._gate else POLL_SECONDS)
            if message is not None and message.error() is None:
                # What some other program wrote into the shop's topics is passed over.
                with self._reading(message), contextlib.suppress(KeyError, TypeError):
                    handle(message)
                self._read(message)
            idle()
            if self._gate is not None:
                self._gate.turn()

    def _read(self, message: Message) -> None:
        """One record is done: mark it for the next commit, and be slow where an incident says so."""
        assert self._consumer is not None
        with contextlib.suppress(KafkaException):  # the partition may have gone to another in the meantime
            self._consumer.store_offsets(message)
        delay = incidents.delay(self.spec.name, self.elapsed)
        if self._gate is None:
            self.stopping.wait(delay)
            return
        self._gate.read(message)
        if delay:
            self._gate.rest(delay)

    def restore(self, topic: str) -> Iterator[bytes]:
        """All values of a topic as it is now, oldest first in each partition, without a group and without a trace."""
        reader = Consumer(
            {**self._client(), "group.id": "none", "enable.auto.commit": False, "enable.partition.eof": True}
        )
        partitions = reader.list_topics(topic, timeout=10).topics[topic].partitions
        open_ends = set(partitions)
        reader.assign([TopicPartition(topic, p, OFFSET_BEGINNING) for p in partitions])
        while open_ends and not self.stopping.is_set():
            message = reader.poll(POLL_SECONDS)
            if message is None:
                continue
            error, partition, value = message.error(), message.partition(), message.value()
            if error is None and value:
                yield value
            elif error is not None and error.code() == KafkaError._PARTITION_EOF:
                open_ends.discard(partition)
        reader.close()

    def close(self) -> None:
        """Leave the group, send what is under way; never longer than about two seconds."""
        if self._consumer is not None:
            self._consumer.close()
        if self._producer is not None:
            self._producer.flush(0.5)
        if self._tracing is not None:
            self._tracing.close()


def body(message: Message) -> dict[str, Any]:
    """The JSON object in a record; an empty one for a tombstone or what is no JSON."""
    with contextlib.suppress(ValueError):
        value = json.loads(message.value() or b"{}")
        return value if isinstance(value, dict) else {}
    return {}


class Recent(dict[str, Any]):
    """A table that forgets its oldest row, so that no service grows with the days."""

    def __init__(self, limit: int = 5000) -> None:
        super().__init__()
        self._limit = limit

    def __setitem__(self, key: str, value: Any) -> None:
        super().__setitem__(key, value)
        if len(self) > self._limit:
            del self[next(iter(self))]
