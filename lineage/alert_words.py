"""What an alert says: a headline, the reason with its figures, and how far away its cause is. Pure; times ms UTC."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from lineage.frames import LagItem
from lineage.troubles import Cause, Trouble, cluster_of, lost_members, pair_of, rate, who
from lineage.wording import counted, name_of

LABELS = {
    "time_lag": "time lag",
    "lag": "lag",
    "unread": "unread records",
    "rate_in": "what arrives",
    "rate_out": "what is read",
    "rate": "what is written",
    "rate_vs_week": "the rate against the same hour last week",
    "loss_in": "time to loss",
    "members": "members",
    "offline": "partitions offline",
    "under_replicated": "under-replicated partitions",
    "below_min_isr": "partitions below min.insync.replicas",
    "brokers_missing": "brokers missing",
}
SECONDS = frozenset({"time_lag", "loss_in"})
PER_SECOND = frozenset({"rate", "rate_in", "rate_out"})
UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))


class Words(NamedTuple):
    """A headline without a full stop, and sentences."""

    summary: str
    reason: str


def words(trouble: Trouble, item: LagItem | None = None) -> Words:
    """What an alert on ``trouble`` says; ``item`` gives the figures of a lag. What is not known is left out."""
    return Words(summary(trouble), reason(trouble, item))


def summary(t: Trouble) -> str:
    """``audit-archiver has no members``; ``payments lost five of six members``."""
    if t.what in (*VERDICTS, "members") and (lost := lost_members(t)) and t.what not in ("rewound", "stopped"):
        return f"{who(t.subject)} lost {lost}"
    say = VERDICTS.get(t.what) or SAYS.get(t.what)
    return say(t) if say else f"{who(t.subject)}: {t.what.replace('_', ' ')}"


def reason(t: Trouble, item: LagItem | None = None) -> str:
    """The measured facts behind the headline, a sentence each."""
    parts = [str(t.facts.get("reason") or (item.reason if item else ""))]
    parts += [_measured(t)]
    if item is not None:
        parts += [_arrives(t, item), _loses(t, item)]
    return " ".join(f"{p[0].upper()}{p[1:].rstrip('.')}." for p in parts if p)


def way(cause: Cause, subject: str) -> str:
    """How far away a cause is: ``the cause itself``, ``1 hop, through payments``."""
    if cause.hops == 0:
        return "the cause itself" if cause.subject == subject else f"with {who(cause.subject)}"
    return f"{cause.hops} {'hop' if cause.hops == 1 else 'hops'}, through {name_of(cause.through[-1])}"


def shown(metric: str, value: Any) -> str:
    """A metric's value as people read it: ``6 min 40 s``, ``43/s``, ``24%``."""
    if isinstance(value, str) or value is None:
        return str(value or "unknown")
    if metric in SECONDS:
        return lasting(value)
    if metric in PER_SECOND:
        return rate(value)
    return f"{value:.0%}" if metric == "rate_vs_week" else f"{value:,.0f}"


def lasting(seconds: float) -> str:
    """Two units at most: ``2 h 38 min``, ``40 s``."""
    left, parts = max(0, round(seconds)), list[str]()
    for size, unit in UNITS:
        if left >= size or parts:
            parts.append(f"{left // size} {unit}" if left // size else "")
            left %= size
    return " ".join(p for p in parts[:2] if p) or "0 s"


def _measured(t: Trouble) -> str:
    """A rule's figure beside its threshold."""
    value, threshold, op = (t.facts.get(k) for k in ("value", "threshold", "op"))
    if t.what not in LABELS or value is None or threshold is None or op not in ("above", "below"):
        return ""
    usual = t.facts.get("usual")
    beside = f" (usually {rate(usual)})" if usual is not None else ""
    return f"{LABELS[t.what]}: {shown(t.what, value)}{beside}, {op} {shown(t.what, threshold)}"


def _arrives(t: Trouble, item: LagItem) -> str:
    quiet = t.what in ("stopped", "stalled") and bool(item.rate_in)
    return f"{rate(item.rate_in or 0.0)} keep arriving in {item.topic}" if quiet else ""


def _loses(t: Trouble, item: LagItem) -> str:
    told = item.loss_in is None or t.what == "loss_in" or "retention" in item.reason
    return "" if told or item.loss_in is None else f"retention reaches unread records in {lasting(item.loss_in)}"


# Headlines

Say = Callable[[Trouble], str]


def _on(sentence: str) -> Say:
    """``{who}`` and ``{topic}`` of a lag."""
    return lambda t: sentence.format(who=who(t.subject), topic=name_of(pair_of(t.subject)[0]))


def _figure(lag: str, other: str) -> Say:
    """With ``{value}``: one sentence for a lag, one for what is no lag."""

    def say(t: Trouble) -> str:
        value = t.facts.get("value")
        if value is None:
            return f"{LABELS.get(t.what, t.what)} of {who(t.subject)}"
        sentence, topic = (lag if t.subject.startswith("lag:") else other), name_of(pair_of(t.subject)[0])
        return sentence.format(who=who(t.subject), topic=topic, value=shown(t.what, value))

    return say


def _partitions(what: str) -> Say:
    def say(t: Trouble) -> str:
        n = t.facts.get("value")
        some = counted(int(n), "partition") if n is not None else "some partitions"
        return f"{some} of {who(t.subject)} {'is' if n == 1 else 'are'} {what}"

    return say


def _members(t: Trouble) -> str:
    n = t.facts.get("value")
    return f"{who(t.subject)} has {counted(int(n), 'member') if n is not None else 'too few members'}"


def _brokers(t: Trouble) -> str:
    n = t.facts.get("value")
    some = counted(int(n), "broker") if n is not None else "a broker"
    return f"{some} of {who(t.subject)} {'is' if n in (None, 1) else 'are'} missing"


def _collects(verb: str) -> Say:
    def say(t: Trouble) -> str:
        if not t.subject.startswith("collector:"):
            return f"{who(t.subject)} {verb}"
        return f"collector {who(t.subject)} of {cluster_of(t.subject)} {verb}"

    return say


def _began(verb: str) -> Say:
    def say(t: Trouble) -> str:
        other = t.facts.get("who")
        return f"{name_of(str(other)) if other else 'somebody'} began to {verb} {who(t.subject)}"

    return say


def _writers(t: Trouble) -> str:
    n = t.facts.get("value")
    return f"{who(t.subject)} has {counted(int(n), 'writer') if n is not None else 'several writers'}"


VERDICTS: Mapping[str, Say] = {
    "ok": _on("{who} keeps pace on {topic}"),
    "catching_up": _on("{who} is catching up on {topic}"),
    "falling_behind": _on("{who} falls behind on {topic}"),
    "stalled": _on("{who} commits nothing on {topic}"),
    "stopped": _on("{who} has no members"),
    "rewound": _on("{who} was set back on {topic}"),
    "will_lose_data": _on("{who} will lose data in {topic}"),
    "unknown": _on("how far {who} is on {topic} is not known"),
}
SAYS: Mapping[str, Say] = {
    "time_lag": _figure("{who} is {value} behind on {topic}", "{who} is {value} behind"),
    "lag": _figure("{who} is {value} records behind on {topic}", "{who} is {value} records behind"),
    "unread": _figure("{who} has {value} records to read in {topic}", "{who} has {value} records to read"),
    "rate_in": _figure("{who} gets {value} from {topic}", "{who} gets {value}"),
    "rate_out": _figure("{who} reads {value} of {topic}", "{who} gives {value}"),
    "rate": _figure("{who} gets {value} from {topic}", "{who} gets {value}"),
    "rate_vs_week": _figure(
        "{who} gets {value} of last week's records from {topic}", "{who} gets {value} of last week's records"
    ),
    "loss_in": _figure("{who} loses data of {topic} in {value}", "{who} loses data in {value}"),
    "members": _members,
    "offline": _partitions("offline"),
    "under_replicated": _partitions("under-replicated"),
    "below_min_isr": _partitions("below min.insync.replicas"),
    "brokers_missing": _brokers,
    "down": lambda t: f"cluster {who(t.subject)} cannot be reached",
    "stale": _collects("is overdue"),
    "failing": _collects("fails"),
    "failed": lambda t: f"connector {who(t.subject)} has failed",
    "new_reader": _began("read"),
    "new_writer": _began("write"),
    "unknown_writer": lambda t: f"somebody unknown writes {who(t.subject)}",
    "vanished": lambda t: f"{t.subject.partition(':')[0]} {who(t.subject)} is gone",
    "writers": _writers,
}
