"""What is declared, permitted and seen, side by side: as a list and on the map."""

from __future__ import annotations

from typing import Any

from dashboard.views import View, build
from lineage import history
from lineage.observations import EdgeSeen, NodeSeen, Reading
from lineage.recorder import Tape
from tests.dashboard.made import T0
from tests.lineage import world as w


def document(at: int, strength: str, *edges: tuple[str, str, str]) -> Reading:
    told = [EdgeSeen(r, s, t, at, at, strength=strength) for r, s, t in edges]
    nodes = [NodeSeen(e, e.partition(":")[2]) for _, s, t in edges for e in (s, t) if e.startswith("service:")]
    return Reading(
        cluster="", at=at, source=strength, scope="x", nodes=nodes, edges=told, complete=True, interval=300.0
    )


def drifting(tape: Tape) -> None:
    """shop writes orders (seen, declared) and a.b_c-D (seen); fraud is declared, ledger permitted to read."""
    shop, orders, other = "service:shop", "topic:c/orders", "topic:c/a.b_c-D"
    tape.take(w.spans(T0 + 3_000, "writes", shop, other))
    tape.take(document(T0 + 3_000, "declared", ("writes", shop, orders), ("reads", orders, "service:fraud")))
    tape.take(document(T0 + 3_000, "permitted", ("reads", orders, "service:ledger")))
    tape.cut(T0 + 8_000)


def shown(view: str, **params: str) -> View:
    return build(view, history.frame_at(None), params)


def rows(**params: str) -> dict[tuple[str, str], Any]:
    return {(r["who"], r["thing"]): r for r in shown("drift", **params).tables["rows"].values()}


def test_the_list_has_each_kind_of_drift_and_what_agrees(tape: Tape) -> None:
    drifting(tape)
    found = {k: r["drift"] for k, r in rows().items()}
    assert found[("shop", "orders")] is None
    assert found[("shop", "a.b_c-D")] == "observed_only"
    assert found[("fraud", "orders")] == "declared_only"
    assert found[("ledger", "orders")] == "permitted_only"
    one = rows()[("shop", "orders")]
    assert (one["observed"], one["declared"], one["permitted"]) == (True, True, False)
    assert rows()[("shop", "a.b_c-D")]["sentence"].endswith("not declared")


def test_the_list_counts_all_and_shows_the_kinds_that_are_wanted(tape: Tape) -> None:
    drifting(tape)
    view = shown("drift", kind="declared_only")
    assert {r["drift"] for r in view.tables["rows"].values()} == {"declared_only"}
    assert view.meta["counts"]["permitted_only"] == 1


def test_the_map_leaves_out_what_is_only_said_until_it_is_asked_for(tape: Tape) -> None:
    drifting(tape)
    usual, drift = shown("map").tables, shown("map", drift="1").tables
    assert "service:fraud" not in usual["nodes"]
    assert {"service:fraud", "service:ledger"} <= drift["nodes"].keys()
    assert {e["drift"] for e in usual["edges"].values()} == {None, "observed_only"}
    assert {"declared_only", "permitted_only"} <= {e["drift"] for e in drift["edges"].values()}
