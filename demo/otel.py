"""Spans of the shop's services, as their instrumentation would send them, in each of three vocabularies.

The span's names are written out here instead of taken from a package, because one demo must speak three ages of the
conventions at once, and no package does.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from opentelemetry import propagate, trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import Decision, ParentBased, Sampler, SamplingResult
from opentelemetry.trace import Link, SpanKind

if TYPE_CHECKING:
    from confluent_kafka import Message

CURRENT, OLDER, OLDEST = "current", "1.24", "1.11"
EVERYTHING_FOR = 15.0  # seconds after the start in which no trace is left out: each edge shows at once
ONE_IN = 5
Headers = list[tuple[str, str | bytes | None]]


class OneInFive(Sampler):
    """Whole traces, all of them while the process is young, then one in five by the trace's own id."""

    def __init__(self, young: Callable[[], bool]) -> None:
        self._young = young

    def should_sample(
        self,
        parent_context: Any,
        trace_id: int,
        name: str,
        kind: Any = None,
        attributes: Any = None,
        links: Any = None,
        trace_state: Any = None,
    ) -> SamplingResult:
        keep = self._young() or trace_id % ONE_IN == 0
        return SamplingResult(Decision.RECORD_AND_SAMPLE if keep else Decision.DROP, attributes if keep else None)

    def get_description(self) -> str:
        return "OneInFive"


def carrier(message: Message) -> dict[str, str]:
    """The record's headers as text, for the propagator."""
    headers = message.headers() or []
    pairs = headers.items() if isinstance(headers, dict) else headers
    return {k: v.decode("utf-8", "replace") for k, v in pairs if isinstance(v, bytes)}


def read_attributes(vocabulary: str, message: Message, group: str, client_id: str) -> dict[str, Any]:
    """Attributes of a span that processes one record."""
    topic, partition, offset = message.topic() or "", message.partition() or 0, message.offset() or 0
    if vocabulary == CURRENT:
        return {
            "messaging.system": "kafka",
            "messaging.operation.type": "process",
            "messaging.operation.name": "process",
            "messaging.destination.name": topic,
            "messaging.destination.partition.id": str(partition),
            "messaging.kafka.offset": offset,
            "messaging.consumer.group.name": group,
            "messaging.client.id": client_id,
        }
    if vocabulary == OLDER:
        return {
            "messaging.system": "kafka",
            "messaging.operation": "process",
            "messaging.destination.name": topic,
            "messaging.kafka.destination.partition": partition,
            "messaging.kafka.message.offset": offset,
            "messaging.kafka.consumer.group": group,
            "messaging.client_id": client_id,
        }
    return {
        "messaging.system": "kafka",
        "messaging.operation": "process",
        "messaging.destination": topic,
        "messaging.destination_kind": "queue",
        "messaging.kafka.partition": partition,
        "messaging.message_id": f"{topic}.{partition}.{offset}",
    }


def write_attributes(vocabulary: str, topic: str, client_id: str) -> dict[str, Any]:
    """Attributes of a span that sends one record."""
    if vocabulary == CURRENT:
        return {
            "messaging.system": "kafka",
            "messaging.operation.type": "send",
            "messaging.operation.name": "send",
            "messaging.destination.name": topic,
            "messaging.client.id": client_id,
        }
    if vocabulary == OLDER:
        return {
            "messaging.system": "kafka",
            "messaging.operation": "publish",
            "messaging.destination.name": topic,
            "messaging.client_id": client_id,
        }
    # "receive" on a PRODUCER span is what opentelemetry-instrumentation-confluent-kafka really sends: the kind tells.
    return {
        "messaging.system": "kafka",
        "messaging.operation": "receive",
        "messaging.destination": topic,
        "messaging.destination_kind": "queue",
    }


class Tracing:
    """One service's tracer. Export is in batches, bounded, and silent when nobody listens."""

    def __init__(self, service: str, vocabulary: str, endpoint: str, token: str, young: Callable[[], bool]) -> None:
        logging.getLogger("opentelemetry").setLevel(logging.CRITICAL + 1)
        self._vocabulary = vocabulary
        resource = Resource({"service.name": service, "service.namespace": "shop"})
        self._provider = TracerProvider(
            resource=resource, sampler=ParentBased(OneInFive(young)), shutdown_on_exit=False
        )
        exporter = OTLPSpanExporter(
            endpoint=endpoint, headers={"Authorization": f"Bearer {token}"} if token else None, timeout=3
        )
        self._provider.add_span_processor(
            BatchSpanProcessor(exporter, max_queue_size=2048, schedule_delay_millis=1500, max_export_batch_size=512)
        )
        self._tracer = self._provider.get_tracer("demo")

    @contextmanager
    def reading(self, message: Message, group: str, client_id: str) -> Iterator[None]:
        """Covers the handling of one record; what is sent or called inside belongs to the same trace."""
        parent = propagate.extract(carrier(message))
        produced = trace.get_current_span(parent).get_span_context()
        links = [Link(produced)] if produced.is_valid else []
        attributes = read_attributes(self._vocabulary, message, group, client_id)
        if self._vocabulary == OLDEST:
            with self._linked_only(message.topic() or "", links, attributes):
                yield
            return
        name = f"process {message.topic()}" if self._vocabulary == CURRENT else f"{message.topic()} process"
        with self._tracer.start_as_current_span(name, parent, SpanKind.CONSUMER, attributes, links):
            yield

    @contextmanager
    def _linked_only(self, topic: str, links: Sequence[Link], attributes: Mapping[str, Any]) -> Iterator[None]:
        """As the oldest one does: a bare `recv` span, the handling under it, joined to the sender by link only."""
        with (
            self._tracer.start_as_current_span("recv", kind=SpanKind.CONSUMER),
            self._tracer.start_as_current_span(
                f"{topic} process", kind=SpanKind.CONSUMER, attributes=attributes, links=links
            ),
        ):
            yield

    @contextmanager
    def writing(self, topic: str, client_id: str) -> Iterator[Headers]:
        """Covers the sending of one record; gives the headers that carry the trace on."""
        name = f"send {topic}" if self._vocabulary == CURRENT else f"{topic} send"
        attributes = write_attributes(self._vocabulary, topic, client_id)
        with self._tracer.start_as_current_span(name, kind=SpanKind.PRODUCER, attributes=attributes):
            headers: dict[str, str] = {}
            propagate.inject(headers)
            yield [(k, v.encode()) for k, v in headers.items()]

    @contextmanager
    def calling(self, peer: str, method: str, host: str, port: int, path: str) -> Iterator[dict[str, str]]:
        """Covers an HTTP call to another service; gives the request's headers."""
        attributes: dict[str, Any] = {
            "http.request.method": method,
            "server.address": host,
            "server.port": port,
            "url.full": f"http://{host}:{port}{path}",
            "service.peer.name": peer,
        }
        with self._tracer.start_as_current_span(method, kind=SpanKind.CLIENT, attributes=attributes):
            headers: dict[str, str] = {}
            propagate.inject(headers)
            yield headers

    @contextmanager
    def serving(self, method: str, route: str, headers: Mapping[str, str]) -> Iterator[None]:
        """Covers the answering of an HTTP request."""
        attributes = {"http.request.method": method, "http.route": route, "url.path": route, "url.scheme": "http"}
        parent = propagate.extract({k.lower(): v for k, v in headers.items()})
        name = f"{method} {route}"
        with self._tracer.start_as_current_span(name, parent, SpanKind.SERVER, attributes):
            yield

    def close(self, seconds: float = 0.8) -> None:
        """Send what is left, but wait for it no longer than this."""
        last = threading.Thread(target=self._provider.shutdown, daemon=True)
        last.start()
        last.join(seconds)
