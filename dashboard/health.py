"""Is it alive, is it ready? Open to everybody; says nothing that is secret."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import DatabaseError
from django.http import HttpRequest, JsonResponse

from dashboard.reading import frame_at, now_ms
from lineage.frames import Frame
from lineage.history import Away, TapeBegins

FIRST = ("topology", "groups", "positions")  # the collectors whose first success makes a whole picture


def healthz(request: HttpRequest) -> JsonResponse:
    """200 while the process serves."""
    return JsonResponse({"status": "ok"})


def readyz(request: HttpRequest) -> JsonResponse:
    """200 once every reachable cluster has a complete first sample, else 503 with what is missing.

    A cluster that cannot be reached holds nothing up and is named under ``unreachable``; so does a kind whose right
    is missing, which the Collectors page names.
    """
    wanted = [c.name for c in settings.PLAYHEAD.clusters]
    away: list[dict[str, Any]] = []
    try:
        frame = frame_at(None, now_ms()) if wanted else None
        missing, away = lacking(frame, wanted), unreachable(frame, wanted)
    except TapeBegins:
        missing = [{"cluster": name, "what": "a first sample"} for name in wanted]
    except DatabaseError:
        missing = [{"cluster": None, "what": "the database does not answer"}]
    except Away as e:
        missing = [{"cluster": None, "what": str(e)}]
    status = "waiting" if missing else "ready"
    body = {"status": status, "missing": missing, "unreachable": away}
    return JsonResponse(body, status=503 if missing else 200)


def lacking(frame: Frame | None, wanted: list[str]) -> list[dict[str, Any]]:
    """What each cluster has had no first success of, and no answer that a right is missing."""
    away = {c["cluster"] for c in unreachable(frame, wanted)}
    answered = {(c.cluster, c.name) for c in frame.collectors if c.last_success or c.needs} if frame else set()
    return [
        {"cluster": name, "what": f"first {kind}"}
        for name in wanted
        for kind in FIRST
        if name not in away and (name, kind) not in answered
    ]


def unreachable(frame: Frame | None, wanted: list[str]) -> list[dict[str, Any]]:
    """The clusters that are down, and why."""
    known = {c.name: c for c in frame.clusters} if frame else {}
    return [{"cluster": n, "why": known[n].error} for n in wanted if n in known and known[n].status == "down"]
