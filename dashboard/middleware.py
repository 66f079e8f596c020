"""Headers of every answer: the content security policy, and cookies that stay on HTTPS where HTTPS is spoken."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.http import HttpRequest
from django.http.response import HttpResponse, HttpResponseBase, StreamingHttpResponse
from whitenoise.middleware import WhiteNoiseMiddleware
from whitenoise.responders import Redirect, StaticFile

from dashboard import problems

CSP = (
    "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; "
    "base-uri 'none'; form-action 'self'; object-src 'none'; frame-ancestors 'none'"
)
PERMISSIONS = "camera=(), geolocation=(), microphone=(), payment=(), usb=()"
Answer = Callable[[HttpRequest], HttpResponseBase | Awaitable[HttpResponseBase]]


class Headers:
    """Puts them on; works in both worlds, so that static files stay asynchronous."""

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Answer) -> None:
        self.get_response = get_response
        if iscoroutinefunction(get_response):
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        if _holds_nul(request):
            refused = _put(
                request, problems.answer(400, "an address holds no NUL; ids have it as %00, encoded once more")
            )
            return _at_once(refused) if iscoroutinefunction(self) else refused
        answer = self.get_response(request)
        return _put(request, answer) if isinstance(answer, HttpResponseBase) else self._later(request, answer)

    async def _later(self, request: HttpRequest, answer: Awaitable[HttpResponseBase]) -> HttpResponseBase:
        return _put(request, await answer)


def _holds_nul(request: HttpRequest) -> bool:
    """No name holds one, and PostgreSQL refuses to look for it."""
    return "\0" in request.path_info or "%00" in request.META.get("QUERY_STRING", "")


async def _at_once(answer: HttpResponseBase) -> HttpResponseBase:
    return answer


def _put(request: HttpRequest, given: HttpResponseBase) -> HttpResponseBase:
    answer = _problem(request, given)
    answer.headers.setdefault("Content-Security-Policy", CSP)
    answer.headers.setdefault("Permissions-Policy", PERMISSIONS)
    answer.headers.setdefault("X-Frame-Options", "DENY")
    if not request.path_info.startswith("/static/"):
        answer.headers.setdefault("Cache-Control", "no-store")
    if request.is_secure():
        for cookie in answer.cookies.values():
            cookie["secure"] = True
    return answer


def _problem(request: HttpRequest, answer: HttpResponseBase) -> HttpResponseBase:
    """Errors under the API that never reached it (no such path, a method that is not there) are problems too."""
    machine = request.path_info.startswith(("/api/", "/v1/", "/metrics"))
    if answer.status_code < 400 or not machine or not answer.headers.get("Content-Type", "").startswith("text/html"):
        return answer
    headers = {"Allow": answer.headers["Allow"]} if "Allow" in answer.headers else {}
    words = {404: "there is nothing here", 405: f"{request.method} is not done here"}
    return problems.answer(answer.status_code, words.get(answer.status_code, ""), headers)


class Static(WhiteNoiseMiddleware):  # type: ignore[misc]  # WhiteNoise has no types
    """The front end's files, each answered in one piece: under ASGI a file is no stream that Django can wait for."""

    @staticmethod
    def serve(static_file: StaticFile | Redirect, request: HttpRequest) -> HttpResponseBase:
        """The file, the part of it that is asked for, or 304."""
        given: HttpResponseBase = WhiteNoiseMiddleware.serve(static_file, request)
        if not isinstance(given, StreamingHttpResponse):
            return given
        with contextlib.closing(given):
            answer = HttpResponse(given.getvalue(), status=given.status_code)
        answer.headers = given.headers
        return answer
