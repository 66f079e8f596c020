"""Acknowledging, silencing, and taking back, each with its entry in the audit."""

from __future__ import annotations

from typing import Any

import pytest

from dashboard.alerts import outbox, reading
from dashboard.alerts.acts import acknowledge, silence, take_back, unsilence
from dashboard.alerts.course import MOST_ACTS
from dashboard.alerts.models import Alert, Delivery, Silence
from dashboard.models import AuditEntry
from tests.alerts.world import DAY, HOUR, MINUTE, T0, channel, fired, resolve

pytestmark = pytest.mark.django_db


def test_who_acknowledges_first_is_remembered() -> None:
    made = fired()
    assert acknowledge(made.id, "ann", T0 + MINUTE)
    assert not acknowledge(made.id, "bob", T0 + 2 * MINUTE)
    made.refresh_from_db()
    assert (made.acknowledged_by, made.acknowledged_at) == ("ann", T0 + MINUTE)
    assert AuditEntry.objects.get(action="alert acknowledged").who == "ann"


def test_what_is_over_or_was_never_there_is_not_acknowledged() -> None:
    made = fired()
    resolve(made, T0 + 1)
    assert not acknowledge(made.id, "ann", T0 + MINUTE)
    assert not acknowledge("nobody", "ann", T0 + MINUTE)
    assert Alert.objects.get().acknowledged_at is None


def test_an_acknowledgement_is_taken_back_and_each_moment_shows_whose_it_was() -> None:
    made = fired()
    assert not take_back(made.id, "bob", T0 + 1)  # nobody had
    assert acknowledge(made.id, "ann", T0 + MINUTE)
    assert take_back(made.id, "bob", T0 + 3 * MINUTE)
    assert not take_back(made.id, "bob", T0 + 4 * MINUTE)
    assert acknowledge(made.id, "cid", T0 + 5 * MINUTE)
    made.refresh_from_db()

    def shown(at: int) -> tuple[str, str]:
        row = reading.row(made, at)
        return row["acknowledged_by"], row["taken_back_by"]

    minutes = [shown(T0 + n * MINUTE) for n in range(7)]
    assert minutes == [("", ""), ("ann", ""), ("ann", ""), ("", "bob"), ("", "bob"), ("cid", ""), ("cid", "")]
    assert AuditEntry.objects.get(action="acknowledgement taken back").who == "bob"


def test_what_is_taken_back_is_escalated_when_its_time_is_up() -> None:
    channel()
    channel("pager", escalation=True)
    made = fired()
    acknowledge(made.id, "ann", T0 + MINUTE)
    assert outbox.sweep(T0 + HOUR) == 0
    take_back(made.id, "ann", T0 + HOUR)
    assert outbox.sweep(T0 + HOUR) == 1
    assert Delivery.objects.filter(status="escalated").count() == 1


def test_there_is_an_end_to_it() -> None:
    made = fired()
    for n in range(MOST_ACTS):
        assert (take_back if n % 2 else acknowledge)(made.id, "ann", T0 + n)
    with pytest.raises(ValueError, match="100 times"):
        acknowledge(made.id, "ann", T0 + HOUR)


def test_a_silence_holds_back_until_it_is_taken_back() -> None:
    channel()
    made = silence({"topic": "ord*"}, " deploy ", T0, T0 + HOUR, "ann", T0)
    assert (made.matcher, made.reason) == ({"topic": ["ord*"]}, "deploy")
    fired(at=T0 + 1)
    assert not Delivery.objects.exists()
    assert unsilence(made.id, "bob", T0 + MINUTE)
    assert not unsilence(made.id, "bob", T0 + MINUTE)
    assert outbox.sweep(T0 + MINUTE) == 1
    assert set(AuditEntry.objects.values_list("action", "who")) >= {("silence made", "ann"), ("silence ended", "bob")}


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ({"reason": " "}, "say why"),
        ({"reason": "x" * 1_001}, "at most 1000 characters"),
        ({"matcher": {}}, "says what it silences"),
        ({"ends_at": T0}, "ends after it starts"),
        ({"starts_at": T0 - DAY, "ends_at": T0 - 1}, "over already"),
        ({"kind": "holiday"}, "expected one of silence, maintenance"),
        ({"repeats": "day"}, "only a maintenance window"),
        ({"kind": "maintenance", "repeats": "month"}, "no way to repeat"),
    ],
)
def test_what_is_wrong_is_a_sentence(more: dict[str, Any], sentence: str) -> None:
    given = {"matcher": {"topic": "x"}, "reason": "r", "starts_at": T0, "ends_at": T0 + HOUR, "by": "ann", "now": T0}
    with pytest.raises(ValueError, match=sentence):
        silence(**{**given, **more})
    assert not Silence.objects.exists()
