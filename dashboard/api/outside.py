"""The paths of what stands beside the cluster: connectors, queries, systems."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from ninja import Router

from dashboard.api import schemas
from dashboard.api.guard import Guard
from dashboard.api.read import ERRORS, Limit, detail, listed

router = Router(tags=["reading"], auth=Guard("view"))


@router.get("/connectors", response={200: schemas.Outsiders, **ERRORS})
def connectors(
    request: HttpRequest,
    at: str = "live",
    cluster: str = "",
    team: str = "",
    q: str = "",
    limit: int = Limit,
    cursor: str = "",
) -> HttpResponse:
    """Kafka Connect's connectors: state, tasks and failures, what goes in and out, lag."""
    return listed(request, "connectors", at, limit, cursor)


@router.get("/connectors/{path:id}", response={200: schemas.Detail, **ERRORS})
def connector(request: HttpRequest, id: str, at: str = "live") -> HttpResponse:
    """One connector: its tasks, what it reads and writes, lag, evidence."""
    return detail("connector", at, id)


@router.get("/queries", response={200: schemas.Outsiders, **ERRORS})
def queries(
    request: HttpRequest,
    at: str = "live",
    cluster: str = "",
    team: str = "",
    q: str = "",
    limit: int = Limit,
    cursor: str = "",
) -> HttpResponse:
    """ksqlDB's queries: SQL, what goes in and out, lag."""
    return listed(request, "queries", at, limit, cursor)


@router.get("/queries/{path:id}", response={200: schemas.Detail, **ERRORS})
def query(request: HttpRequest, id: str, at: str = "live") -> HttpResponse:
    """One query: its SQL, what it reads and writes, lag, evidence."""
    return detail("query", at, id)


@router.get("/systems", response={200: schemas.Outsiders, **ERRORS})
def systems(
    request: HttpRequest,
    at: str = "live",
    cluster: str = "",
    team: str = "",
    q: str = "",
    limit: int = Limit,
    cursor: str = "",
) -> HttpResponse:
    """Systems outside Kafka that something reads or writes: databases, buckets, registries."""
    return listed(request, "systems", at, limit, cursor)


@router.get("/systems/{path:id}", response={200: schemas.Detail, **ERRORS})
def system(request: HttpRequest, id: str, at: str = "live") -> HttpResponse:
    """One system: who writes it and who reads it, evidence."""
    return detail("system", at, id)
