from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.test import Client
from pytest_django import Settings

from lineage.config import Config
from tests.dashboard.made import MARKUP

pytestmark = pytest.mark.usefixtures("db", "empty", "viewer")


@pytest.fixture
def nothing(settings: Settings) -> None:
    settings.PLAYHEAD = Config()


def test_without_a_cluster_the_first_page_says_how(client: Client, nothing: None) -> None:
    assert client.get("/")["Location"] == "/start"
    page = client.get("/start").content.decode()
    assert "KAFKA_BOOTSTRAP_SERVERS" in page
    assert client.get("/readyz").status_code == 200


def test_with_a_cluster_the_first_page_is_the_map(client: Client) -> None:
    assert client.get("/")["Location"] == "/map"


def test_only_an_admin_may_have_an_address_checked(client: Client, nothing: None) -> None:
    assert client.post("/start", {"address": "127.0.0.1:1"}).status_code == 403
    client.force_login(User.objects.create_user("ada"))
    assert client.post("/start/check", {"address": "127.0.0.1:1"}).status_code == 403


@pytest.mark.parametrize("address", ["", "a'b:1", "x\ny:1", MARKUP])
def test_what_is_no_address_is_never_tried(client: Client, nothing: None, address: str) -> None:
    client.force_login(User.objects.create_superuser("root"))
    answer = client.post("/start", {"address": address})
    assert answer.status_code == 400
    assert b"<script>alert" not in answer.content
