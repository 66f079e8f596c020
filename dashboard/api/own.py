"""The paths about the program itself: who am I, tokens, what was done."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from ninja import Router
from ninja.params.functions import Query

from dashboard import access
from dashboard.api import schemas
from dashboard.api.guard import Guard
from dashboard.api.read import ERRORS, ok
from dashboard.models import ApiToken, AuditEntry
from dashboard.problems import Problem
from dashboard.times import stamp

router = Router(tags=["this program"])


def _time(moment: Any) -> str | None:
    return stamp(int(moment.timestamp() * 1000)) if moment else None


def _caller(request: HttpRequest) -> access.Caller:
    found = request.auth  # type: ignore[attr-defined]  # put there by the guard
    assert isinstance(found, access.Caller)
    return found


@router.get("/me", auth=Guard(""), response={200: schemas.Me, **ERRORS})
def me(request: HttpRequest) -> HttpResponse:
    """Who am I, and what may I do."""
    caller = _caller(request)
    may = {action: access.may(caller, action) for action in access.ACTIONS}
    return ok({"kind": caller.kind, "name": caller.name, "scopes": sorted(caller.scopes), "may": may})


@router.get("/tokens", auth=Guard("tokens"), response={200: schemas.Tokens, **ERRORS})
def tokens(request: HttpRequest) -> HttpResponse:
    """All tokens; never the token itself."""
    return ok({"items": [_token(t) for t in ApiToken.objects.order_by("id")]})


def _token(t: ApiToken) -> dict[str, Any]:
    times = {"created_at": _time(t.created_at), "last_used_at": _time(t.last_used_at)}
    return {"id": t.pk, "name": t.name, "scope": t.scope, "start": t.start, "created_by": t.created_by, **times}


@router.post("/tokens", auth=Guard("tokens"), response={201: schemas.TokenOut, **ERRORS})
def make_token(request: HttpRequest, body: schemas.TokenIn) -> HttpResponse:
    """A new token; this answer is the only one that holds it."""
    try:
        token = access.new_token(body.name, body.scope, _caller(request).name)
    except ValueError as e:
        raise Problem(422, str(e)) from e
    out = ok({**_token(ApiToken.objects.get(digest=access.digest(token))), "token": token})
    out.status_code = 201
    return out


@router.delete("/tokens/{int:id}", auth=Guard("tokens"), response={204: None, **ERRORS})
def end_token(request: HttpRequest, id: int) -> HttpResponse:
    """Ends a token at once."""
    found = ApiToken.objects.filter(pk=id).first()
    if found is None:
        raise Problem(404, f"there is no token {id}")
    found.delete()
    access.audit(_caller(request).name, "token ended", found.name)
    return HttpResponse(status=204)


@router.get("/audit", auth=Guard("audit"), response={200: schemas.Audit, **ERRORS})
def audit(request: HttpRequest, limit: int = Query(500, ge=1, le=5_000)) -> HttpResponse:
    """What was done by whom, the newest first."""
    rows = AuditEntry.objects.all()[:limit]
    names = ("id", "who", "action", "subject", "detail")
    return ok({"items": [{**{n: getattr(r, n) for n in names}, "at": _time(r.at)} for r in rows]})
