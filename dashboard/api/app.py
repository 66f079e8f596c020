"""The API object: its paths, and every error as a problem document."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from django.db import DatabaseError
from django.http import Http404, HttpRequest, HttpResponse
from ninja import NinjaAPI
from ninja.errors import AuthenticationError, HttpError, ValidationError

from dashboard import problems
from dashboard.api import (
    alerts,
    backtests,
    channels,
    groups,
    joins,
    lineage_in,
    outside,
    own,
    read,
    records,
    rules,
    silences,
    through_time,
)
from dashboard.problems import Problem
from dashboard.times import stamp
from lineage.history import Away, TapeBegins

log = logging.getLogger(__name__)
AGAIN = {"Retry-After": "2"}

api = NinjaAPI(
    title="Playhead",
    version="1",
    description="Who reads and writes what, what is behind, and since when. Times are in UTC; unknown is null.",
    urls_namespace="api",
    docs_url=None,
)
api.add_router("", groups.router)  # before read: a group's id may hold slashes
api.add_router("", read.router)
api.add_router("", outside.router)
api.add_router("", through_time.router)
api.add_router("", records.router)
api.add_router("", joins.router)
api.add_router("", lineage_in.router)
api.add_router("", silences.router)  # before alerts: the name of a path is no alert's id
api.add_router("", channels.router)
api.add_router("", backtests.router)
api.add_router("", rules.router)
api.add_router("", alerts.router)
api.add_router("", own.router)


@api.exception_handler(Problem)
def _problem(request: HttpRequest, e: Problem) -> HttpResponse:
    return problems.answer(e.status, e.detail, **e.more)


@api.exception_handler(TapeBegins)
def _before(request: HttpRequest, e: TapeBegins) -> HttpResponse:
    if e.begin is None:
        return problems.answer(404, "nothing is recorded yet; the first sample takes a few seconds", begins=None)
    return problems.answer(404, f"the tape begins at {stamp(e.begin)}", begins=stamp(e.begin))


@api.exception_handler(ValidationError)
def _invalid(request: HttpRequest, e: ValidationError) -> HttpResponse:
    shown = [{"where": _where(d["loc"]), "what": d["msg"]} for d in e.errors[:20]]
    detail = "; ".join(f"{s['where']}: {s['what']}" for s in shown)
    return problems.answer(422, detail, errors=shown)


def _where(loc: Sequence[str | int]) -> str:
    """The way to a field; that of a body begins with what the parameter is called here."""
    return ".".join(str(x) for x in (loc[2:] if loc[0] == "body" and len(loc) > 2 else loc))


@api.exception_handler(Http404)
def _missing(request: HttpRequest, e: Http404) -> HttpResponse:
    return problems.answer(404, "there is nothing here")


@api.exception_handler(AuthenticationError)
def _stranger(request: HttpRequest, e: AuthenticationError) -> HttpResponse:
    return problems.answer(401)


@api.exception_handler(HttpError)
def _http(request: HttpRequest, e: HttpError) -> HttpResponse:
    return problems.answer(e.status_code, str(e))


@api.exception_handler(DatabaseError)
def _database(request: HttpRequest, e: DatabaseError) -> HttpResponse:
    log.error("the database does not answer: %s", e)
    return problems.answer(503, "the database does not answer", AGAIN)


@api.exception_handler(Away)
def _away(request: HttpRequest, e: Away) -> HttpResponse:
    log.error("%s", e)
    return problems.answer(503, "what was recorded cannot be reached; the log says why", AGAIN)


@api.exception_handler(Exception)
def _broken(request: HttpRequest, e: Exception) -> HttpResponse:
    log.error("%s %s failed", request.method, request.path, exc_info=e)
    return problems.answer(500, "this is a fault of Playhead; its log says more")
