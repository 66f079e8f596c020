"""Rules over a recorded tape: one firing and one resolved for each incident, whoever evaluates, and whenever."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection, connections

from dashboard.alerts import outbox, reading, rules
from dashboard.alerts.backtest import Backtest, backtest
from dashboard.alerts.evaluate import Told, evaluate
from dashboard.alerts.machine import advance
from dashboard.alerts.models import Alert, Channel, Delivery, Rule, Silence
from dashboard.times import rfc
from lineage import history
from lineage.conditions import parse
from lineage.recorder import Tape
from tests.lineage import world as w
from tests.lineage.world import T0

MINUTE = 60_000
LAGGING: dict[str, Any] = {"metric": "lag", "op": "above", "value": 10, "for": 120, "keep": 60, "severity": "warning"}
SUBJECT = "lag:c/billing-cg/orders"


class Shop:
    """One group on one topic, minute after minute."""

    def __init__(self, tape: Tape) -> None:
        self.tape, self.minute = tape, 0
        tape.take(w.cluster(T0 + 1))
        tape.take(w.topics(T0 + 1, "orders"))
        tape.take(w.groups(T0 + 1, "billing-cg"))
        tape.cut(T0 + 500)

    def lags(self, *lags: int) -> None:
        """The lag at the end of each of the next minutes."""
        for lag in lags:
            self.minute += 1
            end = T0 + self.minute * MINUTE
            at = 1000 + 100 * self.minute
            self.tape.take(w.frame(end - 30_000, {"orders": at}, {"billing-cg": {"orders": at - lag}}))
            self.tape.cut(end - 29_000)
            self.tape.cut(end + 100)


@pytest.fixture
def shop(tape: Tape) -> Shop:
    shop = Shop(tape)
    evaluate()  # from here on
    return shop


def rule(name: str = "lags", **more: Any) -> Rule:
    made: Rule = Rule.objects.create(name=name, definition={**LAGGING, **more}, changed_at=T0)
    return made


def at(minute: int) -> int:
    return T0 + minute * MINUTE


@pytest.mark.django_db
def test_an_alert_is_pending_fires_and_is_resolved_and_each_is_told_once(shop: Shop) -> None:
    Channel.objects.create(name="ops", kind="webhook", settings={"url": "https://ops.test"}, changed_at=T0)
    rule()
    shop.lags(0, 50)
    assert evaluate() == Told(2, 0, 0)
    pending = Alert.objects.get()
    assert (pending.subject, pending.since, pending.fired_at) == (SUBJECT, at(1), None)
    shop.lags(70)
    assert evaluate() == Told(1, 1, 0)
    firing = Alert.objects.get()
    assert (firing.fired, firing.value, firing.threshold, firing.team) == (at(3), 70.0, 10.0, "shop")
    assert firing.labels == {"cluster": "c", "group": "billing-cg", "topic": "orders", "service": "billing"}
    assert "70" in firing.summary
    shop.lags(60, 0)
    assert evaluate() == Told(2, 0, 1)
    over = Alert.objects.get()
    assert (over.last, over.resolved) == (at(4), at(5))
    assert list(Delivery.objects.order_by("created_at", "status").values_list("status", flat=True)) == [
        "firing",
        "resolved",
    ]


@pytest.mark.django_db
def test_a_moment_shows_what_was_known_of_it_then(shop: Shop) -> None:
    rule()
    shop.lags(50, 50)
    shown = history.newest_tick()
    evaluate()
    firing = Alert.objects.get()
    assert shown is not None
    assert firing.fired_at is not None
    assert firing.fired_at > shown.at  # the frame before its evaluation did not show it, and never will
    shop.lags(50)
    newest = history.newest_tick()
    assert newest is not None
    assert firing.fired_at <= newest.at


@pytest.mark.django_db
def test_the_past_shows_the_words_and_figures_that_were_shown_then(shop: Shop) -> None:
    rule()
    shown: dict[int, tuple[Any, ...]] = {}

    def look(moment: int) -> tuple[Any, ...]:
        row = reading.row(Alert.objects.get(), moment)
        return tuple(row[k] for k in ("state", "summary", "reason", "value", "verdict", "cause_reason"))

    for lag in (50, 60, 61, 90, 400, 70, 0):
        shop.lags(lag)
        evaluate()
        newest = history.newest_tick()
        assert newest is not None
        shown[newest.at + 1] = look(newest.at + 1)
    assert {moment: look(moment) for moment in shown} == shown
    assert [(row[0], row[3]) for row in shown.values()] == [
        ("pending", 50.0), ("firing", 60.0), ("firing", 60.0), ("firing", 90.0), ("firing", 400.0), ("firing", 400.0),
        ("resolved", 400.0),
    ]  # fmt: skip
    said = [row[1] for row in shown.values()]
    assert said[0] == ""
    assert "60" in said[1]
    assert set(said[1:]) == {said[1]}


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("more", "messages"), [({}, 1), ({"severity": "critical"}, 2), ({"channels": ["pager"]}, 2)], ids=str
)
def test_a_verdict_on_a_lag_that_was_told_is_no_second_message(shop: Shop, more: Any, messages: int) -> None:
    for name in ("hook", "pager"):
        Channel.objects.create(name=name, kind="webhook", changed_at=T0)
    rule(**{"for": 60, "channels": ["hook"]})
    rule("gone", **{"metric": "verdict", "op": "is", "value": ["stopped"], "channels": ["hook"], **more})
    shop.tape.take(w.groups(T0 + 2000, "billing-cg", state="Empty"))
    for lag in (100, 200, 300, 400):
        shop.lags(lag)
        evaluate()
    behind, gone = Alert.objects.get(rule_name="lags"), Alert.objects.get(rule_name="gone")
    assert gone.fired_at is not None
    assert behind.fired_at is not None
    assert behind.fired_at < gone.fired_at
    assert (gone.cause == behind) == (messages == 1)
    assert Delivery.objects.filter(status="firing").count() == messages


@pytest.mark.django_db
def test_what_only_waits_to_be_over_is_not_told_when_its_silence_ends(shop: Shop) -> None:
    Channel.objects.create(name="hook", kind="webhook", changed_at=T0)
    rule(**{"for": 60, "keep": 600, "channels": ["hook"]})
    matcher, until = {"cluster": ["*"]}, at(2) + 30_000
    Silence.objects.create(matcher=matcher, reason="work", starts_at=T0, ends_at=until, created_at=T0)
    for lag in (50, 50, 0):
        shop.lags(lag)
        evaluate()
    assert outbox.sweep(at(3)) == 0
    assert Alert.objects.get().resolved_at is None
    assert reading.row(Alert.objects.get(), at(3) + 200)["clear_since"] == rfc(at(2))
    assert reading.row(Alert.objects.get(), at(2) + 200)["clear_since"] is None
    shop.lags(50)
    evaluate()
    assert reading.row(Alert.objects.get(), at(4) + 200)["clear_since"] is None
    assert outbox.sweep(at(4)) == 1  # it holds again


@pytest.mark.django_db
def test_what_people_do_while_it_is_evaluated_is_kept(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    rule()
    shop.lags(50, 50, 50)
    evaluate()
    shop.lags(90)

    def advanced(*args: Any) -> Any:
        """As another process would do it: after the alert was read, before it is stored."""
        Alert.objects.update(acknowledged_at=T0, acknowledged_by="ann")
        return advance(*args)

    monkeypatch.setattr("dashboard.alerts.evaluate.advance", advanced)
    evaluate()
    assert Alert.objects.get().acknowledged_by == "ann"


@pytest.mark.django_db
def test_what_is_over_before_its_time_is_never_told(shop: Shop) -> None:
    rule()
    shop.lags(50, 0, 50, 0)
    assert evaluate() == Told(4, 0, 0)
    assert not Alert.objects.exists()


@pytest.mark.django_db
def test_nothing_new_is_nothing_to_do(shop: Shop) -> None:
    rule()
    shop.lags(50, 50)
    assert evaluate().fired == 1
    assert evaluate() == Told()


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda r: r.delete(), "the rule was deleted"),
        (lambda r: Rule.objects.filter(pk=r.pk).update(enabled=False), "the rule was switched off"),
        (lambda r: Rule.objects.filter(pk=r.pk).update(version=2), "the rule was changed"),
    ],
)
def test_an_alert_does_not_outlive_its_rule(shop: Shop, change: Callable[[Rule], Any], why: str) -> None:
    made = rule()
    shop.lags(50, 50)
    evaluate()
    change(made)
    shop.lags(50)
    assert evaluate().resolved == 1
    over = Alert.objects.filter(resolved_at__isnull=False).get()
    assert (over.resolved_why, over.definition["value"]) == (why, 10)


@pytest.mark.django_db
def test_a_rule_that_cannot_be_read_stops_no_other(shop: Shop, caplog: pytest.LogCaptureFixture) -> None:
    Rule.objects.create(name="a broken one", definition={"metric": "lagg"}, changed_at=T0)
    rule()
    shop.lags(50, 50)
    assert evaluate().fired == 1
    assert "a broken one is passed over" in caplog.text


@pytest.mark.django_db
def test_evaluating_late_tells_what_evaluating_each_minute_tells(shop: Shop) -> None:
    rule("each", **{"for": 60})
    lags = (50, 60, 0, 0, 70, 0, 80, 90, 0, 0)
    for lag in lags:
        shop.lags(lag)
        evaluate()
    seen = list(Alert.objects.order_by("since").values_list("since", "fired", "resolved", "value"))
    Alert.objects.all().delete()
    asked = parse({**LAGGING, "for": 60})
    told = whole(asked, T0, at(len(lags)) + 1000)
    assert [(i.since, i.fired, i.resolved, i.value) for i in told.incidents] == seen
    assert len(seen) == 3
    assert told.firing == sum((r - f) / 1000 for _, f, r, _ in seen if f and r)


def whole(asked: Any, start: int, end: int, points: int = 300) -> Backtest:
    *_, last = backtest(asked, start, end, points)
    return last


@pytest.mark.django_db
def test_a_back_test_draws_the_worst_value_and_the_gaps(shop: Shop) -> None:
    shop.lags(5, 50, 20)
    shop.minute += 10  # nothing is recorded
    shop.lags(70)
    told = whole(parse({**LAGGING, "for": 0}), T0, at(15))
    assert [v for _, v in told.curve] == [5.0, 50.0, 20.0, 70.0]
    assert (at(3), at(14)) in told.gaps
    assert [i.fired for i in told.incidents] == [at(2)]
    assert told.done == 1.0


@pytest.mark.django_db
def test_the_built_in_rules_come_once_and_stay_as_they_are_left(db: None) -> None:
    rules.ensure(T0)
    assert {parse(r.definition).severity for r in Rule.objects.all()} == {"info", "warning", "critical"}
    Rule.objects.filter(built_in="stopped").delete()
    Rule.objects.filter(built_in="stalled").update(enabled=False)
    rules.ensure(T0 + 1)
    assert not Rule.objects.filter(built_in="stopped").exists()
    assert not Rule.objects.get(built_in="stalled").enabled


@pytest.mark.django_db(transaction=True)
def test_however_many_evaluate_at_once_each_minute_counts_once(data_dir: Any) -> None:
    tape = Tape(w.config(), data_dir)
    shop = Shop(tape)
    evaluate()
    rule()
    told: list[Told] = []
    problems: list[BaseException] = []

    def work() -> None:
        try:
            told.append(evaluate())
        except BaseException as error:
            problems.append(error)
        finally:
            connections["default"].close()

    for lags in ((50, 50, 50), (0, 0), (60, 60)):
        shop.lags(*lags)
        threads = [threading.Thread(target=work) for _ in range(4)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
    tape.close()
    assert not problems
    assert sum(t.minutes for t in told) == 7
    assert (sum(t.fired for t in told), sum(t.resolved for t in told)) == (2, 1)
    assert Alert.objects.count() == 2
    assert connection.vendor in ("sqlite", "postgresql")
