"""Changes in plain words. Pure: whatever a sentence rests on is an argument, times are ms UTC."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from lineage.frames import Change
from lineage.graph import RELATIONS
from lineage.identity import is_named_writer, is_unknown_writer, split_id
from lineage.observations import Ms

Appeared = Mapping[str, Sequence[Ms]]  # when a node appeared, each time, in order
RECENT_MS = 86_400_000  # what appeared longer ago than this explains nothing
MOST_PARTS = 4  # of what changed at once; the rest is counted
SMALL = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
UNITS = ((86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second"))
KINDS = {"group": "group", "writer": "unknown writer", "query": "query"}
BEGINS = {"reads": "began to read", "writes": "began to write", "calls": "began to call"}
ENDS = {"reads": "no longer reads", "writes": "no longer writes", "calls": "no longer calls"}
DOES = {"reads": "reads", "writes": "writes", "calls": "calls"}
PASSIVE = {"derives": "is derived from", "replicates": "is replicated from", "dead_letters": "takes what fails in"}
SOURCES = {
    "acls": "ACLs",
    "streams": "its topology",
    "share": "its share group's positions",
    "transactions": "producer ids of a transactional id",
    "positions": "its committed positions",
    "groups": "its group's members",
    "otlp": "spans",
    "log_end": "a log end that moves",
    "producers": "producer ids",
}


class Said(NamedTuple):
    """A change in words: the sentence, and the reason behind it or ""."""

    sentence: str
    why: str = ""

    @property
    def whole(self) -> str:
        """Both in one line."""
        return f"{self.sentence}: {self.why}" if self.why else self.sentence


class Ends(NamedTuple):
    """An edge as a reader thinks of it: who does what to whom."""

    relation: str
    source: str
    target: str
    key: str

    @property
    def actor(self) -> str:
        return self.target if self.relation == "reads" else self.source

    @property
    def thing(self) -> str:
        return self.source if self.relation == "reads" else self.target


def say(change: Change, appeared: Appeared | None = None) -> Said:
    """The change as a sentence without a full stop. ``appeared`` lets it tell what it followed."""
    kind = subject_kind(change.subject)
    if kind == "lag":
        return _verdict(change)
    if kind in RELATIONS:
        return _edge(change, ends_of(change), appeared or {})
    if change.kind == "appeared":
        return Said(_appeared(change, kind))
    if change.kind == "vanished":
        return Said(_vanished(change, kind) + _lived(change, appeared or {}))
    told = {"members": _members, "config": _config, "owner": _owner}.get(change.kind, _attributes)
    return told(change)


def subject_kind(subject: str) -> str:
    """``topic``, ``group`` … for a node, the relation for an edge, ``lag`` for a verdict."""
    head, bar, _ = subject.partition("|")
    return head if bar and head in RELATIONS else subject.partition(":")[0]


def ends_of(change: Change) -> Ends:
    """What an edge joins; from its record where that says so, for names may hold any character."""
    body = {**(change.before or {}), **(change.after or {})}
    parts = [*change.subject.split("|", 3), "", "", ""][:4]
    named = (body.get("source", parts[1]), body.get("target", parts[2]), body.get("key", parts[3]))
    return Ends(parts[0], *(str(n) for n in named))


def things_of(change: Change) -> tuple[str, ...]:
    """Ids of the nodes that a change speaks of, the one that acts first."""
    kind = subject_kind(change.subject)
    if kind in RELATIONS:
        ends = ends_of(change)
        return ends.actor, ends.thing
    if kind == "lag":
        cluster, group, topic = _pair(change.subject)
        return f"group:{cluster}/{group}", f"topic:{cluster}/{topic}"
    return (change.subject,)


def _pair(subject: str) -> tuple[str, str, str]:
    """Cluster, group and topic of a lag item, still encoded."""
    cluster, group, topic = [*subject.partition(":")[2].split("/"), "", ""][:3]
    return cluster, group, topic


def name_of(node: str) -> str:
    """A node's name without its cluster; what is no id stays as it is."""
    try:
        return split_id(node)[1][-1]
    except ValueError:
        return node.partition(":")[2] or node


def titled(node: str) -> str:
    """``topic orders``, ``group fraud-cg``."""
    kind = "transactional id" if is_named_writer(node) else node.partition(":")[0]
    return f"{KINDS.get(kind, kind)} {name_of(node)}"


def span(ms: Ms) -> str:
    """A length of time in words, one unit: ``four minutes``, ``36 hours``."""
    seconds = max(0, round(ms / 1000))
    size, unit = next(((s, u) for s, u in UNITS if seconds >= 2 * s or (seconds >= s and seconds % s == 0)), UNITS[-1])
    return counted(round(seconds / size), unit)


def counted(n: int, word: str) -> str:
    """``one topic``, ``four topics``, ``30 topics``."""
    plural = word[:-1] + "ies" if word.endswith("y") and not word.endswith("ay") else f"{word}s"
    return f"{number(n)} {word if n == 1 else plural}"


def number(n: int) -> str:
    """Small ones as words."""
    return SMALL[n] if 0 <= n < len(SMALL) else f"{n:,}"


def listed(names: Iterable[str], most: int = MOST_PARTS) -> str:
    """``a, b and c``, or the first few and how many more."""
    every = list(names)
    if len(every) > most:
        return f"{', '.join(every[: most - 1])} and {len(every) - most + 1} more"
    return " and ".join([", ".join(every[:-1]), every[-1]] if len(every) > 1 else every)


# Nodes


def _appeared(change: Change, kind: str) -> str:
    body = change.after or {}
    if is_unknown_writer(change.subject):
        return f"somebody unknown began to write {name_of(change.subject)}"
    if kind == "team":
        return f"{titled(change.subject)} was named in the configuration"
    parts, team = body.get("attrs", {}).get("partitions"), body.get("team")
    more = [f"with {counted(parts, 'partition')}"] if kind == "topic" and isinstance(parts, int) else []
    more += [f"owned by {team}"] if team else []
    return ", ".join([f"{titled(change.subject)} appeared", *more])


def _vanished(change: Change, kind: str) -> str:
    if is_unknown_writer(change.subject):
        return f"the unknown writer of {name_of(change.subject)} is gone: it is known now, or nobody writes"
    return f"{titled(change.subject)} is gone"


def _lived(change: Change, appeared: Appeared) -> str:
    born = _last(appeared, change.subject, change.recorded_at)
    return f", {span(change.recorded_at - born)} after it appeared" if born is not None else ""


def _last(appeared: Appeared, node: str, before: Ms) -> Ms | None:
    """The last time a node appeared, at least a second before and not too long ago."""
    near = [t for t in appeared.get(node, ()) if before - RECENT_MS <= t <= before - 1000]
    return near[-1] if near else None


def _owner(change: Change) -> Said:
    before, after = (change.before or {}).get("team"), (change.after or {}).get("team")
    if before is None:
        return Said(f"{titled(change.subject)} has an owner now, {after}", change.evidence)
    return Said(f"{titled(change.subject)} went from {before} to {after or 'nobody'}", change.evidence)


def _config(change: Change) -> Said:
    before, after = _side(change.before, "configs"), _side(change.after, "configs")
    who = titled(change.subject)
    if not before:
        return Said(f"{who}: its configuration was read, {counted(len(after), 'setting')}")
    names = sorted(k for k in before.keys() | after.keys() if before.get(k) != after.get(k))
    parts = [_setting(n, before.get(n), after.get(n)) for n in names]
    return Said(f"{who}: {_joined(parts, 'setting')}")


def _side(body: Mapping[str, Any] | None, attr: str) -> dict[str, Any]:
    return dict((body or {}).get("attrs", {}).get(attr) or {})


def _setting(name: str, before: Any, after: Any) -> str:
    if before is None:
        return f"{name} was set to {plain(name, after)}"
    if after is None:
        return f"{name} is no longer set, it was {plain(name, before)}"
    return f"{name} changed from {plain(name, before)} to {plain(name, after)}"


def plain(name: str, value: Any) -> str:
    """A setting's value as people say it: 7 days for 604800000, 1 GiB for 1073741824."""
    word = str(value)
    if not word.lstrip("-").isdecimal() or not name.endswith((".ms", ".bytes")):
        return word or "nothing"
    number = int(word)
    if number < 0:
        return "no limit"
    return _lasting(number) if name.endswith(".ms") else _sized(number)


def _lasting(ms: int) -> str:
    for size, unit in UNITS:
        if ms and ms % (size * 1000) == 0:
            n = ms // (size * 1000)
            return f"{n:,} {unit}{'' if n == 1 else 's'}"
    return f"{ms:,} ms"


def _sized(size: int) -> str:
    for power, unit in ((40, "TiB"), (30, "GiB"), (20, "MiB"), (10, "KiB")):
        if size and size % (1 << power) == 0:
            return f"{size >> power:,} {unit}"
    return f"{size:,} bytes"


def _joined(parts: Sequence[str], word: str) -> str:
    shown = list(parts[:MOST_PARTS])
    if len(parts) > MOST_PARTS:
        shown.append(f"and {counted(len(parts) - MOST_PARTS, word)} more")
    return "; ".join(shown)


# Members


def owners(members: Iterable[Mapping[str, Any]] | None) -> dict[tuple[str, int], str]:
    """Which member holds each partition, by topic and partition."""
    given = ((m["id"], m.get("assigned") or {}) for m in members or ())
    return {(topic, p): member for member, topics in given for topic, parts in topics.items() for p in parts}


def _members(change: Change) -> Said:
    sides = [(b or {}).get("attrs", {}).get("members") for b in (change.before, change.after)]
    return Said(f"{titled(change.subject)}: {members_change(*sides)}")


def members_change(before: Sequence[Mapping[str, Any]] | None, after: Sequence[Mapping[str, Any]] | None) -> str:
    """Who came, who left and how much moved, between two lists of members; None where they were not known."""
    if before is None or after is None:
        return (
            f"{counted(len(after), 'member')} described" if after is not None else "its members are not known any more"
        )
    old, new = ({m["id"]: m for m in side} for side in (before, after))
    came, left = ([m for i, m in one.items() if i not in other] for one, other in ((new, old), (old, new)))
    parts = [f"{_who(side)} {word}" for side, word in ((came, "joined"), (left, "left")) if side]
    if len(before) != len(after):
        parts.append(f"{counted(len(before), 'member')} became {number(len(after)) if after else 'none'}")
    moved = moves(before, after)
    if moved:
        parts.append(f"{counted(moved, 'partition')} moved")
    return ", ".join(parts) or "what its members say of themselves changed"


def moves(before: Sequence[Mapping[str, Any]], after: Sequence[Mapping[str, Any]]) -> int:
    """How many partitions went from one member to another: a rebalance where it is not 0."""
    old, new = owners(before), owners(after)
    return sum(1 for part, member in new.items() if part in old and old[part] != member)


def _who(side: Sequence[Mapping[str, Any]]) -> str:
    return listed(sorted({str(m.get("client_id") or m["id"]) for m in side}), 3)


# Attributes

ATTRIBUTES = {
    "partitions": "its partitions went from {0} to {1}",
    "replication": "its replication went from {0} to {1}",
    "state": "its state went from {0} to {1}",
    "offline": "{1} of its partitions are offline, {0} before",
    "under_replicated": "{1} of its partitions are under-replicated, {0} before",
    "below_min_isr": "{1} of its partitions are below min.insync.replicas, {0} before",
    "protocol": "its protocol went from {0} to {1}",
    "type": "its type went from {0} to {1}",
}


def _attributes(change: Change) -> Said:
    before, after = _flat(change.before), _flat(change.after)
    who = titled(change.subject)
    if after.get("topic_id") and before.get("topic_id"):
        return Said(f"{who} was deleted and made anew under the same name")
    names = sorted(k for k in before.keys() | after.keys() if before.get(k) != after.get(k))
    parts = [_attribute(n, before.get(n), after.get(n)) for n in names]
    return Said(f"{who}: {_joined([p for p in parts if p], 'detail') or 'its details changed'}")


def _flat(body: Mapping[str, Any] | None) -> dict[str, Any]:
    given = dict(body or {})
    return {**given, **(given.pop("attrs", None) or {})}


def _attribute(name: str, before: Any, after: Any) -> str:
    if name == "service":
        return f"it is service {name_of(after)}" if after else f"it is no longer known as service {name_of(before)}"
    if name == "describable":
        return "its members can be described again" if after else "its members cannot be described"
    if name == "reason":
        return str(after) if after else ""
    if name == "known_as":
        return _names(before or [], after or [])
    if name in ("subjects", "subjects_elsewhere"):
        return _subjects(before or [], after or [])
    if name in ("first_seen", "attrs", "told_by", "figures"):
        return ""
    return ATTRIBUTES.get(name, f"{name.replace('_', ' ')} went from {{0}} to {{1}}").format(
        _short(before), _short(after)
    )


def _subjects(before: Sequence[Mapping[str, Any]], after: Sequence[Mapping[str, Any]]) -> str:
    """Which schemas came, went, or have a newer version or another compatibility."""
    old, new = ({str(s["name"]): s for s in side} for side in (before, after))
    parts = [f"the schema {name} was registered, v{new[name]['version']}" for name in sorted(new.keys() - old.keys())]
    parts += [f"the schema {name} was deleted" for name in sorted(old.keys() - new.keys())]
    for name in sorted(old.keys() & new.keys()):
        for key, words in (("version", "is at v{1} now, v{0} before"), ("compatibility", "is {1} now, {0} before")):
            if old[name].get(key) != new[name].get(key):
                parts.append(f"the schema {name} {words.format(old[name].get(key), new[name].get(key))}")
    return _joined(parts, "schema")


def _names(before: Sequence[Mapping[str, Any]], after: Sequence[Mapping[str, Any]]) -> str:
    """Which names a service won or lost."""
    old, new = ({f"{n['kind'].replace('_', ' ')} {n['name']}" for n in side} for side in (before, after))
    won, lost = sorted(new - old), sorted(old - new)
    parts = [f"it is known as {listed(won)} as well"] if won else []
    return ", ".join([*parts, *([f"{listed(lost)} is no name of it any more"] if lost else [])])


def _short(value: Any) -> str:
    word = "unknown" if value is None or value == "" else str(value)
    return word if len(word) <= 80 else f"{word[:79]}…"


# Edges


def _edge(change: Change, ends: Ends, appeared: Appeared) -> Said:
    if change.kind == "appeared":
        return Said(_pairing(ends, BEGINS) + _after(change, ends, appeared), _why(change))
    if change.kind == "vanished":
        return Said(_pairing(ends, ENDS))
    return Said(_believed(change, ends))


def _pairing(ends: Ends, verbs: Mapping[str, str]) -> str:
    if ends.relation in PASSIVE:
        gone = " no longer" if verbs is ENDS else ""
        return f"{titled(ends.target)}{gone} {PASSIVE[ends.relation]} {name_of(ends.source)}"
    if is_unknown_writer(ends.actor):
        return f"somebody unknown {verbs[ends.relation]} {name_of(ends.thing)}"
    group = f" as group {ends.key}" if ends.key and ends.key != name_of(ends.actor) else ""
    return f"{titled(ends.actor)} {verbs[ends.relation]} {name_of(ends.thing)}{group}"


def _after(change: Change, ends: Ends, appeared: Appeared) -> str:
    """What it followed: the later of its two ends to appear."""
    born = [(t, n) for n in (ends.thing, ends.actor) if (t := _last(appeared, n, change.recorded_at)) is not None]
    if not born:
        return ""
    at, node = max(born)
    return f", {span(change.recorded_at - at)} after {name_of(node)} appeared"


def _why(change: Change) -> str:
    sources = [str(e.get("source")) for e in (change.after or {}).get("evidence", ())]
    return f"seen by {listed(SOURCES.get(s, s) for s in sources)}" if sources else ""


def _believed(change: Change, ends: Ends) -> str:
    fact = _pairing(ends, DOES)
    if (strength := (change.after or {}).get("strength")) is not None:
        return f"that {fact} is now {strength}, it was {(change.before or {}).get('strength')}"
    old, new = ({e["source"] for e in (b or {}).get("evidence", ())} for b in (change.before, change.after))
    parts = [f"also seen by {listed(SOURCES.get(s, s) for s in sorted(new - old))}"] if new - old else []
    parts += [f"no longer seen by {listed(SOURCES.get(s, s) for s in sorted(old - new))}"] if old - new else []
    return f"that {fact} is {' and '.join(parts)}" if parts else f"the evidence that {fact} changed"


# Verdicts


def _verdict(change: Change) -> Said:
    _, group, topic = (name_of(f"topic:c/{p}") for p in _pair(change.subject))
    before, after = change.before or {}, change.after or {}
    old, new = (str(b.get("verdict", "unknown")).replace("_", " ") for b in (before, after))
    owner = f"{group}'" if group.endswith("s") else f"{group}'s"
    since = before.get("since")
    held = f" after {span(change.at - since)}" if isinstance(since, int) and change.at - since >= 1000 else ""
    return Said(f"{owner} lag verdict on {topic} went from {old} to {new}{held}", str(after.get("reason") or ""))
