"""Requests that no page makes: a NUL, which PostgreSQL refuses, and numbers without end."""

from __future__ import annotations

import pytest
from django.test import Client

from lineage.recorder import Tape

pytestmark = pytest.mark.usefixtures("viewer")
SUBJECTS = ("group:", "nothing", "lag:c", "topic:c", "topic:c/a/b/c", "cluster:", "a|b")
COUNTED = ("lag?limit=", "tape?points=", "graph?upstream=", "lag?cursor=", "changes?cursor=")


@pytest.mark.parametrize(
    "path",
    [
        "/groups/group:c/a%00", "/api/v1/groups/a%00", "/api/v1/series?subject=group:c/%00&metric=lag",
        "/api/v1/changes?subject=%00", "/lag?q=%00", "/static/%00", "/v1/traces?%00",
    ],
)  # fmt: skip
def test_an_address_with_a_nul_is_refused(client: Client, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 400
    assert "NUL" in answer.json()["detail"]


def test_what_is_not_there_is_looked_for_without_a_fault(client: Client, admin_client: Client, tape: Tape) -> None:
    assert client.get("/api/v1/groups/group:c%2Fa%2500").status_code == 404
    found = client.get("/api/v1/changes", {"subject": "group:c/a\\x00"})
    assert (found.status_code, found.json()["items"]) == (200, [])
    for subject in SUBJECTS:
        asked = {"subject": subject, "metric": "lag", "from": "2025-06-15T15:09:00Z", "to": "2025-06-15T16:00:00Z"}
        answer = client.get("/api/v1/series", asked)
        assert answer.status_code in {200, 400}, subject
    for number in ("9" * 30, "-1", "1e9", "٣"):
        assert admin_client.delete(f"/api/v1/tokens/{number}").status_code in {404, 405, 422}, number
        for path in COUNTED:
            assert client.get(f"/api/v1/{path}{number}").status_code in {200, 400, 404, 422}, (path, number)


def test_nobody_is_called_by_what_cannot_be_printed(client: Client, db: None, admin_client: Client) -> None:
    for name in ("\0", "a\0b", "a\nb", "\x1b[31m"):
        assert client.post("/login", {"username": name, "password": "x"}).status_code == 403
        body = {"name": name, "scope": "read"}
        assert admin_client.post("/api/v1/tokens", body, content_type="application/json").status_code == 422
