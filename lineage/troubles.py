"""What is wrong with what, as rules tell it: the values that causes are found for. Pure; times are ms UTC."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, NamedTuple

from lineage.frames import Frame, LagItem
from lineage.identity import node_id
from lineage.observations import Ms
from lineage.wording import counted, name_of, number

Key = tuple[str, str]  # subject, what
Pair = tuple[str, str]  # ids of a topic and of the group that reads it

RATES = frozenset({"rate", "rate_in", "rate_out", "rate_vs_week"})


@dataclass(frozen=True)
class Trouble:
    """Something that is wrong with ``subject`` since ``since``; ``what`` is the verdict, or the metric of the rule.

    ``facts`` that are looked at, each may lack: ``op`` (above, below), ``value``, ``threshold``, ``severity``, ``who``
    (the node that began to read or write), ``began`` (where it is known to have begun before it was judged),
    ``rate_in``, ``rate_out``, ``members``; of before it began ``usual`` (what arrived), ``usual_out`` (what was read),
    ``members_before``; ``member`` (the one that is stuck), ``leaders`` (broker by partition, of those that lag; -1 is
    none), ``before`` and ``after`` (of what was changed). ``Telling`` fills in what two frames say.
    """

    subject: str
    what: str
    since: Ms
    facts: Mapping[str, Any] = field(default_factory=dict, compare=False)

    @property
    def key(self) -> Key:
        return self.subject, self.what

    @property
    def began(self) -> Ms:
        """When it began, as far as is known."""
        return min(self.since, int(self.facts.get("began") or self.since))

    @property
    def starved(self) -> bool:
        """Whether it says that less comes than should."""
        return self.what in RATES and self.facts.get("op") == "below"

    @property
    def few_members(self) -> bool:
        """Whether it says that members are missing."""
        return self.what == "members" and self.facts.get("op", "below") == "below"


class Cause(NamedTuple):
    """What a trouble comes from. ``through``: ids of what lies between, from the cause on; ``hops`` counts them.

    ``what`` is the cause's verdict or metric; "" for a fact of the frame that no rule told of: it keeps nothing back.
    """

    subject: str
    reason: str
    hops: int
    through: tuple[str, ...]
    what: str = ""


class Telling:
    """Makes troubles with the facts that two frames know: of now, and of a while before the trouble began."""

    def __init__(self, now: Frame, before: Frame | None = None) -> None:
        self.items = {lag_subject(i): i for i in now.lag}
        self._then = {lag_subject(i): i for i in before.lag} if before else {}
        self._topics = before.nodes if before else {}

    def trouble(self, subject: str, what: str, since: Ms, **given: Any) -> Trouble:
        """``given``: what the rule knows (``op``, ``value``, ``threshold``, ``severity``, ``who``)."""
        known = {**self._of_now(subject, what), **self._of_then(subject), **given}
        return Trouble(subject, what, since, {k: v for k, v in known.items() if v is not None})

    def _of_now(self, subject: str, what: str) -> dict[str, Any]:
        item = self.items.get(subject)
        if item is None:
            return {}
        judged = {"began": item.since} if what == item.verdict else {}
        return {"rate_in": item.rate_in, "rate_out": item.rate_out, "members": item.members, **judged}

    def _of_then(self, subject: str) -> dict[str, Any]:
        if item := self._then.get(subject):
            return {"usual": item.rate_in, "usual_out": item.rate_out, "members_before": item.members}
        node = self._topics.get(subject)
        return {"usual": node.attrs.get("rate")} if node and node.kind == "topic" else {}


def lag_subject(item: LagItem) -> str:
    """``lag:CLUSTER/GROUP/TOPIC``, encoded as in ids."""
    group, topic = node_id("group", item.cluster, item.group), node_id("topic", item.cluster, item.topic)
    return f"lag:{group.partition(':')[2]}/{topic.rpartition('/')[2]}"


def pair_of(subject: str) -> Pair:
    """The topic and the group that a lag subject speaks of."""
    cluster, group, topic = [*subject.partition(":")[2].split("/"), "", ""][:3]
    return f"topic:{cluster}/{topic}", f"group:{cluster}/{group}"


def topic_of(subject: str) -> str:
    """The topic that a lag subject or a topic speaks of, else ""."""
    return pair_of(subject)[0] if subject.startswith("lag:") else subject if subject.startswith("topic:") else ""


def cluster_of(subject: str) -> str:
    """The cluster that a subject lies in; "" for what lies in none."""
    kind, _, path = subject.partition(":")
    return "" if kind in ("service", "team", "system") else path.partition("/")[0]


def who(subject: str) -> str:
    """The name that people know the subject by: the group's for its lag."""
    if subject.startswith("collector:"):
        return subject.partition("/")[2]
    return name_of(pair_of(subject)[1]) if subject.startswith("lag:") else name_of(subject)


def clock(at: Ms) -> str:
    """``12:03 UTC``."""
    return f"{datetime.fromtimestamp(at / 1000, UTC):%H:%M} UTC"


def rate(value: float) -> str:
    """``198/s``; of slow ones a digit more."""
    return f"{value:,.0f}/s" if value >= 10 else f"{value:.1f}/s"


def says(t: Trouble, item: LagItem | None = None) -> str:
    """A trouble as the reason of another: a clause with what is known of it, and since when."""
    name, since = who(t.subject), f"since {clock(t.began)}"
    told = {
        "stopped": f"{name} has no members {since}",
        "stalled": f"{name} commits nothing {since}",
        "will_lose_data": f"{name} will lose unread records {since}",
        "rewound": f"{name} was set back at {clock(t.began)}",
        "failed": f"connector {name} has failed {since}",
        "down": f"{name} cannot be reached {since}",
        "members": _members(t),
        "falling_behind": f"{name} {_speed(t, item)} {since}" if not lost_members(t) else _members(t),
        "offline": f"{name} has partitions offline {since}",
        "below_min_isr": f"{name} has partitions below min.insync.replicas {since}",
        "under_replicated": f"{name} has partitions without all their replicas {since}",
        "brokers_missing": f"{name} lacks brokers {since}",
        "retention_changed": f"retention of {name} was changed{_sides(t)} at {clock(t.began)}",
    }
    if t.starved:
        return f"{name} gets {_less(t)} {since}"
    return told.get(t.what, f"{name}: {t.what.replace('_', ' ')} {since}")


def lost_members(t: Trouble) -> str:
    """``five of six members``; "" where none is known to be lost."""
    before, now = t.facts.get("members_before"), t.facts.get("members", t.facts.get("value"))
    if before is None or now is None or not now < before:
        return ""
    return f"{number(int(before - now))} of {counted(int(before), 'member')}"


def _members(t: Trouble) -> str:
    name, now = who(t.subject), t.facts.get("members", t.facts.get("value"))
    if now == 0:
        return f"{name} has no members since {clock(t.began)}"
    lost = lost_members(t)
    return f"{name} lost {lost} at {clock(t.began)}" if lost else f"{name} has too few members since {clock(t.began)}"


def _sides(t: Trouble) -> str:
    before, after = t.facts.get("before"), t.facts.get("after")
    return f" from {before} to {after}" if before and after else ""


def _speed(t: Trouble, item: LagItem | None) -> str:
    out, into = (t.facts.get(k, getattr(item, k, None)) for k in ("rate_out", "rate_in"))
    return "falls behind" if out is None or into is None else f"reads {rate(out)} of {rate(into)} written"


def _less(t: Trouble) -> str:
    value, usual = t.facts.get("value"), t.facts.get("usual")
    if t.what == "rate_vs_week" and value is not None:
        part = f"{value:.0%} of the same hour last week's"
        return f"{part}, {rate(usual)}" if usual is not None else part
    if value is None:
        return "less than it should"
    return f"{rate(value)}, usually {rate(usual)}" if usual is not None else f"only {rate(value)}"
