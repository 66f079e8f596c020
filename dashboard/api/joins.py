"""One service under many names: what people said, what may be said, and the door to say it."""

from __future__ import annotations

from typing import Any, Literal

from django.http import HttpRequest, HttpResponse
from ninja import Router, Schema
from pydantic import Field

from dashboard import access
from dashboard.api import schemas, wire
from dashboard.api.guard import Guard
from dashboard.api.paging import moment_asked
from dashboard.api.read import ERRORS, ok
from dashboard.api.traces import Refused, publish
from dashboard.problems import Problem
from dashboard.reading import now_ms
from dashboard.times import rfc
from lineage.frames import Said
from lineage.observations import JoinSaid
from lineage.suggestions import Suggestion, suggestions

router = Router(tags=["who is who"], auth=Guard("view"))

OF_A_CLUSTER = ("group", "transactional_id")


class JoinIn(Schema):
    """``same``: the name is this service; ``different``: it is not; ``open``: what was said is taken back."""

    kind: Literal["group", "transactional_id", "client_id", "service"]
    cluster: str = Field("", max_length=63)
    name: str = Field(min_length=1, max_length=1_000)
    service: str = Field(min_length=1, max_length=250)
    verdict: Literal["same", "different", "open"]


@router.get("/joins", response={200: schemas.Joins, **ERRORS})
def joins(request: HttpRequest, at: str = "live") -> HttpResponse:
    """What people said of names, and the names alike of which nobody has said anything yet."""
    frame = moment_asked(at)
    said = [said_row(s) for s in frame.said if s.verdict]
    return ok({**wire.moment(frame), "said": said, "suggestions": [suggestion_row(s) for s in suggestions(frame)]})


@router.post("/joins", auth=Guard("join"), response={202: schemas.JoinOut, **ERRORS})
def say(request: HttpRequest, body: JoinIn) -> HttpResponse:
    """Says that a name is a service, or is not, or takes that back. The next tick shows it."""
    if (body.kind in OF_A_CLUSTER) != bool(body.cluster):
        raise Problem(422, "cluster: a group has one, so has a transactional id; a service and a client id have none")
    if body.kind == "service" and body.name == body.service:
        raise Problem(422, f"name: {body.name} is its own name already")
    caller: access.Caller = request.auth  # type: ignore[attr-defined]  # put there by the guard
    verdict = "" if body.verdict == "open" else body.verdict
    told = {"kind": body.kind, "cluster": body.cluster, "name": body.name, "service": body.service}
    try:
        publish([JoinSaid(at=now_ms(), verdict=verdict, by=caller.name, **told)])
    except Refused as e:
        raise Problem(e.status, e.message) from e
    access.audit(caller.name, "join said", body.service, **told, verdict=body.verdict)
    out = ok({**told, "verdict": body.verdict, "by": caller.name})
    out.status_code = 202
    return out


def said_row(s: Said) -> dict[str, Any]:
    """What a person said."""
    return {
        "kind": s.kind, "cluster": s.cluster, "name": s.name, "service": s.service, "verdict": s.verdict, "by": s.by,
        "at": rfc(s.at),
    }  # fmt: skip


def suggestion_row(s: Suggestion) -> dict[str, Any]:
    """A guess, and why."""
    return {"kind": s.kind, "cluster": s.cluster, "name": s.name, "service": s.service, "why": s.why}
