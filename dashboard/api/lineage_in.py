"""``POST /api/v1/lineage``: OpenLineage events in."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils.module_loading import import_string
from ninja import Router

from dashboard.api import schemas
from dashboard.api.guard import Guard
from dashboard.api.read import ERRORS, ok
from dashboard.api.traces import MOST, Refused, inflated, publish
from dashboard.problems import Problem
from dashboard.reading import now_ms
from lineage.ports import BadDocument

router = Router(tags=["in"])


@router.post("/lineage", auth=Guard("ingest"), response={200: schemas.Taken, **ERRORS})
def lineage(request: HttpRequest) -> HttpResponse:
    """OpenLineage run events, one or a list, at most 8 MiB inflated. Answered once they are on the stream."""
    decode = import_string(settings.PLAYHEAD_PORTS["decode_lineage"])
    try:
        body = inflated(request.read(MOST + 1), request.headers.get("Content-Encoding", ""))
        found = decode(body, now_ms())
        publish(found)
    except BadDocument as e:
        raise Problem(400, str(e)) from e
    except Refused as e:
        raise Problem(e.status, e.message, **({"retry_after": e.retry_after} if e.retry_after else {})) from e
    return ok({"taken": sum(len(o.edges) for o in found)})
