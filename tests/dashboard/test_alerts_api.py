"""The API of alerts: who may, what is refused with which remedy, what is written down, and the past as it was."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from dashboard import access
from dashboard.alerts.models import Alert, Channel, Delivery, Rule, Silence
from dashboard.models import AuditEntry
from dashboard.times import stamp
from lineage.recorder import Tape
from tests.alerts.world import SECRET, alert, fired
from tests.alerts.world import channel as make_channel
from tests.dashboard.made import T0

HOUR = 3_600
STOPPED = {"metric": "verdict", "op": "is", "value": ["stopped"], "for": 300}
SILENCE = {"matcher": {"topic": "orders*"}, "reason": "load test", "lasts": HOUR}


class Asking:
    """The API with a token of a scope; ``""`` asks without one."""

    def __init__(self, client: Client, scope: str) -> None:
        self.client = client
        self.head = {"HTTP_AUTHORIZATION": f"Bearer {access.new_token(f't-{scope}', scope)}"} if scope else {}

    def __call__(self, method: str, path: str, body: Any = None) -> Any:
        url = f"/api/v1/alerts{path}"
        return getattr(self.client, method)(url, body, "application/json", **self.head)

    def get(self, path: str = "", **query: str) -> Any:
        return self.client.get(f"/api/v1/alerts{path}", query, **self.head)


@pytest.fixture
def operator(client: Client, tape: Tape) -> Asking:
    return Asking(client, "operate")


@pytest.fixture
def admin(client: Client, tape: Tape) -> Asking:
    return Asking(client, "admin")


def test_what_fires_at_a_moment_and_what_fired_in_between(operator: Asking) -> None:
    before = alert("orders", T0, fired_at=T0 + 1_000, resolved_at=T0 + 3_000)
    now = alert("emails", T0 + 3_500, fired_at=None)
    assert [(a["id"], a["state"]) for a in operator.get("").json()["items"]] == [(now.id, "pending")]
    past = operator.get("", at=stamp(T0 + 2_100)).json()
    assert [(a["id"], a["state"], a["resolved_at"]) for a in past["items"]] == [(before.id, "firing", None)]
    history = operator.get("", **{"from": stamp(T0), "to": stamp(T0 + 9_000)}).json()
    assert [a["id"] for a in history["items"]] == [before.id]
    assert operator.get("", subject="topic:c/orders", at=stamp(T0 + 2_100)).json()["items"]
    assert not operator.get("", team="risk", at=stamp(T0 + 2_100)).json()["items"]
    assert operator.get("", state="loud").status_code == 400
    assert operator.get(f"/{before.id}", at=stamp(T0 + 2_100)).json()["state"] == "firing"
    assert operator.get("/none").status_code == 404


def test_acknowledging_is_once_and_audited_and_ends_with_the_alert(operator: Asking) -> None:
    made = alert("orders", T0)
    answer = operator("post", f"/{made.id}/acknowledge")
    assert (answer.status_code, answer.json()["acknowledged_by"]) == (200, "t-operate")
    first = Alert.objects.get(pk=made.id).acknowledged_at
    operator("post", f"/{made.id}/acknowledge")
    assert Alert.objects.get(pk=made.id).acknowledged_at == first
    assert AuditEntry.objects.filter(action="alert acknowledged").count() == 1
    back = operator("delete", f"/{made.id}/acknowledge").json()
    assert (back["acknowledged_at"], back["taken_back_by"]) == (None, "t-operate")
    assert operator("delete", f"/{made.id}/acknowledge").status_code == 200
    assert AuditEntry.objects.filter(action="acknowledgement taken back").count() == 1
    Alert.objects.filter(pk=made.id).update(resolved_at=T0 + 1)
    assert operator("post", f"/{made.id}/acknowledge").status_code == 409
    assert operator("delete", f"/{made.id}/acknowledge").status_code == 409


def test_reading_is_for_viewers_writing_for_operators_and_channels_for_admins(
    client: Client, operator: Asking, viewer: None
) -> None:
    made, channel = alert("orders", T0), make_channel()
    anybody, reader = Asking(client, ""), Asking(client, "read")
    for path in ("", f"/{made.id}", "/rules", "/silences", "/channels", "/deliveries"):
        assert anybody.get(path).status_code == 200, path
    writes = [("post", f"/{made.id}/acknowledge", None), ("post", "/rules", {}), ("post", "/silences", SILENCE)]
    for method, path, body in writes:
        assert anybody(method, path, body).status_code == 401
        assert reader(method, path, body).status_code == 403
    for asker, status in ((reader, 403), (operator, 403)):
        assert asker("post", f"/channels/{channel.id}/test").status_code == status
        assert asker("delete", f"/channels/{channel.id}").status_code == status


def test_a_session_needs_its_csrf_token(tape: Tape, django_user_model: Any) -> None:
    django_user_model.objects.create_superuser("root", password="pw")
    client = Client(enforce_csrf_checks=True)
    client.login(username="root", password="pw")
    assert Asking(client, "")("post", "/silences", SILENCE).status_code == 403
    assert not Silence.objects.exists()


def test_a_rule_is_made_changed_and_deleted_and_each_is_written_down(operator: Asking) -> None:
    made = operator("post", "/rules", {"name": "Nobody reads", "definition": STOPPED})
    assert made.status_code == 201
    rule = made.json()
    assert (rule["version"], rule["sentence"]) == (1, "verdict of a group is stopped for 5 min")
    body = {"name": "Nobody reads", "definition": {**STOPPED, "for": 60}, "enabled": False}
    assert operator("put", f"/rules/{rule['id']}", body).json()["version"] == 2
    (shown,) = [r for r in operator.get("/rules").json()["items"] if r["name"] == "Nobody reads"]
    assert (shown["enabled"], shown["definition"]["for"]) == (False, 60)
    assert operator("post", "/rules", body).status_code == 422
    assert operator("delete", f"/rules/{rule['id']}").status_code == 204
    done = AuditEntry.objects.filter(action__startswith="rule").order_by("id").values_list("action", flat=True)
    assert list(done) == ["rule made", "rule changed", "rule deleted"]


def test_a_rule_is_shown_whole_however_little_was_written(operator: Asking) -> None:
    Rule.objects.create(name="Short", definition={"metric": "offline", "value": 0}, changed_at=T0)
    Rule.objects.create(name="Broken", definition={"metric": "of another version"}, changed_at=T0)
    rules = {r["name"]: r for r in operator.get("/rules").json()["items"]}
    assert rules["Short"]["definition"]["scope"] == {}
    assert rules["Short"]["definition"]["op"] == "above"
    assert "of another version" in rules["Broken"]["problem"]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"metric": "lagg"}, "metric"),
        ({"value": ["sleepy"]}, "sleepy"),
        ({"severity": "loud"}, "severity"),
        ({"for": -1}, "for"),
        ({"scope": {"topics": ["a"]}}, "did you mean topic"),
        ({"channels": ["nowhere"]}, "no channel 'nowhere'"),
    ],
)
def test_a_rule_that_makes_no_sense_is_refused_with_the_field(
    operator: Asking, change: dict[str, Any], told: str
) -> None:
    answer = operator("post", "/rules", {"name": "R", "definition": {**STOPPED, **change}})
    assert answer.status_code == 422
    assert told in answer.json()["detail"]
    assert not Rule.objects.filter(name="R").exists()


def test_a_silence_is_made_changed_and_ended_and_the_past_keeps_it(operator: Asking) -> None:
    empty = operator("post", "/silences", {**SILENCE, "reason": ""})
    assert (empty.status_code, empty.json()["detail"].partition(":")[0]) == (422, "reason")
    made = operator("post", "/silences", SILENCE).json()
    assert (made["active"], made["created_by"]) == (True, "t-operate")
    changed = operator("put", f"/silences/{made['id']}", {**SILENCE, "lasts": 2 * HOUR}).json()
    assert [s["id"] for s in operator.get("/silences").json()["items"]] == [changed["id"]]
    assert operator("delete", f"/silences/{changed['id']}").status_code == 204
    assert operator("delete", f"/silences/{changed['id']}").status_code == 404
    assert operator.get("/silences").json()["items"] == []
    assert len(operator.get("/silences", over="1").json()["items"]) == 2


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"matcher": {}}, "says what it silences"),
        ({"matcher": {"topics": "x"}}, "nothing to match by"),
        ({"lasts": 0}, "say when it ends"),
        ({"reason": " "}, "say why"),
        ({"ends_at": "2020-01-01T00:00:00Z", "starts_at": "2019-12-31T00:00:00Z"}, "over already"),
        ({"ends_at": "soon"}, "no time"),
        ({"repeats": "day", "kind": "maintenance", "lasts": 48 * HOUR}, "shorter than a day"),
        ({"repeats": "day"}, "only a maintenance window"),
    ],
)
def test_a_silence_that_makes_no_sense_is_refused(operator: Asking, change: dict[str, Any], told: str) -> None:
    answer = operator("post", "/silences", {**SILENCE, **change})
    assert answer.status_code == 422
    assert told in answer.json()["detail"]


def test_a_secret_is_written_and_never_read(admin: Asking) -> None:
    hidden = "https://hooks.example.com/T0PS3CRET"
    body = {"name": "ops", "kind": "webhook", "settings": {"url": hidden}}
    made = admin("post", "/channels", body)
    assert made.status_code == 201
    secret = made.json()["made_secret"]
    assert secret.startswith("whsec_")
    assert made.json()["settings"]["to"] == "hooks.example.com"
    kept = Channel.objects.get(name="ops")
    answer = admin("put", f"/channels/{kept.id}", {"name": "ops", "kind": "webhook", "team": "payments"})
    assert answer.status_code == 200
    said = admin.get("/channels").content + admin.get("/deliveries").content
    said += repr(list(AuditEntry.objects.values_list("detail", "subject"))).encode()
    assert b"T0PS3CRET" not in said
    assert secret.encode() not in said
    assert admin("post", "/channels", body).status_code == 422
    assert admin("delete", f"/channels/{kept.id}").status_code == 204


def test_a_channel_that_cannot_work_is_refused_by_the_setting(admin: Asking) -> None:
    answer = admin("post", "/channels", {"name": "x", "kind": "webhook", "settings": {}})
    assert (answer.status_code, "url" in answer.json()["detail"]) == (422, True)
    answer = admin("post", "/channels", {"name": "x", "kind": "pigeon", "settings": {}})
    assert (answer.status_code, "there are webhook" in answer.json()["detail"]) == (422, True)


def test_a_test_of_a_channel_that_may_not_be_reached_says_why(admin: Asking) -> None:
    channel = make_channel(given={"url": "https://127.0.0.1/hook", "secret": SECRET})
    attempt = admin("post", f"/channels/{channel.id}/test").json()
    assert (attempt["code"], attempt["sent"]) == (None, False)
    assert "127.0.0.1" in attempt["excerpt"] or "loopback" in attempt["excerpt"]
    (delivery,) = admin.get("/deliveries", channel="hook").json()["items"]
    assert (delivery["status"], delivery["state"], len(delivery["attempts"])) == ("test", "failed", 1)


def test_a_trial_of_a_rule_says_what_it_asks_and_is_marked(operator: Asking) -> None:
    channel = make_channel(url="https://127.0.0.1/hook")
    body = {"name": "Nobody reads", "definition": STOPPED, "channel": "hook"}
    attempt = operator("post", "/rules/trial", body).json()
    assert (attempt["code"], attempt["sent"]) == (None, False)  # the address is refused, and that is said
    assert "allow" in attempt["excerpt"]
    sent = Delivery.objects.get(channel=channel).body
    assert sent["test"] is True
    assert (sent["alert"]["rule"], sent["alert"]["severity"]) == ("Nobody reads", "warning")
    assert "stopped" in sent["alert"]["reason"]
    assert AuditEntry.objects.get(action="channel tested").detail["rule"] == "Nobody reads"
    for change, told in (({"channel": "none"}, "no channel 'none'"), ({"definition": {"metric": "luck"}}, "luck")):
        answer = operator("post", "/rules/trial", {**body, **change})
        assert answer.status_code == 422
        assert told in str(answer.json())


def test_who_makes_a_channel_that_leads_to_a_refused_place_is_told_at_once(admin: Asking) -> None:
    hidden = {"url": "https://127.0.0.1/hook-T0PS3CRET", "secret": SECRET}
    made = admin("post", "/channels", {"name": "ops", "kind": "webhook", "settings": hidden})
    assert made.status_code == 201
    assert "127.0.0.1 is a loopback address: nothing was sent" in made.json()["problem"]
    assert "T0PS3CRET" not in made.content.decode()
    mail = {"host": "127.0.0.1", "port": "25", "from": "a@example.com", "to": "b@example.com", "security": "none"}
    told = admin("post", "/channels", {"name": "post", "kind": "mail", "settings": mail})
    assert (told.status_code, "loopback" in told.json()["problem"]) == (201, True), told.json()


def test_deliveries_are_listed_with_what_they_say(admin: Asking) -> None:
    make_channel()
    made = fired("orders", T0)
    (delivery,) = admin.get("/deliveries", alert=made.id).json()["items"]
    assert (delivery["what"], delivery["channel"], delivery["state"]) == (made.summary, "hook", "waiting")
    assert admin.get("/deliveries", channel="other").json()["items"] == []


def test_the_tape_draws_causes(operator: Asking, client: Client) -> None:
    alert("orders", T0, fired_at=T0 + 1_000, resolved_at=T0 + 3_000)
    found = client.get("/api/v1/tape", {"from": stamp(T0), "to": stamp(T0 + 9_000)}, **operator.head).json()["alerts"]
    assert [(b["from"], b["to"], b["severity"]) for b in found] == [(stamp(T0 + 1_000), stamp(T0 + 3_000), "critical")]
