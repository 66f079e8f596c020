"""Listens to OTLP over HTTP and keeps what the spans claim, written apart from any program that is tested."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

SERVER, CLIENT, PRODUCER, CONSUMER = 2, 3, 4, 5


class Ear:
    """The claims so far. A call is claimed when both of its sides have been heard."""

    def __init__(self) -> None:
        self.url = ""
        self.tokens: set[str | None] = set()
        self.reads: set[tuple[str, str, str | None]] = set()
        self.writes: set[tuple[str, str]] = set()
        self._clients: dict[bytes, str] = {}
        self._servers: set[tuple[bytes, str]] = set()
        self._lock = threading.Lock()

    @property
    def calls(self) -> set[tuple[str, str]]:
        with self._lock:
            return {(self._clients[span], callee) for span, callee in self._servers if span in self._clients}

    def hear(self, body: bytes, token: str | None) -> None:
        with self._lock:
            self.tokens.add(token)
            for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
                service = attributes(resource.resource)["service.name"]
                for span in (s for scope in resource.scope_spans for s in scope.spans):
                    self._span(service, span)

    def _span(self, service: str, span: Any) -> None:
        found = attributes(span)
        topic = found.get("messaging.destination.name") or found.get("messaging.destination")
        group = found.get("messaging.consumer.group.name") or found.get("messaging.kafka.consumer.group")
        if topic and span.kind == CONSUMER:
            self.reads.add((service, topic, group))
        elif topic and span.kind == PRODUCER:
            self.writes.add((service, topic))
        elif span.kind == CLIENT:
            self._clients[span.span_id] = service
        elif span.kind == SERVER:
            self._servers.add((span.parent_span_id, service))


def attributes(of: Any) -> dict[str, Any]:
    return {a.key: getattr(a.value, a.value.WhichOneof("value")) for a in of.attributes}


@contextmanager
def listening() -> Iterator[Ear]:
    ear = Ear()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            ear.hear(self.rfile.read(int(self.headers["Content-Length"])), self.headers.get("Authorization"))
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    ear.url = f"http://127.0.0.1:{server.server_address[1]}/v1/traces"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield ear
    finally:
        server.shutdown()
        server.server_close()
