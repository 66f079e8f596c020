"""Who is told of what and when: ownership, causes, silences, acknowledgement, escalation."""

from __future__ import annotations

import threading

import pytest
from django.db import connections, transaction

from dashboard.alerts import outbox
from dashboard.alerts.models import Alert, Delivery, Silence
from tests.alerts.world import DAY, HOUR, MINUTE, T0, alert, channel, fired, resolve

pytestmark = pytest.mark.django_db
LATER = T0 + 15 * MINUTE


def names(status: str = "firing") -> list[str]:
    return sorted(Delivery.objects.filter(status=status).values_list("channel__name", flat=True))


def silence(**more: object) -> Silence:
    given = {"matcher": {"cluster": ["c"]}, "reason": "work", "starts_at": T0, "ends_at": T0 + HOUR, "created_at": T0}
    return Silence.objects.create(**{**given, **more})


# Who


def test_a_teams_own_channels_are_told_else_those_of_nobody() -> None:
    channel("payments", team="payments")
    channel("rest")
    fired("a")
    assert names() == ["payments"]
    fired("b", team="risk")
    fired("c", team=None)
    assert names() == ["payments", "rest", "rest"]


def test_a_rules_named_channels_win_and_where_none_is_left_the_owners_are_told() -> None:
    channel("payments", team="payments")
    channel("pager", team="risk", escalation=True)
    off = channel("off", enabled=False)
    fired("a", definition={"channels": ["pager", off.name]})
    assert names() == ["pager"]
    fired("b", definition={"channels": ["off", "gone"]})
    assert names() == ["pager", "payments"]


def test_a_team_whose_channels_are_out_of_use_is_not_forgotten() -> None:
    channel("payments", team="payments", enabled=False)
    channel("rest")
    fired()
    assert names() == ["rest"]


# What


def test_enqueueing_again_adds_nothing() -> None:
    channel()
    made = fired()
    assert outbox.enqueue(made, "firing", T0 + 1) == []
    resolve(made, T0 + 2)
    assert outbox.enqueue(made, "resolved", T0 + 3) == []
    assert Delivery.objects.count() == 2
    with pytest.raises(ValueError, match="expected firing or resolved"):
        outbox.enqueue(made, "escalated", T0)


def test_what_is_over_as_soon_as_it_fires_is_told_as_both() -> None:
    channel()
    made = alert(resolved_at=T0 + 1)
    outbox.enqueue(made, "firing", T0 + 1)
    outbox.enqueue(made, "resolved", T0 + 1)
    told = {d.status: d.body["alert"]["ended_at"] for d in Delivery.objects.all()}
    assert told == {"firing": None, "resolved": "2025-06-15T15:10:00.001Z"}


def test_it_is_part_of_the_callers_transaction() -> None:
    channel()
    with transaction.atomic():
        fired()
        assert Delivery.objects.exists()
        transaction.set_rollback(True)
    assert not Delivery.objects.exists()
    assert not Alert.objects.exists()


def test_a_resolved_goes_only_to_who_got_the_firing() -> None:
    channel("first")
    made = fired()
    channel("second")
    resolve(made, T0 + MINUTE)
    assert names("resolved") == ["first"]


def test_a_firing_that_failed_has_no_resolved() -> None:
    channel()
    made = fired()
    Delivery.objects.update(state="failed")
    resolve(made, T0 + MINUTE)
    assert names("resolved") == []


# Causes


def test_what_is_explained_is_told_once_its_cause_is_gone_for_a_while() -> None:
    channel()
    cause = fired("cause")
    one = fired("one", cause=cause)
    assert names() == ["hook"]
    outbox.sweep(LATER)
    assert Delivery.objects.filter(alert=one).count() == 0
    resolve(cause, LATER)
    outbox.sweep(LATER + outbox.CAUSE_GRACE - 1)
    assert Delivery.objects.filter(alert=one).count() == 0
    assert outbox.sweep(LATER + outbox.CAUSE_GRACE) == 1
    assert outbox.sweep(LATER + outbox.CAUSE_GRACE + 1) == 0


def test_what_is_resolved_with_its_cause_is_never_told() -> None:
    channel()
    cause = fired("cause")
    one = fired("one", cause=cause)
    resolve(cause, LATER)
    resolve(one, LATER + MINUTE)
    outbox.sweep(LATER + HOUR)
    assert not Delivery.objects.filter(alert=one).exists()


def test_a_cause_that_is_no_alert_holds_nothing_back() -> None:
    channel()
    fired(cause_subject="broker:c/1", cause_reason="broker 1 is down")
    assert Delivery.objects.get().body["cause"] == {"subject": "broker:c/1", "reason": "broker 1 is down"}


# Silences


def test_a_silenced_alert_is_told_when_the_silence_ends_if_it_still_fires() -> None:
    channel()
    silence()
    made, other = fired("a"), fired("b")
    resolve(other, T0 + MINUTE)
    assert outbox.sweep(T0 + HOUR - 1) == 0
    assert outbox.sweep(T0 + HOUR) == 1
    (only,) = Delivery.objects.all()
    assert (only.alert_id, only.status, only.created_at) == (made.id, "firing", T0 + HOUR)
    assert outbox.sweep(T0 + 2 * HOUR) == 0


def test_a_silence_that_is_taken_back_ends_at_once() -> None:
    channel()
    silence(ended_at=T0 + MINUTE)
    fired()
    assert outbox.sweep(T0 + MINUTE - 1) == 0
    assert outbox.sweep(T0 + MINUTE) == 1


def test_a_resolved_goes_out_during_a_silence() -> None:
    channel()
    made = fired(at=T0 - MINUTE)
    silence()
    resolve(made, T0 + MINUTE)
    assert names("resolved") == ["hook"]


def test_what_waits_for_a_channel_that_went_out_of_use_is_told_to_others() -> None:
    own, _ = channel("payments", team="payments"), channel("rest")
    made, heard = fired("a"), fired("b")
    Delivery.objects.filter(alert=heard).update(state="delivered")
    assert outbox.sweep(T0 + 1) == 0
    own.enabled = False
    own.save()
    assert outbox.sweep(T0 + 2) == 1
    assert outbox.sweep(T0 + 3) == 0
    assert Delivery.objects.get(channel__name="rest").alert_id == made.id


def test_the_first_channel_is_told_what_fires_already() -> None:
    fired()
    assert outbox.sweep(T0 + MINUTE) == 0
    channel()
    assert outbox.sweep(T0 + MINUTE) == 1


# Escalation


@pytest.fixture
def pagers() -> None:
    channel("hook")
    channel("pager", escalation=True)


def test_what_nobody_acknowledges_is_escalated_once_and_resolved_there_too(pagers: None) -> None:
    made = fired()
    assert outbox.sweep(LATER - 1) == 0
    assert outbox.sweep(LATER) == 1
    assert outbox.sweep(LATER + HOUR) == 0
    assert names("escalated") == ["pager"]
    made.refresh_from_db()
    assert made.escalated_at == LATER
    assert Delivery.objects.get(status="escalated").body["escalated"] is True
    resolve(made, LATER + HOUR)
    assert names("resolved") == ["hook", "pager"]


def test_an_acknowledgement_stops_the_escalation(pagers: None) -> None:
    fired(acknowledged_at=T0 + MINUTE, acknowledged_by="ann")
    fired("info", severity="info")
    resolve(fired("over"), T0 + MINUTE)
    assert outbox.sweep(LATER) == 0


def test_the_time_to_acknowledge_begins_when_it_is_told(pagers: None) -> None:
    silence(ends_at=T0 + HOUR)
    fired()
    assert outbox.sweep(T0 + HOUR) == 1
    assert outbox.sweep(T0 + HOUR + 15 * MINUTE - 1) == 0
    assert outbox.sweep(T0 + HOUR + 15 * MINUTE) == 1
    assert names("escalated") == ["pager"]


def test_what_is_silenced_or_explained_is_not_escalated(pagers: None) -> None:
    cause = fired("cause", acknowledged_at=T0)
    fired("one", cause=cause)
    two = fired("two")
    silence(matcher={"topic": ["two"]}, starts_at=T0 + 1, created_at=T0 + 1)
    assert outbox.sweep(LATER) == 0
    assert two.escalated_at is None
    assert outbox.sweep(T0 + HOUR + 1) == 1


def test_a_team_is_escalated_to_its_own(pagers: None) -> None:
    channel("boss", team="payments", escalation=True)
    fired()
    outbox.sweep(LATER)
    assert names("escalated") == ["boss"]


# In the long run


def test_what_is_over_long_ago_is_forgotten_but_nothing_of_an_open_alert() -> None:
    channel()
    over, still = fired("over"), fired("still")
    Delivery.objects.update(state="delivered", finished_at=T0)
    resolve(over, T0 + 1)
    Delivery.objects.filter(status="resolved").update(state="delivered", finished_at=T0 + 1)
    assert outbox.forget(T0 + 90 * DAY) == 0
    assert outbox.forget(T0 + 91 * DAY) == 2
    assert [d.alert_id for d in Delivery.objects.all()] == [still.id]
    assert outbox.sweep(T0 + 91 * DAY) == 0


@pytest.mark.django_db(transaction=True)
def test_however_many_sweep_each_is_told_once() -> None:
    channel()
    for i in range(6):
        alert(f"t{i}")
    start = threading.Barrier(6)

    def work() -> None:
        start.wait()
        try:
            outbox.sweep(T0 + MINUTE)
        finally:
            connections.close_all()

    workers = [threading.Thread(target=work) for _ in range(6)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert Delivery.objects.filter(status="firing").count() == 6
