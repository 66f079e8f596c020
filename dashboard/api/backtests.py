"""What a rule would have done on the recorded tape, before it is saved."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from django.http import HttpRequest, StreamingHttpResponse
from django.http.response import HttpResponseBase
from ninja import Router

from dashboard.alerts.backtest import Backtest, backtest
from dashboard.alerts.machine import Incident
from dashboard.api import alert_schemas as schemas
from dashboard.api import wire
from dashboard.api.guard import Guard
from dashboard.api.read import ERRORS, ok
from dashboard.api.rules import definition, rule_of
from dashboard.api.through_time import stretch
from dashboard.hub import in_pool
from dashboard.problems import Problem
from dashboard.times import rfc, stamp
from lineage import conditions, history
from lineage.conditions import Definition

router = Router(tags=["alerts"], auth=Guard("view"))
HOLDS = (60.0, 300.0, 900.0, 3600.0)
LONGEST = 400 * 86_400_000
POOL = ThreadPoolExecutor(1, thread_name_prefix="backtest")  # one after the other: a year of minutes is much to read


@router.post("/alerts/rules/backtest", response={200: schemas.BacktestOut, **ERRORS})
def back_test(request: HttpRequest, body: schemas.BacktestIn, stream: bool = False) -> HttpResponseBase:
    """When the rule would have fired between two moments. It changes nothing, so whoever may look may ask.

    With ``stream`` the answer is lines of JSON: ``{"done": 0.4}`` and, last, the whole.
    """
    asked = definition(body.definition)
    start, end = _stretch(body)
    saved = _saved(body.saved, asked)
    found = _told(asked, saved, start, end)
    if stream:
        return StreamingHttpResponse(_lines(found), content_type="application/x-ndjson")
    *_, whole = found
    return ok(whole)


def _stretch(body: schemas.BacktestIn) -> tuple[int, int]:
    """Within the tape: before it begins nothing was recorded."""
    start, end = stretch(body.start, body.end)
    if end - start > LONGEST:
        raise Problem(400, "from: a back-test looks at 400 days at most")
    limits = history.bounds()
    if limits is None:
        raise Problem(404, "nothing is recorded yet; the first sample takes a few seconds")
    start, end = max(start, limits[0]), min(end, limits[1])
    if start >= end:
        raise Problem(404, f"the tape begins at {stamp(limits[0])}", begins=stamp(limits[0]))
    return start, end


def _saved(id: str, asked: Definition) -> Definition | None:
    """The rule as it is saved, where it is to be compared with and asks something else."""
    if not id:
        return None
    try:
        known = conditions.parse(rule_of(id).definition)
    except ValueError:
        return None
    return None if known == asked else known


def _told(asked: Definition, saved: Definition | None, start: int, end: int) -> Iterator[dict[str, Any]]:
    """How far it is, again and again; last the whole answer."""
    holds = tuple(sorted({*HOLDS, asked.wait}))
    parts = 1 if saved is None else 2
    whole = before = Backtest(start, end)
    for whole in backtest(asked, start, end, holds=holds):
        yield {"done": min(0.99, whole.done / parts)}
    if saved is not None:
        for before in backtest(saved, start, end):
            yield {"done": min(0.99, 0.5 + before.done / parts)}
    yield _row(whole) | {"saved": None if saved is None else _short(saved, before), "done": 1.0}


def _row(b: Backtest) -> dict[str, Any]:
    return {
        "from": stamp(b.start),
        "to": stamp(b.end),
        **{name: getattr(b, name) for name in ("fired", "firing", "left_out", "minutes")},
        "incidents": [_incident(i) for i in b.incidents],
        "curve": [[stamp(t), v] for t, v in b.curve],
        "gaps": [[stamp(x), stamp(y)] for x, y in b.gaps],
        "holds": [{"for": wait, "fired": n} for wait, n in sorted(b.holds.items())],
    }


def _short(asked: Definition, b: Backtest) -> dict[str, Any]:
    incidents = [_incident(i) for i in b.incidents]
    return {"sentence": conditions.sentence(asked), "fired": b.fired, "firing": b.firing, "incidents": incidents}


def _incident(i: Incident) -> dict[str, Any]:
    times = {name: rfc(getattr(i, name)) for name in ("since", "fired", "resolved")}
    return {"subject": i.subject, **times, "value": i.value, "what": i.what}


async def _lines(found: Iterator[dict[str, Any]]) -> AsyncIterator[bytes]:
    """Each in a line of its own, made in a thread; what fails on the way is the last line."""
    try:
        while (told := await in_pool(POOL, next, found, None)) is not None:
            yield wire.dumps(told) + b"\n"
    except Exception as e:
        yield wire.dumps({"done": 1, "error": f"The back-test failed ({type(e).__name__}); ask again."}) + b"\n"
        raise
