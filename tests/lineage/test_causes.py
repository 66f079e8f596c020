"""Causes of alerts: incidents written down with what must be told of them, and what must hold of any."""

from __future__ import annotations

from itertools import permutations

import networkx as nx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineage import history
from lineage.causes import EVENTS, REACH_MS, Trouble, explain, explain_each
from lineage.frames import Frame
from lineage.ledger import SEEN
from lineage.recorder import Tape
from lineage.starvation import MOST_HOPS
from lineage.troubles import Telling, cluster_of, pair_of
from lineage.wording import name_of
from tests.lineage import world as w
from tests.lineage.incident import Incident, Sketch, incidents, ms
from tests.lineage.world import T0

WRITTEN = incidents()
TOLERANCE = 80_000  # a minute, and twice the interval of 10 s


@pytest.mark.parametrize("incident", WRITTEN, ids=lambda i: i.name)
def test_an_incident_is_told_as_written(incident: Incident) -> None:
    found = explain_each(incident.frame, incident.troubles)
    told = {k: (c.subject, c.what, " ".join(name_of(n) for n in c.through)) for k, c in found.items()}
    assert told == incident.causes, incident.why
    assert all(c.reason and c.hops == len(c.through) for c in found.values())


def test_there_are_enough_incidents_of_each_kind() -> None:
    names = [i.name for i in WRITTEN]
    assert len(names) >= 20
    assert sum("two-causes" in n for n in names) >= 3
    assert sum("innocent" in n for n in names) >= 2


def test_a_subject_is_explained_only_with_all_its_troubles() -> None:
    written = next(i for i in WRITTEN if i.name.startswith("02"))
    whole = explain(written.frame, written.troubles)
    assert set(whole) == {"lag:c/audit-index-cg/audit-records", "lag:c/audit-search-cg/audit-records"}
    more = Trouble("lag:c/audit-index-cg/audit-records", "rewound", ms("12:08"))
    assert set(explain(written.frame, [*written.troubles, more])) == {"lag:c/audit-search-cg/audit-records"}


@pytest.mark.parametrize("incident", [i for i in WRITTEN if len(i.troubles) < 6], ids=lambda i: i.name)
def test_the_order_of_an_incident_does_not_matter(incident: Incident) -> None:
    told = explain_each(incident.frame, incident.troubles)
    assert all(explain_each(incident.frame, p) == told for p in permutations(incident.troubles))


def test_a_broker_without_a_rule_is_a_reason_that_keeps_nothing_back() -> None:
    written = next(i for i in WRITTEN if i.name.startswith("03"))
    found = explain_each(written.frame, [t for t in written.troubles if t.subject != "cluster:c"])
    cause = found["topic:c/ledger", "offline"]
    assert (cause.subject, cause.what) == ("cluster:c", "")
    assert cause.reason == "one of three brokers of c missing"
    assert found["lag:c/book-cg/ledger", "stalled"].subject == "topic:c/ledger"  # which is told


def test_a_ring_with_nothing_outside_has_one_root() -> None:
    ring = Sketch({"graph": "[a] -> x -> [b] -> y -> [a]"}).frame()
    troubles = [_lack("topic:c/a", "12:01"), _lack("topic:c/b", "12:00"), _lack("lag:c/x-cg/a", "12:01")]
    found = explain_each(ring, troubles)
    assert {k[0]: c.subject for k, c in found.items()} == {"topic:c/a": "topic:c/b", "lag:c/x-cg/a": "topic:c/b"}


def test_a_diamond_is_sure_only_once_both_ways_are_cut() -> None:
    frame = Sketch({"graph": "web -> [t] -> left,right -> [u] -> end"}).frame()
    left, right = (Trouble(f"lag:c/{s}-cg/t", "stopped", ms("12:00"), {"members": 0}) for s in ("left", "right"))
    end = _lack("lag:c/end-cg/u", "12:02")
    assert explain_each(frame, [left, end]) == {}
    assert explain_each(frame, [left, right, end])[end.key].subject == left.subject
    late = Trouble(right.subject, "stopped", ms("12:30"))
    assert explain_each(frame, [left, late, end]) == {}


@pytest.mark.parametrize(("verdict", "explained"), [("ok", True), ("catching_up", False)])
def test_who_has_enough_to_read_does_not_read_less_for_lack_of_input(verdict: str, explained: bool) -> None:
    lag = {"b-cg/u": {"verdict": verdict}}
    frame = Sketch({"graph": "web -> [t] -> a -> [u] -> b -> [v] -> end", "lag": lag}).frame()
    first = Trouble("lag:c/a-cg/t", "stopped", ms("12:00"))
    for lack in (_lack("lag:c/b-cg/u", "12:05", "rate_out"), _lack("topic:c/v", "12:05")):
        assert bool(explain_each(frame, [first, lack])) is explained


def test_two_frames_tell_what_a_group_lost() -> None:
    graph = {"graph": "web -> [t] -> a -> [u] -> b"}
    now = Sketch({**graph, "lag": {"a-cg/t": {"verdict": "falling_behind", "rate_out": 43.0, "members": 1}}}).frame()
    before = Sketch({**graph, "lag": {"a-cg/t": {"members": 6}}, "topics": {"u": {"rate": 90.0}}}).frame()
    told = Telling(now, before)
    slow = told.trouble("lag:c/a-cg/t", "falling_behind", ms("12:00"), severity="warning")
    assert {k: slow.facts[k] for k in ("members", "members_before", "rate_out", "usual_out")} == {
        "members": 1, "members_before": 6, "rate_out": 43.0, "usual_out": 100.0,
    }  # fmt: skip
    assert slow.began == ms("00:00"), "the verdict is older than the minute in which a rule saw it"
    lack = told.trouble("topic:c/u", "rate", ms("12:02"), op="below", value=20.0)
    assert lack.facts["usual"] == 90.0
    late = told.trouble("lag:c/a-cg/t", "falling_behind", ms("12:00"), began=ms("12:00"))
    assert explain_each(now, [late, lack])[lack.key].reason == "a-cg lost five of six members at 12:00 UTC"
    unaware = Telling(now).trouble("lag:c/a-cg/t", "falling_behind", ms("12:00"), began=ms("12:00"))
    assert explain_each(now, [unaware, lack]) == {}, "whether it reads less than before is not known"


def test_a_chain_is_followed_only_so_far() -> None:
    for length, reached in ((MOST_HOPS, True), (MOST_HOPS + 1, False)):
        chain = " -> ".join(f"[t{n}] -> s{n}" for n in range(length + 1))
        first = Trouble("lag:c/s0-cg/t0", "stopped", ms("12:00"))
        last = _lack(f"lag:c/s{length}-cg/t{length}", "12:30")
        assert bool(explain_each(Sketch({"graph": chain}).frame(), [first, last])) is reached


def _lack(subject: str, clock: str, what: str = "rate_in") -> Trouble:
    return Trouble(subject, what, ms(clock), {"op": "below", "value": 0.0})


# What holds of any graph and any troubles

SERVICES, TOPICS = ("s0", "s1", "s2", "s3"), ("a", "b", "d", "e")
LAGS = (
    "stopped",
    "stalled",
    "falling_behind",
    "will_lose_data",
    "rewound",
    "lag",
    "time_lag",
    "loss_in",
    "unknown",
    "members",
)
names = st.sampled_from


@st.composite
def frames(draw: st.DrawFn) -> Frame:
    lines = [
        *(f"{draw(names(SERVICES))} -> [{draw(names(TOPICS))}]" for _ in range(draw(st.integers(1, 5)))),
        *(f"[{draw(names(TOPICS))}] -> {draw(names(SERVICES))}" for _ in range(draw(st.integers(1, 6)))),
        *(["<sink> -> [a]", "[b] -> <sink>"] if draw(st.booleans()) else []),
        *(["[a] => [b]"] if draw(st.booleans()) else []),
    ]
    hurt = {t: {"offline": draw(st.integers(0, 12)), "rate": draw(names([0, 5]))} for t in TOPICS}
    cluster = {"brokers": draw(names([2, 3])), "status": draw(names(["ok", "down"]))}
    return Sketch({"graph": "\n".join(lines), "at": "16:00", "topics": hurt, "clusters": {"c": cluster}}).frame()


def _subjects(frame: Frame) -> list[tuple[str, tuple[str, ...]]]:
    lags = [(f"lag:c/{i.group}/{i.topic}", LAGS) for i in frame.lag]
    topics = [(n, ("offline", "under_replicated", "retention_changed")) for n in frame.nodes if n.startswith("topic:")]
    rest = [("cluster:c", ("brokers_missing", "down", "offline")), ("collector:c/positions", ("stale", "failing"))]
    return [*lags, *topics, *rest, ("connector:c/main/sink", ("failed",)), ("group:c/s0-cg", ("members",))]


@st.composite
def troubled(draw: st.DrawFn) -> tuple[Frame, list[Trouble]]:
    frame = draw(frames())
    made = []
    for _ in range(draw(st.integers(1, 9))):
        subject, whats = draw(names(_subjects(frame)))
        lacks = subject.startswith(("lag:", "topic:")) and draw(st.booleans())
        what = draw(names(("rate_in", "rate_vs_week", "rate_out"))) if lacks else draw(names(whats))
        facts = {"op": "below", "value": 0.0} if lacks else {"member": "m", "members_before": 5}
        if draw(st.booleans()):
            facts = {**facts, "severity": draw(names(("info", "warning", "critical")))}
        made.append(Trouble(subject, what, ms("12:00") + 1000 * draw(st.integers(0, 9000)), facts))
    return frame, made


@given(troubled(), st.randoms())
def test_laws_of_causes(given: tuple[Frame, list[Trouble]], random: object) -> None:
    frame, troubles = given
    found = explain_each(frame, troubles)
    known = {t.key: t for t in sorted(troubles, key=lambda t: -t.since)}
    earliest = {k: min(t.since for t in troubles if t.key == k) for k in known}
    for key, cause in found.items():
        assert key in known, "only what was told is explained"
        by = (cause.subject, cause.what)
        assert by != key
        assert cause.hops == len(cause.through) <= 2 * MOST_HOPS + 2
        if cause.what:
            assert by in known, "a cause is a trouble"
            assert earliest[by] <= earliest[key] + TOLERANCE, "what is later explains nothing"
            assert earliest[key] - earliest[by] <= REACH_MS * max(1, cause.hops)
            assert _upstream(frame, by, key), f"{by} is not upstream of {key}"
        else:
            assert cause.subject == "cluster:c"
        further = found.get(by)
        assert further is None or further.what in {"", *EVENTS}, "every chain ends at what is told"
    shuffled = list(troubles)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert explain_each(frame, shuffled) == found
    assert explain(frame, shuffled) == explain(frame, troubles)


def _upstream(frame: Frame, by: tuple[str, str], key: tuple[str, str]) -> bool:
    """Whether data flows from the cause to what it explains, or both are of one reader, topic or cluster."""
    if by[0] == key[0] or by[0].startswith(("cluster:", "collector:")):
        return cluster_of(by[0]) == cluster_of(key[0])
    flow: nx.DiGraph[str] = nx.DiGraph((e.source, e.target) for e in frame.edges if e.strength in SEEN)
    flow.add_edges_from((pair_of(f"lag:c/{i.group}/{i.topic}")[0], f"group:c/{i.group}") for i in frame.lag)
    ends = [{*(pair_of(s) if s.startswith("lag:") else (s,)), *_readers(frame, s)} for s in (by[0], key[0])]
    reached = {n for a in ends[0] if a in flow for n in (a, *nx.descendants(flow, a))}
    return bool(reached & ends[1])


def _readers(frame: Frame, subject: str) -> set[str]:
    """The services behind the group of a lag or a group."""
    if not subject.startswith(("lag:", "group:")):
        return set()
    group = name_of(pair_of(subject)[1] if subject.startswith("lag:") else subject)
    return {e.target for e in frame.edges if e.key == group}


# On what was recorded


def test_a_recorded_stop_explains_what_it_starves(tape: Tape) -> None:
    for told in (w.cluster(T0), w.topics(T0, "orders", "payments"), w.groups(T0, "billing-cg", "ledger-cg")):
        tape.take(told)
    tape.take(w.members(T0, "billing-cg", "b-1"))
    tape.take(w.spans(T0, "reads", "topic:c/orders", "service:billing", group="billing-cg"))
    tape.take(w.spans(T0, "writes", "service:billing", "topic:c/payments"))
    for s in range(0, 120, 5):
        read = min(s, 40) * 10
        if s == 45:
            tape.take(w.groups(T0 + s * 1000, "billing-cg", "ledger-cg", state="Empty"))
            tape.take(w.members(T0 + s * 1000, "billing-cg"))
        ends = {"orders": s * 10, "payments": read}
        commits = {"billing-cg": {"orders": read}, "ledger-cg": {"payments": read}}
        tape.take(w.frame(T0 + s * 1000, ends, commits, keyframe=s == 0))
        tape.cut(T0 + s * 1000 + 100)
    frame = history.frame_at(None)
    stopped = next(i for i in frame.lag if i.group == "billing-cg")
    assert (stopped.verdict, stopped.service) == ("stopped", "billing")
    telling, minute = Telling(frame, history.frame_at(T0 + 30_000)), T0 + 120_000
    first = telling.trouble("lag:c/billing-cg/orders", "stopped", minute, severity="warning")
    lack = telling.trouble("lag:c/ledger-cg/payments", "rate_in", minute, op="below", value=0.0, severity="warning")
    cause = explain_each(frame, [lack, first])[lack.key]
    assert (cause.subject, cause.what, cause.through) == (first.subject, "stopped", ("service:billing",))
    assert explain(frame, [lack, first]) == {lack.subject: cause}
    assert lack.facts["usual"] == pytest.approx(10.0, rel=0.3)
