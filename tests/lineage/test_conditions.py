"""What a rule may ask, and the sentence that meets one that asks what is not there."""

from __future__ import annotations

from typing import Any

import pytest

from lineage.conditions import METRICS, as_json, in_scope, parse, sentence

STOPPED = {"metric": "verdict", "value": ["stopped"], "for": 300, "scope": {"topic": ["payments.*"]}}


def test_a_definition_is_read_and_written_the_same() -> None:
    read = parse({**STOPPED, "severity": "critical", "channels": ["ops"], "keep": 60})
    assert parse(as_json(read)) == read
    assert (read.on, read.wait, read.keep, read.value) == ("group", 300.0, 60.0, ("stopped",))


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"metric": "lagg", "value": 1}, "metric: expected one of verdict, time_lag"),
        ({**STOPPED, "vlaue": 1}, "a rule has no 'vlaue'; did you mean value?"),
        ({"metric": "lag", "op": "above", "value": -1}, "value: lag above takes a number from 0 to 1e+15, not -1"),
        ({"metric": "lag", "op": "above", "value": float("nan")}, "not nan"),
        ({"metric": "lag", "op": "above", "value": True}, "not True"),
        ({"metric": "lag", "op": "is", "value": 1}, "op: expected one of above, below, not 'is'"),
        ({"metric": "loss_in", "op": "above", "value": 1}, "op: expected one of below, not 'above'"),
        ({"metric": "verdict", "value": ["dead"]}, "value: expected one of ok, catching_up"),
        ({**STOPPED, "on": "topic"}, "on: verdict is a metric of a group, not of 'topic'"),
        ({**STOPPED, "for": -5}, "for: seconds from 0 to 604800 are expected, not -5"),
        ({**STOPPED, "severity": "page"}, "severity: expected one of info, warning, critical, not 'page'"),
        ({**STOPPED, "scope": {"topics": ["x"]}}, "scope has no 'topics'; did you mean topic?"),
        ({**STOPPED, "scope": ["x"]}, "scope: names with globs are expected"),
        ({**STOPPED, "scope": {"topic": ["x"] * 51}}, "scope.topic: at most 50 texts"),
        ({**STOPPED, "channels": "ops"}, "channels: at most 50 texts are expected, not 'ops'"),
    ],
)
def test_what_cannot_be_meant_is_said(given: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError) as caught:
        parse(given)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (STOPPED, "verdict of a group is stopped, topic payments.* for 5 min"),
        ({"metric": "loss_in", "value": 21_600}, "time to loss of a group below 6 h"),
        (
            {"metric": "rate_vs_week", "op": "below", "value": 0.5},
            "records written of a topic below 50 % of the same hour last week",
        ),
        ({"metric": "stale"}, "a collector is overdue"),
        ({"metric": "unknown_writer"}, "a topic with unknown writers"),
        ({"metric": "vanished", "value": ["service"]}, "something vanished: service"),
        ({"metric": "offline", "value": 0}, "partitions offline of a cluster above 0"),
    ],
)  # fmt: skip
def test_a_rule_reads_as_a_sentence(given: dict[str, Any], words: str) -> None:
    assert sentence(parse(given)) == words


def test_unknown_fulfils_nothing() -> None:
    assert not any(parse({"metric": "lag", "op": op, "value": 5}).holds(None) for op in METRICS["lag"].ops)
    assert parse({"metric": "lag", "op": "below", "value": 5}).holds(4)
    assert parse(STOPPED).holds("stopped")


def test_what_has_no_such_name_is_not_in_its_scope() -> None:
    assert in_scope({"topic": ["pay*"]}, {"topic": "payments"})
    assert not in_scope({"topic": ["pay*"]}, {"cluster": "c"})
    assert in_scope({"topic": []}, {"cluster": "c"})
