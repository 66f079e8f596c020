"""The page of alerts and what every page says of them, live and in the past."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User
from django.test import Client

from dashboard import reading
from dashboard.times import stamp
from dashboard.views import alerts as view
from lineage.recorder import Tape
from tests.alerts.world import alert
from tests.dashboard.made import T0, frame, lag

LATER = T0 + 2_100  # the second tick


def tables(name: str, at: int | None = None, **params: str) -> Any:
    return reading.view_of(name, reading.frame_at(at, reading.now_ms()), params)


def test_every_page_says_what_fires_at_its_moment(tape: Tape) -> None:
    alert("orders", T0, fired_at=T0 + 1_000, resolved_at=T0 + 3_000, subject="lag:c/billing-cg/orders")
    for name in ("map", "lag", "topics", "drift", "collectors"):
        past = tables(name, LATER)
        (row,) = past.tables["firing"].values()
        assert (row["subject"], row["cause"], past.meta["causes"]) == ("lag:c/billing-cg/orders", None, 1)
        assert "topic:c/orders" in row["things"]
        live = tables(name)
        assert (live.tables["firing"], live.meta["causes"]) == ({}, 0)


def test_the_page_shows_causes_first_and_counts_them(tape: Tape) -> None:
    cause = alert("orders", T0, severity="warning")
    alert("emails", T0 + 1, severity="critical", cause=cause)
    alert("later", T0 + 2, fired_at=None)
    shown = tables("alerts")
    assert [r["subject"].rpartition("/")[2] for r in shown.tables["alerts"].values()] == ["emails", "orders", "later"]
    assert shown.meta["counts"] == {"causes": 1, "firing": 2, "silenced": 0, "pending": 1}
    assert [r["cause"] for r in tables("alerts", q="emails").tables["alerts"].values()] == [cause.id]
    assert tables("alerts", team="risk").tables["alerts"] == {}


def test_the_deadline_comes_from_the_frame() -> None:
    item = lag("billing", "orders", "will_lose_data", loss_in=60.0, sampled_at=T0)
    known: dict[str, Any] = {"severity": "critical", "state": "firing", "team": None, "fired_at": stamp(T0)} | {
        "summary": "",
        "rule_name": "",
    }
    rows = [{**known, "id": s, "subject": f"lag:c/billing/{s}"} for s in ("orders", "emails")]
    table = view.build(frame([], lag=(item,)), {}, {"alerts": rows}).tables["alerts"]
    assert (table["orders"]["loss_in"], table["orders"]["loss_at"]) == (60.0, stamp(T0 + 60_000))
    assert (table["emails"]["loss_in"], table["emails"]["loss_at"]) == (None, None)


def test_the_page_knows_what_who_looks_may_do(client: Client, tape: Tape, viewer: None) -> None:
    assert 'data-may="view metrics"' in client.get("/alerts").content.decode()
    client.force_login(User.objects.create_superuser("root"))
    assert " alerts channels " in client.get("/alerts").content.decode().partition('data-may="')[2].partition('"')[0]


def test_who_has_no_script_sees_the_number_and_the_table(client: Client, tape: Tape, viewer: None) -> None:
    alert("orders", T0, resolved_at=T0 + 3_000)
    past = client.get("/alerts", {"at": stamp(LATER)}).content.decode()
    assert 'id="causes" >1<' in past
    assert "billing stopped reading orders" in past
    live = client.get("/alerts").content.decode()
    assert 'id="causes" hidden' in live
    assert "billing stopped reading orders" not in live
