"""The paths that read one consumer group through time."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from ninja import Router
from ninja.params.functions import Query

from dashboard.api import schemas, wire
from dashboard.api.guard import Guard
from dashboard.api.paging import moment_asked
from dashboard.api.read import ERRORS, ok
from dashboard.api.through_time import From, To, stretch
from dashboard.problems import Problem
from dashboard.times import rfc, stamp
from lineage import history
from lineage.heat import MOST_CELLS

router = Router(tags=["through time"], auth=Guard("view"))
METRICS = ("lag", "time_lag")


@router.get("/groups/{path:id}/heat", response={200: schemas.Heat, **ERRORS})
def heat(
    request: HttpRequest,
    id: str,
    start: str = From,
    end: str = To,
    points: int = Query(120, ge=2, le=MOST_CELLS),
    topic: str = "",
    metric: str = "lag",
    hindsight: bool = False,
) -> HttpResponse:
    """Lag (``time_lag``: seconds) of each partition through time, the worst 200; null where it is unknown."""
    if metric not in METRICS:
        raise Problem(400, f"there is no metric {metric[:40]!r}; there are {' and '.join(METRICS)}")
    a, b = stretch(start, end)
    found = _asked(lambda: history.heat_of(id, a, b, points, topic, metric, hindsight=hindsight))
    rows = [{"topic": r.topic, "partition": r.partition, "values": r.values} for r in found.rows]
    times = {"times": [stamp(t) for t in found.times], "recorded": found.recorded, "partitions": found.partitions}
    return ok({**wire.moment(moment_asked("live")), "id": id, "metric": metric, **times, "rows": rows})


@router.get("/groups/{path:id}/members", response={200: schemas.Members, **ERRORS})
def members(request: HttpRequest, id: str, start: str = From, end: str = To, hindsight: bool = False) -> HttpResponse:
    """Who was in the group with which partitions, and its rebalances."""
    a, b = stretch(start, end)
    found = _asked(lambda: history.members_between(id, a, b, hindsight=hindsight))
    bands = [{"id": m.id, "client_id": m.client_id, "host": m.host, "stays": _stays(m)} for m in found.members]
    marks = [{k: getattr(r, k) for k in r.__dataclass_fields__} | {"at": stamp(r.at)} for r in found.rebalances]
    return ok(
        {**wire.moment(moment_asked("live")), "id": id, "members": bands, "rebalances": marks, "more": found.more}
    )


def _stays(member: Any) -> list[dict[str, Any]]:
    return [
        {"from": stamp(s.start), "to": rfc(s.end), "count": s.count, "partitions": s.partitions} for s in member.stays
    ]


def _asked(read: Any) -> Any:
    try:
        return read()
    except ValueError as e:
        raise Problem(400, f"{e}") from e
    except LookupError as e:
        raise Problem(404, f"{e}") from e
