"""The heartbeat outward: heard while minutes are recorded and evaluated, and at no other time."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from dashboard.alerts import alive
from dashboard.alerts.evaluate import evaluate
from dashboard.alerts.models import DONE
from lineage.config import ConfigError, parse
from lineage.models import Progress
from lineage.outward import Alerts, Heartbeat
from lineage.recorder import Tape
from tests.alerts.receiving import Receiver, client, receiving
from tests.lineage import world as w
from tests.lineage.world import T0

MINUTE = 60_000


@pytest.fixture
def there() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


def tell(there: Receiver, now: int) -> bool:
    return alive.tell(Heartbeat(f"{there.url}/beat/very-secret"), now, client())


@pytest.mark.django_db
def test_it_is_heard_while_minutes_are_recorded_and_evaluated(tape: Tape, there: Receiver) -> None:
    assert not tell(there, T0)  # nothing was ever recorded
    tape.take(w.cluster(T0 + 1))
    tape.cut(T0 + 500)
    evaluate()
    tape.cut(T0 + MINUTE + 100)
    evaluate()
    assert tell(there, T0 + MINUTE + 5_000)
    assert [json.loads(s.body)["status"] for s in there.seen] == ["alive"]


@pytest.mark.django_db
def test_it_falls_silent_when_nothing_is_recorded(
    tape: Tape, there: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    tape.take(w.cluster(T0 + 1))
    tape.cut(T0 + 500)
    evaluate()
    assert tell(there, T0 + alive.TICKS_MS)
    assert not tell(there, T0 + alive.TICKS_MS + 501)
    assert "nothing is being recorded" in caplog.text
    assert len(there.seen) == 1


@pytest.mark.django_db
def test_it_falls_silent_when_rules_are_not_evaluated(
    tape: Tape, there: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    tape.take(w.cluster(T0 + 1))
    tape.cut(T0 + 500)
    assert not tell(there, T0 + 1_000)  # recorded, but nobody has looked
    evaluate()
    for minute in range(1, 5):
        tape.cut(T0 + minute * MINUTE + 100)
    assert not tell(there, T0 + 4 * MINUTE + 1_000)
    assert "the alert rules are not being evaluated" in caplog.text
    evaluate()
    assert Progress.objects.get(name=DONE).at == T0 + 4 * MINUTE
    assert tell(there, T0 + 4 * MINUTE + 1_000)


@pytest.mark.django_db
def test_one_that_is_not_taken_is_logged_without_the_address(
    tape: Tape, there: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    tape.take(w.cluster(T0 + 1))
    tape.cut(T0 + 500)
    evaluate()
    there.always(404, b"no such check: beat/very-secret")
    assert not tell(there, T0 + 1_000)
    assert "404" in caplog.text
    assert "very-secret" not in caplog.text


def test_it_is_scheduled_only_where_somebody_wants_to_hear_it() -> None:
    assert alive.beat(Alerts()) == {}
    assert alive.beat(Alerts(heartbeat=Heartbeat("https://a.test", 120.0)))["alerts: heartbeat"]["schedule"] == 120.0


def test_playhead_yaml_says_where_it_goes_and_how_often() -> None:
    text = "alerts: {heartbeat: {url: https://watch.test/ping/abc, every: 5m}}"
    found = parse(text, "playhead.yaml", {}).alerts.heartbeat
    assert found == Heartbeat("https://watch.test/ping/abc", 300.0)
    assert "abc" not in repr(found)
    for wrong in ("{every: 1m}", "{url: watch.test}", "{url: https://a.test, every: 1s}"):
        with pytest.raises(ConfigError):
            parse(f"alerts: {{heartbeat: {wrong}}}", "playhead.yaml", {})
