"""Who walks forward over the tape sees what a seek to each tick sees, and reads much less for it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lineage import history, reel
from lineage.cache import Cache
from lineage.lake import Lake
from lineage.models import Tick
from lineage.recorder import Tape
from lineage.reel import Reel
from tests.lineage import world as w
from tests.lineage.world import T0

pytestmark = pytest.mark.django_db


@pytest.fixture
def tape(tmp_path: Path, settings: Any) -> Iterator[Tape]:
    """Three ticks at the end of a block and five in the next, in which a group comes and another one ends."""
    settings.DATA_DIR, settings.LAKE_URL, settings.PLAYHEAD = tmp_path, "", w.config()
    history.forget()
    recorded = Tape(w.config(), tmp_path)
    for seen in (w.cluster(T0), w.topics(T0, "orders", "payments"), w.groups(T0, "a", "b")):
        recorded.take(seen)
    for n in range(8):
        grow(recorded, n)
    yield recorded
    recorded.close()
    history.forget()


def grow(tape: Tape, n: int) -> None:
    at = T0 + 570_000 + n * 10_000
    held = {"a": {"orders": 50 + n, "payments": n}} | ({"b": {"orders": 9 * n}} if n not in (5, 6) else {})
    tape.take(w.frame(at, {"orders": 100 + 3 * n, "payments": 8}, held, keyframe=True, complete=True))
    tape.cut(at + 100)


def ticks() -> list[Tick]:
    return list(Tick.objects.order_by("number"))


@pytest.mark.parametrize("ahead", [False, True])
@pytest.mark.parametrize("first", [0, 1, 4])
def test_each_tick_on_the_way_is_what_a_seek_shows(tape: Tape, ahead: bool, first: int) -> None:
    walk = Reel(ahead)
    for tick in ticks()[first:]:
        history.forget_answers()
        assert history.frame_of(tick, walk) == history.frame_at(tick.at)


def test_ticks_may_be_passed_over_and_gone_back_to(tape: Tape) -> None:
    walk, at = Reel(ahead=True), ticks()
    for n in (1, 2, 6, 7, 0, 5):
        assert history.frame_of(at[n], walk) == history.frame_at(at[n].at)


def test_an_edge_that_nothing_moved_is_taken_over(tape: Tape) -> None:
    at, late, settled = ticks()[-1].at, T0 + 570_000 + 4 * 3_600_000, dict[str, Any]()
    tape.take(w.spans(at, "writes", "service:shop", "topic:c/payments"))
    tape.cut(at + 200)
    for n in range(2):
        tape.take(w.frame(late + n * 1000, {"orders": 900 + n}, {"a": {"orders": 99 + n}}))
        tape.cut(late + n * 1000 + 100)
    walk = Reel(ahead=True)
    for tick in ticks()[-2:]:
        found = {(e.source, e.target): e for e in history.frame_of(tick, walk).edges}
        same = {k for k, e in found.items() if settled.get(k) is e}
        settled = found
    assert ("service:shop", "topic:c/payments") in same
    assert ("topic:c/orders", "group:c/a") not in same
    assert history.frame_of(ticks()[-1], walk) == history.frame_at(ticks()[-1].at)


def test_many_to_a_stretch_or_few_the_frames_are_the_same(tape: Tape, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reel, "MOST_ROWS", 1)
    walk = Reel(ahead=True)
    for tick in ticks():
        assert history.frame_of(tick, walk) == history.frame_at(tick.at)


def test_what_came_since_the_stretch_was_read_is_there(tape: Tape) -> None:
    walk = Reel(ahead=True)
    for tick in ticks():
        history.frame_of(tick, walk)
    grow(tape, 8)
    last = ticks()[-1]
    assert history.frame_of(last, walk) == history.frame_at(last.at)


def test_a_stretch_is_read_once_for_all_who_play_there(tape: Tape, monkeypatch: pytest.MonkeyPatch) -> None:
    reads = []
    inner = Lake.query
    monkeypatch.setattr(Lake, "query", lambda self, *args: reads.append(args) or inner(self, *args))  # type: ignore[func-returns-value]
    for _ in range(3):
        walk = Reel(ahead=True)
        for tick in ticks():
            history.frame_of(tick, walk)
    assert len(reads) == 4  # two blocks, numbers and lag


def test_kept_stretches_are_bounded(tape: Tape, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reel, "MOST_KEPT", 5)
    walk = Reel(ahead=True)
    for tick in ticks():
        history.frame_of(tick, walk)
    assert len(reel.stretches._kept) == 1


def test_what_two_ask_for_at_once_is_made_once() -> None:
    cache, made, begun, go_on = Cache(2), list[int](), threading.Event(), threading.Event()

    def make() -> int:
        made.append(1)
        begun.set()
        go_on.wait(10)
        return 7

    found = list[int]()
    threads = [threading.Thread(target=lambda: found.append(cache.get("key", make))) for _ in range(2)]
    threads[0].start()
    begun.wait(10)
    threads[1].start()
    go_on.set()
    for thread in threads:
        thread.join(10)
    assert (found, made) == ([7, 7], [1])


def test_what_could_not_be_made_is_tried_again() -> None:
    cache = Cache(2)

    def fail() -> int:
        raise ValueError("not now")

    with pytest.raises(ValueError, match="not now"):
        cache.get("key", fail)
    assert cache.get("key", lambda: 3) == 3
