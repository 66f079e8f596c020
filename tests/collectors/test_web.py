"""Asking a source over HTTP: its answer, or a sentence that names it, what it did, and what to do."""

from __future__ import annotations

import json
import time

import pytest

from collectors.base import Budget, CollectorError
from collectors.web import Refused, Web
from lineage.config import Endpoint
from tests.collectors.serving import Answer, serving


def asked(answer: Answer, budget: Budget | None = None, most: int = 1_000_000) -> object:
    with serving(lambda method, path, body: answer) as url:
        return Web(Endpoint(url, "main"), 'the worker "main"').get("/x", budget or Budget(seconds=5), most)


def test_json_is_given_back() -> None:
    assert asked((200, "application/json", b'{"a": [1]}')) == {"a": [1]}


def test_a_question_is_posted_as_json() -> None:
    with serving(
        lambda method, path, body: (200, "application/json", json.dumps([method, path, body.decode()]).encode())
    ) as url:
        assert Web(Endpoint(url, "k"), "it").post("/q", {"b": 1}, Budget()) == ["POST", "/q", '{"b": 1}']


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ((500, "text/html", b"<h1>Oops</h1>"), "answered /x with 500: <h1>Oops</h1>"),
        ((200, "text/html", b"<html>login</html>"), "with text/html instead of JSON"),
        ((200, "application/json", b'{"a":'), "JSON that cannot be read"),
        ((200, "application/json", b"[" * 200_000), "JSON that cannot be read"),
        ((200, "application/json", b"x" * 2_000_000), "more than 0 MB"),
    ],
)
def test_what_is_no_answer_is_a_sentence(answer: Answer, told: str) -> None:
    with pytest.raises(CollectorError, match="worker") as raised:
        asked(answer, most=999_999)
    assert told in str(raised.value)


def test_a_refusal_says_where_the_password_belongs_and_waits_for_somebody() -> None:
    with pytest.raises(Refused) as raised:
        asked((401, "application/json", b"{}"))
    assert (raised.value.permanent, raised.value.status) == (True, 401)
    assert "username and password" in raised.value.remedy


def hanging(method: str, path: str, body: bytes) -> Answer:
    time.sleep(3)
    return 200, "application/json", b"1"


def test_a_source_that_hangs_is_left_when_the_budget_ends() -> None:
    with serving(hanging) as url, pytest.raises(CollectorError, match="no answer in time") as raised:
        Web(Endpoint(url, "k"), "it").get("/", Budget(seconds=0.6))
    assert raised.value.unreachable


def test_nobody_there_is_unreachable() -> None:
    with pytest.raises(CollectorError, match="does not answer") as raised:
        Web(Endpoint("http://127.0.0.1:9", "k"), "it").get("/", Budget(seconds=5))
    assert raised.value.unreachable
