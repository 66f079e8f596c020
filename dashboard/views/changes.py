"""What appeared, vanished or changed in a stretch of time, newest first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from dashboard.times import parse_at, rfc
from dashboard.views.common import Params, Table, View, base_meta, clusters_table
from dashboard.views.lines import cluster_of, lines, team_of
from lineage.frames import Frame
from lineage.stories import Stories, Told
from lineage.wording import subject_kind

KINDS = ("appeared", "vanished", "changed", "verdict", "owner", "config", "members")
SPAN_MS = 3_600_000  # without a range: the last hour
GRAIN_MS = 60_000  # the beginning of a stretch that moves with time moves by whole minutes
COLUMNS = (("at", "When"), ("sentence", "What"), ("why", "Why"), ("team", "Team"))
FILTERS = ("cluster", "team", "kind", "what", "subject", "q")


def stretch(params: Params, at: int) -> tuple[int, int]:
    """From and to in ms, for a view that stands at ``at``. Raises ValueError with a sentence."""
    end = parse_at(params.get("to", ""), at)
    start = parse_at(params.get("from", ""), at)
    last = at if end is None else end
    first = (last - SPAN_MS) // GRAIN_MS * GRAIN_MS if start is None else start
    if params.get("from", "").startswith("-"):
        first = first // GRAIN_MS * GRAIN_MS
    if first >= last:
        raise ValueError("the range ends before it begins: from must be before to")
    return first, last


def build(frame: Frame, params: Params, extras: Mapping[str, Any]) -> View:
    """Table ``lines``; meta ``from``, ``to`` (None: it follows the view), ``counts`` by kind, teams, whats, more."""
    found: Stories = extras.get("stories") or Stories((), 0)
    start, _ = stretch(params, frame.at)
    teams = tuple(sorted((i, n.team) for i, n in frame.nodes.items() if n.team))
    filters = tuple(params.get(name, "") for name in FILTERS)
    table, counts = _lines(found, filters, teams)
    meta = base_meta(frame, "Changes", params.get("cluster", ""))
    meta |= {
        "from": rfc(start),
        "to": rfc(parse_at(params.get("to", ""), frame.at)),
        "counts": counts,
        "shown": sum(r["count"] for r in table.values()),
        "more": found.more,
        "teams": sorted({t for _, t in teams}),
        "whats": _whats(found),
    }
    return View({"clusters": clusters_table(frame), "lines": table}, meta, "lines", COLUMNS)


@lru_cache(maxsize=16)
def _lines(found: Stories, filters: tuple[str, ...], teams: tuple[tuple[str, str], ...]) -> tuple[Table, Any]:
    """The same table as long as nothing is new: then nothing is sent."""
    params, owned = dict(zip(FILTERS, filters, strict=True)), dict(teams)
    passed = [t for t in found.told if _wanted(t, params, owned)]
    counts = dict(Counter(t.change.kind for t in passed))
    kinds = {k for k in params["kind"].split(",") if k}
    table = lines([t for t in passed if not kinds or t.change.kind in kinds], owned)
    return dict(sorted(table.items(), key=lambda r: -r[1]["id"])), {k: counts[k] for k in KINDS if k in counts}


@lru_cache(maxsize=16)
def _whats(found: Stories) -> list[str]:
    return sorted({subject_kind(t.change.subject) for t in found.told})


def _wanted(told: Told, params: Mapping[str, str], teams: dict[str, str]) -> bool:
    if (cluster := params["cluster"]) and cluster_of(told) not in {"", cluster}:
        return False
    if (what := params["what"]) and subject_kind(told.change.subject) != what:
        return False
    if (subject := params["subject"]) and subject not in {told.change.subject, *told.things}:
        return False
    if (team := params["team"]) and team_of(told, teams) != team.removeprefix("team:"):
        return False
    return params["q"].lower() in told.said.whole.lower()
