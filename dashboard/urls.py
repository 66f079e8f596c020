"""Where everything is."""

from __future__ import annotations

from django.urls import path

from dashboard import health, metrics, pages
from dashboard.api.app import api
from dashboard.api.docs import docs
from dashboard.api.search import PAGES
from dashboard.api.traces import traces

# An id is one segment, encoded once more; the server has decoded that once. Ids hold slashes: hence the path converter.
urlpatterns = [
    path("", pages.home),
    *(path(name, pages.page, {"view": name}) for name in pages.TITLES),
    *(path(f"{page}/<path:id>", pages.page, {"view": name}) for name, page in PAGES.items()),
    path("login", pages.login),
    path("logout", pages.logout),
    path("start", pages.start),
    path("start/check", pages.start),
    path("api/v1/docs", docs),
    path("api/v1/", api.urls),
    path("v1/traces", traces),
    path("metrics", metrics.metrics),
    path("healthz", health.healthz),
    path("readyz", health.readyz),
]
handler404 = "dashboard.pages.not_found"
handler500 = "dashboard.pages.broken"
