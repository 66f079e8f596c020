"""Alerts of any moment: the past shows what it showed, whatever happened since."""

from __future__ import annotations

import pytest

from dashboard.alerts import outbox, reading
from dashboard.alerts.models import Attempt, Silence
from tests.alerts.world import HOUR, MINUTE, T0, alert, channel, fired, resolve

pytestmark = pytest.mark.django_db


def states(at: int) -> dict[str, str]:
    return {r["subject"].rpartition("/")[2]: r["state"] for r in reading.rows(reading.standing_at(at), at)}


def test_a_moment_shows_what_stood_then_and_nothing_of_later() -> None:
    alert("orders", T0, fired_at=T0 + 5 * MINUTE, resolved_at=T0 + 9 * MINUTE, acknowledged_at=T0 + 7 * MINUTE)
    assert states(T0 - 1) == {}
    assert states(T0) == {"orders": "pending"}
    assert states(T0 + 5 * MINUTE) == {"orders": "firing"}
    assert states(T0 + 9 * MINUTE) == {}
    (before,) = reading.rows(reading.standing_at(T0 + 6 * MINUTE), T0 + 6 * MINUTE)
    (after,) = reading.rows(reading.standing_at(T0 + 8 * MINUTE), T0 + 8 * MINUTE)
    assert (before["acknowledged_at"], before["resolved_at"]) == (None, None)
    assert after["acknowledged_at"] is not None
    assert after["resolved_at"] is None


def test_an_explained_alert_stands_under_its_cause_while_that_one_stands() -> None:
    cause = alert("orders")
    alert("emails", T0 + MINUTE, cause=cause)
    found = reading.rows(reading.standing_at(T0 + 2 * MINUTE), T0 + 2 * MINUTE)
    assert reading.count(found) == {"causes": 1, "firing": 2, "silenced": 0, "pending": 0}
    assert [r["cause"] for r in found] == [None, cause.id]
    resolve(cause, T0 + 3 * MINUTE)
    (left,) = reading.rows(reading.standing_at(T0 + 4 * MINUTE), T0 + 4 * MINUTE)
    assert left["cause"] is None
    assert [r["cause"] for r in reading.rows(reading.standing_at(T0 + 2 * MINUTE), T0 + 2 * MINUTE)] == [None, cause.id]


def test_who_was_told_is_shown_as_far_as_it_had_come() -> None:
    channel("ops")
    (delivery,) = outbox.enqueue(made := alert(), "firing", T0)
    Attempt.objects.create(delivery=delivery, at=T0 + 1_000, took=0.1, code=503)
    Attempt.objects.create(delivery=delivery, at=T0 + 9_000, took=0.1, code=200)
    delivery.state, delivery.finished_at = "delivered", T0 + 9_000
    delivery.save()

    def told(at: int) -> list[tuple[str, str, int]]:
        (row,) = reading.rows([made], at)
        return [(t["channel"], t["state"], t["tries"]) for t in row["told"]]

    assert told(T0 + 2_000) == [("ops", "waiting", 1)]
    assert told(T0 + 9_000) == [("ops", "delivered", 2)]
    assert told(T0 - 1) == []


def test_a_silence_marks_what_it_holds_back_and_counts_it() -> None:
    channel("ops")
    silence = Silence.objects.create(
        matcher={"topic": "o*"}, reason="load test", starts_at=T0 - HOUR, ends_at=T0 + HOUR, created_at=T0 - HOUR
    )
    fired("orders")
    fired("emails")
    quiet = {r["subject"][-6:]: bool(r["silenced"]) for r in reading.rows(reading.standing_at(T0), T0)}
    assert quiet == {"orders": True, "emails": False}
    assert reading.held_back(silence, T0 + MINUTE) == 1
    assert [bool(r["silenced"]) for r in reading.rows(reading.standing_at(T0 + HOUR), T0 + HOUR)] == [False, False]


def test_the_tape_has_causes_and_a_thing_has_all_that_is_about_it() -> None:
    cause = alert("orders", T0, resolved_at=T0 + HOUR)
    alert("emails", T0 + MINUTE, cause=cause)
    (band,) = reading.bands(T0, T0 + 30 * MINUTE)
    assert (band["subject"], band["from"], band["to"]) == ("lag:c/billing/orders", T0, None)
    assert reading.bands(T0, T0 + 2 * HOUR)[0]["to"] == T0 + HOUR
    assert [b["subject"][-6:] for b in reading.bands(T0, T0 + 30 * MINUTE, "topic:c/emails")] == ["emails"]
    assert len(reading.bands(T0, T0 + 30 * MINUTE, "group:c/billing")) == 2
    assert reading.bands(T0 - HOUR, T0 - 1) == []


def test_things_are_the_group_the_topic_the_service_and_the_team() -> None:
    found = reading.things(alert(labels={"service": "shop"}))
    assert found == ["lag:c/billing/orders", "group:c/billing", "topic:c/orders", "service:shop", "team:payments"]


def test_the_history_keeps_under_its_cause_what_ended_with_it() -> None:
    cause = alert("orders")
    under = alert("emails", T0 + MINUTE, cause=cause)
    resolve(cause, T0 + HOUR)
    resolve(under, T0 + HOUR)
    rows = reading.rows(reading.between(T0, T0 + 2 * HOUR), T0 + 2 * HOUR)
    assert {r["subject"][-6:]: r["cause"] for r in rows} == {"orders": None, "emails": cause.id}
    assert len(reading.bands(T0, T0 + 2 * HOUR)) == 1
