"""The paths that read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest, HttpResponse
from ninja import Router
from ninja.params.functions import Query

from dashboard import views
from dashboard.api import export as formats
from dashboard.api import schemas, wire
from dashboard.api.guard import Guard
from dashboard.api.paging import asked, moment_asked, page
from dashboard.api.search import search as find
from dashboard.problems import Problem
from dashboard.reading import view_of
from dashboard.times import rfc
from dashboard.views import map_view
from dashboard.views.common import cluster_row, collector_row, lag_row
from lineage import history
from lineage.frames import Frame, LagItem

router = Router(tags=["reading"], auth=Guard("view"))
Limit = Query(500, ge=1, le=5_000)
ERRORS = dict.fromkeys((400, 401, 403, 404, 422), schemas.ProblemDocument)
FORMATS = {
    "json": "application/json",
    "dot": "text/vnd.graphviz; charset=utf-8",
    "mermaid": "text/plain; charset=utf-8",
    "svg": "image/svg+xml",
}


def ok(body: Any) -> HttpResponse:
    """Encoded here: the framework's own way would validate every row of thousands again."""
    return HttpResponse(wire.dumps(body), content_type="application/json")


def _params(request: HttpRequest) -> dict[str, str]:
    return {k: v for k, v in request.GET.items() if isinstance(v, str)}


@router.get("/clusters", response={200: schemas.Clusters, **ERRORS})
def clusters(request: HttpRequest, at: str = "live", limit: int = Limit, cursor: str = "") -> HttpResponse:
    """Every watched cluster and its health."""
    a = asked(request, at, cursor)
    items, more = page(a, sorted(a.frame.clusters, key=lambda c: c.name), limit)
    return ok({**more, "items": [cluster_row(c) for c in items]})


@router.get("/collectors", response={200: schemas.Collectors, **ERRORS})
def collectors(
    request: HttpRequest, at: str = "live", cluster: str = "", limit: int = Limit, cursor: str = ""
) -> HttpResponse:
    """Each source: last success, duration, error, the rights that it lacks."""
    a = asked(request, at, cursor)
    found = [c for c in a.frame.collectors if not cluster or c.cluster == cluster]
    items, more = page(a, sorted(found, key=lambda c: (c.cluster, c.name)), limit)
    return ok({**more, "items": [collector_row(c) for c in items]})


@router.get("/lag", response={200: schemas.Lags, **ERRORS})
def lag(
    request: HttpRequest,
    at: str = "live",
    cluster: str = "",
    group: str = "",
    topic: str = "",
    verdict: str = "",
    team: str = "",
    partitions: int = Query(0, ge=0, le=1),
    limit: int = Limit,
    cursor: str = "",
    hindsight: bool = False,
) -> HttpResponse:
    """Every group on every topic: records, seconds, verdict and why; ``partitions=1`` for each partition."""
    a = asked(request, at, cursor, hindsight)
    wanted = {"cluster": cluster, "group": group, "topic": topic, "team": team}
    found = [i for i in a.frame.lag if all(getattr(i, k) == v for k, v in wanted.items() if v)]
    found = [i for i in found if not verdict or i.verdict in verdict.split(",")]
    items, more = page(a, sorted(found, key=lambda i: (i.cluster, i.group, i.topic)), limit)
    rows = [_lag_row(i, a.frame.at) for i in items]
    if partitions:
        _with_partitions(a.frame, items, rows, group, topic)
    return ok({**more, "items": rows})


def _lag_row(item: LagItem, at: int) -> dict[str, Any]:
    """The answer is for ``at``: what has passed since the sample is part of the error."""
    error = item.time_lag_error
    passed = max(0, at - item.sampled_at) / 1000
    return {**lag_row(item), "time_lag_error": None if error is None else round(error + passed, 3)}


def _with_partitions(frame: Frame, items: Any, rows: list[dict[str, Any]], group: str, topic: str) -> None:
    """One read for each cluster on the page."""
    slugs = {i.cluster for i in items}
    read = {c: history.partitions_at(frame.at, c, group or None, topic or None) for c in slugs}
    for item, row in zip(items, rows, strict=True):
        row["partitions"] = _partitions(item, read[item.cluster])


def _partitions(item: LagItem, read: Mapping[tuple[str, str, str], Any]) -> list[dict[str, Any]]:
    found = read.get((item.cluster, item.group, item.topic), ())
    rows = ({k: getattr(p, k) for k in p.__dataclass_fields__} for p in found)
    return [{**r, "committed_at": rfc(r["committed_at"])} for r in rows]


@router.get("/graph", response={200: schemas.Graph, **ERRORS})
def graph(
    request: HttpRequest,
    at: str = "live",
    cluster: str = "",
    focus: str = "",
    upstream: int | None = Query(None, ge=0, le=999),
    downstream: int | None = Query(None, ge=0, le=999),
    fold: str = Query("none", pattern="^(team|none)$"),
    internal: bool = False,
    strength: str = map_view.STRENGTHS,
    hindsight: bool = False,
) -> HttpResponse:
    """Who writes, reads and calls what, as networkx's node-link JSON."""
    return ok(_graph(moment_asked(at, hindsight), graph_params(_params(request)), fold))


def graph_params(given: Mapping[str, str]) -> dict[str, str]:
    """The view's parameters: where one direction alone is asked for, the other is not followed."""
    params = {**given, "internal": given.get("internal", "false").lower()}
    if params["internal"] in {"1", "yes", "on"}:
        params["internal"] = "true"
    if "upstream" in given or "downstream" in given:
        params = {"upstream": "0", "downstream": "0", **params}
    return params


def _graph(frame: Frame, params: Mapping[str, str], fold: str) -> dict[str, Any]:
    if (focus := params.get("focus")) and focus not in frame.nodes:
        raise Problem(404, f"there is no {focus} at this moment")
    drawn = map_view.selected(frame, params)
    if fold == "team":
        return wire.folded(frame, *map_view.folded(frame, drawn, params.get("open", "")))
    return wire.graph(frame, drawn)


@router.get("/export/{fmt}", response={**ERRORS})
def export(request: HttpRequest, fmt: str, at: str = "live", fold: str = "none") -> HttpResponse:
    """The map, with the page's filters, as ``json``, ``dot``, ``mermaid`` or ``svg``."""
    if fmt not in FORMATS:
        raise Problem(404, f"there is no format {fmt[:40]!r}; there are {', '.join(FORMATS)}")
    frame, params = moment_asked(at), graph_params(_params(request))
    if fmt == "json":
        body = wire.dumps(_graph(frame, params, fold))
    else:
        tables = view_of("map", frame, {**params, "fold": fold}).tables
        rows = [sorted(tables[t].values(), key=lambda r: str(r["id"])) for t in ("nodes", "edges")]
        body = getattr(formats, fmt)(*rows).encode("utf-8", "replace")
    out = HttpResponse(body, content_type=FORMATS[fmt])
    out["Content-Disposition"] = f'attachment; filename="playhead.{"mmd" if fmt == "mermaid" else fmt}"'
    return out


def listed(request: HttpRequest, view: str, at: str, limit: int, cursor: str) -> HttpResponse:
    """A page of the rows of a view that lists things, by id. Raises Problem."""
    a = asked(request, at, cursor)
    rows = view_of(view, a.frame, _params(request)).tables["rows"]
    times = {c.name: rfc(c.sampled_at) for c in a.frame.clusters}
    items, more = page(a, [rows[k] for k in sorted(rows)], limit)
    return ok({**more, "items": [_aged(r, times) for r in items]})


def _aged(row: Mapping[str, Any], times: Mapping[str, str | None]) -> dict[str, Any]:
    """A row with the time of its numbers: its own, its cluster's, or the newest where it is of several."""
    newest = max((t for t in times.values() if t), default=None)
    return {"sampled_at": times.get(row.get("cluster") or "", newest), **row}


def detail(view: str, at: str, wanted: str) -> HttpResponse:
    """Everything of one thing's view: its head, and each table as a list. Raises Problem."""
    frame = moment_asked(at)
    try:
        tables = view_of(view, frame, {"id": wanted}).tables
    except views.NotThere as e:
        raise Problem(404, str(e)) from e
    times = {c.name: rfc(c.sampled_at) for c in frame.clusters}
    lists = {k: [_aged(r, times) for r in t.values()] for k, t in tables.items() if k not in {"clusters", "info"}}
    info = _aged(tables["info"]["info"], times)
    # Where a number of the head is called like a list, the number is the total.
    head = {f"total_{k}" if k in lists else k: v for k, v in info.items()}
    return ok({**head, **lists, **wire.moment(frame)})


@router.get("/topics", response={200: schemas.Things, **ERRORS})
def topics(
    request: HttpRequest,
    at: str = "live",
    cluster: str = "",
    team: str = "",
    q: str = "",
    internal: bool = False,
    limit: int = Limit,
    cursor: str = "",
) -> HttpResponse:
    """All topics."""
    return listed(request, "topics", at, limit, cursor)


@router.get("/topics/{path:id}", response={200: schemas.Detail, **ERRORS})
def topic(request: HttpRequest, id: str, at: str = "live") -> HttpResponse:
    """One topic: its writers, readers, partitions, configuration."""
    return detail("topic", at, id)


@router.get("/services", response={200: schemas.Things, **ERRORS})
def services(
    request: HttpRequest,
    at: str = "live",
    cluster: str = "",
    team: str = "",
    q: str = "",
    limit: int = Limit,
    cursor: str = "",
) -> HttpResponse:
    """All services, and the groups that no service owns."""
    return listed(request, "services", at, limit, cursor)


@router.get("/services/{path:id}", response={200: schemas.Detail, **ERRORS})
def service(request: HttpRequest, id: str, at: str = "live") -> HttpResponse:
    """One service: what it reads, writes and calls."""
    return detail("service", at, id)


@router.get("/teams", response={200: schemas.Things, **ERRORS})
def teams(request: HttpRequest, at: str = "live", q: str = "", limit: int = Limit, cursor: str = "") -> HttpResponse:
    """Teams and how their things are."""
    return listed(request, "teams", at, limit, cursor)


@router.get("/teams/{path:id}", response={200: schemas.Detail, **ERRORS})
def team(request: HttpRequest, id: str, at: str = "live") -> HttpResponse:
    """One team: what it owns and what of it is behind."""
    return detail("team", at, id)


@router.get("/groups/{path:id}", response={200: schemas.Detail, **ERRORS})
def group(request: HttpRequest, id: str, at: str = "live") -> HttpResponse:
    """One consumer group: members, positions, lag."""
    return detail("group", at, id)


@router.get("/search", response={200: schemas.Hits, **ERRORS})
def search(
    request: HttpRequest, q: str = Query("", max_length=200), at: str = "live", limit: int = Query(20, ge=1, le=200)
) -> HttpResponse:
    """Anything by a part of its name; the best first."""
    frame = moment_asked(at)
    return ok({**wire.moment(frame), "items": find(frame, q, limit)})
