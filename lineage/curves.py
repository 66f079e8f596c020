"""Numbers over time, for the tape and for charts: read from the lake, put into even steps."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from django.db.models import F

from lineage.identity import split_id
from lineage.lake import TABLES, Lake, block_of
from lineage.models import Change, Name, Tick
from lineage.observations import Ms

GAP_MS = 30_000  # ticks further apart than this leave a gap
LAG_METRICS = {
    "lag": "lag",
    "time_lag": "behind_since",
    "rate_in": "rate_in",
    "rate_out": "rate_out",
    "members": "members",
}
NODE_METRICS = {"rate_in": "rate", "lag": "lag", "log_end": "log_end", "size": "size"}


class Event(NamedTuple):
    """From ``at`` on, ``key`` has ``value``; None ends it."""

    at: Ms
    key: Any
    value: float | None


def series(lake: Lake, subject: str, metric: str, start: Ms, end: Ms, step: Ms) -> list[tuple[Ms, float | None]]:
    """One value for every step; see history.series."""
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
    if column == "behind_since" and row["lag"] == 0:
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
    covered = _covered(start, end, step)
    held: dict[Any, float] = {}
    waiting = iter([*events, Event(end + step + 1, "", None)])
    event = next(waiting)
    out: list[tuple[Ms, float | None]] = []
    for at in range(start, end + 1, step):
        while event.at <= at:
            if event.value is None:
                held.pop(event.key, None)
            else:
                held[event.key] = event.value
            event = next(waiting)
        out.append((at, fold(list(held.values()), at) if held and covered(at) else None))
    return out


def _covered(start: Ms, end: Ms, step: Ms) -> Callable[[Ms], bool]:
    """Whether something was recorded shortly before a moment."""
    reach = max(step, GAP_MS)
    times = _tick_times(start - reach, end, step)
    buckets = {t // reach for t in times}

    def covered(at: Ms) -> bool:
        return at // reach in buckets or at // reach - 1 in buckets

    return covered


def _tick_times(start: Ms, end: Ms, step: Ms) -> list[Ms]:
    """Times of ticks, at most a few for each step, so that a year costs no more than an hour."""
    grain = max(1, min(step, GAP_MS) // 2)
    rows = Tick.objects.filter(at__gte=start, at__lte=end).annotate(bucket=F("at") / grain)
    return [b * grain for b in rows.values_list("bucket", flat=True).distinct().order_by("bucket")]


def tape(lake: Lake, start: Ms, end: Ms, points: int) -> dict[str, Any]:
    """Total lag, changes and gaps; see history.tape."""
    step = max(1, (end - start) // points)
    total = [[at, value] for at, value in series(lake, "", "lag", start, end, step)]
    return {"total_lag": total, "changes": _changes(start, end, step), "gaps": _gaps(start, end, step)}


def _changes(start: Ms, end: Ms, step: Ms) -> list[dict[str, Any]]:
    gathered: dict[int, list[str]] = {}
    rows = Change.objects.filter(recorded_at__gt=start, recorded_at__lte=end).order_by("id")
    for at, kind, subject in rows.values_list("recorded_at", "kind", "subject")[:20_000]:
        gathered.setdefault((at - start) // step, []).append(f"{kind} {subject}")
    return [{"at": start + n * step, "count": len(what), "label": _label(what)} for n, what in sorted(gathered.items())]


def _label(what: list[str]) -> str:
    return what[0] if len(what) == 1 else f"{what[0]} and {len(what) - 1} more"


def _gaps(start: Ms, end: Ms, step: Ms) -> list[list[Ms]]:
    """Spans without a tick inside the tape: what was not recorded, not what is before or after it."""
    limits = [t for t in (Tick.objects.order_by("number").first(), Tick.objects.order_by("-number").first()) if t]
    if not limits:
        return []
    low, high = max(start, limits[0].at), min(end, limits[1].at)
    times = [low, *_tick_times(low, high, step), high]
    reach = max(GAP_MS, 2 * step)
    return [[a, b] for a, b in itertools.pairwise(times) if b - a > reach]
