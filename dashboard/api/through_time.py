"""The paths that read a stretch of the tape."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from ninja import Router
from ninja.params.functions import Query

from dashboard.alerts import reading as alerts
from dashboard.api import schemas, wire
from dashboard.api.guard import Guard
from dashboard.api.paging import moment_asked
from dashboard.api.read import ERRORS, graph_params, ok
from dashboard.problems import Problem
from dashboard.reading import now_ms
from dashboard.times import parse_at, parse_step, rfc, stamp
from dashboard.views import map_view
from dashboard.views.common import edge_key
from dashboard.views.drawn import Drawn
from lineage import history
from lineage.frames import Change, Frame

router = Router(tags=["through time"], auth=Guard("view"))
METRICS = ("lag", "time_lag", "rate_in", "rate_out", "log_end", "committed", "size", "members")
MOST_POINTS = 5_000
From = Query("-1h", alias="from")
To = Query("live", alias="to")


def stretch(start: str, end: str) -> tuple[int, int]:
    """From and to in ms; the end is never after now. Raises Problem."""
    now = now_ms()
    try:
        first, last = parse_at(start, now), parse_at(end, now)
    except ValueError as e:
        raise Problem(400, str(e)) from e
    a, b = (now if first is None else first), (now if last is None else last)
    if a >= b:
        raise Problem(400, "from must be before to")
    if a > now or b > now + 1000:
        raise Problem(400, "that moment has not come yet")
    return a, b


@router.get("/series", response={200: schemas.Series, **ERRORS})
def series(
    request: HttpRequest,
    subject: str,
    metric: str,
    start: str = From,
    end: str = To,
    step: str = "",
    hindsight: bool = False,
) -> HttpResponse:
    """One metric through time; null where nothing was recorded."""
    if metric not in METRICS:
        raise Problem(400, f"there is no metric {metric[:40]!r}; there are {', '.join(METRICS)}")
    a, b = stretch(start, end)
    try:
        points = history.series(subject, metric, a, b, _step(step, a, b), hindsight=hindsight)
    except ValueError as e:
        raise Problem(400, str(e)) from e
    rows = [[stamp(t), v] for t, v in points]
    return ok({**wire.moment(moment_asked("live")), "subject": subject, "metric": metric, "points": rows})


def _step(word: str, a: int, b: int) -> int:
    if not word:
        return max(1_000, (b - a) // 300)
    try:
        step = parse_step(word)
    except ValueError as e:
        raise Problem(400, str(e)) from e
    if (b - a) // step > MOST_POINTS:
        raise Problem(400, f"more than {MOST_POINTS} points; ask for a longer step or a shorter stretch")
    return step


@router.get("/tape", response={200: schemas.Tape, **ERRORS})
def tape(
    request: HttpRequest,
    start: str = From,
    end: str = To,
    points: int = Query(300, ge=2, le=MOST_POINTS),
    subject: str = "",
) -> HttpResponse:
    """What the tape draws: total lag, of all or of a ``subject``, changes, alerts, gaps."""
    a, b = stretch(start, end)
    found = history.tape(a, b, points, subject)
    body: dict[str, Any] = {
        "total_lag": [[stamp(t), v] for t, v in found["total_lag"]],
        "changes": [{**c, "at": stamp(c["at"])} for c in found["changes"]],
        "alerts": [{**x, "from": rfc(x["from"]), "to": rfc(x["to"])} for x in alerts.bands(a, b, subject)],
        "gaps": [[stamp(x), stamp(y)] for x, y in found["gaps"]],
    }
    return ok({**wire.moment(moment_asked("live")), **body})


@router.get("/diff", response={200: schemas.Diff, **ERRORS})
def diff(
    request: HttpRequest,
    start: str = From,
    end: str = To,
    cluster: str = "",
    focus: str = "",
    upstream: int | None = Query(None, ge=0, le=999),
    downstream: int | None = Query(None, ge=0, le=999),
    internal: bool = False,
    strength: str = map_view.STRENGTHS,
    hindsight: bool = False,
) -> HttpResponse:
    """The graph at ``to`` minus the graph at ``from``, with the graph's filters."""
    a, b = stretch(start, end)
    one, two = (history.frame_at(t, hindsight=hindsight) for t in (a, b))
    params = graph_params({k: v for k, v in request.GET.items() if isinstance(v, str)})
    if focus and focus not in one.nodes and focus not in two.nodes:
        raise Problem(404, f"there is no {focus} at either moment")
    before, after = (_Drawn(f, map_view.selected(f, params)) for f in (one, two))
    changed = history.diff_between(a, b, hindsight=hindsight)
    both = {"nodes": changed.changed_nodes, "edges": changed.changed_edges}
    kept = {k: [c for c in v if c[0] in before.ids[k] and c[0] in after.ids[k]] for k, v in both.items()}
    body = {
        "added": after.without(before),
        "removed": before.without(after),
        "changed": {k: [dict(zip(("id", "before", "after"), c, strict=True)) for c in v] for k, v in kept.items()},
    }
    return ok({**wire.moment(two), "from": stamp(one.at), "to": stamp(two.at), **body})


class _Drawn:
    """What the graph draws of a frame, by id."""

    def __init__(self, frame: Frame, drawn: Drawn) -> None:
        self.frame = frame
        self.nodes = {n.id: n for n in drawn.nodes}
        self.edges = {edge_key(e): e for e in drawn.edges}
        self.ids: dict[str, set[str]] = {"nodes": set(self.nodes), "edges": set(self.edges)}

    def without(self, other: _Drawn) -> dict[str, list[dict[str, Any]]]:
        """Nodes and edges that the other has not, as the graph's own."""
        nodes = tuple(n for k, n in sorted(self.nodes.items()) if k not in other.nodes)
        edges = tuple(e for k, e in sorted(self.edges.items()) if k not in other.edges)
        shown = wire.graph(self.frame, Drawn(nodes, edges))
        return {"nodes": shown["nodes"], "edges": shown["edges"]}


@router.get("/changes", response={200: schemas.Changes, **ERRORS})
def changes(
    request: HttpRequest,
    start: str = From,
    end: str = To,
    cluster: str = "",
    subject: str = "",
    kind: str = "",
    limit: int = Query(500, ge=1, le=5_000),
    cursor: str = "",
    hindsight: bool = False,
) -> HttpResponse:
    """What appeared, vanished or changed, in the order in which it was recorded."""
    a, b, after = _place(cursor, *stretch(start, end))
    found = history.changes_between(a, b, cluster, subject, kind, limit + 1, after, hindsight=hindsight)
    items = [{**_change(t.change), "sentence": t.said.whole} for t in history.told(found[:limit])]
    more = f"{a}.{b}.{found[limit - 1].id}" if len(found) > limit else None
    return ok({**wire.moment(moment_asked("live")), "items": items, "next": more})


def _place(cursor: str, a: int, b: int) -> tuple[int, int, int]:
    if not cursor:
        return a, b, 0
    parts = cursor.split(".")
    if len(parts) != 3 or not all(p.isdecimal() and len(p) < 16 for p in parts):
        raise Problem(400, "this cursor is none that was given out")
    return int(parts[0]), int(parts[1]), int(parts[2])


def _change(c: Change) -> dict[str, Any]:
    row = {k: getattr(c, k) for k in Change.__dataclass_fields__}
    return {**row, "at": rfc(c.at), "recorded_at": rfc(c.recorded_at)}
