"""Two clusters of Apache Kafka in which everything happens that leaves evidence, and what truly happens there.

``here`` has Connect, a Streams application, groups of every type, writers of every kind; ``there`` is mirrored into it.
The truth is written by hand, from what the programs below do: nothing of it is computed by what is tested.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from confluent_kafka import Consumer, Producer
from confluent_kafka.admin import AdminClient, NewTopic
from opentelemetry import propagate, trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from lineage.config import Config, parse
from lineage.identity import is_unknown_writer
from tests.contracts.brokers import apache, java, running
from tests.contracts.connecting import Worker, connect

SHARE = "org.apache.kafka.tools.consumer.ConsoleShareConsumer"
STREAMS = "org.apache.kafka.streams.examples.wordcount.WordCountDemo"
IN, OUT = "streams-plaintext-input", "streams-wordcount-output"  # written into the example
AGGREGATE = "words-KSTREAM-AGGREGATE-STATE-STORE-0000000003"
HERE = ("orders", "invoices", "payments", "events", "mystery", "lines", "letters", "letters-dead", IN, OUT)
FILE = "org.apache.kafka.connect.file.FileStream{}Connector"
PAUSE = 0.25  # seconds between two rounds of writing

YAML = """
clusters:
  - {{name: here, bootstrap_servers: "{here}", connect: [{{name: main, url: "{connect}"}}], records: {records}}}
  - {{name: there, bootstrap_servers: "{there}", records: {records}}}
declared:
  - {{service: billing, reads: [orders], writes: [invoices], cluster: here}}
  - {{service: dreamer, reads: [mystery], writes: [payments], cluster: here}}
"""
QUICK = "{bytes_per_second: 40000000, requests_per_second: 1000}"


@dataclass(frozen=True)
class Fact:
    """One thing that happens. Each end by every id under which it may rightly be drawn.

    ``provable`` False: true, and no more than that: nobody promises to find it.
    """

    relation: str
    sources: frozenset[str]
    targets: frozenset[str]
    provable: bool = True

    def is_told_by(self, edge: Any) -> bool:
        """Whether this edge says it."""
        return edge.relation == self.relation and edge.source in self.sources and edge.target in self.targets

    @property
    def unknown(self) -> bool:
        """Whether nothing tells who does it."""
        return any(map(is_unknown_writer, self.sources))

    def __str__(self) -> str:
        return f"{min(self.sources)} {self.relation} {min(self.targets)}"


def fact(relation: str, a: set[str], b: set[str], provable: bool = True) -> Fact:
    """``a`` does something to ``b``."""
    return Fact(relation, frozenset(a), frozenset(b), provable)


def truth(work: Path) -> tuple[Fact, ...]:
    """What happens, and nothing else does."""
    checkout, billing = {"service:checkout"}, {"service:billing", "group:here/billing-g"}
    words = {"group:here/words"}
    source, mirror = {"connector:here/main/lines-in"}, {"connector:here/main/mirror"}
    sink = {"connector:here/main/lines-out", "group:here/connect-lines-out"}
    letters = {"connector:here/main/letters-out", "group:here/connect-letters-out"}

    def topic(name: str, cluster: str = "here") -> set[str]:
        return {f"topic:{cluster}/{name}"}

    def file(name: str) -> set[str]:
        return {f"system:file://main{work / name}"}

    def nobody(name: str, cluster: str = "here") -> Fact:
        return fact("writes", {f"writer:{cluster}/{name}"}, topic(name, cluster))

    return (
        fact("writes", checkout, topic("orders")),
        fact("reads", topic("orders"), billing),
        fact("writes", billing, topic("invoices")),
        fact("derives", topic("orders"), topic("invoices")),
        fact("reads", topic("orders"), {"group:here/audit"}),
        fact("reads", topic("orders"), {"group:here/modern"}),
        fact("reads", topic("orders"), {"group:here/shared"}),
        fact("writes", {"writer:here/transactional/nightly"}, topic("payments")),
        nobody("payments"),  # besides the one with a transactional id
        fact("writes", {"service:till"}, topic("events")),
        nobody("mystery"),
        nobody("letters"),
        nobody(IN),
        nobody("stock", "there"),
        fact("reads", topic(IN), words),
        fact("writes", words, topic(OUT)),
        fact("writes", words, topic(f"{AGGREGATE}-repartition")),
        fact("reads", topic(f"{AGGREGATE}-repartition"), words),
        fact("writes", words, topic(f"{AGGREGATE}-changelog")),
        fact("reads", topic(f"{AGGREGATE}-changelog"), words, provable=False),  # only when it restores
        fact("reads", file("in.txt"), source),
        fact("writes", source, topic("lines")),
        fact("reads", topic("lines"), sink),
        fact("writes", sink, file("out.txt")),
        fact("reads", topic("letters"), letters),
        fact("writes", letters, file("letters.txt")),
        fact("writes", letters, topic("letters-dead")),
        fact("dead_letters", topic("letters"), topic("letters-dead")),
        fact("reads", topic("stock", "there"), mirror),
        fact("writes", mirror, topic("B.stock")),
        fact("replicates", topic("stock", "there"), topic("B.stock")),
        fact("writes", mirror, topic("mm2-offset-syncs.A.internal", "there")),
    )


@dataclass
class Ecosystem:
    """A running one. ``spans`` are the bodies of OTLP requests that came, with their content types."""

    config: Config
    truth: tuple[Fact, ...]
    spans: list[tuple[bytes, str]] = field(default_factory=list)


@contextmanager
def ecosystem(work: Path) -> Iterator[Ecosystem]:
    """Everything runs until the end of the block."""
    with ExitStack() as stack:
        (work / "a").mkdir()
        (work / "b").mkdir()
        here, there = stack.enter_context(apache(work / "a")), stack.enter_context(apache(work / "b"))
        topics(here, *HERE)
        topics(there, "stock")
        worker = stack.enter_context(connect(work, here))
        config = parse(YAML.format(here=here, there=there, connect=worker.url, records=QUICK), "playhead.yaml", {})
        found = Ecosystem(config, truth(work))
        address = stack.enter_context(collector(found.spans))
        stack.enter_context(running(streams(work, here), work / "streams.log"))
        share = java(SHARE, "--bootstrap-server", here, "--topic", "orders", "--group", "shared")
        stack.enter_context(running(share, work / "share.log"))
        stack.enter_context(turning(*writers(work, here, there, address), *readers(here, address)))
        connectors(worker, work, here, there)
        yield found


def topics(address: str, *names: str) -> None:
    """Two partitions each."""
    admin = AdminClient({"bootstrap.servers": address})  # held: its answers end with it
    for future in admin.create_topics([NewTopic(n, 2, 1) for n in names]).values():
        future.result(60)


def connectors(worker: Worker, work: Path, here: str, there: str) -> None:
    """A file in, a file out, one whose bad records go to a dead letter topic, and MirrorMaker 2."""
    source, sink = FILE.format("Source"), FILE.format("Sink")
    worker.put("lines-in", connector__class=source, file=str(work / "in.txt"), topic="lines")
    worker.put("lines-out", connector__class=sink, file=str(work / "out.txt"), topics="lines")
    dead = {"errors.tolerance": "all", "errors.deadletterqueue.topic.name": "letters-dead"}
    dead |= {"errors.deadletterqueue.context.headers.enable": "true", "value.converter.schemas.enable": "false"}
    json = "org.apache.kafka.connect.json.JsonConverter"
    path = str(work / "letters.txt")
    worker.put("letters-out", connector__class=sink, file=path, topics="letters", value__converter=json, **dead)
    worker.put(
        "mirror", connector__class="org.apache.kafka.connect.mirror.MirrorSourceConnector", topics="stock",
        source__cluster__alias="B", target__cluster__alias="A", source__cluster__bootstrap__servers=there,
        target__cluster__bootstrap__servers=here, replication__factor="1", sync__topic__acls__enabled="false",
        **{"offset-syncs.topic.replication.factor": "1"},
    )  # fmt: skip


def streams(work: Path, here: str) -> list[str]:
    """The word count of Kafka Streams' own examples, as a streams group (KIP-1071), exactly once."""
    config = {"bootstrap.servers": here, "application.id": "words", "state.dir": work / "state"}
    config |= {"group.protocol": "streams", "processing.guarantee": "exactly_once_v2"}
    config |= {"replication.factor": 1, "commit.interval.ms": 100, "auto.offset.reset": "earliest"}
    path = work / "streams.properties"
    path.write_text("".join(f"{k}={v}\n" for k, v in config.items()))
    return java(STREAMS, str(path))


@contextmanager
def turning(*turns: Iterator[None]) -> Iterator[None]:
    """Each generator in a thread of its own, taken a step further until the end of the block."""
    over = threading.Event()

    def turn(steps: Iterator[None]) -> None:
        for _ in steps:
            if over.is_set():
                break
        steps.close()  # type: ignore[attr-defined]

    threads = [threading.Thread(target=turn, args=(steps,), daemon=True) for steps in turns]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        over.set()
        for thread in threads:
            thread.join(20)


def tracer(service: str, address: str) -> tuple[trace.Tracer, TracerProvider]:
    """The tracer of a service that exports over HTTP as OpenTelemetry does."""
    provider = TracerProvider(resource=Resource({"service.name": service}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(address), schedule_delay_millis=300))
    return provider.get_tracer("shop"), provider


def attributes(operation: str, topic: str, **more: str) -> dict[str, str]:
    """Of a span, in the words of today's conventions."""
    kept = {"messaging.system": "kafka", "messaging.operation.type": operation, "messaging.destination.name": topic}
    return {**kept, **{k.replace("__", "."): v for k, v in more.items()}}


def sent(spans: trace.Tracer, producer: Producer, topic: str) -> None:
    """A record with its trace in the headers."""
    with spans.start_as_current_span(
        f"send {topic}", kind=trace.SpanKind.PRODUCER, attributes=attributes("send", topic)
    ):
        headers: dict[str, str] = {}
        propagate.inject(headers)
        producer.produce(topic, b"{}", headers=list(headers.items()))
    producer.poll(0)


def writers(work: Path, here: str, there: str, address: str) -> Iterator[Iterator[None]]:
    """Who writes: plainly, with a transactional id, with spans, with CloudEvents' headers, and into a file."""
    yield plainly(here, there)
    yield transactionally(here)
    yield traced(here, address)
    yield into_a_file(work / "in.txt")


def rounds() -> Iterator[int]:
    pause = threading.Event()
    for n in itertools.count():
        yield n
        pause.wait(PAUSE)


def plainly(here: str, there: str) -> Iterator[None]:
    one, two = (Producer({"bootstrap.servers": a, "log_level": 0}) for a in (here, there))
    idempotent = Producer({"bootstrap.servers": here, "enable.idempotence": True, "log_level": 0})
    event = {"ce_source": "till", "ce_specversion": "1.0", "ce_id": "1", "ce_type": "sold"}
    for n in rounds():
        one.produce("mystery", b"x", partition=n % 2)
        one.produce("letters", b'{"ok": 1}' if n % 2 else b"no json", partition=n % 2)
        one.produce(IN, b"all streams lead to kafka", partition=n % 2)
        one.produce("events", b"{}", headers=list(event.items()))
        two.produce("stock", str(n), partition=n % 2)
        idempotent.produce("payments", b"x")
        for producer in (one, two, idempotent):
            producer.flush(20)
        yield


def transactionally(here: str) -> Iterator[None]:
    producer = Producer({"bootstrap.servers": here, "transactional.id": "nightly", "log_level": 0})
    producer.init_transactions(60)
    for _ in rounds():
        producer.begin_transaction()
        producer.produce("payments", b"x", partition=0)
        producer.commit_transaction(60)
        yield


def traced(here: str, address: str) -> Iterator[None]:
    spans, provider = tracer("checkout", address)
    producer = Producer({"bootstrap.servers": here, "log_level": 0})
    for _ in rounds():
        sent(spans, producer, "orders")
        yield
    provider.shutdown()


def into_a_file(path: Path) -> Iterator[None]:
    for n in rounds():
        with path.open("a") as file:
            file.write(f"line {n}\n")
        yield


def readers(here: str, address: str) -> Iterator[Iterator[None]]:
    """Who reads: a service with spans that writes what follows, a classic group, one of KIP-848."""
    yield billing(here, address)
    yield reading(here, "audit", "classic")
    yield reading(here, "modern", "consumer")


def subscribed(here: str, group: str, protocol: str) -> Consumer:
    given = {"bootstrap.servers": here, "group.id": group, "group.protocol": protocol, "log_level": 0}
    consumer = Consumer({**given, "auto.offset.reset": "earliest", "auto.commit.interval.ms": 500})
    consumer.subscribe(["orders"])
    return consumer


def reading(here: str, group: str, protocol: str) -> Iterator[None]:
    consumer = subscribed(here, group, protocol)
    try:
        while True:
            consumer.poll(0.2)
            yield
    finally:
        consumer.close()


def billing(here: str, address: str) -> Iterator[None]:
    spans, provider = tracer("billing", address)
    consumer, producer = subscribed(here, "billing-g", "classic"), Producer({"bootstrap.servers": here, "log_level": 0})
    named = attributes("process", "orders", messaging__consumer__group__name="billing-g")
    try:
        while True:
            message = consumer.poll(0.2)
            if message is not None and not message.error():
                carrier = {k: v.decode() for k, v in message.headers() or () if v}
                given = {"context": propagate.extract(carrier), "kind": trace.SpanKind.CONSUMER, "attributes": named}
                with spans.start_as_current_span("process orders", **given):
                    sent(spans, producer, "invoices")
            yield
    finally:
        consumer.close()
        provider.shutdown()


@contextmanager
def collector(bodies: list[tuple[bytes, str]]) -> Iterator[str]:
    """Takes OTLP over HTTP and keeps what came; its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            bodies.append((body, self.headers["Content-Type"]))
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/v1/traces"
    finally:
        server.shutdown()
        server.server_close()
