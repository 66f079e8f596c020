"""The API's door: asks dashboard.access, and checks the CSRF token where a session does more than read."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from ninja.security import HttpBearer
from ninja.utils import check_csrf

from dashboard import access
from dashboard.problems import Problem

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


class Guard(HttpBearer):
    """Lets through who may do ``action``; "" lets anybody through who did not give a wrong token."""

    def __init__(self, action: str) -> None:
        super().__init__()
        self.action = action

    def __call__(self, request: HttpRequest) -> Any:
        caller = admitted(request, self.action)
        if caller.kind == "user" and request.method not in SAFE and check_csrf(request):
            raise Problem(403, "the CSRF token is missing or wrong; send it as X-CSRFToken")
        return caller

    def authenticate(self, request: HttpRequest, token: str) -> Any:
        """Never asked: __call__ decides."""
        raise NotImplementedError


def admitted(request: HttpRequest, action: str) -> access.Caller:
    """The caller, if allowed. Raises Problem 401 or 403."""
    caller = access.caller_of(request)
    if caller.kind == "bad":
        raise Problem(401, "this token is not known; make one with: python manage.py playhead token NAME --scope read")
    if not action or access.may(caller, action):
        return caller
    if caller.kind == "anonymous":
        raise Problem(401, "log in, or send Authorization: Bearer TOKEN")
    raise Problem(403, f"{caller.name} lacks the scope {access.ACTIONS[action]!r}")
