"""Trying a rule on the tape by the API: whole, in lines, and refused with a reason."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import AsyncClient, Client

from dashboard import access
from dashboard.alerts.models import Alert, Rule
from dashboard.times import stamp
from lineage.recorder import Tape
from tests.dashboard.made import T0
from tests.lineage import world as w

LAGS = {"metric": "lag", "op": "above", "value": 5, "for": 0}
MINUTE = 60_000


@pytest.fixture
def minutes(empty: Any, db: None) -> Iterator[Tape]:
    """Eight minutes of a group that is behind for three of them."""
    tape = Tape(w.config(), empty)
    begin = T0 - T0 % MINUTE + 1_000
    tape.take(w.cluster(begin))
    tape.take(w.topics(begin, "orders"))
    tape.take(w.groups(begin, "billing-cg"))
    for collector in ("topology", "groups", "positions"):
        tape.take(w.ran(begin, collector))
    for s in range(0, 480, 10):
        behind = 50 if 180 <= s < 360 else 0
        at = begin + s * 1000
        for collector in ("topology", "groups", "positions"):
            tape.take(w.ran(at, collector))
        tape.take(w.frame(at, {"orders": 100 + s}, {"billing-cg": {"orders": 100 + s - behind}}, keyframe=s == 0))
        tape.cut(at + 100)
    yield tape
    tape.close()


def asked(client: Client, body: dict[str, Any], query: str = "") -> Any:
    head = {"HTTP_AUTHORIZATION": f"Bearer {access.new_token('t', 'read')}"}
    return client.post(f"/api/v1/alerts/rules/backtest{query}", body, "application/json", **head)


def span() -> dict[str, str]:
    return {"from": stamp(T0 - 600_000), "to": stamp(T0 + 600_000)}


def test_a_back_test_says_when_it_would_have_fired(client: Client, minutes: Tape) -> None:
    answer = asked(client, {"definition": LAGS, **span()})
    assert answer.status_code == 200
    found = answer.json()
    (incident,) = found["incidents"]
    assert incident["subject"] == "lag:c/billing-cg/orders"
    assert incident["resolved"] > incident["fired"]
    assert (found["fired"], found["done"], found["saved"]) == (1, 1.0, None)
    assert {h["for"]: h["fired"] for h in found["holds"]} == {0: 1, 60: 1, 300: 0, 900: 0, 3600: 0}
    assert max(v for _, v in found["curve"] if v is not None) == 50


def test_it_is_compared_with_the_rule_as_it_is_saved(client: Client, minutes: Tape) -> None:
    rule = Rule.objects.create(name="R", definition={**LAGS, "value": 500}, changed_at=T0)
    found = asked(client, {"definition": LAGS, "saved": rule.id, **span()}).json()
    assert (found["fired"], found["saved"]["fired"]) == (1, 0)
    assert "500" in found["saved"]["sentence"]
    same = asked(client, {"definition": {**LAGS, "value": 500}, "saved": rule.id, **span()}).json()
    assert same["saved"] is None


def test_a_back_test_changes_nothing(client: Client, minutes: Tape) -> None:
    asked(client, {"definition": LAGS, **span()})
    assert not Alert.objects.exists()
    assert not Rule.objects.exists()


def test_what_cannot_be_tried_is_refused_with_the_reason(client: Client, minutes: Tape) -> None:
    for body, status, told in (
        ({"definition": {"metric": "lagg"}}, 422, "metric"),
        ({"definition": LAGS, "from": "-9999d"}, 400, "400 days"),
        ({"definition": LAGS, "from": "-1h", "to": "-2h"}, 400, "before"),
        ({"definition": LAGS, "saved": "none", **span()}, 404, "no rule"),
    ):
        answer = asked(client, body)
        assert (answer.status_code, told in answer.json()["detail"]) == (status, True), answer.content


@pytest.mark.django_db(transaction=True)
def test_in_lines_it_says_how_far_it_is(minutes: Tape) -> None:
    async def lines() -> list[dict[str, Any]]:
        head = {"AUTHORIZATION": f"Bearer {token}"}
        body = {"definition": LAGS, **span()}
        path = "/api/v1/alerts/rules/backtest?stream=true"
        answer = await AsyncClient().post(path, body, "application/json", headers=head)
        return [json.loads(part) async for part in answer.streaming_content]

    token = access.new_token("t", "read")
    told = asyncio.run(lines())
    assert [set(t) for t in told[:-1]] == [{"done"}] * (len(told) - 1)
    assert (told[-1]["done"], told[-1]["fired"]) == (1.0, 1)
