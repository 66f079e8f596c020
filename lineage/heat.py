"""A group through time: the lag of each of its partitions, cell by cell, and who held which of them."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import F, Q

from lineage.identity import split_id
from lineage.lake import Lake, block_of
from lineage.models import Name, NodeVersion, Tick
from lineage.observations import Ms
from lineage.rows import is_caught_up
from lineage.wording import members_change, moves, owners

MOST_ROWS = 200  # partitions: the worst ones
MOST_CELLS = 240
MOST_VALUES = 400_000  # read at once: of a group with very many partitions, fewer cells
MOST_VERSIONS = 300  # of a group's members; of more, the newest
MOST_MEMBERS = 100
GAP_MS = 30_000  # a cell further than this from any tick was not recorded
Part = tuple[int, int]  # the lake's number of a topic, partition
Cells = dict[Part, list[tuple[int, Any]]]
EMPTY: list[tuple[int, Any]] = []


@dataclass(frozen=True)
class HeatRow:
    """One partition: a value for every cell, None where it is unknown or was not recorded."""

    topic: str
    partition: int
    values: tuple[float | None, ...]


@dataclass(frozen=True)
class Heat:
    """``times``: the end of each cell. ``recorded``: whether anything was. ``partitions``: how many there are."""

    times: tuple[Ms, ...]
    recorded: tuple[bool, ...]
    rows: tuple[HeatRow, ...]
    partitions: int


def heat(
    lake: Lake,
    group: str,
    start: Ms,
    end: Ms,
    cells: int,
    topic: str = "",
    metric: str = "lag",
    *,
    hindsight: bool = False,
) -> Heat:
    """Lag in records (``time_lag``: seconds) of the group's partitions at the end of each cell.

    ``group`` is a node id, ``topic`` a name or "" for all. Samples are never corrected: ``hindsight`` asks for a group
    that nobody knew of at ``end``, too. Raises ValueError where the id is none, LookupError where there is no group.
    """
    cluster, name = named(group, None if hindsight else end)
    given = {"grp": _number("group", cluster, name), **({"topic": _number("topic", cluster, topic)} if topic else {})}
    fit = MOST_VALUES // max(1, _count(lake, given, end))
    step = max(1_000, -(-(end - start) // max(1, min(cells, MOST_CELLS, fit))))
    times = tuple(range(start + step, end + step, step))
    recorded = _recorded(times, step)
    committed = _last(lake, "positions", ("committed", "behind_since", "error"), given, start, times[-1], step)
    topics = sorted({t for t, _ in committed})
    ends = _last(lake, "logs", ("log_end",), {"topic": topics}, start, times[-1], step) if topics else {}
    rows = {p: _row(committed[p], ends.get(p, EMPTY), times, recorded, metric) for p in committed}
    names = dict(Name.objects.filter(id__in=topics).values_list("id", "name"))
    worst = sorted(rows, key=lambda p: (-max((v for v in rows[p] if v is not None), default=-1.0), p))[:MOST_ROWS]
    shown = sorted((names.get(t, ""), part, rows[t, part]) for t, part in worst)
    return Heat(times, recorded, tuple(HeatRow(*each) for each in shown), len(rows))


def named(group: str, known_at: Ms | None = None) -> tuple[str, str]:
    """Cluster and name of a group that was recorded, by ``known_at`` if given. Raises ValueError and LookupError."""
    kind, path = split_id(group)
    if kind != "group" or len(path) != 2:
        raise ValueError(f"{group!r} is no group; expected group:cluster/name")
    versions = NodeVersion.objects.filter(node=group)
    if not versions.exists():
        raise LookupError(f"there never was a {group} on this tape")
    if known_at is not None and not versions.filter(recorded_at__lte=known_at).exists():
        raise LookupError(f"no {group} was known at the end of this stretch; hindsight asks for what is known now")
    return path[0], path[1]


def _number(kind: str, cluster: str, name: str) -> int:
    row = Name.objects.filter(kind=kind, cluster=cluster, name=name).values_list("id", flat=True).first()
    return -1 if row is None else row


def _count(lake: Lake, given: Mapping[str, Any], end: Ms) -> int:
    """How many partitions these have in the last block before ``end``: each opens with all of them."""
    last = Tick.objects.filter(at__lte=end).order_by("-at").values_list("at", flat=True).first()
    where = " ".join(f"AND {k} = ?" for k in given)
    sql = f"SELECT count(DISTINCT (topic, part)) FROM lake.positions WHERE t >= ? AND t <= ? {where}"  # noqa: S608
    return int(lake.query(sql, [block_of(end if last is None else last), end, *given.values()])[0][0])


def _recorded(times: Sequence[Ms], step: Ms) -> tuple[bool, ...]:
    """Which cells hold a tick, or follow one closely."""
    reach = max(step, GAP_MS)
    first, last = times[0] - step, times[-1]
    grain = max(1, min(step, GAP_MS) // 2)
    rows = Tick.objects.filter(at__gt=first - reach, at__lte=last).annotate(bucket=F("at") / grain)
    found = sorted({b * grain for b in rows.values_list("bucket", flat=True).distinct()})
    out, i = [], -1
    for t in times:
        while i + 1 < len(found) and found[i + 1] <= t:
            i += 1
        out.append(i >= 0 and t - found[i] <= reach + grain)
    newest = Tick.objects.order_by("-number").values_list("at", flat=True).first() or 0
    return tuple(r and t - step < newest for r, t in zip(out, times, strict=True))


def _last(
    lake: Lake, table: str, columns: Sequence[str], given: Mapping[str, Any], start: Ms, end: Ms, step: Ms
) -> Cells:
    """The last row of every partition in every cell; the cells before ``start`` fill the first."""
    ends = [f"topic IN ({', '.join('?' * len(v))})" if isinstance(v, list) else f"{k} = ?" for k, v in given.items()]
    args = [x for v in given.values() for x in (v if isinstance(v, list) else [v])]
    newest = Tick.objects.order_by("-number").values_list("number", flat=True).first() or 0
    first = Tick.objects.filter(at__lte=start).order_by("-at").values_list("at", flat=True).first()
    shown = ", ".join(f"last({c} ORDER BY tick)" for c in columns)
    sql = (
        f"SELECT topic, part, greatest(0, (t - ? - 1) // ?) AS cell, {shown} FROM lake.{table} "  # noqa: S608
        f"WHERE t >= ? AND t <= ? AND tick <= ? AND {' AND '.join(ends)} GROUP BY ALL ORDER BY topic, part, cell"
    )
    begin = block_of(first if first is not None else start)
    out: Cells = {}
    for topic, part, cell, *values in lake.query(sql, [start, step, begin, end, newest, *args]):
        out.setdefault((topic, part), []).append((cell, values))
    return out


def _row(
    committed: list[tuple[int, Any]],
    ends: list[tuple[int, Any]],
    times: Sequence[Ms],
    recorded: Sequence[bool],
    metric: str,
) -> tuple[float | None, ...]:
    filled = zip(_filled(committed, len(times)), _filled(ends, len(times)), times, recorded, strict=True)
    return tuple(_value(position, end, t, metric) if known else None for position, end, t, known in filled)


def _filled(found: list[tuple[int, Any]], cells: int) -> Iterator[Any]:
    """A value holds until the next."""
    waiting, held = iter(found), None
    following = next(waiting, None)
    for cell in range(cells):
        while following is not None and following[0] <= cell:
            held, following = following[1], next(waiting, None)
        yield held


def _value(position: Any, end: Any, at: Ms, metric: str) -> float | None:
    committed, behind_since, error = position or (None, None, None)
    if committed is None or end is None or end[0] is None or committed > end[0]:
        return None
    if metric == "lag" or committed == end[0]:
        return float(end[0] - committed)
    if is_caught_up(behind_since, error):
        return 0.0
    return None if behind_since is None else max(0.0, (at - behind_since) / 1000)


# Members


@dataclass(frozen=True)
class Stay:
    """One member holding ``count`` partitions from ``start`` until ``end`` (None: still)."""

    start: Ms
    end: Ms | None
    count: int
    partitions: Mapping[str, Sequence[int]]


@dataclass(frozen=True)
class MemberBand:
    """One member of the group and its stays, oldest first."""

    id: str
    client_id: str
    host: str
    stays: tuple[Stay, ...]


@dataclass(frozen=True)
class Rebalance:
    """A moment at which partitions went to other members, or members came and left."""

    at: Ms
    before: int
    after: int
    moved: int
    sentence: str


@dataclass(frozen=True)
class Membership:
    """Who was in a group; ``more`` members were left out, those that came first."""

    members: tuple[MemberBand, ...]
    rebalances: tuple[Rebalance, ...]
    more: int


Version = tuple[Ms, "Ms | None", "list[dict[str, Any]] | None"]


def membership(group: str, start: Ms, end: Ms, *, hindsight: bool = False) -> Membership:
    """Members and their partitions from ``start`` to ``end``, as the recorder saw them then.

    A version that was dated back for another reason holds later members: so ``hindsight`` takes none of them, and asks
    for a group that nobody knew of at ``end``, too. Raises ValueError where the id is none, LookupError where there is
    no such group.
    """
    named(group, None if hindsight else end)
    rows = NodeVersion.objects.filter(Q(superseded_at__isnull=True) | Q(superseded_at__gt=start), node=group)
    rows = rows.filter(recorded_at__lte=end).order_by("-recorded_at")
    found = rows.values_list("recorded_at", "superseded_at", "attrs")[:MOST_VERSIONS]
    versions: list[Version] = [(at, until, (attrs or {}).get("members")) for at, until, attrs in reversed(found)]
    bands = _bands(versions)
    kept = bands[-MOST_MEMBERS:]
    return Membership(tuple(kept), tuple(_rebalances(versions, start)), len(bands) - len(kept))


def _bands(versions: Sequence[Version]) -> list[MemberBand]:
    """By the order in which members came."""
    who: dict[str, tuple[str, str]] = {}
    stays: dict[str, list[Stay]] = {}
    for at, until, members in versions:
        for m in members or ():
            who[m["id"]] = (str(m.get("client_id") or ""), str(m.get("host") or ""))
            _extend(stays.setdefault(m["id"], []), at, until, m.get("assigned") or {})
    return [MemberBand(i, *who[i], tuple(stays[i])) for i in stays]


def _extend(stays: list[Stay], at: Ms, until: Ms | None, assigned: Mapping[str, Sequence[int]]) -> None:
    """One stay as long as nothing changes for this member."""
    new = Stay(at, until, sum(len(p) for p in assigned.values()), assigned)
    if stays and stays[-1].end == at and stays[-1].partitions == assigned:
        new = Stay(stays.pop().start, until, new.count, assigned)
    stays.append(new)


def _rebalances(versions: Sequence[Version], start: Ms) -> Iterator[Rebalance]:
    for (_, _, old), (at, _, new) in itertools.pairwise(versions):
        if at <= start or old is None or new is None:
            continue
        if {m["id"] for m in old} != {m["id"] for m in new} or owners(old) != owners(new):
            yield Rebalance(at, len(old), len(new), moves(old, new), members_change(old, new))
