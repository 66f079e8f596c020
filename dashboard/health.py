"""Is it alive, is it ready? Open to everybody; says nothing that is secret."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import DatabaseError
from django.http import HttpRequest, JsonResponse

from dashboard.reading import frame_at, now_ms
from lineage.frames import Frame
from lineage.history import TapeBegins

FIRST = ("topology", "groups", "positions")  # the collectors whose first run makes a whole picture


def healthz(request: HttpRequest) -> JsonResponse:
    """200 while the process serves."""
    return JsonResponse({"status": "ok"})


def readyz(request: HttpRequest) -> JsonResponse:
    """200 once every reachable cluster has a complete first sample, else 503 with what is missing."""
    wanted = [c.name for c in settings.PLAYHEAD.clusters]
    try:
        frame = frame_at(None, now_ms()) if wanted else None
        missing = lacking(frame, wanted)
    except TapeBegins:
        missing = [{"cluster": name, "what": "a first sample"} for name in wanted]
    except DatabaseError:
        missing = [{"cluster": None, "what": "the database does not answer"}]
    status = "waiting" if missing else "ready"
    return JsonResponse({"status": status, "missing": missing}, status=503 if missing else 200)


def lacking(frame: Frame | None, wanted: list[str]) -> list[dict[str, Any]]:
    """What each cluster has not had a first sample of. One that is known not to be reachable holds nothing up."""
    known = {c.name: c for c in frame.clusters} if frame else {}
    ran = {(c.cluster, c.name) for c in frame.collectors} if frame else set()
    out = []
    for name in wanted:
        cluster = known.get(name)
        if cluster is None or cluster.status != "down":
            out += [{"cluster": name, "what": f"first {kind}"} for kind in FIRST if (name, kind) not in ran]
    return out
