from __future__ import annotations

import contextlib
import json
import re
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote
from xml.etree import ElementTree

import networkx as nx
import pytest
from django.test import Client

from dashboard import access
from lineage.identity import node_id
from lineage.recorder import Tape
from tests.dashboard.made import MARKUP, SPITEFUL_GROUP, T0
from tests.lineage import world as w

pytestmark = pytest.mark.usefixtures("viewer")
LISTS = ("clusters", "lag", "topics", "services", "teams", "collectors")


def get(client: Client, path: str, status: int = 200, **params: Any) -> Any:
    answer = client.get(f"/api/v1/{path}", params)
    assert answer.status_code == status, answer.content
    if status >= 400:
        assert answer["Content-Type"] == "application/problem+json"
        assert answer.json()["status"] == status
    return answer.json()


@pytest.mark.parametrize("path", [*LISTS, "graph", "search", "tape", "changes"])
def test_every_answer_carries_its_moment(client: Client, tape: Tape, path: str) -> None:
    body = get(client, path)
    assert (body["at"], body["live"], body["resolution"]) == ("2025-06-15T15:10:04.100Z", True, "full")


@pytest.mark.parametrize("path", ["clusters", "lag", "topics", "services"])
def test_every_row_says_when_its_numbers_were_sampled(client: Client, tape: Tape, path: str) -> None:
    rows = get(client, path)["items"]
    assert rows
    assert all(r["sampled_at"].startswith("2025-06-15T15:10:0") for r in rows)


def test_the_graph_is_read_by_networkx_and_loses_nothing(client: Client, tape: Tape) -> None:
    body = get(client, "graph")
    graph = nx.node_link_graph(body, edges="edges")
    assert {n["id"] for n in body["nodes"]} == set(graph)
    assert graph.number_of_edges() == len(body["edges"]) > 2
    reads = [e for e in body["edges"] if e["key"] == "billing-cg"]
    assert [(e["source"], e["target"]) for e in reads] == [("topic:c/orders", "service:billing")]
    assert all(e["evidence"] for e in body["edges"])
    assert not any(n["name"].startswith("__") for n in body["nodes"])
    writers = {e["source"] for e in body["edges"] if e["relation"] == "writes"}
    assert "service:shop" in writers


def test_the_graph_is_filtered(client: Client, tape: Tape) -> None:
    near = get(client, "graph", focus="service:shop", downstream=1)
    assert {n["id"] for n in near["nodes"]} == {"service:shop", "topic:c/orders"}
    assert len(get(client, "graph", internal="true")["nodes"]) > len(get(client, "graph")["nodes"])
    assert get(client, "graph", cluster="other")["nodes"] == []
    folded = get(client, "graph", fold="team")
    assert "team:shop" in {n["id"] for n in folded["nodes"]}
    get(client, "graph", 404, focus="topic:c/none")
    get(client, "graph", 422, fold="sideways")


def test_lag_with_partitions(client: Client, tape: Tape) -> None:
    rows = get(client, "lag", group="audit", partitions=1)["items"]
    assert [(r["topic"], r["lag"]) for r in rows] == [("orders", 28)]
    assert rows[0]["partitions"][0]["committed"] == 92
    assert get(client, "lag", verdict="stopped,ok")["items"] is not None


def test_the_error_of_a_time_lag_reaches_to_the_moment_of_the_answer(client: Client, tape: Tape) -> None:
    def known(body: Any) -> tuple[float, float, float]:
        row = body["items"][0]
        age = datetime.fromisoformat(body["at"]) - datetime.fromisoformat(row["sampled_at"])
        return row["time_lag"], row["time_lag_error"], age.total_seconds()

    tape.take(w.frame(T0 + 6000, {"orders": 130}, {"audit": {"orders": 112}}))
    tape.cut(T0 + 6100)
    at_once = get(client, "lag", group="audit")
    tape.take(w.cluster(T0 + 9000))
    tape.cut(T0 + 9000)
    later = get(client, "lag", group="audit")
    assert later["items"][0]["sampled_at"] == at_once["items"][0]["sampled_at"]
    (lag, error, age), (same, wider, older) = known(at_once), known(later)
    assert (same, round(wider - error, 3)) == (lag, round(older - age, 3))
    assert older > age
    assert get(client, "lag", group="audit", at=at_once["at"])["items"] == at_once["items"]


def test_asking_for_a_past_moment_answers_what_was_shown_then(client: Client, tape: Tape) -> None:
    body = get(client, "lag", at="2025-06-15T15:10:01Z", group="audit")
    assert (body["live"], body["items"][0]["lag"]) == (False, 10)


def test_moments_that_cannot_be_shown(client: Client, tape: Tape) -> None:
    get(client, "lag", 400, at="2999-01-01T00:00:00Z")
    get(client, "lag", 400, at="yesterday")
    assert get(client, "lag", 404, at="2020-01-01T00:00:00Z")["begins"] == "2025-06-15T15:10:00.100Z"


@pytest.mark.usefixtures("db", "empty")
def test_nothing_recorded_is_said(client: Client) -> None:
    assert get(client, "lag", 404)["begins"] is None
    assert client.get("/map").status_code == 200
    assert client.get("/metrics").status_code == 200


def test_pages_of_a_list_hold_the_moment_and_miss_nothing(client: Client, tape: Tape) -> None:
    whole = [r["group"] for r in get(client, "lag")["items"]]
    first = get(client, "lag", limit=1)
    rows, cursor = [r["group"] for r in first["items"]], first["next"]
    while cursor:
        page = get(client, "lag", limit=1, cursor=cursor)
        assert page["at"] == first["at"]
        rows, cursor = rows + [r["group"] for r in page["items"]], page["next"]
    assert rows == whole
    assert len(whole) == 3
    get(client, "topics", 400, cursor=first["next"])
    get(client, "lag", 400, cursor="nonsense")
    get(client, "lag", 422, limit=5001)


@pytest.mark.parametrize(
    ("path", "id"),
    [
        ("topics", "topic:c/orders"),
        ("topics", "topic:c/a.b_c-D"),
        ("services", "service:billing"),
        ("teams", "team:shop"),
        ("groups", "group:c/billing-cg"),
        ("groups", node_id("group", "c", SPITEFUL_GROUP)),
    ],
)
def test_a_thing_is_found_by_its_id_encoded_once_more(client: Client, tape: Tape, path: str, id: str) -> None:
    body = get(client, f"{path}/{quote(id, safe='')}")
    assert body["id"] == id
    assert client.get(f"/{path}/{quote(id, safe='')}").status_code == 200
    get(client, f"{path}/{quote(id + 'x', safe='')}", 404)
    assert client.get(f"/{path}/{quote(id + 'x', safe='')}").status_code == 404


def test_markup_in_names_is_text_everywhere(client: Client, tape: Tape) -> None:
    where = quote(node_id("group", "c", SPITEFUL_GROUP), safe="")
    page = client.get(f"/groups/{where}").content.decode()
    assert "<script>alert" not in page
    assert MARKUP in json.dumps(get(client, "lag")).replace('\\"', '"')
    svg = client.get("/api/v1/export/svg").content.decode()
    assert "<script" not in svg
    assert ElementTree.fromstring(svg).tag.endswith("svg")
    mermaid = client.get("/api/v1/export/mermaid").content.decode()
    assert "<" not in mermaid.replace("<-", "")
    dot = client.get("/api/v1/export/dot").content.decode()
    assert '\\"x\\"' in dot
    assert client.get("/metrics").status_code == 200


def test_exports(client: Client, tape: Tape) -> None:
    assert nx.node_link_graph(get(client, "export/json"), edges="edges").number_of_nodes() > 3
    assert client.get("/api/v1/export/dot").content.startswith(b"digraph")
    get(client, "export/exe", 404)


def test_search_finds_the_exact_first(client: Client, tape: Tape) -> None:
    hits = get(client, "search", q="BILLING")["items"]
    assert [h["name"] for h in hits] == ["billing", "billing-cg"]
    assert hits[0]["url"] == "/services/service%3Abilling"


def test_series_and_tape(client: Client, tape: Tape) -> None:
    span = {"from": "2025-06-15T15:10:00Z", "to": "2025-06-15T15:10:06Z"}
    body = get(client, "series", subject="topic:c/orders", metric="log_end", step="1s", **span)
    assert body["points"]
    assert get(client, "tape", points=10, **span)["total_lag"]
    assert get(client, "changes", **span)["items"]
    get(client, "series", 400, subject="", metric="nonsense")
    get(client, "series", 400, subject="", metric="lag", step="1ms")
    get(client, "series", 422)
    get(client, "tape", 400, **{"from": span["to"], "to": span["from"]})


def test_problems_for_what_is_not_there(client: Client, tape: Tape) -> None:
    get(client, "nothing", 404)
    answer = client.put("/api/v1/lag")
    assert (answer.status_code, answer["Content-Type"]) == (405, "application/problem+json")


def test_openapi_names_the_paths_and_docs_need_no_script(client: Client, db: None) -> None:
    paths = client.get("/api/v1/openapi.json").json()["paths"]
    for name in (*LISTS, "graph", "series", "me", "tokens", "topics/{id}", "groups/{id}"):
        assert f"/api/v1/{name}" in paths
    docs = client.get("/api/v1/docs")
    assert b"/api/v1/lag" in docs.content
    assert b"cdn" not in docs.content


def test_metrics_speak_as_kafka_exporter_does(client: Client, tape: Tape) -> None:
    text = client.get("/metrics").content.decode()
    for line in (
        'kafka_consumergroup_lag{cluster="c",consumergroup="audit",partition="0",topic="orders"} 28.0',
        'kafka_consumergroup_current_offset{cluster="c",consumergroup="audit",partition="0",topic="orders"} 92.0',
        'kafka_topic_partition_current_offset{cluster="c",partition="0",topic="orders"} 120.0',
        'kafka_topic_partition_oldest_offset{cluster="c",partition="0",topic="orders"} 0.0',
        'kafka_topic_partitions{cluster="c",topic="orders"} 1.0',
        'kafka_consumergroup_members{cluster="c",consumergroup="billing-cg"} 1.0',
        'kafka_brokers{cluster="c"} 1.0',
    ):
        assert line in text
    assert "playhead_consumergroup_verdict" in text


def test_ready_once_every_reachable_cluster_has_a_sample(client: Client, tape: Tape) -> None:
    assert client.get("/readyz").status_code == 200
    assert client.get("/healthz").status_code == 200


def test_a_first_failed_run_is_no_sample_but_a_missing_right_is_an_answer(
    client: Client, empty: Path, db: None, caplog: pytest.LogCaptureFixture
) -> None:
    with contextlib.closing(Tape(w.config(), empty)) as tape:
        tape.take(w.cluster(T0))
        tape.take(w.topics(T0, "orders"))
        for kind in ("topology", "groups"):
            tape.take(w.ran(T0, kind))
        tape.take(w.ran(T0, "positions", "took too long"))
        tape.cut(T0 + 100)
        answer = client.get("/readyz")
        assert (answer.status_code, answer.json()["missing"]) == (503, [{"cluster": "c", "what": "first positions"}])
        tape.take(w.ran(T0 + 1000, "positions", "no right", needs=("Describe Group *",)))
        tape.cut(T0 + 1100)
        assert client.get("/readyz").status_code == 200
    assert "readyz" not in caplog.text


def test_a_cluster_that_cannot_be_reached_is_named_and_holds_nothing_up(client: Client, empty: Path, db: None) -> None:
    with contextlib.closing(Tape(w.config(), empty)) as tape:
        for kind in ("topology", "groups", "positions"):
            tape.take(w.ran(T0, kind, "nothing listens there", unreachable=True))
        tape.cut(T0 + 100)
        answer = client.get("/readyz")
    assert answer.status_code == 200
    assert answer.json()["unreachable"] == [{"cluster": "c", "why": "nothing listens there"}]


def test_not_ready_before_the_first_sample_says_what_is_missing(client: Client, empty: object, db: None) -> None:
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()["missing"][0]["cluster"]) == (503, "c")


def test_a_token_opens_and_its_end_closes(client: Client, tape: Tape) -> None:
    token = access.new_token("t", "admin")
    head = {"HTTP_AUTHORIZATION": f"Bearer {token}"}
    made = client.post("/api/v1/tokens", {"name": "ci", "scope": "read"}, "application/json", **head)
    assert made.status_code == 201
    listed = client.get("/api/v1/tokens", **head).json()["items"]
    assert [t["name"] for t in listed] == ["t", "ci"]
    assert made.json()["token"] not in json.dumps(listed)
    assert client.delete(f"/api/v1/tokens/{made.json()['id']}", **head).status_code == 204
    assert client.get("/api/v1/lag", HTTP_AUTHORIZATION=f"Bearer {made.json()['token']}").status_code == 401
    assert client.get("/api/v1/audit", **head).json()["items"][0]["action"] == "token ended"
    assert client.post("/api/v1/tokens", {"name": "x", "scope": "root"}, "application/json", **head).status_code == 422


def documented() -> dict[tuple[str, str], str]:
    """Every call that docs/api.md names with the scope that it says: (method, path) -> scope."""
    text = (Path(__file__).resolve().parents[2] / "docs/api.md").read_text()
    found = {}
    for row in (line.split("|") for line in text.splitlines() if line.startswith("| `")):
        method = "GET"
        for method_given, path in re.findall(r"`(?:(GET|POST|PUT|DELETE) )?(/[^`]*)`", row[1]):
            method = method_given or method
            found[method, path] = row[3].strip().partition(";")[0]
    return found


def test_the_page_of_the_api_names_every_call_with_the_scope_that_it_needs(client: Client, tape: Tape) -> None:
    said = documented()
    paths = client.get("/api/v1/openapi.json").json()["paths"]
    calls = {(method.upper(), path) for path, methods in paths.items() for method in methods}
    assert calls <= said.keys()
    tokens = {scope: access.new_token(scope, scope) for scope in access.SCOPES}
    for (method, path), needed in sorted(said.items()):
        if path.startswith(("/ws", "/healthz", "/readyz")) or method == "DELETE":
            continue
        for scope, token in tokens.items():
            headers = {"Authorization": f"Bearer {token}"}
            answer = client.generic(method, path.replace("{id}", "x").replace("{fmt}", "json"), b"{}", headers=headers)
            may = needed == "anybody" or needed.partition(",")[0] in access.IMPLIED[scope]
            assert (answer.status_code not in (401, 403)) == may, (method, path, scope, answer.content)
