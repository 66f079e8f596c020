from __future__ import annotations

from itertools import pairwise
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from dashboard.patches import Snapshot, apply, frame_message, patch_message
from dashboard.views import build
from dashboard.views.common import View
from tests.dashboard.made import cluster, edge, frame, lag, node, topic

VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(-9, 9), st.text(max_size=4), st.lists(st.integers(), max_size=2)
)
ROWS = st.dictionaries(st.sampled_from("abc"), VALUES, max_size=3)
TABLES = st.dictionaries(
    st.sampled_from(["nodes", "edges", "rows"]), st.dictionaries(st.text(max_size=3), ROWS), max_size=3
)
METAS = st.fixed_dictionaries({"title": st.text(max_size=3), "total_lag": VALUES, "counts": ROWS})


def decoded(message: Any) -> Any:
    return msgspec.json.decode(msgspec.json.encode(message))


@given(st.lists(st.tuples(TABLES, METAS), min_size=2, max_size=6))
def test_patches_applied_to_a_frame_equal_the_next_whole_frame(made: list[tuple[Any, Any]]) -> None:
    names = {n for tables, _ in made for n in tables}
    views = [View({n: tables.get(n, {}) for n in names}, meta) for tables, meta in made]
    held = decoded(frame_message(0, 0, views[0]))
    for tick, (old, new) in enumerate(pairwise(views), 1):
        patch = patch_message(tick, tick, old, new)
        whole = decoded(frame_message(tick, tick, new))
        held = apply(held, decoded(patch)) if patch else {**held, "at": whole["at"], "tick": whole["tick"]}
        assert held == whole


@given(TABLES, METAS)
def test_nothing_changed_is_no_bytes(tables: Any, meta: Any) -> None:
    old, new = View(tables, meta), View(msgspec.convert(decoded(tables), dict[str, Any]), decoded(meta))
    assert Snapshot(0, 1, new).since(Snapshot(0, 0, old)) is None


@given(st.integers(0, 40), st.integers(0, 40), st.sampled_from(["ok", "stopped"]))
def test_a_real_view_is_patched_with_what_moved_only(before: int, after: int, verdict: str) -> None:
    def at(tick: int, behind: int, v: str) -> Snapshot:
        a, t, b = node("service", "a"), topic("t"), node("service", "b")
        edges = [edge(a, t, "writes"), edge(t, b, "reads", "g", lag=behind, verdict=v)]
        f = frame([a, t, b], edges, tick, lag=(lag("g", "t", v, lag=behind),))
        return Snapshot.of(f, build("map", f, {}))

    old, new = at(1, before, "ok"), at(2, after, verdict)
    data = new.since(old)
    if (before, "ok") == (after, verdict):
        assert data is None
        return
    assert data is not None
    assert len(data) < len(new.whole())
    patch = msgspec.json.decode(data)
    assert "writes" not in data
    held = apply(msgspec.json.decode(old.whole()), patch)
    assert held == msgspec.json.decode(new.whole())


def test_a_patch_is_encoded_once_for_all_who_stand_at_the_same_place() -> None:
    f1, f2 = frame([topic("a")], tick=1), frame([topic("b")], tick=2, clusters=(cluster(brokers=2),))
    old, new = (Snapshot.of(f, build("topics", f, {})) for f in (f1, f2))
    assert new.since(old) is new.since(old)
    assert new.whole() is new.whole()
