"""The pages: a shell with a plain table for who has no script; the rest is drawn from the WebSocket."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.contrib.auth import authenticate
from django.contrib.auth import login as begin_session
from django.contrib.auth import logout as end_session
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.module_loading import import_string
from django.views.decorators.csrf import ensure_csrf_cookie
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from dashboard import access, views
from dashboard.api.wire import dumps
from dashboard.problems import OUT_OF_REACH
from dashboard.reading import Future, frame_at, is_hindsight, now_ms, view_of
from dashboard.throttle import Throttle
from dashboard.times import parse_at, stamp
from dashboard.views.common import View
from lineage import history
from lineage.history import Away, TapeBegins

log = logging.getLogger(__name__)

TITLES = {
    "map": "Map",
    "lag": "Lag",
    "topics": "Topics",
    "services": "Services",
    "teams": "Teams",
    "drift": "Drift",
    "alerts": "Alerts",
    "changes": "Changes",
    "collectors": "Collectors",
    "connectors": "Connectors",
    "queries": "Queries",
    "systems": "Systems",
}
MOST_PLAIN_ROWS = 500
throttle = Throttle()


@require_GET
def home(request: HttpRequest) -> HttpResponse:
    """The map; or, where no cluster is configured and nothing is recorded, how to point Playhead at one."""
    if not settings.PLAYHEAD.clusters and history.bounds() is None:
        return redirect("/start")
    return redirect("/map")


@require_GET
@ensure_csrf_cookie
def page(request: HttpRequest, view: str, id: str = "") -> HttpResponse:
    """A page; ``id`` is the node's id, already decoded once."""
    if turned := _turned_away(request):
        return turned
    params = {k: v for k, v in request.GET.items() if isinstance(v, str) and k != "id"} | ({"id": id} if id else {})
    try:
        shown = _shown(view, params)
    except views.NotThere as e:
        return error(
            request, 404, "Not there", f"{str(e)[0].upper()}{str(e)[1:]}.", "It may have existed at another moment."
        )
    except TapeBegins as e:
        return _before(request, e)
    except (Future, ValueError) as e:
        said = f"{str(e)[0].upper()}{str(e)[1:]}."
        ways = [(_elsewhere(request, None), "Go live")] if isinstance(e, Future) else []
        return error(request, 400, "That moment cannot be shown", said, "Go to live, or choose another.", ways)
    except DatabaseError as e:
        log.error("the database does not answer: %s", e)
        return error(request, 503, "The database does not answer", "", "Reload this page in a moment.")
    except Away as e:
        log.error("%s", e)
        return error(request, 503, "What was recorded cannot be reached", *OUT_OF_REACH)
    title = shown.meta["title"] if shown else TITLES.get(view, id.partition(":")[2])
    context = {"view": view, "params_json": dumps(params).decode(), "title": title, "table": plain(shown)}
    context |= {"recording": settings.RECORDING, "causes": shown.meta["causes"] if shown else 0}
    caller = access.caller_of(request)
    context["may"] = " ".join(action for action in access.ACTIONS if access.may(caller, action))
    return render(request, "page.html", context)


def _shown(view: str, params: dict[str, str]) -> View | None:
    """The view; None where nothing is recorded yet."""
    now = now_ms()
    try:
        return view_of(view, frame_at(parse_at(params.get("at", "live"), now), now, is_hindsight(params)), params)
    except TapeBegins as e:
        if e.begin is None:
            return None
        raise


def _before(request: HttpRequest, e: TapeBegins) -> HttpResponse:
    """The page of a moment that nobody recorded, with the way to the first that was."""
    assert e.begin is not None
    begin = datetime.fromtimestamp(e.begin / 1000, UTC)
    asked = request.GET.get("at", "")
    title = f"The tape begins on {begin.day} {begin:%B %Y}, {begin:%H:%M:%S} UTC"
    said = f"You asked for {asked[:60]}. Nothing was recorded before the tape begins, so nothing can be shown."
    ways = [(_elsewhere(request, stamp(e.begin)), "Go to where it begins"), (_elsewhere(request, None), "Go live")]
    return error(request, 400, title, said, "", ways)


def _elsewhere(request: HttpRequest, at: str | None) -> str:
    """This page at another moment, live for None; all else in its address stays."""
    query = request.GET.copy()
    query.pop("at", None)
    if at:
        query["at"] = at
    return f"{request.path}?{query.urlencode()}" if query else request.path


def plain(view: View | None) -> dict[str, Any]:
    """The main table as columns and rows, the first few hundred."""
    if view is None:
        return {"columns": [], "rows": []}
    rows = list(view.tables.get(view.main, {}).values())[:MOST_PLAIN_ROWS]
    cells = [[_cell(row.get(name)) for name, _ in view.columns] for row in rows]
    return {"columns": [label for _, label in view.columns], "rows": cells}


def _cell(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return f"{value:.1f}" if isinstance(value, float) else value


def _turned_away(request: HttpRequest) -> HttpResponse | None:
    caller = access.caller_of(request)
    if access.may(caller, "view"):
        return None
    if caller.kind == "anonymous":
        return redirect(f"/login?{urlencode({'next': request.get_full_path()})}")
    return error(request, 403, "Not allowed", f"{caller.name} may not see this.", "")


def error(
    request: HttpRequest, status: int, title: str, detail: str, remedy: str, ways: Sequence[tuple[str, str]] = ()
) -> HttpResponse:
    """A page that names the thing, the cause and the remedy; ``ways`` are addresses and words of buttons."""
    words = {"status": status, "title": title, "detail": detail, "remedy": remedy, "ways": ways}
    return render(request, "error.html", words, status=status)


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """Django's handler404."""
    return error(request, 404, "There is no such page", "", "")


def broken(request: HttpRequest) -> HttpResponse:
    """Django's handler500."""
    return error(request, 500, "Playhead failed", "This is a fault of Playhead; its log says more.", "")


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Django's CSRF_FAILURE_VIEW."""
    return error(
        request, 403, "This form is too old", "Its token is missing or wrong.", "Go back, reload, send it again."
    )


@require_http_methods(["GET", "POST"])
def login(request: HttpRequest) -> HttpResponse:
    """A session for name and password."""
    target = _target(request)
    if request.method != "POST":
        return render(request, "login.html", {"next": target})
    name, address = request.POST.get("username", ""), request.META.get("REMOTE_ADDR") or ""
    if wait := throttle.wait(address, name, time.monotonic()):
        words = {"error": f"Too many attempts; try again in {wait} s.", "next": target}
        answer = render(request, "login.html", words, status=429)
        answer["Retry-After"] = str(wait)
        return answer
    password = request.POST.get("password", "")
    user = authenticate(request, username=name, password=password) if name.isprintable() else None
    if user is None:
        throttle.failed(address, name, time.monotonic())
        words = {"error": "The name and the password do not belong together.", "next": target}
        return render(request, "login.html", words, status=403)
    throttle.succeeded(address, name)
    begin_session(request, user)
    return HttpResponseRedirect(target or "/")


def _target(request: HttpRequest) -> str:
    """Where to go after the login; only pages of this site."""
    target = request.POST.get("next") or request.GET.get("next") or ""
    safe = url_has_allowed_host_and_scheme(target, {request.get_host()}, require_https=request.is_secure())
    return target if safe else ""


@require_POST
def logout(request: HttpRequest) -> HttpResponse:
    """Ends the session."""
    end_session(request)
    return redirect("/")


@require_http_methods(["GET", "POST"])
@ensure_csrf_cookie
def start(request: HttpRequest) -> HttpResponse:
    """How to point Playhead at a cluster; checks the address typed there (the admin's right: it opens connections)."""
    if turned := _turned_away(request):
        return turned
    may_check = access.may(access.caller_of(request), "check_address")
    context: dict[str, Any] = {"may_check": may_check, "address": request.POST.get("address", "").strip()[:1000]}
    if request.method != "POST":
        return render(request, "start.html", context)
    if not may_check:
        words = {"error": "Only an administrator may check an address: Playhead connects to it. Log in as admin."}
        return render(request, "start.html", context | words, status=403)
    context["checks"], context["error"] = checked(context["address"])
    return render(request, "start.html", context, status=400 if context["error"] else 200)


def checked(address: str) -> tuple[list[Any], str | None]:
    """The check's lines, or why there are none."""
    if not address or any(not c.isprintable() or c in "\"'\\{}" for c in address):
        return [], "Type the address as host:port, several with commas between."
    check = import_string(settings.PLAYHEAD_PORTS["check_address"])
    return list(check(address, {})), None
