"""The only reader: ``graph_at``, ``frame_at``, ``changes_between``, ``series``; live and past alike.

Every answer is that of a tick: the newest at or before the moment asked for, or the newest of all for None.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

from django.conf import settings

from lineage import curves, diffing, framing, heat, reel, runs, stories, versions
from lineage import models as tables
from lineage.cache import Cache
from lineage.frames import Change, Frame, GraphDiff, PartitionLag
from lineage.framing import Samples
from lineage.graph import LineageGraph
from lineage.identity import node_id
from lineage.lag import message_lag, time_lag
from lineage.lake import Away, Lake, Row, block_of
from lineage.meter import LagRow
from lineage.models import Name, NodeVersion, Tick
from lineage.observations import Ms
from lineage.outline import Standing, Triple
from lineage.reel import Part, Reel
from lineage.rows import is_caught_up
from lineage.stepping import change_after, change_before, tick_after, tick_before
from lineage.storage import Storage, measured, place

__all__ = [
    "Away",
    "TapeBegins",
    "bounds",
    "change_after",
    "change_before",
    "changes_between",
    "diff_between",
    "forget",
    "frame_at",
    "frame_of",
    "graph_at",
    "heat_of",
    "log_ranges_at",
    "members_between",
    "minutes",
    "newest_tick",
    "partitions_at",
    "series",
    "storage",
    "stories_between",
    "tape",
    "tick_after",
    "tick_at",
    "tick_before",
    "ticks_after",
    "told",
    "topic_logs_at",
]
FEW_TOPICS = 50  # of a group, whose logs are asked for by name


class TapeBegins(LookupError):
    """The moment asked for is before the tape; ``begin`` is its first moment, None where nothing is recorded."""

    def __init__(self, begin: Ms | None) -> None:
        super().__init__("nothing is recorded yet" if begin is None else f"the tape begins at {begin}")
        self.begin = begin


_frames, _standings, _graphs, _samples, _names = Cache(12), Cache(8), Cache(8), Cache(6), Cache(1)
_numbers, _details = Cache(512), Cache(64)
_live, _live_lock = Reel(), threading.Lock()  # keeps the trail of the newest frames
_READING = ThreadPoolExecutor(2, thread_name_prefix="lake")
_lakes: dict[tuple[str, str], Lake] = {}
_lakes_lock = threading.Lock()


def forget() -> None:
    """Drops every cache and the lake's attachment: for tests and for a data directory that was replaced."""
    stories.forget()
    forget_answers()
    versions.forget()
    with _lakes_lock:
        for lake in _lakes.values():
            lake.close()
        _lakes.clear()


def forget_answers() -> None:
    """Drops what was read, so that the next answer is read anew."""
    for cache in (_frames, _standings, _graphs, _samples, _names, _numbers, _details):
        cache.clear()
    reel.stretches.clear()
    _live.same(None, lambda: None)


def lake() -> Lake:
    """The lake of this process, for reading. Raises Away where its server does not answer."""
    key = (str(settings.DATA_DIR), settings.LAKE_URL)
    with _lakes_lock:
        if key not in _lakes:
            _lakes[key] = Lake(place(Path(key[0])), read_only=True)
        return _lakes[key]


def newest_tick() -> Tick | None:
    """The end of the tape, None before the first tick."""
    return Tick.objects.order_by("-number").first()


def bounds() -> tuple[Ms, Ms] | None:
    """Begin and end of the tape."""
    first, last = Tick.objects.order_by("number").first(), newest_tick()
    return (first.at, last.at) if first and last else None


def tick_at(t: Ms | None) -> Tick:
    """The tick that shows ``t``. Raises TapeBegins before the tape."""
    ticks = Tick.objects.order_by("-at")
    tick = (ticks if t is None else ticks.filter(at__lte=t)).first()
    if tick is None:
        limits = bounds()
        raise TapeBegins(limits[0] if limits else None)
    return tick


def frame_at(t: Ms | None, *, hindsight: bool = False) -> Frame:
    """Everything shown at ``t`` (None: live); with ``hindsight`` what is known of it now. Raises TapeBegins."""
    tick = tick_at(t)
    key = (*_key(tick), _structure_key(tick, hindsight))

    def make() -> Frame:
        samples = _sampled(tick, lambda: _standing(tick, hindsight))
        standing = _standing(tick, hindsight)
        with _live_lock if t is None else nullcontext():
            trail = _live.same(key[3:], framing.Trail) if t is None else None
            return framing.build(tick.at, tick.number, standing, samples, tick.resolution, trail)

    return replace(_frames.get(key, make), live=t is None)


def frame_of(tick: Tick, walk: Reel, *, hindsight: bool = False, drawn: bool = True) -> Frame:
    """The same of a tick, for who goes from tick to tick with ``walk``; without nodes and edges where not ``drawn``."""
    walk.tick = tick
    key = _structure_key(tick, hindsight)
    standing, trail = walk.same(key, lambda: (_standing(tick, hindsight), framing.Trail()))
    held = [walk.at(lake(), tick, part) for part in (_NUMBERS, _LAG)]
    numbers, lag = (walk.since(lake(), part, trail.place) for part in (_NUMBERS, _LAG))
    moved = None if numbers is None or lag is None else framing.Moved(trail.place, numbers, lag)
    samples = Samples(held[0], held[1], moved)
    return framing.build(tick.at, tick.number, standing, samples, tick.resolution, trail, drawn)


def ticks_after(t: Ms, most: int) -> list[Tick]:
    """The first ``most`` ticks after a moment, in order."""
    return list(Tick.objects.filter(at__gt=t).order_by("at")[:most])


def graph_at(t: Ms | None, *, hindsight: bool = False) -> LineageGraph:
    """The structure at ``t`` (None: live); with ``hindsight`` what is known of it now. Raises TapeBegins."""
    tick = tick_at(t)
    standing = _standing(tick, hindsight)
    return _graphs.get(_structure_key(tick, hindsight), lambda: LineageGraph(standing.nodes, standing.edges))


def diff_between(start: Ms, end: Ms, *, hindsight: bool = False) -> GraphDiff:
    """What the graph draws at ``end`` and not at ``start``, and the other way round. Raises TapeBegins."""
    one, two = frame_at(start, hindsight=hindsight), frame_at(end, hindsight=hindsight)
    a, b = (_standing(tick_at(t), hindsight) for t in (start, end))
    return diffing.between(one, two, (a.nodes, b.nodes), (a.edges, b.edges))


def _key(tick: Tick) -> tuple[int, int, str]:
    return tick.number, tick.at, str(settings.DATA_DIR)


def _structure_key(tick: Tick, hindsight: bool = False) -> tuple[Any, ...]:
    where = (str(settings.DATA_DIR), str(settings.DATABASES["default"]["NAME"]))
    if not hindsight:
        return (tick.structure, *where)
    newest = newest_tick()
    return (tick.at, newest.structure if newest else 0, *where)  # what is known now grows with every new structure


def _standing(tick: Tick, hindsight: bool = False) -> Standing:
    return _standings.get(_structure_key(tick, hindsight), lambda: _read_standing(tick, hindsight))


def _read_standing(tick: Tick, hindsight: bool) -> Standing:
    known = versions.read(tick.at, hindsight)
    return Standing(known.nodes, known.edges, known.clusters, known.collectors, known.places, known.said)


def _sampled(tick: Tick, meanwhile: Callable[[], Any] = lambda: None) -> Samples:
    return _samples.get(_key(tick), lambda: _read_samples(tick, meanwhile))


def _read_samples(tick: Tick, meanwhile: Callable[[], Any]) -> Samples:
    """The block up to ``tick``; where an earlier tick of it is at hand, only what came since."""
    number, at, directory = _key(tick)
    base = _samples.newest(
        lambda k: k[2] == directory and block_of(k[1]) == block_of(at) and k[0] < number and k[1] < at
    )
    (after, since, _), held = base or ((0, -1, ""), Samples({}, {}))
    rows = [_READING.submit(lake().latest, part.table, at, number, after) for part in (_NUMBERS, _LAG)]
    meanwhile()  # needs the interpreter, which the lake does not
    came = [part.decode(found.result()) for part, found in zip((_NUMBERS, _LAG), rows, strict=True)]
    numbers, lag = dict(held.numbers), dict(held.lag)
    reel.merge(numbers, came[0])
    reel.merge(lag, came[1])
    moved = framing.Moved((after, since), {k for k, _ in came[0]}, {k for k, _ in came[1]}) if base else None
    return Samples(numbers, lag, moved)


def _decode_numbers(rows: Sequence[Row]) -> list[tuple[Any, Any]]:
    return [((subject, metric), value) for subject, metric, value in rows]


def _decode_lag(rows: Sequence[Row]) -> list[tuple[Any, Any]]:
    names = _dictionary(max([max(row[0], row[1]) for row in rows], default=-1))
    decoded = [((*names[row[0]], names[row[1]][1]), LagRow._make(row[2:])) for row in rows]
    return [(key, row if row.verdict else None) for key, row in decoded]


def _decode_positions(rows: Sequence[Row]) -> list[tuple[Any, Any]]:
    return [(row[:3], None if row[3] is None else row) for row in rows]


def _decode_logs(rows: Sequence[Row]) -> list[tuple[Any, Any]]:
    return [((top, part), (start, end, seen)) for top, part, start, end, seen in rows]


_NUMBERS, _LAG = Part("numbers", _decode_numbers), Part("lag", _decode_lag)


def _dictionary(least: int) -> Mapping[int, tuple[str, str]]:
    """Cluster and name by the lake's number; read again when ``least`` is not in it."""
    key = str(settings.DATA_DIR)
    known: Mapping[int, tuple[str, str]] = _names.get(key, _read_names)
    if least > 0 and least not in known:
        _names.clear()
        known = _names.get(key, _read_names)
    return known


def _read_names() -> dict[int, tuple[str, str]]:
    return {i: (c, n) for i, c, n in Name.objects.values_list("id", "cluster", "name")}


def _triple(grp: int, topic: int) -> Triple:
    cluster, group = _dictionary(grp)[grp]
    return cluster, group, _dictionary(topic)[topic][1]


def _number(kind: str, cluster: str, name: str) -> int:
    """The lake's number of a name, which never changes; -1 for one that has none yet."""
    key = (str(settings.DATA_DIR), kind, cluster, name)

    def read() -> int | None:
        return Name.objects.filter(kind=kind, cluster=cluster, name=name).values_list("id", flat=True).first()

    found = _numbers.get(key, read)
    if found is None:
        _numbers.drop(key)
    return -1 if found is None else found


# Partitions


def partitions_at(
    t: Ms | None, cluster: str, group: str | None = None, topic: str | None = None, *, walk: Reel | None = None
) -> Mapping[Triple, tuple[PartitionLag, ...]]:
    """Every partition's position by cluster, group and topic. Raises TapeBegins."""
    tick = _tick_of(walk, t)
    sampled = int(_sampled_at(walk, tick, cluster) or tick.at)
    walk = walk or Reel()
    rows = walk.at(lake(), tick, Part("positions", _decode_positions, *_where(cluster, group, topic)))
    logs = _logs(walk, tick, *_of_topics({key[1] for key in rows} if group or topic else None))
    out: dict[Triple, list[PartitionLag]] = {}
    for grp, top, part, committed, committed_at, _, *behind in rows.values():
        key = _triple(grp, top)
        if key[0] == cluster:
            start, end, _ = logs.get((top, part), (None, None, None))
            out.setdefault(key, []).append(_partition(part, committed, committed_at, start, end, behind, sampled))
    owners = {k: _owners(_standing(tick), k) for k in out}
    return {
        k: tuple(replace(p, owner_member=owners[k].get(p.partition)) for p in sorted(v, key=lambda p: p.partition))
        for k, v in sorted(out.items())
    }


def _tick_of(walk: Reel | None, t: Ms | None) -> Tick:
    """The tick that shows ``t``, which is as a rule where ``walk`` stands."""
    return walk.tick if walk and walk.tick and walk.tick.at == t else tick_at(t)


def _of_topics(numbers: set[int] | None) -> tuple[str, tuple[int, ...]]:
    """Where a log belongs to one of few topics; nothing is left out where they are many or all."""
    if numbers is None or len(numbers) > FEW_TOPICS:
        return "", ()
    return f"AND topic IN ({', '.join('?' for _ in numbers) or -1})", tuple(sorted(numbers))


def _where(cluster: str, group: str | None, topic: str | None) -> tuple[str, tuple[int, ...]]:
    wanted = [("grp", "group", group), ("topic", "topic", topic)]
    given = [(column, _number(kind, cluster, name)) for column, kind, name in wanted if name is not None]
    return " ".join(f"AND {column} = ?" for column, _ in given), tuple(number for _, number in given)


Logs = Mapping[tuple[int, int], tuple[int | None, int | None, Ms]]


def _logs(walk: Reel, tick: Tick, where: str = "", args: tuple[int, ...] = ()) -> Logs:
    return walk.at(lake(), tick, Part("logs", _decode_logs, where, args))


def _sampled_at(walk: Reel | None, tick: Tick, cluster: str) -> float | None:
    """When the positions of a cluster were sampled."""
    numbers = walk.at(lake(), tick, _NUMBERS) if walk and walk.ahead else _sampled(tick).numbers
    found: float | None = numbers.get((f"cluster:{cluster}", "positions_at"))
    return found


def _partition(
    part: int,
    committed: int,
    committed_at: Ms | None,
    start: int | None,
    end: int | None,
    behind: tuple[Ms | None, float | None],
    sampled: Ms,
) -> PartitionLag:
    lag = message_lag(committed, end).lag
    late = None if lag is None else time_lag(lag, 0 if is_caught_up(*behind) else None, *behind, sampled)[0]
    return PartitionLag(part, committed, committed_at, start, end, lag, late, None)


def _owners(standing: Standing, key: Triple) -> dict[int, str]:
    node = standing.nodes.get(node_id("group", key[0], key[1]))
    members = (node.attrs.get("members") if node else None) or ()
    return {p: m["id"] for m in members for p in m["assigned"].get(key[2], ())}


def topic_logs_at(t: Ms | None, cluster: str, topic: str, *, walk: Reel | None = None) -> list[dict[str, Any]]:
    """Leader, replicas, in-sync replicas and range of every partition, in order; [] for an unknown topic."""
    tick = _tick_of(walk, t)
    number = _number("topic", cluster, topic)
    logs = _logs(walk or Reel(), tick, *_where(cluster, None, topic))
    sampled = _sampled_at(walk, tick, cluster)
    out = []
    for part, leader, replicas, isr in _detail(tick, node_id("topic", cluster, topic)).get("layout", ()):
        start, end, _ = logs.get((number, part), (None, None, None))
        known = {
            "partition": part,
            "leader": leader,
            "replicas": replicas,
            "isr": isr,
            "log_start": start,
            "log_end": end,
        }
        out.append({**known, "sampled_at": int(sampled) if sampled and (number, part) in logs else None})
    return out


def _detail(tick: Tick, node: str) -> Mapping[str, Any]:
    """What only the node's own page asks for; as constant as the structure."""

    def read() -> Mapping[str, Any]:
        rows = versions.known_at(NodeVersion.objects.filter(node=node), tick.at).values_list("detail", flat=True)
        return rows.first() or {}

    return _details.get((node, _structure_key(tick)), read)


# Changes


def changes_between(
    start: Ms,
    end: Ms,
    cluster: str = "",
    subject: str = "",
    kind: str = "",
    limit: int | None = None,
    after: int = 0,
    *,
    hindsight: bool = False,
) -> list[Change]:
    """Changes recorded after ``start`` and up to ``end``, oldest first; ``after`` skips those up to this id.

    With ``hindsight`` those that were valid from then on, whenever they were recorded; still in order of recording.
    """
    given = {"cluster": cluster, "subject": subject, "kind": kind}
    time = "at" if hindsight else "recorded_at"
    rows = tables.Change.objects.filter(**{f"{time}__gt": start, f"{time}__lte": end}, id__gt=after)
    rows = rows.filter(**{k: v for k, v in given.items() if v}).order_by("id")
    fields = ("id", "at", "recorded_at", "kind", "subject", "before", "after", "evidence")
    return [Change(*row) for row in rows.values_list(*fields)[:limit]]


def stories_between(start: Ms, end: Ms, *, hindsight: bool = False) -> stories.Stories:
    """The same in plain words, the newest few thousand; one object as long as there is nothing new."""
    limits = bounds()
    return stories.between(start, end, limits[0] if limits else None, hindsight=hindsight)


def told(changes: Sequence[Change]) -> list[stories.Told]:
    """These changes, oldest first, in plain words."""
    limits = bounds()
    return stories.tell(changes, limits[0] if limits else None)


# Series


def series(
    subject: str, metric: str, start: Ms, end: Ms, step_ms: int, *, hindsight: bool = False
) -> list[tuple[Ms, float | None]]:
    """The value at the end of every step from ``start`` to ``end``; None where nothing was recorded.

    ``subject`` is a node id, ``lag:cluster/group/topic``, ``cluster:slug`` or "" for all together. Samples are never
    corrected; ``hindsight`` sums the lag of a service or team over the groups that are known to be theirs at ``end``.
    """
    if newest_tick() is None:
        return []
    step = max(1, step_ms)
    if not hindsight or metric != "lag" or not subject.startswith(("service:", "team:")):
        return curves.series(lake(), subject, metric, start, end, step)
    standing = _standing(tick_at(end), True)
    each = [curves.totals(lake(), group, start, end, step) for group in _groups_of(standing, subject)]
    known = ([v for _, v in same if v is not None] for same in zip(*each, strict=True))
    return [(start + n * step, sum(values) if values else None) for n, values in enumerate(known)]


def heat_of(
    group: str, start: Ms, end: Ms, cells: int, topic: str = "", metric: str = "lag", *, hindsight: bool = False
) -> heat.Heat:
    """Lag (``time_lag``: seconds) of a group's partitions, the worst of them, in ``cells`` steps; see lineage.heat."""
    if newest_tick() is None:
        raise TapeBegins(None)
    return heat.heat(lake(), group, start, end, cells, topic, metric, hindsight=hindsight)


def members_between(group: str, start: Ms, end: Ms, *, hindsight: bool = False) -> heat.Membership:
    """Who was in a group with which partitions from ``start`` to ``end``; see lineage.heat."""
    return heat.membership(group, start, end, hindsight=hindsight)


def _groups_of(standing: Standing, subject: str) -> list[str]:
    groups = [n for n in standing.nodes.values() if n.kind == "group"]
    if subject.startswith("service:"):
        return [n.id for n in groups if n.attrs.get("service") == subject]
    owners = {n.id: standing.nodes.get(n.attrs.get("service") or n.id, n) for n in groups}
    return [k for k, owner in owners.items() if owner.team and f"team:{owner.team}" == subject]


def tape(start: Ms, end: Ms, points: int, subject: str = "") -> dict[str, Any]:
    """What the tape draws: total lag (of ``subject``) in ``points`` steps, changes merged by step, gaps.

    total_lag: [[ms, value or None]]; changes: [{at, count, label}]; alerts: []; gaps: [[from, to]].
    """
    if newest_tick() is None:
        return {"total_lag": [], "changes": [], "alerts": [], "gaps": []}
    return curves.tape(lake(), start, end, max(1, points), subject)


# Minutes


@contextmanager
def minutes(start: Ms, end: Ms, *, copied: bool = False) -> Iterator[runs.Minutes]:
    """The whole minutes that were recorded after ``start`` and up to ``end``; see lineage.runs. Raises TapeBegins."""
    found = runs.Minutes(lake(), _standing(tick_at(None)), start, end, copied)
    try:
        yield found
    finally:
        found.close()


def storage() -> Storage:
    """How much room the tape takes and will take, and whether it is being recorded."""
    return measured(lake(), settings.PLAYHEAD.retention)


def log_ranges_at(t: Ms | None, cluster: str) -> dict[str, list[tuple[int, int | None, int | None]]]:
    """Partition, log start and log end of every topic of a cluster, in one read. Raises TapeBegins."""
    out: dict[str, list[tuple[int, int | None, int | None]]] = {}
    for (number, part), (start, end, _) in sorted(_logs(Reel(), tick_at(t)).items()):
        owner, name = _dictionary(number)[number]
        if owner == cluster:
            out.setdefault(name, []).append((part, start, end))
    return out
