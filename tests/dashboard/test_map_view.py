from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

from msgspec import structs

from dashboard.views import build
from lineage.frames import EdgeState, NodeState
from tests.dashboard.made import edge, frame, lag, node, topic


def shop() -> tuple[object, ...]:
    writer, orders, billing = node("service", "shop"), topic("orders", team="sales"), node("service", "billing")
    group = node("group", "billing-cg", service=billing.id, members=[], state="Stable")
    edges = [
        edge(writer, orders, "writes"),
        edge(orders, billing, "reads", "billing-cg", lag=7, verdict="stopped"),
    ]
    item = lag("billing-cg", "orders", "stopped", lag=7, time_lag=12.0, service=billing.id)
    return frame([writer, orders, billing, group, node("team", "sales")], edges, lag=(item,)), writer, orders, billing


def test_a_group_of_a_service_is_drawn_as_that_service() -> None:
    f, *nodes = shop()
    view = build("map", f, {})  # type: ignore[arg-type]
    assert set(view.tables["nodes"]) == {n.id for n in nodes}  # type: ignore[attr-defined]
    read = next(e for e in view.tables["edges"].values() if e["relation"] == "reads")
    assert (read["key"], read["lag"], read["time_lag"], read["verdict"]) == ("billing-cg", 7, 12.0, "stopped")


def test_a_reader_shows_the_worst_verdict_of_what_it_reads() -> None:
    f, _, orders, billing = shop()
    nodes = build("map", f, {}).tables["nodes"]  # type: ignore[arg-type]
    assert nodes[billing.id]["verdict"] == nodes[orders.id]["verdict"] == "stopped"  # type: ignore[attr-defined]


def test_internal_topics_are_left_out_unless_asked_for() -> None:
    f = frame([topic("__consumer_offsets", internal=True), topic("orders")])
    assert set(build("map", f, {}).tables["nodes"]) == {"topic:c/orders"}
    assert len(build("map", f, {"internal": "true"}).tables["nodes"]) == 2


def test_focus_follows_so_many_hops() -> None:
    chain = [topic(f"t{i}") for i in range(8)]
    f = frame(chain, [edge(a, b, "derives") for a, b in pairwise(chain)])
    near = build("map", f, {"focus": chain[3].id}).tables["nodes"]
    assert set(near) == {t.id for t in chain[1:6]}
    up = build("map", f, {"focus": chain[3].id, "upstream": "1", "downstream": "0"}).tables["nodes"]
    assert set(up) == {chain[2].id, chain[3].id}


def test_filters_keep_what_matches_and_its_neighbours() -> None:
    f, _writer, orders, billing = shop()
    kept = build("map", f, {"verdict": "stopped"}).tables["nodes"]  # type: ignore[arg-type]
    assert set(kept) == {orders.id, billing.id}  # type: ignore[attr-defined]
    assert build("map", f, {"team": "sales"}).tables["nodes"].keys() == build("map", f, {}).tables["nodes"].keys()  # type: ignore[arg-type]
    assert not build("map", f, {"q": "nothing like it"}).tables["nodes"]  # type: ignore[arg-type]


def test_above_three_hundred_nodes_teams_are_drawn_and_their_edges_are_summed() -> None:
    teams = [f"team{i}" for i in range(10)]
    topics = [topic(f"t{i}", team=teams[i % 10]) for i in range(350)]
    services = [node("service", f"s{i}", team=teams[i]) for i in range(10)]
    edges = [edge(t, services[(i + 1) % 10], "reads", "g", lag=1, verdict="ok") for i, t in enumerate(topics)]
    edges[0] = structs.replace(edges[0], verdict="stalled")
    view = build("map", frame([*topics, *services], edges), {})
    assert view.meta["folded"] is True
    assert set(view.tables["nodes"]) == {f"team:{t}" for t in teams}
    assert view.tables["nodes"]["team:team0"]["count"] == {"services": 1, "topics": 35}
    merged = view.tables["edges"]["reads|team:team0|team:team1|"]
    assert (merged["lag"], merged["rate"], merged["verdict"]) == (35, 35.0, "stalled")
    assert all(isinstance(n["x"], float) and isinstance(n["y"], float) for n in view.tables["nodes"].values())


def test_an_open_team_shows_its_members_with_their_neighbours_folded() -> None:
    topics = [topic(f"t{i}", team=f"team{i % 10}") for i in range(350)]
    reader = node("service", "s", team="team1")
    view = build("map", frame([*topics, reader], [edge(topics[0], reader, "reads")]), {"open": "team:team0"})
    assert topics[0].id in view.tables["nodes"]
    assert "team:team1" in view.tables["nodes"]
    assert "team:team0" not in view.tables["nodes"]
    assert [c["name"] for c in view.meta["crumbs"]] == ["Map", "team0"]


def test_two_thousand_unowned_topics_do_not_become_one_box() -> None:
    for name in ("topic-{:04}", "{:04}", "orders.{:04}.v1"):
        view = build("map", frame([topic(name.format(i)) for i in range(2000)]), {})
        assert 10 < len(view.tables["nodes"]) <= 400
    words = [topic(f"{w}.{i}") for w in ("orders", "payments", "mail", "fraud", "stock") for i in range(400)]
    view = build("map", frame(words), {})
    assert 4 < len(view.tables["nodes"]) <= 400
    distinct = [topic(f"{chr(97 + i % 26)}{chr(97 + i // 26 % 26)}{chr(97 + i // 676)}") for i in range(2000)]
    assert len(build("map", frame(distinct), {}).tables["nodes"]) <= 400


def test_what_the_recorder_has_not_placed_moves_nothing() -> None:
    old = [topic("a"), topic("b")]
    before = build("map", frame(old), {}).tables["nodes"]
    f = frame(old)
    new = topic("new")
    later = replace(f, nodes={**f.nodes, new.id: new})
    after = build("map", later, {}).tables["nodes"]
    assert {i: (after[i]["x"], after[i]["y"]) for i in before} == {i: (r["x"], r["y"]) for i, r in before.items()}
    assert (after[new.id]["x"], after[new.id]["y"]) not in {(r["x"], r["y"]) for r in before.values()}


def numbered(many: int) -> tuple[object, ...]:
    """Topics and groups that nobody owns, each group reading three topics beside its number."""
    topics = [topic(f"t{i:05}") for i in range(many)]
    groups = [node("group", f"g{i:06}", members=[], state="Empty") for i in range(many)]
    reads = [
        edge(topics[(i + k) % many], g, "reads", g.name, verdict="ok") for i, g in enumerate(groups) for k in range(3)
    ]
    return frame([*topics, *groups], reads), topics, groups


def test_a_thousand_numbered_topics_and_groups_fold_to_a_picture_that_fits_a_screen() -> None:
    f, *_ = numbered(1000)
    view = build("map", f, {})  # type: ignore[arg-type]
    boxes = list(view.tables["nodes"].values())
    places = [(b["x"], b["y"]) for b in boxes]
    assert 20 <= len(boxes) <= 110
    assert all(abs(a[0] - b[0]) >= 200 or abs(a[1] - b[1]) >= 60 for a in places for b in places if a is not b)
    wide, high = (max(p[i] for p in places) - min(p[i] for p in places) for i in (0, 1))
    assert 0.8 < wide / high < 3
    assert view.meta["words"] == "1,000 groups, 1,000 topics"
    assert {b["kind"] for b in boxes} == {"fold"}
    assert all(b["opens"] == b["id"] for b in boxes)


def test_an_opened_fold_stands_in_its_outline_with_its_neighbours_beside() -> None:
    f, *_ = numbered(1000)
    boxes = build("map", f, {}).tables["nodes"]  # type: ignore[arg-type]
    opened = next(b for b in boxes if b.startswith("fold:g"))
    view = build("map", f, {"open": opened})  # type: ignore[arg-type]
    around = view.meta["outline"]
    inside = [n for n in view.tables["nodes"].values() if n["kind"] == "group"]
    beside = [n for n in view.tables["nodes"].values() if n["kind"] == "fold"]
    assert inside
    assert beside
    for n in (*inside, *beside):
        within = around["x"] < n["x"] < around["x"] + around["w"] and around["y"] < n["y"] < around["y"] + around["h"]
        assert within == (n["kind"] == "group")
    assert all(e["target"] in {n["id"] for n in inside} for e in view.tables["edges"].values())


def test_a_team_that_owns_everything_opens_to_boxes_that_open_in_turn() -> None:
    f = frame([topic(f"t{i:04}", team="all") for i in range(900)])
    (team,) = build("map", f, {}).tables["nodes"].values()
    parts = build("map", f, {"open": team["opens"]}).tables["nodes"]
    assert 10 < len(parts) <= 110
    part = next(iter(parts.values()))
    view = build("map", f, {"open": part["opens"]})
    assert {n["kind"] for n in view.tables["nodes"].values()} == {"topic"}
    assert len(view.tables["nodes"]) == part["count"]["topics"]
    assert [c["params"].get("open") for c in view.meta["crumbs"]] == [None, team["opens"], part["opens"]]


def test_an_unknown_writer_whose_producers_kafka_does_not_tell_says_so() -> None:
    names = {None: "producers unknown", 1: "1 producer id", 3: "3 producer ids"}
    for known, words in names.items():
        f = frame([node("writer", "t", producers=known, last_write=None)])
        (row,) = build("map", f, {}).tables["nodes"].values()
        assert row["sub"] == f"unknown writer, {words}"


def test_what_touches_a_topic_of_a_large_map_stands_together() -> None:
    f, topics, groups = numbered(400)
    far = {n.id: (i * 5000.0, i * 96.0) for i, n in enumerate([*topics, *groups])}  # type: ignore[misc]
    view = build("map", replace(f, positions=far), {"focus": topics[7].id, "upstream": "0", "downstream": "1"})  # type: ignore[type-var, index]
    xs = [n["x"] for n in view.tables["nodes"].values()]
    assert len(xs) == 4
    assert max(xs) - min(xs) < 1000


def test_neither_a_new_link_nor_a_new_box_moves_the_boxes_of_a_folded_map() -> None:
    minute, teams = 60_000, [f"team{i}" for i in range(8)]
    topics = [structs.replace(topic(f"t{i}", team=teams[i % 8]), first_seen=1_000) for i in range(320)]

    def link(a: NodeState, b: NodeState, seen: int) -> EdgeState:
        found = edge(a, b, "derives")
        return structs.replace(found, evidence=tuple(structs.replace(e, first_seen=seen) for e in found.evidence))

    old = [link(topics[i], topics[i + 1], 2_000) for i in range(7)]

    def places(nodes: list[NodeState], edges: list[EdgeState]) -> dict[str, tuple[float, float]]:
        drawn = build("map", frame(nodes, edges), {}).tables["nodes"]
        return {k: (r["x"], r["y"]) for k, r in drawn.items()}

    before = places(topics, old)
    assert len(before) == len(set(before.values())) == 8
    new = [link(topics[7], topics[i], 90 * minute) for i in (0, 2, 4)]
    assert places(topics, old + new) == before
    late = structs.replace(topic("late", team="newcomers"), first_seen=100 * minute)
    after = places([*topics, late], [*old, *new, link(topics[3], late, 100 * minute)])
    assert {k: v for k, v in after.items() if k != "team:newcomers"} == before
    assert after["team:newcomers"][0] > before["team:team3"][0]
    assert after["team:newcomers"] not in before.values()


def test_a_flow_into_a_topic_whose_writer_is_known_is_not_drawn_beside_it() -> None:
    a, b, c, d = (topic(name) for name in "abcd")
    one, unknown = node("service", "one"), node("writer", "c")
    edges = [edge(a, one, "reads"), edge(one, b, "writes"), edge(unknown, c, "writes")]
    flows = [edge(a, t, "derives", strength="inferred") for t in (b, c, d)] + [edge(d, b, "derives")]
    drawn = build("map", frame([a, b, c, d, one, unknown], [*edges, *flows]), {}).tables["edges"].values()
    told = {(e["source"], e["target"]) for e in drawn if e["relation"] == "derives"}
    assert told == {(a.id, c.id), (a.id, d.id), (d.id, b.id)}


def test_a_flow_that_a_service_explains_leads_no_further_around_a_focus() -> None:
    a, b, c = (topic(n) for n in "abc")
    one, two, last = (node("service", n) for n in ("one", "two", "last"))
    edges = [edge(a, one, "reads"), edge(one, b, "writes"), edge(b, two, "reads"), edge(two, c, "writes")]
    edges += [edge(c, last, "reads"), edge(a, b, "derives", strength="inferred")]
    edges += [edge(b, c, "derives", strength="inferred")]
    drawn = build("map", frame([a, b, c, one, two, last], edges), {"focus": last.id, "upstream": "3"}).tables
    assert set(drawn["nodes"]) == {last.id, c.id, two.id, b.id}
    assert "derives" not in {e["relation"] for e in drawn["edges"].values()}


def test_nothing_that_comes_later_moves_what_stands_in_or_beside_an_open_team() -> None:
    minute, others = 60_000, [f"team{i}" for i in range(7)]
    mine = [structs.replace(topic(f"m{i}", team="mine"), first_seen=1_000) for i in range(9)]
    rest = [structs.replace(topic(f"t{i}", team=others[i % 7]), first_seen=1_000) for i in range(320)]

    def link(a: NodeState, b: NodeState, seen: int) -> EdgeState:
        found = edge(a, b, "derives")
        return structs.replace(found, evidence=tuple(structs.replace(e, first_seen=seen) for e in found.evidence))

    def places(nodes: list[NodeState], edges: list[EdgeState]) -> dict[str, tuple[float, float]]:
        drawn = build("map", frame(nodes, edges), {"open": "team:mine"}).tables["nodes"]
        return {k: (r["x"], r["y"]) for k, r in drawn.items()}

    links = [link(a, b, 2_000) for a, b in pairwise(mine[:6])]
    links += [link(rest[i], mine[i], 2_000) for i in range(3)] + [link(mine[5], rest[i], 2_000) for i in range(3, 6)]
    before = places([*mine, *rest], links)
    nodes = [*mine, *rest]
    assert len(before) == len(set(before.values())) == 9 + 6
    for n in range(12):  # members at the end, at the beginning, alone; teams that feed or read; links of old ones
        at = (90 + n) * minute
        new = structs.replace(topic(f"new{n}", team="mine"), first_seen=at)
        team = structs.replace(topic(f"other{n}", team=f"new{n}"), first_seen=at)
        nodes = [*nodes, new, team]
        own = ([link(mine[5], new, at)], [link(new, mine[0], at)], [])[n % 3]
        links = [*links, *own, link(team, mine[n % 9], at) if n % 2 else link(mine[n % 9], team, at)]
        links += [link(mine[8], mine[n % 8], at), link(rest[0], mine[7], at), link(mine[7], rest[6], at)]
        after = places(nodes, links)
        assert {k: v for k, v in after.items() if k in before} == before
        assert len(after) == len(set(after.values()))
        before = after
