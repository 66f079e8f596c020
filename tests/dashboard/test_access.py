from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.test import Client
from pytest_django import Settings

from dashboard import access
from dashboard.models import ApiToken
from dashboard.throttle import Throttle

GUARDED = ("/api/v1/lag", "/api/v1/graph", "/metrics", "/api/v1/export/svg", "/api/v1/search")


@pytest.mark.parametrize("path", [*GUARDED, "/api/v1/tokens", "/api/v1/audit"])
def test_without_rights_nothing_is_read(client: Client, db: None, path: str) -> None:
    answer = client.get(path)
    assert (answer.status_code, answer["Content-Type"]) == (401, "application/problem+json")
    assert "WWW-Authenticate" in answer


def test_pages_lead_to_the_login(client: Client, db: None) -> None:
    answer = client.get("/lag?team=x")
    assert (answer.status_code, answer["Location"]) == (302, "/login?next=%2Flag%3Fteam%3Dx")


@pytest.mark.parametrize("path", ["/api/v1/tokens", "/api/v1/audit"])
def test_an_anonymous_viewer_sees_no_tokens(client: Client, db: None, viewer: None, path: str) -> None:
    assert client.get(path).status_code == 401


@pytest.mark.parametrize(("scope", "status"), [("read", 404), ("ingest", 403), ("operate", 404), ("admin", 404)])
def test_scopes(client: Client, db: None, empty: object, scope: str, status: int) -> None:
    head = {"HTTP_AUTHORIZATION": f"Bearer {access.new_token('t', scope)}"}
    assert client.get("/api/v1/lag", **head).status_code == status
    assert client.get("/api/v1/tokens", **head).status_code == (200 if scope == "admin" else 403)


@pytest.mark.parametrize("header", ["Bearer wrong", "Basic YTpi", "Bearer", "nonsense"])
def test_a_wrong_token_is_never_silently_anonymous(client: Client, db: None, viewer: None, header: str) -> None:
    assert client.get("/api/v1/lag", HTTP_AUTHORIZATION=header).status_code == 401


def test_only_a_digest_of_a_token_is_kept(db: None) -> None:
    token = access.new_token("t", "read")
    kept = ApiToken.objects.get()
    assert token not in (kept.digest, kept.start)
    assert len(kept.digest) == 64


def test_loopback() -> None:
    assert access.is_loopback("127.0.0.1")
    assert access.is_loopback("::1")
    assert access.is_loopback("::ffff:127.0.0.1")
    assert not access.is_loopback("10.0.0.1")
    assert not access.is_loopback(None)
    assert not access.is_loopback("testclient")


def test_the_first_admin_is_made_once(db: None) -> None:
    printed = access.ensure_admin(None)
    assert printed
    assert access.ensure_admin(None) is None
    assert User.objects.get().check_password(printed)


def test_a_given_password_is_not_printed(db: None) -> None:
    assert access.ensure_admin("correct horse") is None
    assert User.objects.get(username="admin").is_superuser


def test_login_leads_back_but_never_to_another_site(client: Client, db: None) -> None:
    User.objects.create_user("ada", password="pw")
    good = client.post("/login", {"username": "ada", "password": "pw", "next": "/lag"})
    assert (good.status_code, good["Location"]) == (302, "/lag")
    client.post("/logout")
    bad = client.post("/login", {"username": "ada", "password": "pw", "next": "https://evil.example/"})
    assert bad["Location"] == "/"


def test_guessing_passwords_is_slowed(client: Client, db: None) -> None:
    answers = [client.post("/login", {"username": "ada", "password": "x"}).status_code for _ in range(6)]
    assert answers == [403] * 5 + [429]
    throttle = Throttle()
    for i in range(10_000):
        throttle.failed(f"10.0.{i // 250}.{i}", "n", 0.0)
    assert len(throttle._failures) <= 4096
    assert throttle.wait("a", "b", 0.0) == 0


def test_a_session_that_writes_needs_the_csrf_token(db: None) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(User.objects.create_superuser("root", password="pw"))
    answer = client.post("/api/v1/tokens", {"name": "x", "scope": "read"}, "application/json")
    assert (answer.status_code, answer["Content-Type"]) == (403, "application/problem+json")
    assert not ApiToken.objects.exists()


def test_who_am_i(client: Client, db: None) -> None:
    assert client.get("/api/v1/me").json()["kind"] == "anonymous"
    client.force_login(User.objects.create_user("ada"))
    assert client.get("/api/v1/me").json()["scopes"] == ["read"]


def test_every_page_carries_its_policy(client: Client, db: None, viewer: None, empty: object) -> None:
    for path in ("/map", "/login", "/api/v1/lag", "/nothing"):
        answer = client.get(path)
        assert "default-src 'self'" in answer["Content-Security-Policy"]
        assert "unsafe" not in answer["Content-Security-Policy"]
        assert answer["X-Frame-Options"] == "DENY"
    page = client.get("/map").content.decode()
    assert " style=" not in page


def test_pages_hold_no_secret(client: Client, settings: Settings, db: None, viewer: None, empty: object) -> None:
    for path in ("/map", "/login", "/start", "/api/v1/openapi.json"):
        assert settings.SECRET_KEY not in client.get(path).content.decode()
