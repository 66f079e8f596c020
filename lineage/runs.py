"""When a rule's condition held: one SQL expression over the minutes, the same for the newest one and for a year.

A run is a stretch of recorded minutes in which a condition held for a subject; minutes in which nothing was recorded
end no run and begin none. Changes of the graph are runs of one minute.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from typing import Any, NamedTuple

from lineage.conditions import Definition, in_scope
from lineage.identity import node_id, split_id
from lineage.lake import Copy, Lake, Row
from lineage.minutes import MINUTE_MS, minute_of
from lineage.models import Change, Name, Tick
from lineage.observations import Ms
from lineage.outline import Standing

WEEK_MS, HOUR_MS = 7 * 86_400_000, 3_600_000
LEAST_OF_HOUR = 10  # minutes that last week's hour must have to be compared with
NEW_MS = 600_000  # a topic known for less than this has no new readers or writers
WORST = {"above": "max", "below": "min", "is": "max"}
TABLES = ("group_minutes", "subject_minutes")
_BESIDE = ThreadPoolExecutor(1, thread_name_prefix="curve")
# Lists go as one text: for each element of a Python list DuckDB looks whether pandas can be imported.
NUMBERS = "SELECT unnest(string_split(nullif(?, ''), ',')::BIGINT[])"
TEXTS = "SELECT unnest(?::JSON::VARCHAR[])"
SPAN = "minute > ? AND minute <= ? AND t >= ? AND tick <= ?"
ISLANDS = """
WITH n AS (SELECT minute, row_number() OVER (ORDER BY minute) AS n FROM (
  SELECT DISTINCT minute FROM {at}.subject_minutes WHERE subject = '' AND {span})),
hit AS ({hit})
SELECT {keys}, min(minute) AS first, max(minute), {worst}(v), arg_max(w, minute) FROM (
  SELECT hit.*, n.n - row_number() OVER (PARTITION BY {keys} ORDER BY minute) AS island FROM hit JOIN n USING (minute))
GROUP BY {keys}, island ORDER BY first, {keys}
"""


class Run(NamedTuple):
    """First and last minute in which it held; ``value`` is the worst; ``what`` the last verdict, or who changed."""

    subject: str
    start: Ms
    end: Ms
    value: float | None
    what: str


class Minutes:
    """The minutes after ``start`` and up to ``end``; names and owners are those of ``standing``.

    ``copied`` takes the rows into memory first, for who asks many times of a short stretch. To be closed.
    """

    def __init__(self, lake: Lake, standing: Standing, start: Ms, end: Ms, copied: bool = False) -> None:
        self.lake, self.standing, self.start, self.end = lake, standing, start, end
        newest = Tick.objects.order_by("-number").values_list("number", flat=True).first() or 0
        # Minutes are stored with the first tick after them: it bounds the files read, and hides what is not durable.
        self._args: list[Any] = [start, end, start, newest]
        self._copy: Copy | None = lake.copied(SPAN, self._args, TABLES) if copied else None
        self._at, self._span = ("temp", "TRUE") if copied else ("lake", SPAN)

    def close(self) -> None:
        """Forgets what was copied."""
        if self._copy:
            self._copy.close()

    @cached_property
    def recorded(self) -> list[Ms]:
        """The minutes that have rows, in order."""
        sql = f"SELECT DISTINCT minute FROM {self._at}.subject_minutes WHERE subject = '' AND {self._span} ORDER BY 1"  # noqa: S608
        return [minute for (minute,) in self._query(sql, self._bounds)]

    def runs(self, asked: Definition) -> list[Run]:
        """When the condition held, in order of beginning."""
        if asked.on == "change":
            return list(_changes(self.standing, asked, self.start, self.end))
        keys, base, args = self._base(asked)
        condition, given = _condition(asked)
        hit = f"SELECT * FROM ({base}) WHERE {condition}"  # noqa: S608
        sql = ISLANDS.format(at=self._at, span=self._span, hit=hit, keys=keys, worst=WORST[asked.op])
        rows = self._query(sql, [*self._bounds, *args, *given])
        if asked.on == "group":
            subjects = {pair: _pair(*map(self._names.__getitem__, pair)) for pair in {row[:2] for row in rows}}
            return [Run(subjects[row[:2]], *row[2:]) for row in rows]
        return [Run(*row) for row in rows]

    def with_curve(self, asked: Definition, step: Ms) -> tuple[list[Run], list[tuple[Ms, float | None]]]:
        """``runs``, and the worst value in each step, for a chart; of verdicts, how many had one of those asked for.

        Both are read at once.
        """
        if asked.on == "change":
            return self.runs(asked), []
        sql, args = self._curve(asked, step)
        curve = None if self._copy else _BESIDE.submit(self.lake.query, sql, args)  # a copy is for one thread
        runs = self.runs(asked)
        return runs, [(at, worst) for at, worst in (curve.result() if curve else self._query(sql, args))]

    def _curve(self, asked: Definition, step: Ms) -> tuple[str, list[Any]]:
        keys, base, args = self._base(asked)
        condition, given = _condition(asked)
        counted = isinstance(asked.value, tuple)
        value = f"count(DISTINCT ({keys})) FILTER (WHERE {condition})" if counted else f"{WORST[asked.op]}(v)"
        if not counted:  # by minutes first: that needs no table of steps for each of the many rows
            base = f"SELECT minute, {value} AS v FROM ({base}) GROUP BY minute"  # noqa: S608
        sql = f"SELECT minute // {int(step)} * {int(step)}, {value}::DOUBLE FROM ({base}) GROUP BY 1 ORDER BY 1"  # noqa: S608
        return sql, [*(given if counted else []), *args]

    @property
    def _bounds(self) -> list[Any]:
        return [] if self._copy else self._args

    def _query(self, sql: str, args: Sequence[Any]) -> list[Row]:
        return (self._copy or self.lake).query(sql, args)

    def _base(self, asked: Definition) -> tuple[str, str, list[Any]]:
        """Keys of a subject, and a SELECT of them, ``minute``, the value ``v`` and the word ``w`` of all in scope."""
        if asked.on == "group":
            return self._of_groups(asked)
        return self._last_week(asked) if asked.metric == "rate_vs_week" else self._plainly(asked)

    # Groups

    @cached_property
    def _names(self) -> dict[int, Name]:
        return {n.id: n for n in Name.objects.all()}

    @cached_property
    def _groups(self) -> dict[int, Mapping[str, str | None]]:
        return {n.id: _group(self.standing, n) for n in self._names.values() if n.kind == "group"}

    def _of_groups(self, asked: Definition) -> tuple[str, str, list[Any]]:
        value = "NULL::DOUBLE" if asked.metric == "verdict" else f"{asked.metric}::DOUBLE"
        fitting = list(self._fitting(asked))
        scope = "".join(f" AND {column} IN ({NUMBERS})" for column, _ in fitting)
        base = f"SELECT grp, topic, minute, {value} AS v, verdict AS w FROM {self._at}.group_minutes "  # noqa: S608
        return (
            "grp, topic",
            f"{base} WHERE {self._span}{scope}",
            [*self._bounds, *(",".join(map(str, found)) for _, found in fitting)],
        )

    def _fitting(self, asked: Definition) -> Iterator[tuple[str, list[int]]]:
        """The numbers of the groups and of the topics in scope, where the scope speaks of them."""
        if of_group := {k: v for k, v in asked.scope.items() if k != "topic"}:
            yield "grp", [n for n, known in self._groups.items() if in_scope(of_group, known)]
        if of_topic := {k: v for k, v in asked.scope.items() if k == "topic"}:
            topics = (n for n in self._names.values() if n.kind == "topic")
            yield "topic", [n.id for n in topics if in_scope(of_topic, {"topic": n.name})]

    # Everything else

    def _plainly(self, asked: Definition) -> tuple[str, str, list[Any]]:
        scope, subjects = self._in_scope(asked, asked.metric)
        base = f"SELECT subject, minute, value AS v, '' AS w FROM {self._at}.subject_minutes "  # noqa: S608
        return "subject", f"{base} WHERE {self._span} AND metric = ?{scope}", [*self._bounds, asked.metric, *subjects]

    def _last_week(self, asked: Definition) -> tuple[str, str, list[Any]]:
        """The rate as a share of its mean in the same hour a week ago; nothing where that was 0 or is not known."""
        scope, subjects = self._in_scope(asked, "rate")
        first, last = self.start - WEEK_MS - HOUR_MS, self.end - WEEK_MS + HOUR_MS
        usual = (
            f"SELECT subject, (minute + {WEEK_MS}) // {HOUR_MS} AS hour, avg(value) AS usual FROM lake.subject_minutes "  # noqa: S608
            f"WHERE metric = 'rate' AND minute > ? AND minute <= ? AND t >= ? "
            f"GROUP BY ALL HAVING count(*) >= {LEAST_OF_HOUR} AND usual > 0"
        )
        rate = f"SELECT subject, minute, value FROM {self._at}.subject_minutes "  # noqa: S608
        rate += f"WHERE {self._span} AND metric = 'rate'{scope}"
        base = f"SELECT subject, minute, value / usual AS v, '' AS w FROM ({rate}) JOIN ({usual}) USING (subject) "  # noqa: S608
        base += f"WHERE hour = minute // {HOUR_MS}"
        return "subject", base, [*self._bounds, *subjects, first, last, first]

    def _in_scope(self, asked: Definition, metric: str) -> tuple[str, list[Any]]:
        """A limit to the subjects in scope, where there is a scope."""
        if not any(asked.scope.values()):
            return "", []
        sql = f"SELECT DISTINCT subject FROM {self._at}.subject_minutes WHERE {self._span} AND metric = ?"  # noqa: S608
        known = [subject for (subject,) in self._query(sql, [*self._bounds, metric])]
        wanted = [s for s in known if in_scope(asked.scope, named(self.standing, s))]
        return f" AND subject IN ({TEXTS})", [json.dumps(wanted)]


def _condition(asked: Definition) -> tuple[str, list[Any]]:
    """The one expression: what holds is true, what is unknown is not."""
    if isinstance(asked.value, tuple):
        return f"w IN ({', '.join('?' for _ in asked.value)})", list(asked.value)
    return f"v {'>' if asked.op == 'above' else '<'} ?", [asked.value]


def _pair(group: Name, topic: Name) -> str:
    return "lag:" + node_id("group", group.cluster, group.name, topic.name).partition(":")[2]


def _group(standing: Standing, name: Name) -> dict[str, str | None]:
    node = standing.nodes.get(node_id("group", name.cluster, name.name))
    service = node.attrs.get("service") if node else None
    owner = standing.nodes.get(service) if service else node
    team = owner.team if owner else None
    service_name = split_id(service)[1][-1] if service else None
    return {"cluster": name.cluster, "group": name.name, "service": service_name, "team": team}


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
