from __future__ import annotations

import pytest

from lineage import history, stories
from lineage.recorder import Tape
from tests.lineage import world as w
from tests.lineage.world import T0


def shop(tape: Tape) -> None:
    tape.take(w.cluster(T0))
    tape.take(w.topics(T0, "orders"))
    tape.take(w.groups(T0, "fraud-cg"))
    tape.cut(T0)


def test_a_new_readers_story_names_what_it_followed(tape: Tape) -> None:
    shop(tape)
    tape.take(w.topics(T0 + 120_000, "orders", "orders.v2"))
    tape.cut(T0 + 120_000)
    tape.take(w.members(T0 + 360_000, "fraud-cg", "f-1", topic="orders.v2"))
    tape.cut(T0 + 360_000)
    told = [t.said.sentence for t in history.stories_between(T0, T0 + 360_000).told]
    assert "service fraud began to read orders.v2 as group fraud-cg, four minutes after orders.v2 appeared" in told


def test_what_the_recording_found_at_its_start_did_not_appear_then(tape: Tape) -> None:
    shop(tape)
    tape.take(w.members(T0 + 90_000, "fraud-cg", "f-1"))
    tape.cut(T0 + 90_000)
    told = [t.said.sentence for t in history.stories_between(T0, T0 + 90_000).told]
    assert "service fraud began to read orders as group fraud-cg" in told


def test_a_stretch_without_news_is_the_same_object_and_one_with_news_is_not(tape: Tape) -> None:
    shop(tape)
    first = history.stories_between(T0 - 1, T0 + 1)
    assert history.stories_between(T0 - 1, T0 + 500) is first
    tape.take(w.topics(T0 + 1000, "orders", "more"))
    tape.cut(T0 + 1000)
    later = history.stories_between(T0 - 1, T0 + 1000)
    assert len(later.told) > len(first.told)
    assert history.stories_between(T0 - 1, T0 + 1).told == first.told  # the past does not change


def test_of_more_changes_than_are_told_the_newest_are(tape: Tape, monkeypatch: pytest.MonkeyPatch) -> None:
    shop(tape)
    monkeypatch.setattr(stories, "MOST", 2)
    every = history.changes_between(T0 - 1, T0)
    found = history.stories_between(T0 - 1, T0)
    assert [t.change for t in found.told] == every[-2:]
    assert found.more == len(every) - 2


def test_nothing_changed_is_no_story(tape: Tape) -> None:
    shop(tape)
    assert history.stories_between(T0 + 1, T0 + 2).told == ()


def test_hindsight_tells_what_came_late_by_when_it_happened(tape: Tape) -> None:
    shop(tape)
    tape.cut(T0 + 60_000)
    tape.take(w.spans(T0 + 20_000, "reads", "topic:c/orders", "service:ledger"))
    tape.cut(T0 + 600_000)

    def ledger(hindsight: bool) -> list[stories.Told]:
        found = history.stories_between(T0, T0 + 60_000, hindsight=hindsight)
        return [t for t in found.told if t.change.subject == "service:ledger"]

    assert ledger(hindsight=False) == []
    (late,) = ledger(hindsight=True)
    assert late.change.recorded_at == late.change.at == T0 + 20_000
    assert late.learned == T0 + 600_000
