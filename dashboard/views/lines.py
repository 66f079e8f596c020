"""Changes as lines of a list that reads well: what flaps is one line, what came at once is one line. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from dashboard.times import rfc, stamp
from dashboard.views.common import Row, Table
from lineage.identity import split_id
from lineage.stories import Told
from lineage.wording import Said, counted, ends_of, listed, name_of, number, span, subject_kind, titled

FLAPS = 6  # so many changes of one kind on one thing are told in one line
CROWD = 3  # more than so many of one kind in one moment are told in one line
MOST_ITEMS = 100  # of what a line folds, the newest
LATE_MS = 60_000  # a change recorded this long after it happened says so
PRESENCE = frozenset({"appeared", "vanished"})
NOUNS = {
    "reads": "reader", "writes": "writer", "calls": "call", "derives": "flow", "replicates": "replication",
    "dead_letters": "dead letter route", "lag": "lag verdict", "writer": "unknown writer",
}  # fmt: skip


def lines(told: Sequence[Told], teams: dict[str, str]) -> Table:
    """Rows by key; ``id`` is that of the newest change in a line, by which lines are ordered."""
    shown, recognised = _recognised(told)
    flapping, rest = _flapping(shown)
    rows = [_flap(key, group, teams) for key, group in flapping.items()]
    for group in _crowds(rest):
        rows += [_crowd(group, teams)] if len(group) > CROWD else [_line(t, teams, recognised) for t in group]
    return {r["key"]: r for r in rows}


def cluster_of(told: Told) -> str:
    """The cluster that a change belongs to; "" for a service or a team."""
    for thing in told.things:
        try:
            path = split_id(thing)[1]
        except ValueError:
            continue
        if len(path) > 1:
            return path[0]
    return ""


def team_of(told: Told, teams: dict[str, str]) -> str | None:
    """Who owns what the change speaks of: what acts, or else what it touches."""
    body = {**(told.change.before or {}), **(told.change.after or {})}
    own = body.get("team")
    return own or next((teams[t] for t in told.things if t in teams), None)


def _recognised(told: Sequence[Told]) -> tuple[list[Told], dict[int, Said]]:
    """A read that moved from a group to its service in one moment is one thing: the group was recognised."""
    gone = {(t.change.recorded_at, t.things[1], name_of(t.things[0])): t for t in told if _is(t, "vanished", "group:")}
    hidden: set[int] = set()
    said: dict[int, Said] = {}
    for t in told:
        if gone and _is(t, "appeared", "service:"):
            group = ends_of(t.change).key
            if old := gone.get((t.change.recorded_at, t.things[1], group)):
                hidden.add(old.change.id)
                words = f"group {group}, which reads {name_of(t.things[1])}, was recognised as {titled(t.things[0])}"
                said[t.change.id] = Said(words, t.said.why)
    return [t for t in told if t.change.id not in hidden], said


def _is(told: Told, kind: str, actor: str) -> bool:
    return told.change.kind == kind and told.change.subject.startswith("reads|") and told.things[0].startswith(actor)


def _family(told: Told) -> tuple[str, str]:
    kind = told.change.kind
    return told.change.subject, "presence" if kind in PRESENCE else kind


def _flapping(told: Sequence[Told]) -> tuple[dict[tuple[str, str], list[Told]], list[Told]]:
    many = {key for key, n in Counter(_family(t) for t in told).items() if n >= FLAPS}
    groups: dict[tuple[str, str], list[Told]] = {}
    rest = []
    for t in told:
        if (key := _family(t)) in many:
            groups.setdefault(key, []).append(t)
        else:
            rest.append(t)
    return groups, rest


def _crowds(told: Iterable[Told]) -> list[list[Told]]:
    groups: dict[tuple[int, str, str], list[Told]] = {}
    for t in told:
        groups.setdefault((t.change.recorded_at, t.change.kind, subject_kind(t.change.subject)), []).append(t)
    return list(groups.values())


def _row(key: str, newest: Told, said: Said, teams: dict[str, str]) -> Row:
    c = newest.change
    late = c.recorded_at - c.at > LATE_MS
    learned = newest.learned is not None and newest.learned - c.at > LATE_MS
    return {
        "key": key,
        "id": c.id,
        "at": stamp(c.recorded_at),
        "happened": stamp(c.at) if late else None,
        "learned": rfc(newest.learned) if learned else None,
        "kind": c.kind,
        "what": subject_kind(c.subject),
        "subject": c.subject,
        "cluster": cluster_of(newest),
        "team": team_of(newest, teams),
        "sentence": said.sentence,
        "why": said.why,
        "verdict": (c.after or {}).get("verdict") if c.kind == "verdict" else None,
        "things": list(newest.things),
    }


def _line(told: Told, teams: dict[str, str], recognised: dict[int, Said]) -> Row:
    row = _row(str(told.change.id), told, recognised.get(told.change.id, told.said), teams)
    return {**row, "count": 1, "fold": "", "since": None, "items": []}


def _folded(row: Row, fold: str, group: Sequence[Told]) -> Row:
    items = [_item(t) for t in reversed(group[-MOST_ITEMS:])]
    return {**row, "count": len(group), "fold": fold, "since": rfc(group[0].change.recorded_at), "items": items}


def _item(told: Told) -> dict[str, Any]:
    at = stamp(told.change.recorded_at)
    return {"id": told.change.id, "at": at, "sentence": told.said.sentence, "why": told.said.why}


def _flap(key: tuple[str, str], group: Sequence[Told], teams: dict[str, str]) -> Row:
    """One thing that went to and fro: how often, in how long, and how it is now."""
    first, last = group[0].change, group[-1].change
    subject, family = key
    length = span(last.recorded_at - first.recorded_at)
    times = f"{number(len(group))} times in {length}"
    said = Said(f"{_subject(group[-1])} {_flapped(family, times)}", f"now {_now(group[-1])}")
    row = _row(f"flap|{family}|{subject}", group[-1], said, teams)
    return _folded(row, "flap", group)


def _subject(told: Told) -> str:
    kind = subject_kind(told.change.subject)
    if kind == "lag":
        return f"the lag verdict of {name_of(told.things[0])} on {name_of(told.things[1])}"
    if len(told.things) == 2:
        verb = {"reads": "reading", "writes": "writing", "calls": "calling"}.get(kind, "using")
        key = ends_of(told.change).key
        group = f" as group {key}" if key and key != name_of(told.things[0]) else ""
        return f"{titled(told.things[0])} {verb} {name_of(told.things[1])}{group}"
    return titled(told.change.subject)


def _flapped(family: str, times: str) -> str:
    words = {"presence": "came and went", "members": "changed its members", "config": "changed its configuration"}
    return f"{words.get(family, 'changed')} {times}"


def _now(told: Told) -> str:
    if told.change.kind in PRESENCE:
        return "it is there" if told.change.kind == "appeared" else "it is gone"
    if told.change.kind == "verdict":
        after = told.change.after or {}
        verdict = str(after.get("verdict", "unknown")).replace("_", " ")
        return f"{verdict}: {after['reason']}" if after.get("reason") else verdict
    return told.said.sentence.partition(": ")[2] or told.said.sentence


def _crowd(group: Sequence[Told], teams: dict[str, str]) -> Row:
    """Many of a kind in one moment."""
    last = group[-1]
    what, kind = subject_kind(last.change.subject), last.change.kind
    noun = counted(len(group), NOUNS.get(what, what))
    names = listed(dict.fromkeys(_label(t) for t in group), 6)
    row = _row(f"crowd|{kind}|{what}|{group[0].change.id}", last, Said(_together(noun, kind), names), teams)
    found = {team_of(t, teams) for t in group}
    team = found.pop() if len(found) == 1 else None
    return {**_folded(row, "crowd", group), "team": team, "subject": "", "things": [], "verdict": None}


def _label(told: Told) -> str:
    """What the line of many names: the thing that acts, or for a read what reads."""
    return name_of(told.things[0])


def _together(noun: str, kind: str) -> str:
    words = {
        "appeared": "appeared together",
        "vanished": "went together",
        "config": "had their configuration read or changed",
        "owner": "changed owner together",
        "members": "changed their members",
    }
    return f"{noun} {words.get(kind, 'changed together')}"
