"""What fires, what fired, and saying that one has seen it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse
from ninja import Router
from ninja.params.functions import Query

from dashboard import access
from dashboard.alerts import acts, reading
from dashboard.alerts.models import Alert
from dashboard.api import alert_schemas as schemas
from dashboard.api import wire
from dashboard.api.guard import Guard
from dashboard.api.paging import asked, moment_asked, page
from dashboard.api.read import ERRORS, ok
from dashboard.api.through_time import stretch
from dashboard.problems import Problem
from dashboard.reading import now_ms

router = Router(tags=["alerts"], auth=Guard("view"))
CONFLICT = {409: ERRORS[400]}


def caller_name(request: HttpRequest) -> str:
    """Who does this; for the audit and for what is written down."""
    found: access.Caller = request.auth  # type: ignore[attr-defined]  # put there by the guard
    return found.name


@router.get("/alerts", response={200: schemas.Alerts, **ERRORS})
def alerts(
    request: HttpRequest,
    at: str = "live",
    start: str = Query("", alias="from"),
    end: str = Query("", alias="to"),
    state: str = "",
    severity: str = "",
    team: str = "",
    cluster: str = "",
    subject: str = "",
    rule: str = "",
    limit: int = Query(500, ge=1, le=5_000),
    cursor: str = "",
) -> HttpResponse:
    """What was pending or firing at a moment; with ``from`` or ``to``, what fired in between, the newest first.

    ``subject`` is a thing that alerts are about: a topic, group, service, team, or the subject itself.
    """
    if state and state not in reading.STATES:
        raise Problem(400, f"{state[:40]!r} is no state of an alert; there are {', '.join(reading.STATES)}")
    filters = {"severity": severity, "team": team.removeprefix("team:"), "cluster": cluster, "rule_id": rule}
    a = asked(request, at, cursor)
    now = a.frame.at
    found = list(_between(start, end)) if start or end else reading.standing_at(now)
    kept = [f for f in found if _passes(f, filters) and (not subject or subject in reading.things(f))]
    rows = [r for r in reading.rows(kept, now) if not state or r["state"] == state]
    items, more = page(a, rows, limit)
    return ok({**more, "items": items})


def _passes(alert: Alert, filters: dict[str, str]) -> bool:
    return all((getattr(alert, name) or "") == value for name, value in filters.items() if value)


def _between(start: str, end: str) -> list[Alert]:
    a, b = stretch(start or "-1d", end or "live")
    return list(reading.between(a, b)[: reading.MOST])


@router.get("/alerts/{id}", response={200: schemas.AlertOut, **ERRORS})
def alert(request: HttpRequest, id: str, at: str = "live") -> HttpResponse:
    """One alert as it was known at a moment, and what it explains."""
    frame = moment_asked(at)
    found = _alert(id)
    if found.pending_at > frame.at:
        raise Problem(404, f"alert {id} had not begun at that moment")
    explained = [a.id for a in reading.standing_at(frame.at) if a.cause_id == id]
    return ok({**wire.moment(frame), **reading.rows([found], frame.at)[0], "explains": explained})


@router.post("/alerts/{id}/acknowledge", auth=Guard("alerts"), response={200: schemas.AlertOut, **ERRORS, **CONFLICT})
def acknowledge(request: HttpRequest, id: str) -> HttpResponse:
    """Somebody has seen it and takes care: nobody else is called. Doing so again changes nothing."""
    return _acted(request, id, acts.acknowledge)


@router.delete("/alerts/{id}/acknowledge", auth=Guard("alerts"), response={200: schemas.AlertOut, **ERRORS, **CONFLICT})
def take_back(request: HttpRequest, id: str) -> HttpResponse:
    """Nobody takes care after all: it is escalated when its time is up. Where nobody had, nothing changes."""
    return _acted(request, id, acts.take_back)


def _acted(request: HttpRequest, id: str, act: Callable[[str, str, int], bool]) -> HttpResponse:
    if _alert(id).resolved_at is not None:
        raise Problem(409, "this alert is over; only one that is pending or fires can be acknowledged")
    now = now_ms()
    try:
        act(id, caller_name(request), now)
    except ValueError as error:
        raise Problem(409, str(error)) from None
    return ok(reading.rows([_alert(id)], now)[0])


def _alert(id: str) -> Alert:
    found = Alert.objects.select_related("cause").filter(pk=id).first()
    if found is None:
        raise Problem(404, f"there is no alert {id[:40]}; see GET /api/v1/alerts?from=-7d")
    return found


def changed(e: ValueError) -> Problem:
    """What is wrong with what was sent, as an answer."""
    return Problem(422, str(e))


def told(body: Any, status: int = 200) -> HttpResponse:
    """An answer with a status of its own."""
    out = ok(body)
    out.status_code = status
    return out
