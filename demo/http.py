"""Small HTTP between the shop's services: JSON posted on loopback, with the spans of both sides."""

from __future__ import annotations

import contextlib
import http.client
import json
import threading
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

from demo.service import Service

Route = Callable[[dict[str, Any]], dict[str, Any]]
TIMEOUT_SECONDS = 3.0


class Handler(BaseHTTPRequestHandler):
    service: Service
    routes: Mapping[str, Route]
    timeout = TIMEOUT_SECONDS

    def do_POST(self) -> None:
        route = self.routes.get(self.path)
        if route is None:
            self.send_error(404)
            return
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with self.service.serving("POST", self.path, dict(self.headers.items())):
            answer = json.dumps(route(asked)).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, format: str, *args: Any) -> None:
        """A shop that logs each request drowns the terminal."""


def serve(service: Service, routes: Mapping[str, Route]) -> None:
    """Answer on the service's listener until the process ends, in a thread of its own."""
    handler = type("ServiceHandler", (Handler,), {"service": service, "routes": routes})
    server = HTTPServer(("127.0.0.1", 0), handler, bind_and_activate=False)
    server.socket.close()
    server.socket = service.listener()
    threading.Thread(target=server.serve_forever, daemon=True).start()


def call(service: Service, peer: str, path: str, value: Mapping[str, Any]) -> None:
    """Post to another service. One that does not answer costs this call and nothing else."""
    host, port = "127.0.0.1", int(service.env[f"DEMO_PORT_{peer.upper()}"])
    with service.calling(peer, "POST", host, port, path) as headers:
        connection = http.client.HTTPConnection(host, port, timeout=TIMEOUT_SECONDS)
        with contextlib.suppress(OSError, http.client.HTTPException), contextlib.closing(connection):
            headers = {**headers, "Content-Type": "application/json"}
            connection.request("POST", path, json.dumps(value), headers)
            connection.getresponse().read()
