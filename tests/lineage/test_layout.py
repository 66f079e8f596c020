"""The map keeps still: what stands stays where it is, newcomers take free places."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from lineage.layout import PITCH_X, PITCH_Y, place

nodes = st.lists(st.sampled_from([f"n{i}" for i in range(25)]), unique=True, min_size=1)
arcs = st.lists(st.tuples(st.integers(0, 24), st.integers(0, 24)), max_size=40)


def among(wanted: list[str], pairs: list[tuple[int, int]]) -> list[tuple[str, str]]:
    named = [(f"n{a}", f"n{b}") for a, b in pairs]
    return sorted({(a, b) for a, b in named if a in wanted and b in wanted})


@settings(deadline=None)
@given(nodes, nodes, arcs)
def test_no_two_nodes_share_a_place_and_nothing_old_moves(
    first: list[str], then: list[str], pairs: list[tuple[int, int]]
) -> None:
    old = place(sorted(first), among(first, pairs), {})
    new = place(sorted(then), among(then, pairs), old)
    for wanted, places in ((first, old), (then, new)):
        assert set(places) == set(wanted)
        assert len(set(places.values())) == len(wanted)
        assert all(x % PITCH_X == 0 and y % PITCH_Y == 0 for x, y in places.values())
    assert all(new[n] == old[n] for n in first if n in new)
    assert new == place(sorted(then), among(then, pairs), old)


def test_data_flows_from_left_to_right() -> None:
    places = place(["a", "b", "c", "d"], [("a", "b"), ("b", "c")], {})
    assert places["a"][0] < places["b"][0] < places["c"][0]
    with_more = place(["a", "b", "c", "d", "e"], [("a", "b"), ("b", "c"), ("c", "e")], places)
    assert with_more["e"][0] == places["c"][0] + PITCH_X


@settings(deadline=None)
@given(nodes, nodes, arcs, arcs)
def test_a_first_edge_moves_only_the_node_that_had_none(
    first: list[str], then: list[str], pairs: list[tuple[int, int]], more: list[tuple[int, int]]
) -> None:
    before, after = among(first, pairs), among(then, pairs + more)
    old = place(sorted(first), before, {})
    joined = {n for arc in before for n in arc}
    loose = old.keys() - joined
    new = place(sorted(then), after, old, loose)
    assert len(set(new.values())) == len(then)
    stays = [n for n in first if n in new and (n in joined or n not in {m for arc in after for m in arc})]
    assert all(new[n] == old[n] for n in stays)
    again = place(sorted(then), after, new, loose - {n for arc in after for n in arc})
    assert again == new


def test_a_node_that_was_placed_without_its_edges_comes_beside_its_first_neighbour() -> None:
    links = [("orders", "billing"), ("billing", "invoices"), ("shop", "orders")]
    old = place(["billing", "emails", "invoices", "orders", "shop"], links, {})
    new = place(sorted(old), [*links, ("invoices", "emails")], old, {"emails"})
    assert new["emails"][0] == old["invoices"][0] + PITCH_X
    assert {n: p for n, p in new.items() if n != "emails"} == {n: p for n, p in old.items() if n != "emails"}


def test_a_cycle_is_cut_so_that_what_nothing_feeds_stands_at_the_left() -> None:
    ring = [("shop", "api"), ("api", "orders"), ("orders", "checks"), ("checks", "checked"), ("checked", "api")]
    places = place(["api", "checked", "checks", "orders", "shop"], ring, {})
    assert [n for n, _ in sorted(places.items(), key=lambda x: x[1][0])] == [
        "shop",
        "api",
        "orders",
        "checks",
        "checked",
    ]
