"""The Changes page, its API, the map between two moments, a group through time."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import pytest
from django.test import Client
from django.utils.html import escape

from dashboard.reading import frame_at, view_of
from dashboard.times import stamp
from dashboard.views import build, changes
from dashboard.views.lines import NOUNS
from lineage import history
from lineage.frames import Change
from lineage.recorder import Tape
from lineage.stories import Stories, Told
from lineage.wording import say, things_of
from tests.dashboard.made import T0, frame, node, topic
from tests.lineage import world as w

SECOND = 1_000


def told(*given: tuple[int, str, str, Any, Any]) -> Stories:
    """Changes by second, kind, subject, before and after."""
    rows = [
        Change(i + 1, T0 + s * SECOND, T0 + s * SECOND, kind, subject, before, after, "")
        for i, (s, kind, subject, before, after) in enumerate(given)
    ]
    return Stories(tuple(Told(c, say(c), things_of(c)) for c in rows), 0)


def rows_of(stories: Stories, **params: str) -> list[dict[str, Any]]:
    view = build("changes", frame([node("group", "g", team="risk"), topic("o")]), params, {"stories": stories})
    return list(view.tables["lines"].values())


def verdicts(n: int, start: int = 0) -> list[tuple[int, str, str, Any, Any]]:
    words = ("ok", "stalled")
    return [
        (start + i, "verdict", "lag:c/g/o", {"verdict": words[i % 2]}, {"verdict": words[(i + 1) % 2], "reason": "why"})
        for i in range(n)
    ]


def test_newest_first_with_cluster_team_and_links() -> None:
    rows = rows_of(told((1, "appeared", "topic:c/o", None, {}), *verdicts(1, 5)))
    assert [r["sentence"] for r in rows] == ["g's lag verdict on o went from ok to stalled", "topic o appeared"]
    assert (rows[0]["cluster"], rows[0]["team"], rows[0]["why"]) == ("c", "risk", "why")
    assert rows[0]["things"] == ["group:c/g", "topic:c/o"]


def test_what_flaps_is_one_line_that_says_how_often_and_opens() -> None:
    rows = rows_of(told(*verdicts(8), (9, "appeared", "topic:c/x", None, {})))
    assert [r["sentence"] for r in rows] == [
        "topic x appeared",
        "the lag verdict of g on o changed eight times in seven seconds",
    ]
    assert (rows[1]["count"], len(rows[1]["items"]), rows[1]["why"]) == (8, 8, "now ok: why")
    assert len(rows_of(told(*verdicts(5)))) == 5


def test_coming_and_going_counts_together() -> None:
    edge = "reads|topic:c/o|group:c/g|"
    rows = rows_of(told(*[(i, ("appeared", "vanished")[i % 2], edge, None, None) for i in range(6)]))
    assert [r["sentence"] for r in rows] == ["group g reading o came and went six times in five seconds"]
    assert rows[0]["why"] == "now it is gone"


def test_many_of_a_kind_in_one_moment_are_one_line() -> None:
    rows = rows_of(told(*[(1, "appeared", f"topic:c/t{i}", None, {}) for i in range(9)], *verdicts(1, 1)))
    assert sorted(r["count"] for r in rows) == [1, 9]
    many = next(r for r in rows if r["count"] == 9)
    assert (many["sentence"], many["why"]) == ("nine topics appeared together", "t0, t1, t2, t3, t4 and 4 more")


def test_a_group_that_is_recognised_as_a_service_is_one_line() -> None:
    after = {"source": "topic:c/o", "target": "service:pay", "key": "pay-cg", "evidence": []}
    rows = rows_of(
        told(
            (1, "vanished", "reads|topic:c/o|group:c/pay-cg|", {}, None),
            (1, "appeared", "reads|topic:c/o|service:pay|pay-cg", None, after),
        )
    )
    assert [r["sentence"] for r in rows] == ["group pay-cg, which reads o, was recognised as service pay"]


@pytest.mark.parametrize(
    ("params", "left"),
    [
        ({"kind": "verdict"}, 1),
        ({"kind": "verdict,appeared"}, 3),
        ({"what": "topic"}, 2),
        ({"team": "risk"}, 1),
        ({"team": "team:risk"}, 1),
        ({"subject": "topic:c/o"}, 2),
        ({"subject": "lag:c/g/o"}, 1),
        ({"q": "LAG VERDICT"}, 1),
        ({"cluster": "other"}, 0),
        ({"cluster": "c"}, 3),
    ],
)
def test_filters(params: dict[str, str], left: int) -> None:
    given = told((1, "appeared", "topic:c/o", None, {}), (2, "appeared", "topic:c/x", None, {}), *verdicts(1, 3))
    assert len(rows_of(given, **params)) == left


def test_counts_by_kind_are_those_before_the_filter_by_kind() -> None:
    given = told((1, "appeared", "topic:c/o", None, {}), *verdicts(1, 3))
    view = build("changes", frame([]), {"kind": "verdict"}, {"stories": given})
    assert view.meta["counts"] == {"appeared": 1, "verdict": 1}
    assert view.meta["whats"] == ["lag", "topic"]


def test_the_same_changes_are_the_same_table_so_that_nothing_is_sent() -> None:
    given, nodes = told(*verdicts(2)), [node("group", "g", team="risk")]
    first, second = (build("changes", frame(nodes, tick=n), {}, {"stories": given}) for n in (1, 2))
    assert first.tables["lines"] is second.tables["lines"]


def test_a_range_is_the_last_hour_or_what_was_asked_for() -> None:
    at = 1_790_000_123_456
    assert changes.stretch({}, at) == ((at - 3_600_000) // 60_000 * 60_000, at)
    assert changes.stretch({"from": "-15m"}, at) == ((at - 900_000) // 60_000 * 60_000, at)
    fixed = {"from": "2026-09-21T14:00:00Z", "to": "2026-09-21T14:01:00Z"}
    assert changes.stretch(fixed, at) == (1_789_999_200_000, 1_789_999_260_000)
    with pytest.raises(ValueError, match="ends before it begins"):
        changes.stretch({"from": fixed["to"], "to": fixed["from"]}, at)
    with pytest.raises(ValueError, match="is no time"):
        changes.stretch({"from": "yesterday"}, at)


# On a recorded tape


def test_the_page_without_script_is_a_list_of_sentences(client: Client, tape: Tape, viewer: None) -> None:
    answer = client.get("/changes", {"from": "2025-06-15T00:00:00Z"})
    assert answer.status_code == 200
    assert "appeared" in answer.content.decode()
    assert client.get("/changes", {"from": "nonsense"}).status_code == 400


def test_the_api_tells_each_change_in_a_sentence(client: Client, tape: Tape, viewer: None) -> None:
    span = {"from": "2025-06-15T00:00:00Z"}
    body = client.get("/api/v1/changes", {**span, "limit": 4}).json()
    assert all(i["sentence"] for i in body["items"])
    rest = client.get("/api/v1/changes", {**span, "cursor": body["next"]}).json()
    every = [i["id"] for i in body["items"] + rest["items"]]
    assert every == [c.id for c in history.changes_between(0, T0 + 10**6)]


def test_a_group_through_time_by_the_api(client: Client, tape: Tape, viewer: None) -> None:
    span = {"from": "2025-06-15T15:00:00Z", "to": "2025-06-15T16:00:00Z", "points": 240}
    body = client.get("/api/v1/groups/group%3Ac%2Faudit/heat", span).json()
    assert [(r["topic"], r["partition"]) for r in body["rows"]] == [("orders", 0)]
    assert len(body["times"]) == len(body["recorded"]) == len(body["rows"][0]["values"]) <= 240
    members = client.get("/api/v1/groups/group%3Ac%2Fbilling-cg/members", span).json()
    assert [m["client_id"] for m in members["members"]] == ["b-1"]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("group%3Ac%2Fnone/heat", 404),
        ("topic%3Ac%2Forders/heat", 400),
        ("nonsense/members", 400),
        ("group%3Ac%2Faudit/heat?metric=size", 400),
        ("group%3Ac%2Faudit/heat?points=100000", 422),
        ("group%3Ac%2Faudit/heat?from=live&to=-1h", 400),
    ],
)
def test_what_cannot_be_answered_is_a_problem(client: Client, tape: Tape, viewer: None, path: str, status: int) -> None:
    answer = client.get(f"/api/v1/groups/{path}")
    assert (answer.status_code, answer["Content-Type"]) == (status, "application/problem+json")


def test_the_map_between_two_moments_says_what_became_of_each(tape: Tape) -> None:
    at = T0 + 100_000
    tape.take(w.topics(at, "orders", "brand-new", "__consumer_offsets"))
    tape.take(w.spans(at, "writes", "service:shop", "topic:c/brand-new"))
    tape.cut(at)
    params = {"from": "2025-06-15T00:00:00Z", "to": "live"}
    view = view_of("map", frame_at(None, at), params)
    became = {k: r["change"] for k, r in view.tables["nodes"].items()}
    assert became["topic:c/brand-new"] == "added"
    assert became["topic:c/a.b_c-D"] == "removed"
    assert became["topic:c/orders"] is None
    edges = {k: r["change"] for k, r in view.tables["edges"].items() if r["change"] == "added"}
    assert list(edges) == ["writes|service:shop|topic:c/brand-new|"]
    assert view.meta["difference"]["nodes"] == {"added": 1, "removed": 1, "changed": 0}
    assert view.meta["crumbs"][-1]["name"].endswith(" UTC: 2 added, 1 gone")
    assert view.meta["crumbs"][-1]["params"] == params
    assert "change" not in view_of("map", frame_at(None, at), {}).tables["nodes"]["topic:c/orders"]


def test_with_hindsight_the_page_lists_what_came_late_when_it_happened(tape: Tape) -> None:
    at = T0 + 900_000
    tape.take(w.spans(T0 + 60_000, "reads", "topic:c/orders", "service:ledger"))
    tape.cut(at)
    span = {"from": stamp(T0), "to": stamp(T0 + 120_000)}
    then, now = (view_of("changes", frame_at(None, at), span | more) for more in ({}, {"hindsight": "1"}))
    assert "service:ledger" not in {r["subject"] for r in then.tables["lines"].values()}
    (line,) = (r for r in now.tables["lines"].values() if r["subject"] == "service:ledger")
    assert (line["at"], line["learned"]) == (stamp(T0 + 60_000), stamp(at))


@pytest.mark.parametrize("path", ["heat", "members"])
def test_a_group_that_nobody_knew_of_yet_is_found_in_hindsight_alone(
    client: Client, tape: Tape, viewer: None, path: str
) -> None:
    tape.take(w.groups(T0 + 900_000, "late-cg"))
    tape.cut(T0 + 900_000)
    span = {"from": stamp(T0 - 60_000), "to": stamp(T0 + 60_000)}
    url = f"/api/v1/groups/group%3Ac%2Flate-cg/{path}"
    answer = client.get(url, span)
    assert (answer.status_code, "hindsight" in answer.json()["detail"]) == (404, True)
    assert client.get(url, {**span, "hindsight": "true"}).status_code == 200


def test_a_moment_before_the_tape_leads_to_where_it_begins(client: Client, tape: Tape, viewer: None) -> None:
    begin = history.bounds()[0]  # type: ignore[index]
    answer = client.get("/lag", {"at": stamp(begin - 1), "q": "a&b"})
    page = answer.content.decode()
    assert answer.status_code == 400
    assert f"You asked for {stamp(begin - 1)}" in page
    there = f"/lag?{urlencode({'q': 'a&b', 'at': stamp(begin)})}"
    assert f'href="{escape(there)}"' in page
    assert client.get(there).status_code == 200
    assert 'href="/lag?q=a%26b"' in page


def test_a_comparison_backwards_is_refused(client: Client, tape: Tape, viewer: None) -> None:
    answer = client.get("/map", {"from": "2025-06-16T00:00:00Z", "to": "2025-06-15T00:00:00Z"})
    assert answer.status_code == 400


def test_the_picture_and_the_api_find_the_same(client: Client, tape: Tape, viewer: None) -> None:
    at = T0 + 100_000
    tape.take(w.topics(at, "orders", "brand-new", "__consumer_offsets"))
    tape.cut(at)
    span = {"from": "2025-06-15T15:10:02.500Z", "to": "2025-06-15T15:20:00Z"}
    body = client.get("/api/v1/diff", span).json()
    view = view_of("map", frame_at(None, at), span)
    for kind in ("nodes", "edges"):
        drawn = {k: r["change"] for k, r in view.tables[kind].items() if r["change"]}
        counted = {name: len(body[name][kind]) for name in ("added", "removed", "changed")}
        assert view.meta["difference"][kind] == counted
        assert {c["id"] for c in body["changed"][kind]} == {k for k, change in drawn.items() if change == "changed"}


def test_every_relation_has_a_word_that_can_be_counted() -> None:
    for relation in ("reads", "writes", "calls", "derives", "replicates", "dead_letters"):
        assert not NOUNS[relation].endswith("s")
