"""Records read back from real brokers: exact places, bounded cost, nothing changed, nothing leaked."""

from __future__ import annotations

import itertools
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import NewTopic
from django.contrib.auth.models import User
from django.test import Client
from pytest_django import Settings

from collectors import records as desks
from collectors.base import Budget
from collectors.kafka.client import KafkaClient
from collectors.kafka.decoding import Decoder
from collectors.kafka.masking import Mask
from collectors.kafka.pace import Pace
from collectors.kafka.player import Player, run_player
from collectors.kafka.reading import Cancelled, Errand
from collectors.records import Desk
from dashboard.models import AuditEntry
from lineage.config import ClusterConfig, Config, Names, Records
from lineage.ports import PlayerAway, RecordsAnswer, RecordsAsked, RecordsProgress
from tests.contracts.shop import Shop, name

SECRET = "hunter2hunter2"


class Nobody(Desk):
    """A desk without Redis, for who calls the player directly; ``patience`` questions are wanted."""

    def __init__(self, patience: int = 1_000_000) -> None:
        self.left = patience
        self.told: list[RecordsProgress] = []

    def wanted(self, asked: RecordsAsked) -> bool:
        self.left -= 1
        return self.left >= 0

    def tell(self, asked: RecordsAsked, progress: RecordsProgress) -> None:
        self.told.append(progress)


@contextmanager
def player(broker: str, bytes_per_second: int = 50_000_000, **records: Any) -> Iterator[Callable[..., RecordsAnswer]]:
    limits = Records(payloads="shown", bytes_per_second=bytes_per_second, **records)
    client = KafkaClient("k", broker, {})
    pace = Pace(limits.bytes_per_second, 10_000)
    config = ClusterConfig("k", broker, exclude=Names(topics=("private*",)), records=limits)
    made = Player(config, client, pace, Decoder("shown", Mask(())))

    def page(topic: str, desk: Desk | None = None, **asked: Any) -> RecordsAnswer:
        return made.page(RecordsAsked(cluster="k", topic=topic, **asked), desk or Nobody())

    yield page
    made.close()
    client.close()


def write(broker: str, topic: str, times: list[list[int]], **config: Any) -> None:
    """``times[p]`` are the times of partition p's records, whose values are their place and time."""
    producer = Producer({"bootstrap.servers": broker, "log_level": 0, **config})
    for p, each in enumerate(times):
        for i, t in enumerate(each):
            producer.produce(topic, f"{p}/{i}", key=f"k{i}", partition=p, timestamp=t, headers=[("h", b"v")])
    assert producer.flush(30) == 0


def texts(answer: RecordsAnswer) -> list[str]:
    assert answer.error == ""
    return [r.value.text or "" for r in answer.records]


@pytest.fixture
def began() -> int:
    return int(time.time() * 1000) - 3_600_000


def test_places_by_time_are_exact_and_pages_join(broker: str, began: int) -> None:
    topic = Shop(broker).topic(3)
    times = [[began + 1000 * i + 10 * p for i in range(50)] for p in range(3)]
    write(broker, topic, times)
    ordered = [f"{p}/{i}" for i in range(50) for p in range(3)]
    with player(broker) as page:
        assert texts(page(topic, at=began + 20_010, limit=4)) == ["1/20", "2/20", "0/21", "1/21"]
        assert texts(page(topic, at=began + 20_011, limit=1)) == ["2/20"]
        assert texts(page(topic, at=began + 20_010, older=True, limit=3)) == ["1/19", "2/19", "0/20"]
        assert texts(page(topic, older=True, limit=5)) == ordered[-5:]
        assert texts(page(topic, at=began + 10**7)) == []
        assert texts(page(topic, partition=1, offset=48)) == ["1/48", "1/49"]
        first = page(topic, at=began, limit=70)
        second = page(topic, places=first.next, limit=70)
        third = page(topic, places=second.next, limit=70)
        assert texts(first) + texts(second) + texts(third) == ordered
        assert (first.ended, third.ended, third.partitions) == (False, True, 3)
        back = page(topic, places=third.first, older=True, limit=70)
        assert texts(back) == ordered[70:140]
        rest = page(topic, places=back.first, older=True, limit=100)
        assert (texts(rest), rest.ended) == (ordered[:70], True)


def test_a_record_is_told_whole(broker: str, began: int) -> None:
    topic = Shop(broker).topic(1)
    write(broker, topic, [[began]])
    with player(broker) as page:
        (r,) = page(topic, at=began).records
    assert (r.partition, r.offset, r.at, r.clock, r.size) == (0, 0, began, "create", 3 + 2 + 2)
    assert (r.key.text, r.value.text, r.headers[0][0], r.headers[0][1].text) == ("k0", "0/0", "h", "v")


def test_clocks_that_go_back_never_turn_a_partition_round(broker: str, began: int) -> None:
    topic = Shop(broker).topic(2)
    write(broker, topic, [[began + 5000, began, began + 6000], [began + 1000, began + 5500, began + 7000]])
    with player(broker) as page:
        assert texts(page(topic, places={0: 0, 1: 0})) == ["1/0", "0/0", "0/1", "1/1", "0/2", "1/2"]


def test_an_uneven_topic_gives_its_newest(broker: str, began: int) -> None:
    topic = Shop(broker).topic(3)
    write(broker, topic, [[began + i for i in range(400)], [began - 9_000], []])
    with player(broker) as page:
        assert texts(page(topic, older=True, limit=100)) == [f"0/{i}" for i in range(300, 400)]
        everything = page(topic, older=True, limit=500)
        assert texts(everything) == ["1/0"] + [f"0/{i}" for i in range(400)]
        assert everything.ended


def test_an_empty_topic_and_none(broker: str) -> None:
    topic = Shop(broker).topic(2)
    with player(broker) as page:
        assert texts(page(topic, at=0)) == []
        assert texts(page(topic, older=True)) == []
        missing = page("not-there")
        assert missing.absent
        assert "no topic not-there" in missing.error
        assert "no partition 7; it has 0 to 1" in page(topic, partition=7).error
        assert page("private-one").absent


@pytest.mark.kafka
@pytest.mark.slow
def test_a_compacted_topic_is_read_across_its_holes(apache: str) -> None:
    shop, topic = Shop(apache), name("compacted")
    quick = {"cleanup.policy": "compact", "segment.ms": "100", "min.cleanable.dirty.ratio": "0.001"}
    quick |= {"max.compaction.lag.ms": "200", "segment.bytes": "1048576"}
    shop.admin.create_topics([NewTopic(topic, 1, 1, config=quick)])[topic].result(30)
    until, last, n = time.monotonic() + 60, [], 0
    with player(apache) as page:
        while time.monotonic() < until:
            write(apache, topic, [[int(time.time() * 1000)] * 300])  # the keys k0 to k299 once more
            n += 1
            time.sleep(1)
            last = [r.offset for r in page(topic, at=0, limit=500).records]
            if last and last[0] >= 300:
                break
        assert last[0] >= 300  # holes at the beginning, at least
        newest = page(topic, older=True, limit=500)
        assert [r.offset for r in newest.records][-300:] == list(range(n * 300 - 300, n * 300))


@pytest.mark.kafka
def test_only_committed_records_are_read(apache: str, began: int) -> None:
    topic = Shop(apache).topic(1)
    producer = Producer({"bootstrap.servers": apache, "transactional.id": name("tx"), "log_level": 0})
    producer.init_transactions(30)
    for i, end in enumerate(["commit", "abort", "commit", "open"]):
        producer.begin_transaction()
        producer.produce(topic, f"{i}", partition=0, timestamp=began + i)
        producer.flush(30)
        if end != "open":
            getattr(producer, f"{end}_transaction")(30)
    with player(apache) as page:
        assert texts(page(topic, at=began)) == ["0", "2"]
        newest = page(topic, older=True)
        assert (texts(newest), newest.ended) == (["0", "2"], True)
        producer.commit_transaction(30)
        assert texts(page(topic, at=began)) == ["0", "2", "3"]


def test_large_records_are_bounded_and_passed(broker: str, began: int) -> None:
    topic = Shop(broker).topic(1)
    producer = Producer({"bootstrap.servers": broker, "log_level": 0})
    for i in range(12):
        producer.produce(topic, bytes([65 + i]) * 900_000, timestamp=began + i)
    assert producer.flush(30) == 0
    with player(broker) as page:
        seen: list[int] = []
        answer = page(topic, at=began, limit=100)
        assert answer.stopped == "bytes"
        for _ in range(12):
            assert answer.bytes < 8 * 2**20
            assert all(len(r.value.text or "") < 20_000 and r.value.size == 900_000 for r in answer.records)
            seen += [r.offset for r in answer.records]
            if answer.ended:
                break
            answer = page(topic, places=answer.next, limit=100)
        assert seen == list(range(12))


def test_reading_keeps_its_rate(broker: str, began: int) -> None:
    topic = Shop(broker).topic(1)
    producer = Producer({"bootstrap.servers": broker, "log_level": 0})
    for i in range(60):
        producer.produce(topic, b"x" * 10_000, timestamp=began + i)
    assert producer.flush(30) == 0
    with player(broker, bytes_per_second=200_000) as page:
        started, read = time.monotonic(), 0
        places: dict[int, int] = {0: 0}
        while not (answer := page(topic, places=places, limit=20)).ended:
            places, read = answer.next, read + answer.bytes
        spent = time.monotonic() - started
    assert read >= 500_000
    assert read <= 200_000 * (spent + 1) + 200_000  # one second's worth may come at once; a page begun is ended


def test_who_no_longer_waits_has_cancelled(broker: str, began: int) -> None:
    topic = Shop(broker).topic(1)
    write(broker, topic, [[began]])
    with player(broker) as page, pytest.raises(Cancelled):
        page(topic, Nobody(patience=0), at=began)


def test_a_deadline_ends_what_does_not_come() -> None:
    spent = Errand(Pace(1, 1), lambda: True, Budget(seconds=0.0))
    assert not spent.goes_on()
    assert spent.stopped == "time"


def test_a_dead_cluster_is_a_sentence_soon() -> None:
    began = time.monotonic()
    with player("127.0.0.1:1") as page:
        answer = page("t")
    assert "127.0.0.1:1 refused the connection" in answer.error
    assert answer.remedy
    assert time.monotonic() - began < 6


# Over Redis, by the API


@contextmanager
def process(broker: str, redis_url: str, **records: Any) -> Iterator[ClusterConfig]:
    """A player at work, as its process runs it but for the limit of memory."""
    config, stop = ClusterConfig("k", broker, records=Records(**records)), threading.Event()
    thread = threading.Thread(target=run_player, args=([config], redis_url, stop))
    thread.start()
    try:
        yield config
    finally:
        stop.set()
        thread.join(20)
        assert not thread.is_alive()


@pytest.fixture(autouse=True)
def unlimited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("collectors.kafka.player.MEMORY", 1 << 46)


@pytest.fixture
def ada(db: None, settings: Settings) -> Client:
    settings.PLAYHEAD_ANONYMOUS = "viewer"
    client = Client()
    client.force_login(User.objects.create_user("ada"))
    return client


def get(client: Client, topic: str, **query: Any) -> Any:
    for _ in range(100):
        answer = client.get("/api/v1/records", {"topic": f"topic:k/{topic}", **query})
        if answer.status_code != 503 or "does not run" not in answer.content.decode():
            return answer
        time.sleep(0.05)  # the player's process is not there yet
    return answer


def secret_topic(broker: str, began: int) -> str:
    topic = Shop(broker).topic(1)
    producer = Producer({"bootstrap.servers": broker, "log_level": 0})
    bodies = [
        json.dumps({"id": 7, "password": SECRET, "deep": [{"authToken": {SECRET: SECRET}}]}).encode(),
        SECRET.encode(),
        b"\xff" + SECRET.encode(),
        b"\0\0\0\0\1" + SECRET.encode(),
        json.dumps(SECRET).encode(),
    ]
    for i, body in enumerate(bodies):
        headers = [("x-secret", SECRET.encode()), ("other", SECRET.encode())]
        producer.produce(topic, body, key=SECRET, timestamp=began + i, headers=headers)
    assert producer.flush(30) == 0
    return topic


@pytest.mark.parametrize("payloads", ["hidden", "masked", "shown"])
def test_what_may_not_be_shown_never_leaves_the_player(
    broker: str, redis_url: str, settings: Settings, ada: Client, began: int, payloads: str
) -> None:
    topic = secret_topic(broker, began)
    settings.REDIS_URL = redis_url
    with process(broker, redis_url, payloads=payloads) as config:
        settings.PLAYHEAD = Config(clusters=(config,))
        answer = get(ada, topic, at="-2h")
        kept = [Desk(redis_url).redis.get(k) for k in Desk(redis_url).redis.keys("*answer*")]
    body = answer.json()
    assert (answer.status_code, len(body["items"]), body["payloads"]) == (200, 5, payloads)
    for data in (answer.content, *filter(None, kept)):
        for form in (SECRET.encode(), SECRET.encode().hex(" ").encode(), SECRET.encode().hex().encode()):
            assert (form in data) is (payloads == "shown" and form != SECRET.encode().hex().encode())
        if payloads == "hidden":
            assert b'"id"' not in body["items"][0]["value"].__repr__().encode()
    first = body["items"][0]
    assert (first["value"]["kind"], first["key"]["size"], first["headers"][1]["size"]) == ("json", 14, 14)
    if payloads == "masked":
        assert '"id":7' in first["value"]["text"]
    looked = list(AuditEntry.objects.values_list("who", "action", "subject"))
    assert looked == ([] if payloads == "hidden" else [("ada", "payloads read", f"topic:k/{topic}")])


def test_looking_is_remembered_once_a_minute_with_what_was_seen(
    broker: str, redis_url: str, settings: Settings, ada: Client, began: int
) -> None:
    topic = secret_topic(broker, began)
    settings.REDIS_URL = redis_url
    with process(broker, redis_url, payloads="shown") as config:
        settings.PLAYHEAD = Config(clusters=(config,))
        first = get(ada, topic, at="-2h", limit=2).json()
        second = get(ada, topic, cursor=first["next"], limit=2).json()
    assert [r["offset"] for r in second["items"]] == [2, 3]
    (entry,) = AuditEntry.objects.all()
    assert entry.detail == {"payloads": "shown", "records": 4, "from": began, "to": began + 3}
    admin = Client()
    admin.force_login(User.objects.create_superuser("root"))
    (item,) = admin.get("/api/v1/audit").json()["items"]
    assert (item["who"], item["action"]) == ("ada", "payloads read")
    assert ada.get("/api/v1/audit").status_code == 403


def test_records_need_a_login_and_good_questions(redis_url: str, settings: Settings, ada: Client) -> None:
    settings.REDIS_URL, settings.PLAYHEAD = redis_url, Config(clusters=(ClusterConfig("k", "127.0.0.1:1"),))
    assert Client().get("/api/v1/records", {"topic": "topic:k/t"}).status_code == 401
    for query, status in (
        ({"topic": "t"}, 400),
        ({"topic": "topic:k/a/b"}, 400),
        ({"topic": "topic:k/%ff"}, 400),
        ({"topic": "topic:other/t"}, 404),
        ({"topic": "topic:k/t", "offset": 3}, 400),
        ({"topic": "topic:k/t", "at": "2999-01-01T00:00:00Z"}, 400),
        ({"topic": "topic:k/t", "cursor": "x"}, 400),
        ({"topic": "topic:k/t", "limit": 501}, 422),
        ({"topic": "topic:k/t", "partition": -1}, 422),
        ({"topic": "topic:k/t", "order": "sideways"}, 422),
        ({"topic": "topic:k/t", "wait": 0}, 503),
    ):
        answer = ada.get("/api/v1/records", query)
        assert (answer.status_code, answer["Content-Type"]) == (status, "application/problem+json"), query
    assert "playhead player" in answer.json()["detail"]


def test_a_dead_kafka_is_said_in_place(redis_url: str, settings: Settings, ada: Client) -> None:
    settings.REDIS_URL = redis_url
    with process("127.0.0.1:1", redis_url) as config:
        settings.PLAYHEAD = Config(clusters=(config,))
        answer = get(ada, "t")
    assert answer.status_code == 503
    assert "refused the connection" in answer.json()["detail"]
    assert answer.json()["remedy"]


def test_two_viewers_of_one_place_share_one_reader(
    broker: str, redis_url: str, began: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    topic = Shop(broker).topic(1)
    write(broker, topic, [[began + i for i in range(10)]])
    pages: list[RecordsAsked] = []
    page = Player.page

    def counted(self: Player, asked: RecordsAsked, desk: Desk) -> RecordsAnswer:
        pages.append(asked)
        return page(self, asked, desk)

    monkeypatch.setattr(Player, "page", counted)
    asked = RecordsAsked(cluster="k", topic=topic, at=began)
    answers: list[Any] = []
    with process(broker, redis_url):
        while not Desk(redis_url).redis.exists(f"{desks.PREFIX}alive:k"):
            time.sleep(0.02)
        viewers = [threading.Thread(target=lambda: answers.append(Desk(redis_url).ask(asked, 10))) for _ in range(8)]
        for v in viewers:
            v.start()
        for v in viewers:
            v.join()
    assert len(pages) == 1
    assert len(answers) == 8
    assert all(len(a.records) == 10 for a in answers)


def test_an_unread_page_tells_how_far_it_is_and_is_dropped_when_nobody_waits(redis_url: str) -> None:
    desk, asked = Desk(redis_url), RecordsAsked(cluster="k", topic="t")
    with pytest.raises(PlayerAway, match="playhead player"):
        desk.ask(asked, 0)
    desk.here("k")
    assert desk.ask(asked, 0) == RecordsProgress(state="waiting")
    assert desk.take("k", 1) == asked
    desk.tell(asked, RecordsProgress(state="reading", records=3, bytes=30, seconds=1.0))
    assert desk.ask(asked, 0) == RecordsProgress(state="reading", records=3, bytes=30, seconds=1.0)
    desk.redis.delete(f"{desks.PREFIX}wanted:{desks.key_of(asked)}")  # as time does
    assert not desk.wanted(asked)
    desk.drop(asked)
    assert desk.ask(asked, 0) == RecordsProgress(state="waiting")
    desk.redis.delete(f"{desks.PREFIX}wanted:{desks.key_of(asked)}")
    assert desk.take("k", 1) is None


def test_no_more_questions_wait_than_fit(redis_url: str) -> None:
    desk = Desk(redis_url)
    desk.here("k")
    for i in range(desks.MOST_WAITING):
        desk.ask(RecordsAsked(cluster="k", topic="t", offset=i), 0)
    with pytest.raises(PlayerAway, match="are waiting"):
        desk.ask(RecordsAsked(cluster="k", topic="t"), 0)


def test_without_redis_it_is_said(settings: Settings) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    with pytest.raises(PlayerAway, match="Redis does not answer"):
        desks.ask(RecordsAsked(cluster="k", topic="t"), 0)


def test_reading_changes_no_group_and_no_topic(broker: str, began: int) -> None:
    shop = Shop(broker)
    topic, group = shop.topic(2), name()
    write(broker, topic, [[began + i for i in range(20)], [began]])
    shop.commit(group, topic, {0: 3, 1: 1})
    before = shop.committed(group), *shop.state()
    with player(broker) as page:
        for at, older in itertools.product((began, None), (True, False)):
            page(topic, at=at, older=older)
        page("not-there")
    assert (shop.committed(group), *shop.state()) == before
