"""Which troubles come from another: one cause, one alert. Pure; times are ms UTC.

A trouble is explained only by what lies upstream of it, began before it (but for the time between two samples) and has
a way of bringing it about. Where that is not sure nothing is explained: an alert too many costs less than one too few.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, NamedTuple

from lineage.frames import Frame
from lineage.identity import node_id
from lineage.observations import Ms
from lineage.starvation import HALF, Flow, Place, Seed
from lineage.troubles import Cause, Key, Pair, Trouble, clock, cluster_of, lag_subject, pair_of, says, topic_of
from lineage.wording import counted, number

__all__ = ["Cause", "Trouble", "explain", "explain_each", "worded"]

WHOLE_MINUTE_MS = 60_000  # rules look at whole minutes: a trouble may have begun at any moment of its first
SAMPLES = 2  # intervals by which one thing may be seen later than another that it brings about
MOST_INTERVAL = 30.0
REACH_MS = 3_600_000  # for each hop: what comes later has reasons of its own
SEVERITIES = ("info", "warning", "critical")

STOPS = frozenset({"stopped", "stalled"})
SLOW = frozenset({"falling_behind", "will_lose_data"})
BEHIND = frozenset({"lag", "time_lag", "unread"})
LOSS = frozenset({"will_lose_data", "loss_in"})
HURT = ("offline", "under_replicated", "below_min_isr")  # gravest first
AWAY = frozenset({"down", "stale", "failing"})
POSITIONS = ("positions", "groups", "topology")  # the collectors that see an incident
ACTORS = ("service:", "connector:", "query:", "group:", "writer:")
WORSE = {  # what else on the same lag explains a trouble, the best first
    "lag": ("stopped", "stalled", "rewound", "falling_behind"),
    "time_lag": ("stopped", "stalled", "rewound", "falling_behind", "lag"),
    "unread": ("stopped", "stalled", "rewound", "falling_behind", "lag", "time_lag"),
    "falling_behind": ("stopped", "stalled"),
    "rate_out": ("stopped", "stalled", "falling_behind"),
    "loss_in": ("will_lose_data",),
}
EVENTS = frozenset({"retention_changed"})  # known of, never told by themselves
SLOWER = 0.8  # of what a group usually reads: below this it holds up what it feeds


class _Link(NamedTuple):
    """One step: what explains a trouble directly."""

    by: Trouble
    reason: str
    through: tuple[str, ...] = ()


def explain(frame: Frame, troubles: Sequence[Trouble]) -> dict[str, Cause]:
    """The cause of each subject all of whose troubles come from elsewhere; of its earliest, where they differ."""
    each, causes = explain_each(frame, troubles), dict[str, list[Cause | None]]()
    for trouble in sorted(troubles, key=_order):
        causes.setdefault(trouble.subject, []).append(each.get(trouble.key))
    outer = {s: [c for c in found if c and c.subject != s] for s, found in sorted(causes.items())}
    return {s: found[0] for s, found in outer.items() if len(found) == len(causes[s])}


def explain_each(frame: Frame, troubles: Sequence[Trouble]) -> dict[Key, Cause]:
    """The cause of each trouble (subject and what) that comes from another, also from another of its own subject.

    A cause is never explained itself, unless by a fact of the frame or an event that no rule tells of.
    """
    links = _Links(frame, troubles)
    found = {key: links.root(key) for key in sorted(links.found())}
    return {key: cause for key, cause in found.items() if cause is not None}


def worded(first: Key, later: Key) -> bool:
    """Whether ``later`` gives the verdict on a lag that ``first`` told of as a figure."""
    return first[0] == later[0] and first[1] in BEHIND and later[1] in WORSE[first[1]]


def _order(trouble: Trouble) -> tuple[Any, ...]:
    return trouble.began, trouble.subject, trouble.what, repr(sorted(trouble.facts.items()))


class _Links:
    """Finds what explains each trouble directly. Each step leads to what is nearer to the machines, or was earlier."""

    def __init__(self, frame: Frame, troubles: Sequence[Trouble]) -> None:
        known = {t.key: t for t in sorted(troubles, key=_order, reverse=True)}  # of two with one key the earlier
        self.frame, self.troubles = frame, sorted(known.values(), key=_order)
        self.known = known
        self.of: dict[str, list[Trouble]] = defaultdict(list)
        for trouble in self.troubles:
            self.of[trouble.subject].append(trouble)
        self.items = {lag_subject(i): i for i in frame.lag}
        self.clusters = {c.name: c for c in frame.clusters}
        self.links: dict[Key, _Link] = {}

    def found(self) -> dict[Key, _Link]:
        """The links by the key of what they explain."""
        outer = (self._unreachable, self._broker, self._collector, self._connector, self._retention)
        for trouble in self.troubles:
            ways = (*outer, self._members, self._sibling, self._same)
            if link := next((k for way in ways if (k := way(trouble))), None):
                self.links[trouble.key] = link
        if any(t.starved for t in self.troubles):
            self._starve()
        return self.links

    def root(self, key: Key) -> Cause | None:
        """The first of the chain that is told by itself; None where it is not sure after all."""
        link = self.links[key]
        through = link.through
        while (further := self.links.get(link.by.key)) and self._told(further.by):
            link, through = further, (*further.through, *through)
        if self._told(link.by) and not self._fits(link.by, self.known[key], len(through)):
            return None
        return Cause(link.by.subject, link.reason, len(through), through, link.by.what)

    def _told(self, trouble: Trouble) -> bool:
        return trouble.key in self.known and trouble.what not in EVENTS

    # What every way has to keep to

    @cached_property
    def tolerance(self) -> Ms:
        """By how much an effect may seem to begin before its cause."""
        asked = [c for c in self.frame.collectors if c.source == "connect" or c.name in POSITIONS]
        return WHOLE_MINUTE_MS + round(
            SAMPLES * 1000 * min(MOST_INTERVAL, max((c.interval for c in asked), default=10))
        )

    def _fits(self, cause: Trouble, effect: Trouble, hops: int = 0) -> bool:
        """Whether the times allow it, and nothing grave would be hidden behind something slight."""
        after = effect.began - cause.began
        if cause.key == effect.key or not -self.tolerance <= after <= REACH_MS * max(1, hops):
            return False
        slight, grave = cause.facts.get("severity"), effect.facts.get("severity")
        if cause.what in EVENTS or slight not in SEVERITIES or grave not in SEVERITIES:
            return True
        return SEVERITIES.index(slight) >= SEVERITIES.index(grave)

    def _by(self, subject: str, whats: Iterable[str], e: Trouble, *through: str, reason: str = "") -> _Link | None:
        """The earliest trouble of ``subject`` that is one of these and fits."""
        wanted = set(whats)
        fitting = (t for t in self.of.get(subject, ()) if t.what in wanted and self._fits(t, e, len(through)))
        return next((_Link(t, reason or self._says(t), through) for t in fitting), None)

    def _says(self, trouble: Trouble) -> str:
        return says(trouble, self.items.get(trouble.subject))

    def _attrs(self, node: str) -> Mapping[str, Any]:
        known = self.frame.nodes.get(node)
        return known.attrs if known else {}

    # Clusters, brokers and collectors

    def _unreachable(self, e: Trouble) -> _Link | None:
        """Where a cluster does not answer, that nothing is known of it is one trouble."""
        cluster = self.clusters.get(cluster_of(e.subject))
        if cluster is None or cluster.status != "down" or not self._unseen(e):
            return None
        subject, reason = f"cluster:{cluster.name}", f"{cluster.name} cannot be reached"
        if known := self._by(subject, AWAY, e, reason=reason):
            return known
        at = cluster.sampled_at
        if at is None or e.began < at - self.tolerance:
            return None
        return _Link(Trouble(subject, "", at), f"{reason}, last sampled at {clock(at)}")

    def _unseen(self, e: Trouble) -> bool:
        """Whether a trouble says only that nothing is seen."""
        if e.subject.startswith("collector:"):
            kafkas = {f"collector:{c.cluster}/{c.name}" for c in self.frame.collectors if c.source == "kafka"}
            return e.what in AWAY and e.subject in kafkas
        return e.what in ("unknown", "stale") and e.subject.startswith(("lag:", "topic:", "group:"))

    def _broker(self, e: Trouble) -> _Link | None:
        """Partitions without a leader or without replicas, and what they hold up."""
        cluster = self.clusters.get(cluster_of(e.subject))
        hurt = self._hurt_by(e)
        if cluster is None or not hurt:
            return None
        whole, topic = f"cluster:{cluster.name}", topic_of(e.subject)
        through = (topic,) if topic and topic != e.subject else ()
        missing = cluster.brokers_expected - cluster.brokers
        reason = f"{number(missing)} of {counted(cluster.brokers_expected, 'broker')} of {cluster.name} missing"
        if missing > 0 and (known := self._by(whole, ["brokers_missing"], e, *through, reason=reason)):
            return known
        for subject, way in ((whole, through), (topic, ())):
            if known := self._by(subject, self._graver(hurt, subject, e), e, *way):
                return known
        return _Link(Trouble(whole, "", e.began), reason, through) if missing > 0 else None

    def _graver(self, hurt: Sequence[str], subject: str, e: Trouble) -> Sequence[str]:
        """Of the same subject only the graver word for the same damage explains anything."""
        return hurt[: hurt.index(e.what)] if subject == e.subject and e.what in hurt else hurt

    def _hurt_by(self, e: Trouble) -> tuple[str, ...]:
        """Which damage to partitions would bring a trouble about, the gravest first."""
        if e.what in HURT:
            return HURT[: HURT.index(e.what) + 1] if e.subject.startswith(("topic:", "cluster:")) else ()
        attrs = self._attrs(topic_of(e.subject))
        if e.starved and e.what != "rate_out":
            return tuple(h for h in ("offline", "below_min_isr") if _halved(attrs, h))
        slow = e.what in BEHIND | {"stalled", "falling_behind", "unknown"}
        return ("offline",) if slow and e.subject.startswith("lag:") and self._leaderless(e, attrs) else ()

    def _leaderless(self, e: Trouble, attrs: Mapping[str, Any]) -> bool:
        """Whether it is the partitions without a leader that lag; where that is not known, whether they are most."""
        leaders = e.facts.get("leaders")
        if not leaders:
            return _halved(attrs, "offline")
        return bool(attrs.get("offline")) and all(leader < 0 for leader in leaders.values())

    def _collector(self, e: Trouble) -> _Link | None:
        if not e.subject.startswith("lag:") or e.what not in ("unknown", "stale"):
            return None
        positions = f"collector:{cluster_of(e.subject)}/positions"
        return self._by(positions, AWAY, e, reason="its positions are not collected")

    # Connectors, retention

    def _connector(self, e: Trouble) -> _Link | None:
        """A sink that failed explains how its own group reads."""
        if not e.subject.startswith("lag:") or e.what not in STOPS | SLOW | BEHIND | LOSS:
            return None
        readers = sorted(self._connectors.get(pair_of(e.subject), ()))
        return next((link for r in readers if (link := self._by(r, ["failed"], e))), None)

    @cached_property
    def _connectors(self) -> Mapping[Pair, set[str]]:
        found: dict[Pair, set[str]] = defaultdict(set)
        for edge in self.frame.edges:
            group = self._attrs(edge.target).get("group")
            if edge.relation == "reads" and edge.target.startswith("connector:") and group and group == edge.key:
                found[edge.source, node_id("group", self.frame.nodes[edge.target].cluster, group)].add(edge.target)
        return found

    def _retention(self, e: Trouble) -> _Link | None:
        if not e.subject.startswith("lag:") or e.what not in LOSS:
            return None
        return self._by(topic_of(e.subject), EVENTS, e)

    # The group itself

    def _members(self, e: Trouble) -> _Link | None:
        """Too few members explain how their group reads each of its topics."""
        slow = e.what in STOPS | SLOW | BEHIND | LOSS or (e.what == "rate_out" and e.starved)
        if not e.subject.startswith("lag:") or not slow:
            return None
        few = (t for t in self._few.get(pair_of(e.subject)[1], ()) if self._fits(t, e))
        return next((_Link(t, self._says(t)) for t in few), None)

    @cached_property
    def _few(self) -> Mapping[str, list[Trouble]]:
        """By group, who says that it has too few members."""
        found: dict[str, list[Trouble]] = defaultdict(list)
        for t in self.troubles:
            if t.few_members:
                found[pair_of(t.subject)[1] if t.subject.startswith("lag:") else t.subject].append(t)
        return found

    def _sibling(self, e: Trouble) -> _Link | None:
        """A service without members, or a stuck member, is one trouble, however many topics are read."""
        mine = self._alike(e)
        for other in self.troubles if mine else ():
            if other.key == e.key:
                return None
            if self._alike(other) == mine and e.began - other.began <= self.tolerance and self._fits(other, e):
                return _Link(other, self._says(other))
        return None

    def _alike(self, t: Trouble) -> tuple[str, ...] | None:
        """What two troubles must have in common to be one; None where nothing would make them so."""
        if not t.subject.startswith("lag:") or not (t.what in STOPS or t.few_members):
            return None
        item, group = self.items.get(t.subject), pair_of(t.subject)[1]
        if t.few_members:
            return t.what, group
        if t.what == "stopped":
            return (t.what, cluster_of(t.subject), item.service) if item and item.service else (t.what, group)
        member = t.facts.get("member")
        return (t.what, group, str(member)) if member else None

    def _same(self, e: Trouble) -> _Link | None:
        """What is but another word for a trouble of the same subject."""
        worse = WORSE.get(e.what, ()) if e.what != "rate_out" or e.starved else ()
        if not e.subject.startswith("lag:"):
            return None
        return next((link for w in worse if (link := self._by(e.subject, [w], e))), None)

    # Starvation

    def _starve(self) -> None:
        flow = Flow(self.frame)
        bound = [t for t in self.troubles if t.starved and _place(t)]
        for t in bound:
            if (usual := t.facts.get("usual")) is not None and topic_of(t.subject):
                flow.usual(topic_of(t.subject), float(usual))
        rest = [t for t in self.troubles if not (t.starved and _place(t))]
        flow.plant(p for t in (*rest, *(t for t in bound if t.key in self.links)) for p in self._seeds(t))
        lacking = [t for t in bound if t.key not in self.links]
        for t in sorted(lacking, key=lambda t: (flow.rank.get(_place(t), 0), t.began, t.subject[:1] == "l", _order(t))):
            if link := self._starved_by(flow, t):
                self.links[t.key] = link
            else:
                flow.plant(self._seeds(t))

    def _starved_by(self, flow: Flow, e: Trouble) -> _Link | None:
        if e.what == "rate_out" and e.subject.startswith("lag:") and flow.has_backlog(pair_of(e.subject)):
            return None
        limit = e.began + self.tolerance
        found = flow.explained(_place(e), limit, lambda seed, hops: self._fits(self.known[seed.key], e, hops))
        if found is None:
            return None
        cause = self.known[found.seed.key]
        return _Link(cause, self._says(cause), found.through)

    def _seeds(self, t: Trouble) -> Iterator[tuple[Place, Seed]]:
        """Where in the flow a trouble holds something up, if it does."""
        seed = Seed(t.began, t.key, t.what == "stopped" or (t.few_members and t.facts.get("value") == 0))
        if t.few_members and t.subject.startswith(("lag:", "group:")):
            group = pair_of(t.subject)[1] if t.subject.startswith("lag:") else t.subject
            yield from ((p, seed) for p in map(pair_of, self.items) if p[1] == group)
        elif t.subject.startswith("lag:"):
            if t.what in STOPS | SLOW | {"rate_out"} and self._holds_up(t):
                yield pair_of(t.subject), seed
            elif t.starved and t.what != "rate_out":
                yield topic_of(t.subject), seed
        elif t.what in ("brokers_missing", "offline", "below_min_isr"):
            yield from ((n, seed) for n in self._damaged(t))
        elif t.starved or (
            t.subject.startswith("connector:") and t.what == "failed" and _failed(self._attrs(t.subject))
        ):
            yield t.subject, seed

    def _damaged(self, t: Trouble) -> Iterator[str]:
        """The topics that a broker or partitions that are away hold up."""
        topics = [t.subject] if t.subject.startswith("topic:") else []
        if t.subject.startswith("cluster:"):
            name = t.subject.partition(":")[2]
            topics = [n.id for n in self.frame.nodes.values() if n.kind == "topic" and n.cluster == name]
        whats = ("offline", "below_min_isr") if t.what == "brokers_missing" else (t.what,)
        yield from (n for n in topics if any(_halved(self._attrs(n), w) for w in whats))

    def _holds_up(self, t: Trouble) -> bool:
        """Whether a group reads so much less than it did that what it feeds must feel it."""
        item = self.items.get(t.subject)
        out, into, members = (
            t.facts.get(k, getattr(item, k, None)) for k in ("rate_out", "rate_in", "members")
        )  # fmt: skip
        if t.what == "stopped" or t.starved:
            return True
        if t.what == "stalled":
            return not out or (into is not None and out <= HALF * into)
        usual, before = t.facts.get("usual_out"), t.facts.get("members_before")
        slower = usual is not None and out is not None and out <= SLOWER * usual
        return slower or (before is not None and members is not None and members < before)


def _place(t: Trouble) -> str:
    """Where in the flow a lack is felt; "" where that cannot be said."""
    return topic_of(t.subject) or (t.subject if t.subject.startswith(ACTORS) else "")


def _halved(attrs: Mapping[str, Any], hurt: str) -> bool:
    """Whether at least half of a topic's partitions are so."""
    hurting = attrs.get(hurt) or 0
    return bool(hurting) and hurting >= HALF * (attrs.get("partitions") or hurting)


def _failed(attrs: Mapping[str, Any]) -> bool:
    """Whether at least half of a connector's tasks have failed, or there are none."""
    states = [str(task.get("state")) == "FAILED" for task in attrs.get("tasks") or ()]
    return not states or sum(states) >= HALF * len(states)
