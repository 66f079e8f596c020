"""Groups that fall behind and catch up at known moments, a rule on them, and what a receiver was told of it."""

from __future__ import annotations

import contextlib
import json
import os
import random
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from lineage.lake import Lake
from tests.alerts.receiving import Receiver
from tests.faults.rig import ROOT, Rig, moment

TOPIC, RECORDS, HELD = "told", 100, 50
SETUP = """
import sys, time
from dashboard.alerts import keeping, rules
from dashboard.alerts.models import Channel, Rule
now = time.time_ns() // 1_000_000
rules.ensure(now)
Rule.objects.update(enabled=False)
keeping.keep(Channel(name="told", kind="webhook"), {"url": sys.argv[1], "per_minute": 600}, "soak", now)
asked = {"metric": "lag", "op": "above", "value": 50, "scope": {"topic": ["told"]}, "channels": ["told"]}
Rule.objects.create(name="told once", definition=asked, changed_at=now)
"""


@dataclass
class Heard:
    """An alert as a receiver heard of it: the ids of deliveries by status."""

    subject: str
    started_at: str
    ids: dict[str, set[str]] = field(default_factory=dict)


class Groups:
    """A topic of so many records, and groups that have read all of it or nothing: as they are told to."""

    def __init__(self, address: str, count: int) -> None:
        quiet = {"bootstrap.servers": address, "log_level": 0}
        admin = AdminClient(quiet)
        while TOPIC not in admin.list_topics(timeout=30).topics:
            with contextlib.suppress(KafkaException):  # a slow one is looked for again
                admin.create_topics([NewTopic(TOPIC, 1, 1)])[TOPIC].result(10)
        producer = Producer(quiet)
        for _ in range(RECORDS):
            producer.produce(TOPIC, b"x")
        assert producer.flush(20) == 0
        self.readers = [Consumer({**quiet, "group.id": f"told-{n}", "enable.auto.commit": False}) for n in range(count)]
        self.behind = [False] * count
        self.put(self.behind)

    def put(self, behind: Sequence[bool]) -> None:
        """Which of them are behind from now on."""
        for reader, is_behind in zip(self.readers, behind, strict=True):
            reader.commit(offsets=[TopicPartition(TOPIC, 0, 0 if is_behind else RECORDS)], asynchronous=False)
        self.behind = list(behind)

    def flip(self, dice: random.Random) -> None:
        """Some of them get behind, or catch up."""
        self.put([b != (dice.random() < 0.6) for b in self.behind])

    def close(self) -> None:
        for reader in self.readers:
            reader.close()


@contextlib.contextmanager
def grouped(rig: Rig, there: Receiver, count: int) -> Iterator[Groups]:
    """The groups, and the one rule that looks at them and tells ``there``."""
    env = os.environ | {"PLAYHEAD_DATA_DIR": str(rig.data), "PLAYHEAD_CONFIG": str(rig.data / "playhead.yaml")}
    code = "import django; django.setup()" + SETUP
    env |= {"DJANGO_SETTINGS_MODULE": "dashboard.settings"}
    subprocess.run([sys.executable, "-c", code, f"{there.url}/hook"], cwd=ROOT, env=env, check=True, timeout=60)
    groups = Groups(rig.clusters["east"], count)
    try:
        yield groups
    finally:
        groups.close()


def until_boundary() -> float:
    """Seconds until the minute ends."""
    return 60 - time.time() % 60


def happened(rig: Rig) -> dict[str, list[int]]:
    """By subject the first minute of each incident, as they were recorded: found without what evaluates rules."""
    with contextlib.closing(Lake(rig.data, read_only=True)) as lake:
        minutes = [m for (m,) in lake.query("SELECT DISTINCT minute FROM lake.subject_minutes ORDER BY 1")]
        rows = lake.query("SELECT minute, grp, lag FROM lake.group_minutes WHERE lag > ?", [HELD])
    names = rig.names("group")
    behind = {(names[g], m) for m, g, _ in rows if names[g].startswith(f"{TOPIC}-")}
    found: dict[str, list[int]] = defaultdict(list)
    for before, minute in pairwise([0, *minutes]):
        for group in {g for g, m in behind if m == minute and (g, before) not in behind}:
            found[f"lag:east/{group}/{TOPIC}"].append(minute)
    return found


def heard(there: Receiver) -> dict[str, list[Heard]]:
    """By subject what was told of each alert, in the order in which each was first heard of."""
    found: dict[str, Heard] = {}
    for seen in list(there.seen):
        body = json.loads(seen.body)
        alert = body["alert"]
        one = found.setdefault(alert["id"], Heard(alert["subject"], alert["started_at"]))
        one.ids.setdefault(body["status"], set()).add(seen.headers["webhook-id"])
    by: dict[str, list[Heard]] = defaultdict(list)
    for one in found.values():
        by[one.subject].append(one)
    return by


def over(rig: Rig, there: Receiver) -> bool:
    """Whether something happened, and all that did was told to its end."""
    told, found = heard(there), happened(rig)
    ended = {s: sum("resolved" in h.ids for h in told.get(s, ())) for s in found}
    return bool(found) and all(ended[s] >= len(firsts) for s, firsts in found.items())


def assert_told_once(rig: Rig, there: Receiver) -> None:
    """One alert for each incident, one firing and then one resolved of it, each under one id of its own."""
    told, found = heard(there), happened(rig)
    assert {s: len(alerts) for s, alerts in told.items()} == {s: len(firsts) for s, firsts in found.items()}
    for subject, firsts in found.items():
        for alert, first, following in zip(told[subject], firsts, [*firsts[1:], None], strict=True):
            assert list(alert.ids) == ["firing", "resolved"], alert  # in this order
            assert [len(ids) for ids in alert.ids.values()] == [1, 1], alert
            assert moment(first) <= alert.started_at, (alert, first)
            assert following is None or alert.started_at < moment(following), (alert, following)
    every = [id for alerts in told.values() for a in alerts for ids in a.ids.values() for id in ids]
    assert len(every) == len(set(every))
    assert [a for a in rig.told() if a not in every] == []
