"""Small services as other people write them: ``python programs.py NAME BOOTSTRAP`` runs one until it is ended.

They run in an environment of their own (requirements.txt beside this), under ``opentelemetry-instrument``, and know
nothing of who watches them. Each pair is a shop that writes orders and a billing that makes bills of them.
"""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from collections.abc import Callable


def confluent_shop(servers: str) -> None:
    import confluent_kafka  # by its attribute: the instrumentation replaces the class

    producer = confluent_kafka.Producer({"bootstrap.servers": servers})
    while True:
        producer.produce("confluent-orders", b"{}")
        producer.flush(10)
        time.sleep(0.2)


def confluent_billing(servers: str) -> None:
    import confluent_kafka

    given = {"bootstrap.servers": servers, "group.id": "confluent-billing-cg", "auto.offset.reset": "earliest"}
    consumer = confluent_kafka.Consumer({**given, "auto.commit.interval.ms": 500})
    producer = confluent_kafka.Producer({"bootstrap.servers": servers})
    consumer.subscribe(["confluent-orders"])
    while True:
        message = consumer.poll(0.5)
        if message is not None and not message.error():
            producer.produce("confluent-bills", b"{}")
            producer.poll(0)


def python_shop(servers: str) -> None:
    from kafka import KafkaProducer

    producer = KafkaProducer(bootstrap_servers=servers)
    while True:
        producer.send("python-orders", b"{}")
        time.sleep(0.2)


def python_billing(servers: str) -> None:
    from kafka import KafkaConsumer, KafkaProducer

    given = {"bootstrap_servers": servers, "group_id": "python-billing-cg", "auto_offset_reset": "earliest"}
    consumer, producer = KafkaConsumer("python-orders", **given), KafkaProducer(bootstrap_servers=servers)
    for _ in consumer:
        producer.send("python-bills", b"{}")


async def aio_shop(servers: str) -> None:
    from aiokafka import AIOKafkaProducer

    async with AIOKafkaProducer(bootstrap_servers=servers) as producer:
        while True:
            await producer.send_and_wait("aio-orders", b"{}")
            await asyncio.sleep(0.2)


async def aio_billing(servers: str) -> None:
    from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

    given = {"bootstrap_servers": servers, "group_id": "aio-billing-cg", "auto_offset_reset": "earliest"}
    async with AIOKafkaConsumer("aio-orders", **given) as consumer, AIOKafkaProducer(bootstrap_servers=servers) as out:
        async for _ in consumer:
            await out.send_and_wait("aio-bills", b"{}")


async def aio_audit(servers: str) -> None:
    """Reads in batches, of two topics at once."""
    from aiokafka import AIOKafkaConsumer

    given = {"bootstrap_servers": servers, "group_id": "aio-audit-cg", "auto_offset_reset": "earliest"}
    async with AIOKafkaConsumer("aio-orders", "aio-bills", **given) as consumer:
        while True:
            await consumer.getmany(timeout_ms=500)


async def aio_silent(servers: str) -> None:
    """Nobody instruments it; its client id is the library's own, as that of the others is."""
    from aiokafka import AIOKafkaConsumer

    given = {"bootstrap_servers": servers, "group_id": "aio-silent-cg", "auto_offset_reset": "earliest"}
    async with AIOKafkaConsumer("aio-orders", **given) as consumer:
        async for _ in consumer:
            pass


def quix(servers: str) -> None:
    from quixstreams import Application

    app = Application(broker_address=servers, consumer_group="quix-billing", auto_offset_reset="earliest")
    source = app.topic("quix-orders", value_deserializer="json")
    sink = app.topic("quix-bills", value_serializer="json")
    sums = app.dataframe(source).apply(_counted, stateful=True)
    sums.to_topic(sink)
    app.run()


def _counted(value: object, state: object) -> dict[str, int]:
    seen = state.get("seen", 0) + 1  # type: ignore[attr-defined]
    state.set("seen", seen)  # type: ignore[attr-defined]
    return {"seen": seen}


def faust(servers: str) -> None:
    import faust as streams

    app = streams.App(
        "faust-billing", broker=f"kafka://{servers}", topic_partitions=2, topic_replication_factor=1, web_enabled=False,
        consumer_auto_offset_reset="earliest", broker_commit_interval=0.5, store="memory://",
    )  # fmt: skip
    orders, bills = app.topic("faust-orders", value_type=bytes, value_serializer="raw"), app.topic("faust-bills")
    table = app.Table("seen", default=int)

    @app.agent(orders)
    async def bill(stream: object) -> None:
        async for _ in stream:  # type: ignore[attr-defined]
            table["all"] += 1
            await bills.send(value={"seen": table["all"]})

    streams.Worker(app, loglevel="WARNING").execute_from_commandline()


PROGRAMS: dict[str, Callable[[str], object]] = {
    p.__name__.replace("_", "-"): p
    for p in (
        confluent_shop, confluent_billing, python_shop, python_billing, aio_shop, aio_billing, aio_audit, aio_silent,
        quix, faust,
    )
}  # fmt: skip


def main(name: str, servers: str) -> None:
    """Runs it; SIGTERM ends it as Ctrl-C does, so that its last spans are sent."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    running = PROGRAMS[name](servers)
    if asyncio.iscoroutine(running):
        asyncio.run(running)


if __name__ == "__main__":
    main(*sys.argv[1:3])
