"""Requests that no page makes: a NUL, which PostgreSQL refuses, and numbers without end."""

from __future__ import annotations

import pytest
from django.test import Client

from lineage.recorder import Tape

pytestmark = pytest.mark.usefixtures("viewer")


@pytest.mark.parametrize(
    "path",
    [
        "/groups/group:c/a%00", "/api/v1/groups/a%00", "/api/v1/series?subject=group:c/%00&metric=lag",
        "/api/v1/changes?subject=%00", "/lag?q=%00", "/static/%00", "/v1/traces?%00",
    ],
)  # fmt: skip
def test_an_address_with_a_nul_is_refused(client: Client, tape: Tape, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 400
    assert "NUL" in answer.json()["detail"]


def test_an_id_with_an_encoded_nul_is_looked_for(client: Client, tape: Tape) -> None:
    assert client.get("/api/v1/groups/group:c%2Fa%2500").status_code == 404
    assert client.get("/api/v1/changes", {"subject": "group:c/a%00"}).json()["items"] == []


@pytest.mark.parametrize("subject", ["group:", "nothing", "lag:c", "topic:c", "topic:c/a/b/c", "cluster:", "a|b"])
def test_a_series_of_nothing_is_empty_or_refused(client: Client, tape: Tape, subject: str) -> None:
    answer = client.get("/api/v1/series", {"subject": subject, "metric": "lag", "from": "2025-06-15T15:09:00Z"})
    assert answer.status_code in {200, 400}
    assert answer.status_code == 400 or not [v for _, v in answer.json()["points"] if v is not None]


@pytest.mark.parametrize("name", ["\0", "a\0b", "a\nb", "\x1b[31m"])
def test_nobody_is_called_so(client: Client, db: None, admin_client: Client, name: str) -> None:
    assert client.post("/login", {"username": name, "password": "x"}).status_code == 403
    body = {"name": name, "scope": "read"}
    assert admin_client.post("/api/v1/tokens", body, content_type="application/json").status_code == 422


@pytest.mark.parametrize("number", ["9" * 30, "-1", "1e9", "٣"])
def test_a_number_without_end_is_no_fault(client: Client, admin_client: Client, tape: Tape, number: str) -> None:
    assert admin_client.delete(f"/api/v1/tokens/{number}").status_code in {404, 422}
    for path in ("lag?limit=", "tape?points=", "graph?upstream=", "lag?cursor=", "changes?cursor="):
        assert client.get(f"/api/v1/{path}{number}").status_code in {400, 404, 422}
