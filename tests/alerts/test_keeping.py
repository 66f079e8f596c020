"""Channels as people make and change them; no secret of theirs is anywhere but sealed."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest
from django.apps import apps
from django.core import serializers
from pytest_django import Settings

from dashboard.alerts.channels.registry import KINDS
from dashboard.alerts.channels.webhook import key
from dashboard.alerts.keeping import keep, shown, try_out
from dashboard.alerts.models import Attempt, Channel, Delivery
from dashboard.models import AuditEntry
from tests.alerts.receiving import Reply, client, receiving
from tests.alerts.world import SECRET, T0, Post, channel, fired

pytestmark = pytest.mark.django_db
PW = "Zebra-pw-4242"
URL = f"https://hooks.test/services/{PW}"
GIVEN: dict[str, dict[str, Any]] = {
    "webhook": {"url": URL},
    "alertmanager": {"url": URL, "token": PW},
    "slack": {"url": URL},
    "teams": {"url": URL},
    "pagerduty": {"routing_key": PW},
    "opsgenie": {"api_key": PW},
    "discord": {"url": URL},
    "mail": {"host": "smtp.test", "from": "a@b.test", "to": "c@d.test", "username": "u", "password": PW},
    "template": {"url": URL, "template": "${text}", "authorization": f"Bearer {PW}"},
}


def new(kind: str, **more: Any) -> Channel:
    return Channel(name=f"my {kind}", kind=kind, changed_at=T0, **more)


def everything() -> str:
    return "".join(serializers.serialize("json", m._default_manager.all()) for m in apps.get_models())


@pytest.mark.parametrize("kind", KINDS)
def test_no_secret_is_in_the_database_the_logs_or_what_is_shown(kind: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    made = new(kind)
    keep(made, GIVEN[kind], "ann", T0)
    fired(name="x", team=None)
    Post(made, None, client=client(resolve=lambda h, p: ["203.0.113.1"])).at(T0)  # type: ignore[arg-type]
    try_out(made, "ann", T0 + 1, client(resolve=lambda h, p: [PW]))
    made.refresh_from_db()
    assert Attempt.objects.count() == 2
    assert PW not in everything()
    assert PW not in json.dumps(shown(made))
    assert PW not in caplog.text
    assert PW not in repr(made) + str(made)
    assert AuditEntry.objects.filter(action="channel made", who="ann").exists()
    assert shown(made)["secrets"]


def test_a_signing_secret_is_made_and_answered_once() -> None:
    made = new("webhook")
    assert len(key(keep(made, {"url": URL}, "ann", T0))) == 32
    assert keep(made, {"url": "https://other.test/"}, "ann", T0 + 1) == ""
    assert shown(made)["secrets"] == ["secret", "url"]
    assert shown(made)["settings"] == {"per_minute": 20, "to": "other.test"}


def test_what_is_left_out_stays_as_it_was() -> None:
    made = new("mail")
    keep(made, GIVEN["mail"], "ann", T0)
    sealed = made.secret
    keep(made, {"to": "e@f.test"}, "bob", T0 + 1)
    made.refresh_from_db()
    assert (made.settings["to"], made.settings["from"], made.created_by) == ("e@f.test", "a@b.test", "ann")
    assert made.secret != sealed
    assert shown(made)["secrets"] == ["password"]
    assert AuditEntry.objects.filter(action="channel changed").get().detail == {"kind": "mail", "given": ["to"]}


def test_another_kind_begins_anew() -> None:
    made = channel()
    made.kind = "slack"
    with pytest.raises(ValueError, match="url: needed for Slack"):
        keep(made, {}, "ann", T0)


@pytest.mark.parametrize(
    ("kind", "given", "sentence"),
    [
        ("webhook", {}, "url: needed for Webhook"),
        ("webhook", {"url": "ftp://x"}, "url: an address begins with https"),
        ("webhook", {"url": "http://"}, "begins with https:// or http:// and names a host"),
        ("webhook", {"url": "not a url"}, "url: an address holds no blank"),
        ("webhook", {"url": "http://[::1"}, "stands whole between"),
        ("webhook", {"url": URL, "secret": "short"}, "secret: a signing secret is"),
        (
            "webhook",
            {"url": URL, "colour": "red"},
            "'colour' is no setting of Webhook; there are url, secret, per_minute",
        ),
        ("webhook", {"url": ["x"]}, "url: expected text"),
        ("webhook", {"url": URL, "per_minute": 0}, "per_minute: expected a whole number from 1 to 600"),
        ("webhook", {"url": URL, "per_minute": "9"}, "per_minute: expected a whole number"),
        ("mail", {**GIVEN["mail"], "security": "ssl"}, "security: expected one of tls, starttls, none"),
        ("mail", {**GIVEN["mail"], "security": "none"}, "a password is not sent over"),
        ("mail", {**GIVEN["mail"], "port": "99999"}, "port: expected a port"),
        ("mail", {**GIVEN["mail"], "host": "a b"}, "host: expected the name of a mail server"),
        ("template", {"url": URL, "template": "${evil}"}, "template: 'evil' is no name"),
        ("template", {"url": URL, "template": "x" * 16_001}, "template: expected text of at most 16000"),
        ("alertmanager", {"url": URL, "token": f"{PW}\r\nX: y"}, "token: expected one line"),
        ("opsgenie", {"api_key": f"{PW}é"}, "api_key: expected plain ASCII"),
        ("carrier pigeon", {}, "is no kind of channel; there are webhook"),
    ],
)
def test_what_is_wrong_is_named(kind: str, given: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence) as told:
        keep(new(kind), given, "ann", T0)
    assert PW not in str(told.value)
    assert not Channel.objects.exists()


def test_a_changed_key_is_said_and_wants_the_secrets_anew(settings: Settings) -> None:
    with receiving() as there:
        made = Post(channel(url=there.url), there)
        fired()
        settings.SECRET_KEY = "another"
        made.at(T0)
        assert "PLAYHEAD_SECRET_KEY is not the one" in Attempt.objects.get().excerpt
        assert "PLAYHEAD_SECRET_KEY is not the one" in shown(made.channel)["problem"]
        assert there.seen == []
        with pytest.raises(ValueError, match="PLAYHEAD_SECRET_KEY is not the one"):
            keep(made.channel, {"per_minute": 5}, "ann", T0)
        keep(made.channel, {"url": there.url, "secret": SECRET}, "ann", T0)
        made.at(T0 + 60_000)
        assert made.told() == ["firing orders"]


# The test button


def test_a_test_is_sent_at_once_and_once_even_where_the_channel_is_out_of_use() -> None:
    with receiving() as there:
        made = channel(url=there.url, enabled=False)
        there.always(500, b"no")
        found = try_out(made, "ann", T0, client())
        assert (found.code, found.excerpt) == (500, "no")
        assert Delivery.objects.get().state == "failed"
        there.always(200)
        assert try_out(made, "ann", T0, client()).code == 200
        assert json.loads(there.seen[1].body)["test"] is True
        assert AuditEntry.objects.filter(action="channel tested").count() == 2


@pytest.mark.parametrize("kind", ["pagerduty", "opsgenie"])
def test_a_test_leaves_nothing_open(kind: str) -> None:
    with receiving() as there:
        there.answer = lambda seen, sock: Reply(202)
        try_out(channel(kind=kind, given={**GIVEN[kind], "url": there.url, "secret": None}), "ann", T0, client())
        first, second = (json.loads(s.body) for s in there.seen)
    if kind == "pagerduty":
        assert (first["event_action"], second["event_action"]) == ("trigger", "resolve")
        assert first["dedup_key"] == second["dedup_key"]
    else:
        assert there.seen[1].path == f"/v2/alerts/{first['alias']}/close?identifierType=alias"
