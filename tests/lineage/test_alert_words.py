"""What an alert says: the headline of each verdict and metric, and the reason with its figures."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineage.alert_words import SAYS, VERDICTS, lasting, shown, summary, way, words
from lineage.conditions import METRICS
from lineage.frames import LagItem
from lineage.troubles import Cause, Trouble
from lineage.verdicts import VERDICTS as JUDGED
from tests.lineage.incident import ms, subject

T = ms("12:31")


def trouble(told: str, what: str, **facts: Any) -> Trouble:
    return Trouble(subject(told), what, T, facts)


def item(**given: Any) -> LagItem:
    base = LagItem(
        "c", "audit-archiver", "audit-events", "audit", None, 1234, 240.0, 0.5, "stopped",
        "no members, 1 234 unread, no commit for 4 min", 2, T, 1234, 31.0, 0.0, None, 19_980.0, 0, T,
    )  # fmt: skip
    return LagItem(**{f: given.get(f, getattr(base, f)) for f in base.__struct_fields__})


def test_every_verdict_and_every_metric_has_words() -> None:
    assert set(VERDICTS) == set(JUDGED)
    assert set(SAYS) == set(METRICS) - {"verdict"}


@pytest.mark.parametrize(
    ("told", "said"),
    [
        (trouble("lag audit-archiver/audit-events", "stopped"), "audit-archiver has no members"),
        (trouble("lag p/orders", "stalled"), "p commits nothing on orders"),
        (trouble("lag email/shipments", "falling_behind"), "email falls behind on shipments"),
        (trouble("lag payments/o", "will_lose_data", members=1, members_before=6), "payments lost five of six members"),
        (trouble("lag payments/o", "will_lose_data"), "payments will lose data in o"),
        (trouble("lag payments/o", "time_lag", value=400), "payments is 6 min 40 s behind on o"),
        (trouble("lag payments/o", "lag", value=1_370_000), "payments is 1,370,000 records behind on o"),
        (trouble("lag payments/o", "loss_in", value=9480.0), "payments loses data of o in 2 h 38 min"),
        (trouble("topic payments.v1", "rate_vs_week", value=0.24), "payments.v1 gets 24% of last week's records"),
        (trouble("topic payments.v1", "rate", value=43.2), "payments.v1 gets 43/s"),
        (trouble("topic payments.v1", "rate"), "what is written of payments.v1"),
        (trouble("group g", "members", value=1), "g has one member"),
        (trouble("topic o", "offline", value=1), "one partition of o is offline"),
        (trouble("topic o", "under_replicated", value=24), "24 partitions of o are under-replicated"),
        (trouble("cluster c", "brokers_missing", value=2), "two brokers of c are missing"),
        (trouble("cluster c", "down"), "cluster c cannot be reached"),
        (trouble("collector c/positions", "stale"), "collector positions of c is overdue"),
        (trouble("collector c/connect:main", "failing"), "collector connect:main of c fails"),
        (trouble("connector main/sink", "failed"), "connector sink has failed"),
        (trouble("topic o", "new_reader", who="group:c/spy"), "spy began to read o"),
        (trouble("topic o", "new_writer"), "somebody began to write o"),
        (trouble("topic o", "unknown_writer"), "somebody unknown writes o"),
        (trouble("service vouchers", "vanished"), "service vouchers is gone"),
        (trouble("topic o", "writers", value=2), "o has two writers"),
    ],
    ids=lambda v: v if isinstance(v, str) else v.what,
)
def test_a_headline(told: Trouble, said: str) -> None:
    assert summary(told) == said


def test_a_reason_gives_the_figures() -> None:
    said = words(trouble("lag audit-archiver/audit-events", "stopped"), item())
    assert said.summary == "audit-archiver has no members"
    assert said.reason == (
        "No members, 1 234 unread, no commit for 4 min. 31/s keep arriving in audit-events. "
        "Retention reaches unread records in 5 h 33 min."
    )


def test_a_reason_says_nothing_twice_and_nothing_unknown() -> None:
    soon = item(reason="retention reaches unread records in 2 h, before they are read", rate_in=None)
    assert words(trouble("lag g/t", "will_lose_data"), soon).reason.count("etention") == 1
    assert words(trouble("lag g/t", "stopped"), item(rate_in=None, loss_in=None)).reason.count(".") == 1
    assert words(trouble("lag g/t", "stopped")).reason == ""


def test_a_rule_s_figure_stands_beside_its_threshold() -> None:
    slow = trouble("topic t", "rate", value=43.0, usual=181.0, threshold=90, op="below")
    assert words(slow).reason == "What is written: 43/s (usually 181/s), below 90/s."


def test_how_far_a_cause_is() -> None:
    lag = subject("lag payments/o")
    assert way(Cause(lag, "", 0, (), "stopped"), lag) == "the cause itself"
    assert way(Cause(lag, "", 0, (), "stopped"), subject("lag payments/p")) == "with payments"
    assert way(Cause(lag, "", 1, ("service:payments",)), "topic:c/x") == "1 hop, through payments"
    far = ("service:payments", "service:settlement")
    assert way(Cause(lag, "", 2, far), "topic:c/x") == "2 hops, through settlement"


@pytest.mark.parametrize(
    ("seconds", "said"), [(0, "0 s"), (40.4, "40 s"), (400, "6 min 40 s"), (7200, "2 h"), (200_000, "2 d 7 h")]
)
def test_a_length_of_time(seconds: float, said: str) -> None:
    assert lasting(seconds) == said


@given(st.sampled_from(sorted(METRICS)), st.none() | st.floats(0, 1e15))
def test_any_figure_can_be_said(metric: str, value: float | None) -> None:
    assert shown(metric, value)
    for told in ("lag g/t", "topic t", "cluster c", "service s"):
        assert summary(trouble(told, metric, value=value))
