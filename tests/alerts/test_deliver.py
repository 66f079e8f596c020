"""Delivery to real receivers that are down, slow, broken or gone: at least once, under one id, in order."""

from __future__ import annotations

import itertools
import json
import os
import random
import signal
import socket
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.db import connection, connections

from dashboard.alerts import deliver, outbox
from dashboard.alerts.channels.client import Answer
from dashboard.alerts.claiming import LEASE, claim
from dashboard.alerts.models import Alert, Attempt, Channel, Delivery
from dashboard.alerts.sending import heartbeat, send
from dashboard.alerts.standing import standing
from dashboard.models import AuditEntry
from tests.alerts.receiving import Receiver, Reply, Seen, client, receiving
from tests.alerts.world import DAY, HOUR, MINUTE, SECOND, T0, Clock, Post, alert, channel, fired, resolve

pytestmark = pytest.mark.django_db


@pytest.fixture
def there() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


@pytest.fixture
def post(db: None, there: Receiver) -> Post:
    return Post(channel(url=f"{there.url}/hook"), there)


def only() -> Delivery:
    return Delivery.objects.get()


def test_one_firing_and_one_resolved_arrive_in_order(post: Post) -> None:
    made = fired()
    resolve(made, T0 + 1)
    assert post.at(T0 + SECOND) == 2
    assert post.told() == ["firing orders", "resolved orders"]
    assert post.at(T0 + DAY) == 0
    first, second = post.bodies()
    assert first["links"]["view"].endswith("/groups/group%3Ac%2Fbilling?at=2025-06-15T15%3A10%3A00.000Z")
    assert (first["alert"]["ended_at"], second["alert"]["ended_at"]) == (None, "2025-06-15T15:10:00.001Z")
    assert first["alert"]["id"] == second["alert"]["id"] == made.id
    assert post.ids() == list(Delivery.objects.order_by("created_at").values_list("id", flat=True))
    assert set(Attempt.objects.values_list("code", "excerpt")) == {(200, "ok")}


def test_a_receiver_that_is_down_for_an_hour_gets_it_under_one_id(db: None) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    post = Post(channel(url=f"http://127.0.0.1:{port}/hook"), Receiver())
    fired()
    now = T0
    while now < T0 + HOUR:
        assert post.at(now) == 1
        now = only().next_at or 0
    tries = only().tries
    assert 8 <= tries <= 12  # 5 s doubled: 5, 10, 20 … 2560 s
    assert set(Attempt.objects.values_list("code", flat=True)) == {None}
    assert "no connection to 127.0.0.1" in Attempt.objects.latest("id").excerpt
    with receiving(port=port) as post.there:
        assert post.at(now) == 1
        assert post.ids() == [only().id]
    assert (only().state, only().tries) == ("delivered", tries + 1)


@pytest.mark.parametrize("status", [500, 404, 301, 503])
def test_what_is_no_success_is_tried_again_for_a_day_and_then_failed(post: Post, status: int) -> None:
    post.there.always(status, b"not today", Location="https://elsewhere.test/")
    fired()
    moments = [T0]
    while (only().next_at or 0) and post.at(moments[-1]):
        moments.append(only().next_at or T0 + DAY)
    assert only().state == "failed"
    assert moments[-1] == T0 + DAY  # the last try is a day after the first
    assert len(set(post.ids())) == 1
    assert 30 <= len(post.there.seen) <= 40
    pauses = [b - a for a, b in itertools.pairwise(moments)]
    assert pauses[:4] == [5 * SECOND, 10 * SECOND, 20 * SECOND, 40 * SECOND]
    assert max(pauses) == HOUR
    assert set(Attempt.objects.values_list("code", flat=True)) == {status}


def test_half_of_each_pause_is_chance() -> None:
    assert [deliver.backoff(3, chance) for chance in (0.0, 0.5, 1.0)] == [10_000, 15_000, 20_000]
    assert deliver.backoff(1_000, 1.0) == HOUR


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("form", ["seconds", "date"])
def test_retry_after_holds_up_the_channel(post: Post, status: int, form: str) -> None:
    after = "90" if form == "seconds" else formatdate((T0 + 90 * SECOND) / 1000, usegmt=True)
    post.there.always(status, b"slow down", Retry_After=after)
    fired("one")
    fired("two")
    assert post.at(T0) == 1
    post.there.always(200)
    assert post.at(T0 + 89 * SECOND) == 0
    assert post.at(T0 + 90 * SECOND) == 2
    assert sorted(post.told()[1:]) == ["firing one", "firing two"]


@pytest.mark.parametrize(("said", "waits"), [("-5", 0), ("soon", 0), ("", 0), ("99999999999999", HOUR), ("7", 7_000)])
def test_an_odd_retry_after_holds_up_nothing_for_long(said: str, waits: int) -> None:
    assert deliver.retry_after(Answer(429, "", 0.1, said), T0) == waits
    assert deliver.retry_after(Answer(500, "", 0.1, said), T0) == 0


def test_410_puts_the_channel_out_of_use_and_says_so(post: Post) -> None:
    post.there.always(410, b"this hook was removed")
    fired("one")
    fired("two")
    assert post.at(T0) == 1
    kept = Channel.objects.get(pk=post.channel.pk)
    assert not kept.enabled
    assert "410 (gone)" in kept.why_disabled
    assert "this hook was removed" in standing(kept, T0)["words"]
    assert AuditEntry.objects.filter(action="channel disabled", subject="hook").exists()
    assert sorted(Delivery.objects.values_list("state", flat=True)) == ["failed", "waiting"]
    assert post.at(T0 + HOUR) == 0
    assert deliver.expire(T0 + DAY) == 1
    assert set(Delivery.objects.values_list("state", flat=True)) == {"failed"}


def close_midway(seen: Seen, sock: socket.socket) -> Reply | None:
    sock.sendall(b"HTTP/1.1 20")
    sock.shutdown(socket.SHUT_RDWR)
    return None


def test_a_receiver_that_closes_midway_is_told_again(post: Post) -> None:
    post.there.answer = close_midway
    fired()
    post.at(T0)
    assert only().state == "waiting"
    post.there.always(204)
    post.at(T0 + MINUTE)
    assert only().state == "delivered"
    assert len(post.ids()) == 2
    assert len(set(post.ids())) == 1


def test_a_slow_receiver_is_left_at_the_deadline_and_told_again(post: Post) -> None:
    wait = threading.Event()
    post.there.answer = lambda seen, sock: Reply(200) if wait.wait(5) else None
    post.client = client(seconds=0.2)
    fired()
    post.at(T0)
    wait.set()
    assert Attempt.objects.get().excerpt == "127.0.0.1: no answer in time"
    assert Attempt.objects.get().took < 1.5
    post.at(T0 + MINUTE)
    assert only().state == "delivered"


def test_a_redirect_to_link_local_is_not_followed(post: Post) -> None:
    post.there.always(302, b"", Location="http://169.254.169.254/latest/meta-data/")
    fired()
    post.at(T0)
    assert Attempt.objects.get().code == 302
    assert "redirects to 169.254.169.254, which is not followed" in Attempt.objects.get().excerpt


def test_a_name_that_turns_to_link_local_is_refused_at_the_next_try(there: Receiver) -> None:
    looks = iter([["127.0.0.1"], ["169.254.169.254"], ["127.0.0.1", "169.254.169.254"]])
    named = Post(channel(url=f"http://hook.test:{there.port}/"), there)
    named.client = client(resolve=lambda host, port: next(looks))
    there.always(500)
    fired()
    for now in (T0, T0 + MINUTE, T0 + 2 * MINUTE):
        assert named.at(now) == 1
    assert len(there.seen) == 1
    refused = list(Attempt.objects.order_by("id").values_list("code", "excerpt"))[1:]
    assert all(
        code is None and "169.254.169.254" in excerpt and "nothing was sent" in excerpt for code, excerpt in refused
    )


def test_a_secret_that_a_receiver_repeats_is_not_kept(there: Receiver) -> None:
    secret = Post(channel(url=f"{there.url}/services/T0/zebra-4242?key=giraffe-77"), there)
    there.answer = lambda seen, sock: Reply(400, b"no route " + seen.path.encode() + b" zebra-4242 giraffe-77")
    fired()
    secret.at(T0)
    assert Attempt.objects.get().excerpt == "no route /•••?••• ••• •••"


def test_no_resolved_where_the_firing_never_arrived(post: Post) -> None:
    post.there.always(500)
    made = fired()
    resolve(made, T0 + 2 * DAY - 1)
    for now in (T0, T0 + DAY):
        post.at(now)
    post.there.always(200)
    assert post.at(T0 + 3 * DAY) == 0
    assert set(Delivery.objects.values_list("status", "state")) == {("firing", "failed"), ("resolved", "failed")}
    assert {body["status"] for body in post.bodies()} == {"firing"}


def test_a_resolved_waits_for_the_firing(post: Post) -> None:
    post.there.always(500)
    made = fired()
    post.at(T0)
    resolve(made, T0 + 1)
    assert post.at(T0 + 2) == 0  # not before the firing
    post.there.always(200)
    post.at(T0 + MINUTE)
    assert post.told() == ["firing orders", "firing orders", "resolved orders"]


# Rate and summaries


def test_what_is_over_the_rate_goes_in_one_summary_and_nothing_is_lost(there: Receiver) -> None:
    slow = Post(channel(url=there.url, given={"per_minute": 3}), there)
    made = [fired(f"t{i}", severity="critical" if i > 6 else "warning") for i in range(10)]
    slow.at(T0)
    assert [b.get("folded") for b in slow.bodies()] == [None, 9]
    summary = slow.bodies()[1]
    assert summary["alert"]["severity"] == "critical"  # the gravest
    told = {b["alert"]["id"] for b in slow.bodies()} | {a["id"] for a in summary["group"]}
    assert told == {a.id for a in made}
    assert set(Delivery.objects.values_list("state", flat=True)) == {"delivered"}
    for one in made:
        resolve(one, T0 + SECOND)
    slow.at(T0 + SECOND)
    assert slow.bodies()[2]["folded"] == 10
    assert slow.bodies()[2]["status"] == "resolved"
    assert slow.at(T0 + MINUTE) == 0


def test_more_than_a_summary_holds_goes_in_the_next_one(there: Receiver) -> None:
    slow = Post(channel(url=there.url, given={"per_minute": 1}), there)
    made = [fired(f"t{i}") for i in range(150)]
    for minute in range(4):
        slow.at(T0 + minute * MINUTE)
    assert [b.get("folded") for b in slow.bodies()] == [100, 50]
    told = [a["id"] for b in slow.bodies() for a in (b["alert"], *b["group"])]
    assert sorted(told) == sorted(a.id for a in made)


def test_a_summary_that_fails_is_tried_again_and_then_all_of_it_failed(there: Receiver) -> None:
    slow = Post(channel(url=there.url, given={"per_minute": 1}), there)
    for i in range(3):
        resolve(fired(f"t{i}"), T0 + 1)
    there.always(500)
    slow.at(T0)
    slow.at(T0 + DAY)
    assert set(Delivery.objects.values_list("status", "state")) == {
        *(("summary", "failed"), ("firing", "failed"), ("resolved", "failed"))
    }
    assert {b["status"] for b in slow.bodies()} == {"firing"}


def test_where_each_alert_is_kept_by_itself_what_is_over_the_rate_waits(there: Receiver) -> None:
    given = {"url": there.url, "routing_key": "k" * 32, "secret": None, "per_minute": 2}
    pager = Post(channel(kind="pagerduty", given=given), there)
    made = [fired(f"t{i}") for i in range(5)]
    for minute in range(3):
        assert pager.at(T0 + minute * MINUTE) == (2, 2, 1)[minute]
    assert {json.loads(s.body)["dedup_key"] for s in there.seen} == {a.id for a in made}


def test_alerts_of_one_cause_are_told_with_it(post: Post) -> None:
    cause = fired("cause")
    explained = [alert(f"t{i}", T0, cause=cause, cause_subject=cause.subject) for i in range(3)]
    for one in explained:
        assert outbox.enqueue(one, "firing", T0) == []
    post.at(T0)
    assert post.told() == ["firing cause"]
    assert {a["id"] for a in post.bodies()[0]["group"]} == {a.id for a in explained}


# Workers


def test_a_delivery_that_is_being_sent_is_nobody_elses(post: Post) -> None:
    fired("one")
    fired("two")
    first = claim(post.channel.id, T0)
    assert first is not None
    assert claim(post.channel.id, T0 + 1) is None
    deliver.record(first, Answer(200, "ok", 0.1), T0 + 2)
    second = claim(post.channel.id, T0 + 3)
    assert second is not None
    assert second.delivery.id != first.delivery.id


def test_who_comes_back_after_its_lease_changes_nothing_but_by_a_success(post: Post) -> None:
    fired()
    late = claim(post.channel.id, T0)
    again = claim(post.channel.id, T0 + LEASE)
    assert late is not None
    assert again is not None
    assert again.delivery.id == late.delivery.id
    deliver.record(late, Answer(500, "late", 1.0), T0 + LEASE + 1)
    assert only().state == "sending"
    deliver.record(again, Answer(200, "ok", 1.0), T0 + LEASE + 2)
    deliver.record(late, Answer(410, "late", 1.0), T0 + LEASE + 3)
    assert only().state == "delivered"
    assert Channel.objects.get().enabled
    assert Attempt.objects.count() == 3


@pytest.mark.django_db(transaction=True)
def test_eight_workers_send_each_delivery_once(there: Receiver) -> None:
    made = Post(channel(url=there.url, given={"per_minute": 600}), there)
    for i in range(12):
        fired(f"t{i}")
    start = threading.Barrier(8)

    def work() -> None:
        start.wait()
        try:
            for _ in range(15):
                deliver.serve(made.channel.id, Clock(T0), client())
        finally:
            connections.close_all()

    workers = [threading.Thread(target=work) for _ in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert len(made.ids()) == len(set(made.ids())) == 12


KILLED = """
import os, django
django.setup()
from dashboard.alerts.deliver import serve
from tests.alerts.receiving import client
serve(os.environ["CHANNEL"], lambda: int(os.environ["NOW"]), client(seconds=20))
"""


@pytest.mark.django_db(transaction=True)
def test_killed_between_sending_and_writing_down_it_is_sent_again_under_the_same_id(there: Receiver) -> None:
    made = Post(channel(url=there.url), there)
    fired()
    environment = {**os.environ, "DATABASE_URL": _url(), "CHANNEL": made.channel.id, "NOW": str(T0)}
    worker = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(KILLED)],
        cwd=Path(__file__).resolve().parents[2],
        env={**environment, "DJANGO_SETTINGS_MODULE": "dashboard.settings"},
    )

    def kill(seen: Seen, sock: socket.socket) -> Reply | None:
        os.kill(worker.pid, signal.SIGKILL)
        return None

    there.answer = kill
    assert worker.wait(60) == -signal.SIGKILL
    assert len(there.seen) == 1
    assert (only().state, only().tries, Attempt.objects.count()) == ("sending", 1, 0)
    there.always(200)
    assert made.at(T0 + LEASE - 1) == 0
    assert made.at(T0 + LEASE) == 1
    assert made.ids() == [only().id] * 2
    assert there.seen[0].body == there.seen[1].body
    assert only().state == "delivered"


def _url() -> str:
    name = connection.settings_dict["NAME"]
    if connection.vendor == "sqlite":
        return f"sqlite:///{name}"
    given = connection.settings_dict
    return f"postgres://{given['USER']}:{given['PASSWORD']}@{given['HOST']}:{given['PORT']}/{name}"


def test_a_tick_asks_for_each_channel_that_has_something_due(post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    channel("idle", team="nobody")
    fired()
    asked: list[tuple[str, ...]] = []
    monkeypatch.setattr(deliver, "clock", lambda: T0 + 1)
    monkeypatch.setattr(deliver.serve_channel, "apply_async", lambda args, **more: asked.append(args))
    deliver.tick()
    assert asked == [(post.channel.id,)]
    assert django_settings.CELERY_IMPORTS[1] == "dashboard.alerts.deliver"


def test_receivers_that_hang_do_not_take_all_threads(there: Receiver) -> None:
    made = [channel(f"c{i}", url=there.url) for i in range(6)]
    fired()
    assert len(deliver.waiting_channels(T0)) == deliver.AT_ONCE
    first = [claim(c.id, T0) for c in made[:3]]
    assert all(first)
    (left,) = deliver.waiting_channels(T0 + 1)
    assert left in {c.id for c in made[3:]}


OUTCOMES = (Reply(200), Reply(200), Reply(500), Reply(429, b"", {"Retry-After": "30"}), None)


@pytest.mark.parametrize("seed", range(8))
def test_whatever_happens_each_is_told_at_least_once_under_one_id_and_in_order(seed: int, there: Receiver) -> None:
    """Alerts come and go, the receiver fails at random, workers die before and after sending."""
    chance, now = random.Random(seed), T0
    posts = [Post(channel(f"c{i}", url=f"{there.url}/{i}", given={"per_minute": 3}), there) for i in range(2)]
    there.answer = lambda seen, sock: chance.choice(OUTCOMES)
    still: list[Alert] = []
    for step in range(40):
        now += chance.randrange(1, 3 * MINUTE)
        if chance.random() < 0.6:
            still.append(fired(f"t{step}", now))
        if still and chance.random() < 0.5:
            resolve(still.pop(chance.randrange(len(still))), now)
        post = chance.choice(posts)
        if chance.random() < 0.7:
            post.at(now)
        elif (claimed := claim(post.channel.id, now)) and chance.random() < 0.5:
            # This worker dies after sending; where chance has it otherwise, before.
            send(claimed.channel, claimed.delivery.body, claimed.delivery.id, now, post.client)
    there.always(200)
    for _ in range(300):
        now += MINUTE
        for post in posts:
            post.at(now)
    assert set(Delivery.objects.values_list("state", flat=True)) == {"delivered"}
    for i in range(2):
        got = [json.loads(s.body) | {"webhook": s.headers["webhook-id"]} for s in there.seen if s.path == f"/{i}"]
        _in_order(got)


def _in_order(got: list[dict[str, Any]]) -> None:
    """Every alert fires first and is resolved last; each that is over was told to be so; one body under one id."""
    states: dict[str, list[str]] = {}
    bodies: dict[str, Any] = {}
    for body in got:
        assert bodies.setdefault(body["webhook"], body) == body
        for one in (body["alert"], *body["group"]):
            states.setdefault(one["id"], []).append(body["status"])
    assert set(states) == set(Alert.objects.values_list("id", flat=True))
    for made in Alert.objects.all():
        assert states[made.id][0] == "firing"
        assert states[made.id] == sorted(states[made.id])  # no firing after a resolved
        assert (states[made.id][-1] == "resolved") == (made.resolved_at is not None)


def test_a_heartbeat_is_one_request(there: Receiver) -> None:
    assert heartbeat(f"{there.url}/beat", T0, client()).accepted
    assert json.loads(there.seen[0].body) == {"version": 1, "status": "alive", "at": "2025-06-15T15:10:00.000Z"}


def test_how_a_channel_does_is_said(post: Post) -> None:
    assert standing(post.channel, T0)["state"] == "unused"
    fired()
    post.there.always(500, b"out of order")
    post.at(T0)
    found = standing(post.channel, T0 + MINUTE)
    assert (found["state"], found["waiting"], found["failing_since"]) == ("failing", 1, T0)
    assert found["words"].endswith("the last try said 500: out of order")
    assert standing(post.channel, T0 + HOUR)["state"] == "dead"
    post.there.always(200)
    post.at(T0 + HOUR)
    assert standing(post.channel, T0 + HOUR)["state"] == "works"
