"""What comes by HTTP and what by WebSocket."""

from __future__ import annotations

from typing import Any

from channels.auth import AuthMiddlewareStack
from channels.routing import ProtocolTypeRouter, URLRouter
from django.urls import path

from dashboard.bounded import Bounded
from dashboard.live import ViewConsumer


def application_for(http: Any) -> Any:
    """The application: ``http`` behind a bound on what a request may send, one WebSocket a view."""
    sockets = URLRouter([path("ws/v1/view", ViewConsumer.as_asgi())])
    return ProtocolTypeRouter({"http": Bounded(http), "websocket": AuthMiddlewareStack(sockets)})
