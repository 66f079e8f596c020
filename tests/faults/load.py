"""A small load on clusters: writes to two topics of each, reads one with a group that commits. Runs until ended.

python -m tests.faults.load HOST:PORT …
"""

from __future__ import annotations

import contextlib
import sys
import time

from confluent_kafka import Consumer, KafkaException, Producer
from confluent_kafka.admin import AdminClient, NewTopic

TOPICS, GROUP = ("orders", "payments"), "billing"
PAUSE = 0.2  # seconds between two rounds


class Load:
    """One cluster's share."""

    def __init__(self, address: str) -> None:
        quiet = {"bootstrap.servers": address, "log_level": 0}
        admin = AdminClient(quiet)
        while not set(TOPICS) <= admin.list_topics(timeout=30).topics.keys():
            for done in admin.create_topics([NewTopic(t, 2, 1) for t in TOPICS]).values():
                with contextlib.suppress(KafkaException):  # a slow one is looked for again
                    done.result(10)
        self.producer = Producer({**quiet, "message.timeout.ms": 5000})
        self.consumer = Consumer({**quiet, "group.id": GROUP, "auto.offset.reset": "earliest", "client.id": "billing"})
        self.consumer.subscribe([TOPICS[0]])

    def round(self) -> None:
        """A record to each topic, and whatever came of the first one committed."""
        with contextlib.suppress(KafkaException, BufferError):  # the cluster is away: that is what is tried
            for topic in TOPICS:
                self.producer.produce(topic, b"x")
            self.producer.poll(0)
            if self.consumer.consume(50, 0.05):
                self.consumer.commit(asynchronous=True)


def main(addresses: list[str]) -> None:
    loads = [Load(a) for a in addresses]
    print("loaded", flush=True)
    while True:
        for load in loads:
            load.round()
        time.sleep(PAUSE)


if __name__ == "__main__":
    main(sys.argv[1:])
