"""Silences and maintenance windows: made, changed, ended."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from ninja import Router

from dashboard.alerts import acts, reading
from dashboard.alerts.models import Silence
from dashboard.alerts.silences import active
from dashboard.api import alert_schemas as schemas
from dashboard.api.alerts import caller_name, changed, told
from dashboard.api.guard import Guard
from dashboard.api.paging import moment_asked
from dashboard.api.read import ERRORS, ok
from dashboard.problems import Problem
from dashboard.reading import now_ms
from dashboard.times import parse_at, rfc

router = Router(tags=["alerts"], auth=Guard("view"))
MOST = 500


@router.get("/alerts/silences", response={200: schemas.Silences, **ERRORS})
def silences(request: HttpRequest, at: str = "live", over: bool = False) -> HttpResponse:
    """Those that stand or are to come at a moment, the first to end first; with ``over``, those that are over too."""
    now = now_ms() if at in {"", "live"} else moment_asked(at).at
    found = Silence.objects.filter(created_at__lte=now).order_by("ends_at", "id")
    if not over:
        open_still = Q(ended_at__isnull=True) | Q(ended_at__gt=now)
        found = found.filter(open_still, Q(ends_at__gt=now) | ~Q(repeats=""))
    return ok({"at": rfc(now), "items": [_row(s, now) for s in found[:MOST]]})


@router.post("/alerts/silences", auth=Guard("alerts"), response={201: schemas.SilenceOut, **ERRORS})
def make(request: HttpRequest, body: schemas.SilenceIn) -> HttpResponse:
    """Nobody is told of what matches, until it ends. What still fires then is told."""
    now = now_ms()
    return told(_row(_made(body, caller_name(request), now), now), 201)


@router.put("/alerts/silences/{id}", auth=Guard("alerts"), response={200: schemas.SilenceOut, **ERRORS})
def change(request: HttpRequest, id: str, body: schemas.SilenceIn) -> HttpResponse:
    """Changes one that is not over: the old one ends now and another takes its place, so that the past stays."""
    by, now = caller_name(request), now_ms()
    _open(id, now)
    with transaction.atomic():
        new = _made(body, by, now)
        acts.unsilence(id, by, now)
    return ok(_row(new, now))


@router.delete("/alerts/silences/{id}", auth=Guard("alerts"), response={204: None, **ERRORS})
def end(request: HttpRequest, id: str) -> HttpResponse:
    """Ends it now; what still fires is told."""
    now = now_ms()
    _open(id, now)
    acts.unsilence(id, caller_name(request), now)
    return HttpResponse(status=204)


def _open(id: str, now: int) -> None:
    found = Silence.objects.filter(pk=id).first()
    if found is None:
        raise Problem(404, f"there is no silence {id[:40]}")
    if found.ended_at is not None or (found.ends_at <= now and not found.repeats):
        raise Problem(404, "this silence is over; make another")


def _made(body: schemas.SilenceIn, by: str, now: int) -> Silence:
    """Raises Problem with a sentence where this is no silence."""
    try:
        starts = parse_at(body.starts_at, now) or now
        more = {"kind": body.kind, "repeats": body.repeats}
        return acts.silence(body.matcher, body.reason, starts, _end(body, starts, now), by, now, **more)
    except ValueError as e:
        raise changed(e) from e


def _end(body: schemas.SilenceIn, starts: int, now: int) -> int:
    ends = parse_at(body.ends_at, now) if body.ends_at else None
    if ends is not None:
        return ends
    if not body.lasts:
        raise ValueError("ends_at: say when it ends, or how many seconds it lasts")
    return starts + body.lasts * 1000


def _audited(silence: Silence) -> dict[str, Any]:
    return {"silence": silence.id, "matcher": silence.matcher, "ends_at": rfc(silence.ends_at), "kind": silence.kind}


def _row(silence: Silence, now: int) -> dict[str, Any]:
    own = ("id", "kind", "matcher", "reason", "repeats", "created_by")
    times = {name: rfc(getattr(silence, name)) for name in ("starts_at", "ends_at", "created_at", "ended_at")}
    about = {"active": active(silence, now), "held_back": reading.held_back(silence, now)}
    return {**{name: getattr(silence, name) for name in own}, **times, **about}
