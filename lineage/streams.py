"""Applications that keep topics of their own: Kafka Streams, Faust and Quix name them after their group, Connect's
workers by what they keep in them. Pure."""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Iterator, Mapping
from typing import Any, NamedTuple, Protocol

MOST_STORES = 100
ROLES = ("changelog", "repartition")
_CLIENT = re.compile(r".+-StreamThread-\d+-consumer")
_QUIX = re.compile(r"(?P<role>changelog|repartition)__(?P<group>.+?)--(?P<store>.+)")
_LEADER = "-__assignor-__leader"  # by which Faust's workers choose who assigns
_STATES = re.compile(r"(?P<stem>.+?)status(?:es)?(?P<rest>[-_.].+)?")
WORKERS = {"config": "configurations", "offset": "offsets"}  # what Connect's workers keep beside states
FRAMEWORKS = {"stream": "Kafka Streams", "faust": "Faust"}  # by the assignor of a classic group


class Typed(Protocol):
    """A group, of which only the type matters here."""

    type: str


class Cleaned(Protocol):
    """A topic, of which only matters whether it is compacted."""

    @property
    def compacted(self) -> bool: ...


class Inner(NamedTuple):
    """A topic that is the inner business of an application: its group, what it is for, and of which store."""

    group: str
    role: str
    store: str


def inner(topic: str, groups: Container[str]) -> Inner | None:
    """The application of which this topic is a changelog or a repartition topic, where its group is known."""
    if quix := _QUIX.fullmatch(topic):
        return Inner(quix["group"], quix["role"], quix["store"]) if quix["group"] in groups else None
    if (leads := topic.removesuffix(_LEADER)) != topic:
        return Inner(leads, "leader", "") if leads in groups else None
    body, dash, role = topic.rpartition("-")
    if not dash or role not in ROLES:
        return None
    cut = len(body)
    while (cut := body.rfind("-", 0, cut)) > 0:  # the longest group first: names of applications may hold hyphens
        if body[:cut] in groups and cut + 1 < len(body):
            return Inner(body[:cut], role, body[cut + 1 :])
    return None


def framework(kind: str, assignor: str, client_ids: Iterable[str]) -> str:
    """What an application is built with, as far as its group tells; "" where it does not."""
    if kind == "streams" or any(_CLIENT.fullmatch(c) for c in client_ids):
        return FRAMEWORKS["stream"]
    return FRAMEWORKS.get(assignor, "")


def inner_topics(topics: Iterable[str], groups: Mapping[str, Typed]) -> Iterator[tuple[str, Inner]]:
    """Every inner topic; Connect's workers and share groups have none."""
    for topic in topics:
        found = inner(topic, groups)
        if found and groups[found.group].type not in ("connect", "share"):
            yield topic, found


def workers_topics(topics: Mapping[str, Cleaned], groups: Mapping[str, Typed]) -> Iterator[tuple[str, Inner]]:
    """The topics in which Connect's workers keep connectors, source offsets and states, where such workers are there.

    Three compacted ones, alike but for that word. One group of workers and one such three belong together; where there
    are several, the group has to be called as the three begin.
    """
    found = {topic: _three(topic, topics) for topic, fact in topics.items() if "status" in topic and fact.compacted}
    threes = [(stem, three) for stem, three in found.values() if len(three) == 1 + len(WORKERS)]
    workers = [g for g, fact in groups.items() if fact.type == "connect"] if threes else []
    alone = len(threes) == len(workers) == 1
    for stem, three in threes:
        if owner := next((g for g in workers if alone or g == stem), None):
            yield from ((topic, Inner(owner, role, "")) for topic, role in three.items())


def _three(states: str, topics: Mapping[str, Cleaned]) -> tuple[str, dict[str, str]]:
    """How the topics that are called as this one begin, and what each of them is for."""
    named = _STATES.fullmatch(states)
    if named is None:
        return "", {}
    stem, rest, out = named["stem"], named["rest"] or "", {states: "states"}
    for what, role in WORKERS.items():
        called = (f"{stem}{what}{ending}{rest}" for ending in ("s", ""))
        out |= {t: role for t in called if t in topics and topics[t].compacted}
    return stem.strip("-_."), out


def application(built_with: str, own: Iterable[tuple[str, Inner]]) -> dict[str, Any]:
    """What a group's page tells of the application: its framework, state stores and inner topics; {} for none."""
    own = sorted(own)
    stores = sorted({i.store for _, i in own if i.role == "changelog"})
    if not built_with and not own:
        return {}
    return {"framework": built_with, "stores": stores[:MOST_STORES], "inner_topics": [t for t, _ in own[:MOST_STORES]]}
