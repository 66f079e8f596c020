"""When a rule's condition held: one SQL expression over the minutes, the same for the newest one and for a year.

A run is a stretch of recorded minutes in which a condition held for a subject; minutes in which nothing was recorded
end no run and begin none. Changes of the graph are runs of one minute.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from lineage.conditions import Definition, in_scope
from lineage.identity import node_id, split_id
from lineage.lake import Lake, Row
from lineage.minutes import MINUTE_MS, minute_of
from lineage.models import Change, Name, Tick
from lineage.observations import Ms
from lineage.outline import Standing

WEEK_MS, HOUR_MS = 7 * 86_400_000, 3_600_000
LEAST_OF_HOUR = 10  # minutes that last week's hour must have to be compared with
NEW_MS = 600_000  # a topic known for less than this has no new readers or writers
WORST = {"above": "max", "below": "min", "is": "max"}


class Run(NamedTuple):
    """First and last minute in which it held; ``value`` is the worst; ``what`` the last verdict, or who changed."""

    subject: str
    start: Ms
    end: Ms
    value: float | None
    what: str


def recorded(lake: Lake, start: Ms, end: Ms) -> list[Ms]:
    """The minutes after ``start`` and up to ``end`` that have rows, in order."""
    sql = "SELECT DISTINCT minute FROM lake.subject_minutes WHERE subject = '' AND minute > ? AND minute <= ? "
    span, args = _within(start, end)
    return [m for (m,) in lake.query(sql + f"AND {span} ORDER BY 1", [start, end, *args])]


def runs(lake: Lake, standing: Standing, asked: Definition, start: Ms, end: Ms) -> list[Run]:
    """The runs after ``start`` and up to ``end``, in order; names and owners are as in ``standing``."""
    if asked.on == "change":
        return list(_changes(standing, asked, start, end))
    if asked.on == "group":
        return _of_groups(lake, standing, asked, start, end)
    return _of_subjects(lake, standing, asked, start, end)


def _within(start: Ms, end: Ms) -> tuple[str, list[int]]:
    """Minutes are stored with the first tick after them: it bounds the files read, and hides what is not durable."""
    newest = Tick.objects.order_by("-number").values_list("number", flat=True).first() or 0
    return "t >= ? AND tick <= ?", [start, newest]


ISLANDS = """
WITH n AS (SELECT minute, row_number() OVER (ORDER BY minute) AS n FROM (
  SELECT DISTINCT minute FROM lake.subject_minutes WHERE subject = '' AND minute > ? AND minute <= ? AND {span})),
hit AS ({hit})
SELECT {keys}, min(minute) AS first, max(minute), {worst}(v), arg_max(w, minute) FROM (
  SELECT hit.*, n.n - row_number() OVER (PARTITION BY {keys} ORDER BY minute) AS island FROM hit JOIN n USING (minute))
GROUP BY {keys}, island ORDER BY first, {keys}
"""


def _islands(lake: Lake, asked: Definition, keys: str, hit: str, args: Sequence[Any], start: Ms, end: Ms) -> list[Row]:
    span, bounds = _within(start, end)
    sql = ISLANDS.format(span=span, hit=hit, keys=keys, worst=WORST[asked.op])
    return lake.query(sql, [start, end, *bounds, *args])


def _condition(asked: Definition, column: str) -> tuple[str, list[Any]]:
    """The one expression: what holds is true, what is unknown is not."""
    if isinstance(asked.value, tuple):
        return f"list_contains(?, {column})", [list(asked.value)]
    return f"{column} {'>' if asked.op == 'above' else '<'} ?", [asked.value]


def _of_groups(lake: Lake, standing: Standing, asked: Definition, start: Ms, end: Ms) -> list[Run]:
    names = {n.id: n for n in Name.objects.all()}
    groups, topics = _fitting(standing, asked, names)
    condition, args = _condition(asked, asked.metric)
    span, bounds = _within(start, end)
    value = "NULL::DOUBLE" if asked.metric == "verdict" else f"{asked.metric}::DOUBLE"
    hit = f"SELECT grp, topic, minute, {value} AS v, verdict AS w FROM lake.group_minutes "  # noqa: S608
    hit += f"WHERE minute > ? AND minute <= ? AND {span} AND {condition}"
    given: list[Any] = [start, end, *bounds, *args]
    for column, fitting in (("grp", groups), ("topic", topics)):
        if fitting is not None:
            hit, given = f"{hit} AND list_contains(?, {column})", [*given, fitting]
    rows = _islands(lake, asked, "grp, topic", hit, given, start, end)
    return [Run(_pair(names[g], names[t]), *row) for g, t, *row in rows]


def _pair(group: Name, topic: Name) -> str:
    return "lag:" + node_id("group", group.cluster, group.name, topic.name).partition(":")[2]


def _fitting(
    standing: Standing, asked: Definition, names: Mapping[int, Name]
) -> tuple[list[int] | None, list[int] | None]:
    """The numbers of the groups and of the topics in scope; None where all are."""
    of_group = {k: v for k, v in asked.scope.items() if k != "topic"}
    of_topic = {k: v for k, v in asked.scope.items() if k == "topic"}
    groups = [n.id for n in names.values() if n.kind == "group" and in_scope(of_group, _group(standing, n))]
    topics = [n.id for n in names.values() if n.kind == "topic" and in_scope(of_topic, {"topic": n.name})]
    return (groups if of_group else None), (topics if of_topic else None)


def _group(standing: Standing, name: Name) -> dict[str, str | None]:
    node = standing.nodes.get(node_id("group", name.cluster, name.name))
    service = node.attrs.get("service") if node else None
    owner = standing.nodes.get(service) if service else node
    team = owner.team if owner else None
    service_name = split_id(service)[1][-1] if service else None
    return {"cluster": name.cluster, "group": name.name, "service": service_name, "team": team}


def _of_subjects(lake: Lake, standing: Standing, asked: Definition, start: Ms, end: Ms) -> list[Run]:
    weekly = asked.metric == "rate_vs_week"
    hit, args = _last_week(asked, start, end) if weekly else _plainly(asked, start, end)
    rows = _islands(lake, asked, "subject", hit, args, start, end)
    return [Run(*row) for row in rows if in_scope(asked.scope, named(standing, row[0]))]


def _plainly(asked: Definition, start: Ms, end: Ms) -> tuple[str, list[Any]]:
    condition, args = _condition(asked, "value")
    span, bounds = _within(start, end)
    hit = "SELECT subject, minute, value AS v, '' AS w FROM lake.subject_minutes "
    hit += f"WHERE metric = ? AND minute > ? AND minute <= ? AND {span} AND {condition}"
    return hit, [asked.metric, start, end, *bounds, *args]


def _last_week(asked: Definition, start: Ms, end: Ms) -> tuple[str, list[Any]]:
    """The rate as a share of its mean in the same hour a week ago; nothing where that was 0 or is not known."""
    condition, args = _condition(asked, "v")
    span, bounds = _within(start, end)
    usual = (
        f"SELECT subject, (minute + {WEEK_MS}) // {HOUR_MS} AS hour, avg(value) AS usual FROM lake.subject_minutes "  # noqa: S608
        f"WHERE metric = 'rate' AND minute > ? AND minute <= ? AND t >= ? "
        f"GROUP BY ALL HAVING count(*) >= {LEAST_OF_HOUR} AND usual > 0"
    )
    rate = "SELECT subject, minute, value FROM lake.subject_minutes "
    rate += f"WHERE metric = 'rate' AND minute > ? AND minute <= ? AND {span}"
    hit = f"SELECT subject, minute, value / usual AS v, '' AS w FROM ({rate}) JOIN ({usual}) USING (subject) "  # noqa: S608
    hit += f"WHERE hour = minute // {HOUR_MS} AND {condition}"
    first = start - WEEK_MS - HOUR_MS
    return hit, [start, end, *bounds, first, end - WEEK_MS + HOUR_MS, first, *args]


def named(standing: Standing, subject: str) -> dict[str, str | None]:
    """What a scope may name of a subject: its cluster, topic, service, team."""
    kind, _, path = subject.partition(":")
    if kind in ("cluster", "collector"):
        return {"cluster": path.partition("/")[0]}
    _, parts = split_id(subject)
    node = standing.nodes.get(subject)
    own = {kind: parts[-1]} if kind in ("topic", "service", "group") else {}
    return {"cluster": parts[0] if len(parts) > 1 else None, "team": node.team if node else None, **own}


# Changes of the graph


def _changes(standing: Standing, asked: Definition, start: Ms, end: Ms) -> Iterator[Run]:
    """What was recorded within the minutes after ``start`` and up to ``end``, once for each minute and subject."""
    wanted = "vanished" if asked.metric == "vanished" else "appeared"
    rows = Change.objects.filter(kind=wanted, recorded_at__gt=start, recorded_at__lte=end).order_by("id")
    told: set[tuple[str, Ms]] = set()
    for subject, at in rows.values_list("subject", "recorded_at"):
        found, minute = _told(standing, asked, subject, at), minute_of(at - 1) + MINUTE_MS
        if found and (found[0], minute) not in told and in_scope(asked.scope, named(standing, found[0])):
            told.add((found[0], minute))
            yield Run(found[0], minute, minute, None, found[1])


def _told(standing: Standing, asked: Definition, subject: str, at: Ms) -> tuple[str, str] | None:
    """Whom the change is about, and who changed; None where it is not of this sort."""
    relation, _, ends = subject.partition("|")
    if asked.metric == "vanished":
        kinds = asked.value if isinstance(asked.value, tuple) else ()
        return (subject, subject) if not ends and (not kinds or relation.partition(":")[0] in kinds) else None
    wanted = "reads" if asked.metric == "new_reader" else "writes"
    if relation != wanted or not ends:
        return None
    source, target = ends.split("|")[:2]
    topic, other = (source, target) if wanted == "reads" else (target, source)
    node = standing.nodes.get(topic)
    # Everybody is new to a topic that is new itself, or to a cluster that is looked at for the first time.
    return (topic, other) if node and node.first_seen < at - NEW_MS else None
