"""Real receivers on loopback that remember what they were sent and answer as a test wants."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from dashboard.alerts.channels.addresses import Network, ip_network
from dashboard.alerts.channels.client import Client

LOOPBACK: tuple[Network, ...] = (ip_network("127.0.0.0/8"), ip_network("::1/128"))


@dataclass(frozen=True)
class Seen:
    """One request."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Reply:
    status: int = 200
    body: bytes = b"ok"
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass
class Receiver:
    """``answer`` is asked for each request; one that writes to the socket by itself answers None."""

    answer: Callable[[Seen, socket.socket], Reply | None] = lambda seen, sock: Reply()
    seen: list[Seen] = field(default_factory=list)
    url: str = ""
    port: int = 0

    def always(self, status: int, body: bytes = b"", **headers: str) -> None:
        named = {k.replace("_", "-"): v for k, v in headers.items()}
        self.answer = lambda seen, sock: Reply(status, body, named)


@contextmanager
def receiving(tls: ssl.SSLContext | None = None, port: int = 0) -> Iterator[Receiver]:
    """A receiver until the end of the block."""
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def _take(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            seen = Seen(self.command, self.path, {k.lower(): v for k, v in self.headers.items()}, body)
            receiver.seen.append(seen)
            with suppress(OSError):
                self._answer(receiver.answer(seen, self.connection))

        def _answer(self, reply: Reply | None) -> None:
            self.close_connection = True
            if reply is None:
                return
            self.send_response(reply.status)
            for name, value in {"Content-Length": str(len(reply.body)), **reply.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(reply.body)

        do_GET = do_POST = _take

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: Any) -> None:
            pass  # who hangs up in the midst is part of these tests

    server = Server(("127.0.0.1", port), Handler)
    if tls:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    receiver.port = server.server_port
    receiver.url = f"http{'s' if tls else ''}://127.0.0.1:{server.server_port}"
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()


def client(**given: Any) -> Client:
    """One that may go to loopback, and waits for two seconds at most."""
    return Client(**{"allow": LOOPBACK, "seconds": 2.0, **given})
