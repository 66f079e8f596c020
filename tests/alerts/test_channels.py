"""What each kind of channel sends, and that no name in it becomes markup, a mention, a header or code."""

from __future__ import annotations

import base64
import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from dashboard.alerts.channels import alertmanager, discord, mail, opsgenie, pagerduty, slack, teams, template, webhook
from dashboard.alerts.channels.client import Request
from dashboard.alerts.channels.kinds import Told
from dashboard.alerts.channels.words import clean, heading, paragraphs
from tests.alerts.told import NASTY, body, told

NAMES = st.one_of(
    st.text(max_size=60), st.sampled_from([NASTY, "@here", "<!here>", "a\nb", "`~`", "\\*", "\x00", "[x](y)"])
)


def sent(request: Request) -> Any:
    return json.loads(request.body)


# Words


def test_the_heading_says_state_gravity_and_what() -> None:
    assert heading(body()) == "Firing (critical): billing stopped reading orders"
    assert heading(body("resolved")) == "Resolved (critical): billing stopped reading orders"
    assert heading(body(escalated=True)).startswith("Nobody acknowledged (critical)")
    assert heading(body(test=True)).startswith("Test (critical)")
    assert heading(body(folded=7)) == "Firing: 7 alerts, the gravest critical: billing stopped reading orders"


def test_the_paragraphs_say_reason_value_cause_and_what_else() -> None:
    more = {
        "cause": {"subject": "broker:c/1", "reason": "broker 1 is down"},
        "group": [body(name="other")["alert"]] * 25,
    }
    lines = paragraphs(body(**more))
    assert "Value: 12.5 (threshold 10)" in lines
    assert "Cause: broker:c/1 – broker 1 is down" in lines
    assert lines[-1] == "- and 5 more"
    assert "Until" not in " ".join(lines)


@given(NAMES)
def test_clean_words_are_one_printable_line(text: str) -> None:
    found = clean(text, 40)
    assert len(found) <= 40
    assert found.isprintable()


# Standard Webhooks


def test_a_webhook_is_verified_by_the_library_that_others_wrote() -> None:
    secret = webhook.new_secret()
    now = int(datetime.now(UTC).timestamp() * 1000)
    request = webhook.make(Told(body(name=NASTY), "msg-1", now, {"url": "https://a.test/", "secret": secret}))
    assert Webhook(secret).verify(request.body, dict(request.headers)) == body(name=NASTY)
    assert request.headers["webhook-id"] == "msg-1"
    with pytest.raises(WebhookVerificationError):
        Webhook(secret).verify(request.body + b" ", dict(request.headers))
    with pytest.raises(WebhookVerificationError):
        Webhook(webhook.new_secret()).verify(request.body, dict(request.headers))


def test_a_retry_has_the_same_id_and_a_signature_of_its_own_moment() -> None:
    given = {"url": "https://a.test/", "secret": webhook.new_secret()}
    first, second = (webhook.make(Told(body(), "msg-1", at, given)) for at in (1_000_000, 2_000_000))
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert first.headers["webhook-timestamp"] == "1000"
    assert first.headers["webhook-signature"] != second.headers["webhook-signature"]
    assert first.body == second.body


@pytest.mark.parametrize(
    "secret", ["whsec_", "whsec_short", "hunter2", "whsec_" + base64.b64encode(b"x" * 65).decode()]
)
def test_a_signing_secret_is_of_the_standards_length(secret: str) -> None:
    with pytest.raises(ValueError, match="24 to 64 bytes"):
        webhook.key(secret)


# Alertmanager


SCHEMA = json.loads((Path(__file__).parent / "alertmanager_v4.json").read_text())


@pytest.mark.parametrize("status", ["firing", "resolved"])
@pytest.mark.parametrize("name", ["orders", NASTY])
def test_alertmanagers_schema_holds(status: str, name: str) -> None:
    more = {"group": [body("firing", "other")["alert"]], "cause": {"subject": "s", "reason": "r"}}
    found = sent(alertmanager.make(told(status, name, more, url="https://a.test/")))
    jsonschema.validate(found, SCHEMA)
    first, second = found["alerts"]
    assert (first["status"], second["status"]) == (status, "firing")
    assert first["labels"]["severity"] == "critical"
    assert first["fingerprint"] == second["fingerprint"]  # the same alert's id
    assert second["endsAt"] == "0001-01-01T00:00:00Z"
    assert found["commonLabels"].items() <= first["labels"].items()


def test_firing_and_resolved_are_of_one_group() -> None:
    keys = {sent(alertmanager.make(told(s, url="https://a.test/")))["groupKey"] for s in ("firing", "resolved")}
    assert len(keys) == 1


def test_a_bearer_token_goes_with_it() -> None:
    assert alertmanager.make(told(url="https://a.test/", token="t0")).headers["Authorization"] == "Bearer t0"


# Slack, Teams, Discord


def texts(value: Any) -> list[str]:
    """All texts within."""
    if isinstance(value, dict):
        return [t for v in value.values() for t in texts(v)]
    return (
        [t for v in value for t in texts(v)] if isinstance(value, list) else [value] if isinstance(value, str) else []
    )


@given(NAMES, st.sampled_from(["firing", "resolved"]))
def test_slack_reads_no_markup(name: str, status: str) -> None:
    found = sent(slack.make(told(status, name, url="https://a.test/")))
    assert not re.search(r"[<>]", found["text"])
    assert found["mrkdwn"] is False
    for block in found["blocks"]:
        kinds = [block["text"]["type"]] if "text" in block else [e["text"]["type"] for e in block["elements"]]
        assert set(kinds) == {"plain_text"}
    assert len(found["blocks"][0]["text"]["text"]) <= 150


def test_slack_says_it_and_links_to_the_moment() -> None:
    found = sent(slack.make(told(url="https://a.test/")))
    assert found["blocks"][0]["text"]["text"] == "Firing (critical): billing stopped reading orders"
    assert found["blocks"][2]["elements"][0]["url"] == body()["links"]["view"]


@given(NAMES, st.sampled_from(["firing", "resolved"]))
def test_teams_holds_text_runs_only_and_no_mention(name: str, status: str) -> None:
    request = teams.make(told(status, name, {"group": [body(name=name)["alert"]] * 100}, url="https://a.test/"))
    (attachment,) = sent(request)["attachments"]
    card = attachment["content"]
    assert attachment["contentType"] == "application/vnd.microsoft.card.adaptive"
    assert {block["type"] for block in card["body"]} == {"RichTextBlock"}
    assert {run["type"] for block in card["body"] for run in block["inlines"]} == {"TextRun"}
    assert "msteams" not in card
    assert len(request.body) < 28_000


@given(NAMES, st.sampled_from(["firing", "resolved"]))
def test_discord_mentions_nobody_and_every_mark_is_escaped(name: str, status: str) -> None:
    found = sent(discord.make(told(status, name, url="https://a.test/")))
    assert found["allowed_mentions"] == {"parse": []}
    assert "content" not in found
    (embed,) = found["embeds"]
    assert len(embed["title"]) <= 256
    for text in (embed["title"], embed["description"]):
        assert not re.search(r"[*_~`|<>\[\]()#@]", re.sub(r"\\.", "", text))
    assert len(embed["title"]) + len(embed["description"]) < 6_000


def test_the_whole_title_is_escaped_however_long() -> None:
    (embed,) = sent(discord.make(told(name="*" * 500, url="https://a.test/")))["embeds"]
    assert not re.search(r"[*\\]$", re.sub(r"\\.", "", embed["title"]))


# PagerDuty, Opsgenie


def test_pagerduty_triggers_and_resolves_under_one_key() -> None:
    made = [
        sent(pagerduty.make(told(s, NASTY, url=pagerduty.EVENTS, routing_key="k" * 32))) for s in ("firing", "resolved")
    ]
    trigger, resolve = made
    assert [m["event_action"] for m in made] == ["trigger", "resolve"]
    assert trigger["dedup_key"] == resolve["dedup_key"]
    assert trigger["payload"]["severity"] == "critical"
    assert trigger["client_url"] == body()["links"]["view"]
    assert len(trigger["payload"]["summary"]) <= 1_024
    assert "payload" not in resolve


def test_opsgenie_creates_and_closes_under_one_alias() -> None:
    create, close = (opsgenie.make(told(s, NASTY, url=opsgenie.API, api_key="k")) for s in ("firing", "resolved"))
    found = sent(create)
    assert create.url == "https://api.opsgenie.com/v2/alerts"
    assert close.url == f"https://api.opsgenie.com/v2/alerts/{found['alias']}/close?identifierType=alias"
    assert create.headers["Authorization"] == "GenieKey k"
    assert len(found["message"]) <= 130
    assert found["priority"] == "P1"
    assert "<" not in found["description"]


# Mail


MAIL = {"host": "smtp.test", "security": "starttls", "from": "playhead@a.test", "to": "one@a.test, two@a.test"}


@given(NAMES, st.sampled_from(["firing", "resolved"]))
def test_no_name_becomes_a_header(name: str, status: str) -> None:
    letter = mail.make(told(status, name, **MAIL))
    raw = letter.message.as_bytes()
    head = raw.partition(b"\n\n")[0].decode()
    names = [line.partition(":")[0] for line in head.splitlines() if not line.startswith((" ", "\t"))]
    assert len(names) == len(set(names))
    assert "Bcc" not in names
    assert letter.to == ("one@a.test", "two@a.test")
    assert letter.message.get_content_type() == "text/plain"


def test_a_resolved_follows_in_the_thread_of_the_firing() -> None:
    first, second = (mail.make(told(s, **MAIL)).message for s in ("firing", "resolved"))
    assert first["References"] == second["References"]
    assert first["Subject"] == "Firing (critical): billing stopped reading orders"
    assert first["Message-ID"] == f"<{'d' * 32}@playhead>"
    assert body()["links"]["view"] in first.get_content().replace("=\n", "")


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        *(("to", ""), ("to", "a@b.test\r\nBcc: c@d.test"), ("to", "nobody"), ("to", ",".join(["a@b.test"] * 51))),
        *(("from", "a@b.test, c@d.test"), ("from", "x <a@b.test>")),
    ],
)
def test_what_is_no_mail_address_is_refused(setting: str, value: str) -> None:
    with pytest.raises(ValueError, match="mail address"):
        mail.make(told(**{**MAIL, setting: value}))


def test_no_password_goes_over_a_connection_that_is_not_encrypted() -> None:
    with pytest.raises(ValueError, match="not encrypted"):
        mail.make(told(**MAIL | {"security": "none", "password": "p"}))


# Templates


def filled(text: str, kind: str = "application/json", name: str = "orders") -> bytes:
    return template.make(told(name=name, url="https://a.test/", template=text, content_type=kind)).body


def test_a_template_is_filled_in() -> None:
    assert filled('{"s": "$status", "of": "${subject}", "$$": "${team}"}') == (
        b'{"s": "firing", "of": "lag:c/billing/orders", "$": "payments"}'
    )
    assert filled("a=${rule}", "application/x-www-form-urlencoded", "x&y=z") == b"a=Stopped+x%26y%3Dz"


@given(NAMES)
def test_no_name_ends_the_text_that_it_stands_in(name: str) -> None:
    found = json.loads(filled('{"text": "${heading} ${text} ${subject}"}', name=name))
    assert list(found) == ["text"]
    form = filled("a=${heading}&b=${subject}", "application/x-www-form-urlencoded", name)
    assert form.count(b"&") == 1
    assert form.count(b"=") == 2


@pytest.mark.parametrize(
    "text",
    [
        "${subject.__class__}",
        "${subject[0]}",
        "$unknown",
        "${SUBJECT}",
        "5$",
        "$ {x}",
        "nothing",
        "${subject!r}",
        "${}",
    ],
)
def test_what_a_template_may_not_say_is_refused_when_it_is_saved(text: str) -> None:
    with pytest.raises(ValueError, match=r"names to use are|there are status"):
        template.check(text)


def test_markup_of_other_languages_is_text_and_what_grows_too_long_is_refused() -> None:
    text = "{{ 7*7 }} {% x %} #{7*7} %(subject)s {subject} ${rule}"
    template.check(text)
    assert filled(text, "text/plain") == b"{{ 7*7 }} {% x %} #{7*7} %(subject)s {subject} Stopped orders"
    with pytest.raises(ValueError, match="shorten it"):
        filled("${summary}" * 1_600, name="x" * 1_900)
