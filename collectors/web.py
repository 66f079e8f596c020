"""How sources beside Kafka are asked: over HTTP, bounded in bytes and time, with a sentence for whatever goes wrong."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import httpx

from collectors.base import Budget, CollectorError
from lineage.config import Endpoint

MOST_BYTES = 16 * 1024 * 1024
EXCERPT = 120


class Refused(CollectorError):
    """The source answered with a status that is no success; ``status`` and the first of what it said."""

    def __init__(self, sentence: str, status: int, *, permanent: bool = False, remedy: str = "") -> None:
        super().__init__(sentence, permanent=permanent, remedy=remedy)
        self.status = status


class TooMuch(CollectorError):
    """The answer is longer than what was allowed."""


class Web:
    """One endpoint. ``what`` names it in sentences: ``the Connect worker "main"``. Safe for threads."""

    def __init__(self, endpoint: Endpoint, what: str) -> None:
        auth = (endpoint.username, endpoint.password) if endpoint.username else None
        self.url, self.what = endpoint.url, what
        self._http = httpx.Client(auth=auth, trust_env=False, headers={"Accept": "application/json"})

    def get(self, path: str, budget: Budget, most: int = MOST_BYTES) -> Any:
        """The JSON at ``path``. Raises CollectorError; Refused where the status is no success."""
        return self._json("GET", path, budget, most, None)

    def post(
        self, path: str, body: Any, budget: Budget, most: int = MOST_BYTES, headers: Mapping[str, str] = {}
    ) -> Any:
        """The JSON that answers ``body``. For questions only: Playhead changes nothing. Raises as ``get``."""
        return self._json("POST", path, budget, most, json.dumps(body).encode(), headers)

    def _json(
        self, method: str, path: str, budget: Budget, most: int, body: bytes | None, headers: Mapping[str, str] = {}
    ) -> Any:
        status, kind, answer = self._ask(method, path, budget, most, body, headers)
        if not 200 <= status < 300:
            raise self._refused(status, path, answer)
        try:
            return json.loads(answer)
        except (ValueError, RecursionError) as e:
            said = f"{kind or 'something'} instead of JSON" if "json" not in kind else "JSON that cannot be read"
            raise CollectorError(
                f"{self.what} at {self.url} answered {_plain(path)} with {said}",
                remedy="check that the address is the one of its API, without a proxy's or login's page before it",
            ) from e

    def _ask(
        self, method: str, path: str, budget: Budget, most: int, body: bytes | None, headers: Mapping[str, str]
    ) -> tuple[int, str, bytes]:
        budget.spend()
        kind = {"Content-Type": "application/json"} if body is not None else {}
        try:
            with self._http.stream(
                method, self.url + path, content=body, headers={**kind, **headers}, timeout=budget.timeout(10.0)
            ) as answer:
                return answer.status_code, answer.headers.get("content-type", ""), self._body(answer, budget, most)
        except httpx.HTTPError as e:
            raise CollectorError(
                f"{self.what} at {self.url} does not answer ({_why(e)})",
                unreachable=True,
                remedy="check the address, and that it can be reached from here",
            ) from e

    def _body(self, answer: httpx.Response, budget: Budget, most: int) -> bytes:
        read = bytearray()
        for chunk in answer.iter_bytes(65_536):
            budget.spend(0, len(chunk))  # a source that sends a byte a second meets the deadline here
            read += chunk
            if len(read) > most:
                raise TooMuch(f"{self.what} at {self.url} answered with more than {most // 2**20} MB; left unread")
        return bytes(read)

    def _refused(self, status: int, path: str, answer: bytes) -> Refused:
        said = " ".join(answer[: 4 * EXCERPT].decode("utf-8", "replace").split())[:EXCERPT]
        sentence = f"{self.what} at {self.url} answered {_plain(path)} with {status}" + (f": {said}" if said else "")
        if status in (401, 403):
            return Refused(sentence, status, permanent=True, remedy="set username and password beside its url")
        if 300 <= status < 400:
            return Refused(sentence, status, permanent=True, remedy="give the address that it redirects to")
        if status == 404:
            return Refused(sentence, status, remedy="check that its address is that of its API, path and all")
        return Refused(sentence, status, remedy="its own log says why" if status >= 500 else "")


def _plain(path: str) -> str:
    return path.partition("?")[0]  # a query may be long


def _why(error: httpx.HTTPError) -> str:
    if isinstance(error, httpx.TimeoutException):
        return "no answer in time"
    return str(error)[:EXCERPT] or type(error).__name__
