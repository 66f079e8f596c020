"""The example of docs/adding-a-source.md is whole: it runs against a real server and tells what the page says."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from collectors.base import Budget, run
from collectors.sources import Asked
from lineage.config import ClusterConfig, Config
from lineage.observations import CollectorRan, Reading
from tests.collectors.serving import Answer, serving

PAGE = Path(__file__).resolve().parents[1] / "docs/adding-a-source.md"


def told(answer: Answer) -> list[Any]:
    code = re.search(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert code is not None
    room: dict[str, Any] = {}
    exec(code[1], room)  # the page's own code
    with serving(lambda method, path, body: answer) as url:
        cluster = ClusterConfig("c", "k:9092")
        return list(run(room["Inventory"](Asked(Config(), cluster, url, lambda: None)), Budget(seconds=5)))


def test_the_example_tells_who_is_said_to_write() -> None:
    reading, ran = told((200, "application/json", b'{"orders": "shop", "broken": 5}'))
    assert isinstance(reading, Reading)
    assert [(e.source, e.target, e.strength) for e in reading.edges] == [("service:shop", "topic:c/orders", "declared")]
    assert (ran.error, ran.note, ran.collector) == (None, "1 entries left out", "inventory")


@pytest.mark.parametrize("answer", [(500, "text/html", b"<h1>"), (200, "application/json", b"[]")])
def test_what_goes_wrong_is_a_sentence_that_names_it(answer: Answer) -> None:
    (ran,) = told(answer)
    assert isinstance(ran, CollectorRan)
    assert "the inventory" in (ran.error or "")
    assert "unexpected" not in (ran.error or "")
