"""Numbers over time, for the tape and for charts: read from the lake, put into even steps."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from django.db.models import Case, Count, F, Max, Min, Q, Value, When, Window
from django.db.models.functions import Lead

from lineage.identity import split_id
from lineage.lake import Lake, block_of
from lineage.models import Change, Name, Tick
from lineage.observations import Ms
from lineage.tables import TABLES

REACH = {"full": 30_000, "minute": 150_000}  # ticks further apart than this (ms) leave a gap
LAG_METRICS = {
    "lag": "lag",
    "time_lag": "behind_since",
    "rate_in": "rate_in",
    "rate_out": "rate_out",
    "members": "members",
}
NODE_METRICS = {"rate_in": "rate", "log_end": "log_end", "size": "size"}


class Event(NamedTuple):
    """From ``at`` on, ``key`` has ``value``; None ends it."""

    at: Ms
    key: Any
    value: float | None


def series(lake: Lake, subject: str, metric: str, start: Ms, end: Ms, step: Ms) -> list[tuple[Ms, float | None]]:
    """One value for every step; see history.series."""
    if metric == "lag" and not subject.startswith("lag:"):
        return totals(lake, subject, start, end, step)
    events, fold = _events(lake, subject, metric, start, end)
    return _stepped(events, fold, start, end, step)


Fold = Callable[[Sequence[float], Ms], float]


def _sum(values: Sequence[float], at: Ms) -> float:
    return sum(values)


def _oldest(values: Sequence[float], at: Ms) -> float:
    return max(0.0, at - min(values)) / 1000


def _events(lake: Lake, subject: str, metric: str, start: Ms, end: Ms) -> tuple[list[Event], Fold]:
    ids = _ids(subject)
    if ids is not None and metric in ("committed", "log_end") and subject.startswith("lag:"):
        table = "positions" if metric == "committed" else "logs"
        return _parts(lake, table, metric, ids, start, end), _sum
    whole = subject.startswith("lag:") or subject.startswith("group:") or metric in ("time_lag", "rate_out")
    if ids is not None and whole and metric in LAG_METRICS:
        return _lag_rows(lake, LAG_METRICS[metric], ids, start, end), _oldest if metric == "time_lag" else _sum
    return _numbers(lake, subject, NODE_METRICS.get(metric, metric), start, end), _sum


def _ids(subject: str) -> dict[str, int] | None:
    """The lake's numbers of the group and topic that the subject names; None where it is neither."""
    kind, _, path = subject.partition(":")
    if kind not in ("lag", "group", "topic"):
        return None
    parts = split_id(f"group:{path}")[1]
    kinds = ("group", "topic") if kind == "lag" else (kind,)
    found = {k: _number(k, parts[0], name) for k, name in zip(kinds, parts[1:], strict=False)}
    return {"grp" if k == "group" else k: number for k, number in found.items()}


def _number(kind: str, cluster: str, name: str) -> int:
    row = Name.objects.filter(kind=kind, cluster=cluster, name=name).values_list("id", flat=True).first()
    return -1 if row is None else row


def _where(ids: dict[str, int]) -> tuple[str, list[int]]:
    return " ".join(f"AND {column} = ?" for column in ids), list(ids.values())


def _read(lake: Lake, table: str, start: Ms, end: Ms, where: str, args: Sequence[Any]) -> list[dict[str, Any]]:
    first = Tick.objects.filter(at__lte=start).order_by("-at").values_list("at", flat=True).first()
    newest = Tick.objects.order_by("-number").values_list("number", flat=True).first() or 0
    names = ("tick", "at", *(c for c, _ in TABLES[table]))
    rows = lake.between(table, block_of(first if first is not None else start), end, newest, where, args)
    return [dict(zip(names, row, strict=True)) for row in rows]


def _lag_rows(lake: Lake, column: str, ids: dict[str, int], start: Ms, end: Ms) -> list[Event]:
    rows = _read(lake, "lag", start, end, *_where(ids))
    return [Event(r["at"], (r["grp"], r["topic"]), _lag_value(r, column)) for r in rows]


def _lag_value(row: dict[str, Any], column: str) -> float | None:
    if not row["verdict"]:
        return None
    if column == "behind_since" and 0 in (row["lag"], row["unread"]):
        return float(row["at"])  # nothing unread: no time lag at that moment
    value = row[column]
    return None if value is None else float(value)


def _parts(lake: Lake, table: str, metric: str, ids: dict[str, int], start: Ms, end: Ms) -> list[Event]:
    given = ids if table == "positions" else {"topic": ids["topic"]}
    rows = _read(lake, table, start, end, *_where(given))
    return [Event(r["at"], r["part"], r[metric]) for r in rows]


def _numbers(lake: Lake, subject: str, metric: str, start: Ms, end: Ms) -> list[Event]:
    rows = _read(lake, "numbers", start, end, "AND subject = ? AND metric = ?", [subject, metric])
    return [Event(r["at"], "", r["value"]) for r in rows]


def _stepped(events: Iterable[Event], fold: Fold, start: Ms, end: Ms, step: Ms) -> list[tuple[Ms, float | None]]:
    ticks = steps(start, end, step)
    held: dict[Any, float] = {}
    waiting = iter([*events, Event(end + step + 1, "", None)])
    event = next(waiting)
    out: list[tuple[Ms, float | None]] = []
    for at, tick in zip(range(start, end + 1, step), ticks, strict=True):
        while event.at <= at:
            if event.value is None:
                held.pop(event.key, None)
            else:
                held[event.key] = event.value
            event = next(waiting)
        out.append((at, fold(list(held.values()), at) if held and tick else None))
    return out


class Shown(NamedTuple):
    """The tick that a step shows."""

    at: Ms
    number: int
    total_lag: int | None


def steps(start: Ms, end: Ms, step: Ms) -> list[Shown | None]:
    """For every step from ``start`` to ``end`` the newest tick up to it; None where nothing was recorded by then."""
    before = max(REACH.values()) // step + 2  # steps that are looked at before the first
    low = start - before * step
    place = (F("at") - low + step - 1) / step
    newest = (
        Tick.objects.filter(at__gt=low, at__lte=end).annotate(place=place).values("place").annotate(n=Max("number"))
    )
    rows = Tick.objects.filter(number__in=newest.values("n")).values_list("at", "number", "total_lag", "resolution")
    found = {-((low - at) // step): (Shown(at, number, lag), REACH[how]) for at, number, lag, how in rows}
    out: list[Shown | None] = []
    last: tuple[Shown, Ms] | None = None
    for n in range(before + (end - start) // step + 1):
        last = found.get(n, last)
        reached = last is not None and low + n * step - last[0].at <= max(step, last[1])
        out.append(last[0] if last and reached else None)
    return out[before:]


def totals(lake: Lake, subject: str, start: Ms, end: Ms, step: Ms) -> list[tuple[Ms, float | None]]:
    """The sum of lag of a subject at every step; of all together from the ticks alone."""
    ticks = steps(start, end, step)
    moments = range(start, end + 1, step)
    if not subject:
        return [(at, t.total_lag if t else None) for at, t in zip(moments, ticks, strict=True)]
    first = Tick.objects.filter(at__lte=start).order_by("-at").values_list("at", flat=True).first()
    newest = Tick.objects.order_by("-number").values_list("number", flat=True).first() or 0
    low = block_of(first if first is not None else start)
    by_step = dict(lake.stepped(subject, low, end, newest, start, step))
    value = next((by_step[n] for n in sorted(by_step, reverse=True) if n <= 0), None)
    out: list[tuple[Ms, float | None]] = []
    for n, (at, tick) in enumerate(zip(moments, ticks, strict=True)):
        value = by_step.get(n, value)
        out.append((at, value if tick else None))
    return out


def tape(lake: Lake, start: Ms, end: Ms, points: int, subject: str = "") -> dict[str, Any]:
    """Total lag, changes and gaps; see history.tape."""
    step = max(1, -((start - end) // points))
    total = [[at, value] for at, value in series(lake, subject, "lag", start, end, step)]
    return {
        "total_lag": total,
        "changes": _changes(start, end, step, subject),
        "alerts": [],
        "gaps": gaps(start, end, step),
    }


def about(subject: str) -> Q:
    """Changes of this subject: of itself, of an edge that it is an end of, of its lag."""
    kind, _, path = subject.partition(":")
    found = Q(subject=subject) | Q(subject__contains=f"|{subject}|")
    return found | Q(subject__startswith=f"lag:{path}/") if kind == "group" else found


def _changes(start: Ms, end: Ms, step: Ms, subject: str) -> list[dict[str, Any]]:
    """Marks of at most one for each step: when, how many, and in words the first of them."""
    rows = Change.objects.filter(recorded_at__gt=start, recorded_at__lte=end)
    rows = rows.filter(about(subject)) if subject else rows
    marks = rows.annotate(place=(F("recorded_at") - start) / step).values("place")
    gathered = {
        first: (at, n)
        for at, first, n in marks.annotate(at=Min("recorded_at"), first=Min("id"), n=Count("id")).values_list(
            "at", "first", "n"
        )
    }
    named = Change.objects.filter(id__in=list(gathered)).order_by("id").values_list("id", "kind", "subject")
    out = []
    for first, kind, what in named:
        at, n = gathered[first]
        out.append({"at": at, "count": n, "label": f"{kind} {what}" + (f" and {n - 1} more" if n > 1 else "")})
    return out


def gaps(start: Ms, end: Ms, step: Ms) -> list[list[Ms]]:
    """Spans without a tick inside the tape: what was not recorded, not what is before or after it."""
    low = Tick.objects.filter(at__lte=start).order_by("-at").values_list("at", flat=True).first() or start
    high = Tick.objects.filter(at__gte=end).order_by("at").values_list("at", flat=True).first() or end
    ticks = Tick.objects.filter(at__gte=low, at__lte=high)
    reach = Case(
        When(resolution="minute", then=Value(max(step, REACH["minute"]))), default=Value(max(step, REACH["full"]))
    )
    apart = ticks.annotate(next=Window(Lead("at"), order_by=F("number").asc()), reach=reach)
    far = apart.filter(next__gt=F("at") + F("reach")).order_by("at").values_list("at", "next")
    return [[max(a, start), min(b, end)] for a, b in far if b > start and a < end]
