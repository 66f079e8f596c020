"""What sampling records' headers costs, on Apache Kafka itself, while every topic is written to.

  python -m bench.headers --bootstrap HOST:PORT [--topics 2000] [--runs 10] [--rate 2000] [--every 30]

The topics t00000 ... are those of bench._fill (or are made, three partitions each). A process of its own writes
``rate`` records a second: traces that go through three topics, and into one topic records of 10 MB, one every ten
seconds. The collector runs at its defaults. CPU is this process's own, all threads; bytes are what its sockets took
from the broker.
"""

from __future__ import annotations

import argparse
import os
import random
import resource
import socket
import statistics
import struct
import subprocess
import sys
import time
from pathlib import Path

from confluent_kafka import KafkaException, Producer
from confluent_kafka.admin import AdminClient, NewTopic

from bench._fill import topic
from collectors.base import Budget
from collectors.kafka.client import KafkaClient
from collectors.kafka.headers import Headers
from lineage.config import ClusterConfig
from lineage.observations import EdgesSeen

LARGE = "large"
RECEIVED = 128  # where struct tcp_info has tcpi_bytes_received


def make(bootstrap: str, topics: int) -> None:
    """The topics that are not there yet."""
    admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 0})
    have = admin.list_topics(timeout=60).topics
    new = [NewTopic(topic(t), 3, 1) for t in range(topics) if topic(t) not in have]
    new += [NewTopic(LARGE, 1, 1, config={"max.message.bytes": "12000000"})] if LARGE not in have else []
    for i in range(0, len(new), 100):
        for future in admin.create_topics(new[i : i + 100], request_timeout=120).values():
            future.result()


def write(bootstrap: str, topics: int, rate: int) -> None:
    """Until killed. A trace goes from t(3n) to t(3n+1) to t(3n+2), 50 ms each."""
    most = {"message.max.bytes": 12_000_000, "queue.buffering.max.kbytes": 200_000}
    producer = Producer({"bootstrap.servers": bootstrap, "log_level": 0, "linger.ms": 20, **most})
    chosen, due, large = random.Random(5), time.monotonic(), 0.0
    while True:
        for _ in range(max(1, rate // 30)):
            trace, first = chosen.randbytes(16).hex(), 3 * chosen.randrange(topics // 3)
            for hop in range(3):
                at = time.time_ns() // 1_000_000 - 100 + 50 * hop
                header = {"traceparent": f"00-{trace}-{chosen.randbytes(8).hex()}-01"}
                send(producer, topic(first + hop), b"x" * 120, header, at)
        if time.monotonic() - large > 10:
            large = time.monotonic()
            send(producer, LARGE, chosen.randbytes(10_000_000), {}, 0)
        producer.poll(0)
        due += 0.1
        time.sleep(max(0.0, due - time.monotonic()))


def send(producer: Producer, name: str, value: bytes, headers: dict[str, str], at: int) -> None:
    try:
        producer.produce(name, value, key=b"k%d" % (at % 7), headers=headers, timestamp=at)
    except BufferError:
        producer.poll(0.1)


class Wire:
    """Bytes that this process's sockets received, those that were closed meanwhile included as last seen."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], int] = {}

    def total(self) -> int:
        for entry in Path("/proc/self/fd").iterdir():
            try:
                if os.readlink(entry).startswith("socket:"):
                    self._look(int(entry.name))
            except OSError:
                continue
        return sum(self._known.values())

    def _look(self, number: int) -> None:
        with socket.socket(fileno=os.dup(number)) as s:
            if s.family != socket.AF_INET or s.type != socket.SOCK_STREAM:
                return
            info = s.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 232)
            name = (str(s.getsockname()), str(s.getpeername()))
            self._known[name] = max(self._known.get(name, 0), struct.unpack_from("<Q", info, RECEIVED)[0])


def cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def measured(collector: Headers, wire: Wire) -> tuple[float, float, int, str]:
    """One run: seconds, CPU, bytes, note."""
    began, spent, size = time.monotonic(), cpu(), wire.total()
    read = collector.sampler.read

    def watched(*args: object) -> None:
        try:
            read(*args)  # type: ignore[arg-type]
        finally:
            wire.total()

    collector.sampler.read = watched  # type: ignore[method-assign]
    consumer_close(collector, wire)
    found = collector.collect(Budget(seconds=30.0))
    collector.sampler.read = read  # type: ignore[method-assign]
    flows = sum(
        len([e for e in o.edges if e.relation == "derives"]) for o in found.observations if isinstance(o, EdgesSeen)
    )
    return time.monotonic() - began, cpu() - spent, wire.total() - size, f"{flows} flows; {found.note}"


def consumer_close(collector: Headers, wire: Wire) -> None:
    """Looks at the sockets just before the collector closes its consumer, and with them what they counted."""
    made = collector._client.consumer

    def consumer(**config: object) -> object:
        return Watched(made(**config), wire)

    collector._client.consumer = consumer  # type: ignore[method-assign, assignment]


class Watched:
    """A consumer whose bytes are looked at before it goes."""

    def __init__(self, inner: object, wire: Wire) -> None:
        self._inner, self._wire = inner, wire

    def __getattr__(self, name: str) -> object:
        return getattr(self._inner, name)

    def close(self) -> None:
        self._wire.total()
        self._inner.close()  # type: ignore[attr-defined]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bootstrap", required=True)
    for name, default in (("topics", 2000), ("runs", 10), ("rate", 2000), ("every", 30)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--write", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.write:
        return write(args.bootstrap, args.topics, args.rate)
    make(args.bootstrap, args.topics)
    command = [sys.executable, "-m", "bench.headers", "--write", "--bootstrap", args.bootstrap]
    writer = subprocess.Popen([*command, "--topics", str(args.topics), "--rate", str(args.rate)])
    try:
        bench(args)
    except KafkaException as error:
        sys.exit(str(error))
    finally:
        writer.kill()


def bench(args: argparse.Namespace) -> None:
    client = KafkaClient("bench", args.bootstrap, {})
    collector, wire = Headers(ClusterConfig("bench", args.bootstrap), client), Wire()
    rows, whole, since = [], [], time.monotonic()
    for run in range(args.runs):
        began = time.monotonic()
        seconds, spent, size, note = measured(collector, wire)
        rows.append((spent / args.every, size / args.every))
        print(f"{run:3} {seconds:5.1f} s  {spent:5.2f} s CPU  {size / 1e6:6.2f} MB  {note}", flush=True)
        if not collector.sampler.window.todo:
            whole.append(time.monotonic() - since)
            print(
                f"    the window of {collector.sampler.window.topics} topics is complete, {whole[-1]:.0f} s", flush=True
            )
        time.sleep(max(0.0, began + args.every - time.monotonic()))
        since = since if collector.sampler.window.todo else time.monotonic()
    print(f"{len(whole)} windows complete, {max(whole, default=0):.0f} s the longest")
    for what, values, unit in (
        ("CPU", [r[0] * 100 for r in rows], "% of a core"),
        ("read", [r[1] / 1e3 for r in rows], "kB/s"),
    ):
        print(f"{what}: median {statistics.median(values):.2f}, most {max(values):.2f} {unit} over {args.every} s")
    print("load", os.getloadavg())


if __name__ == "__main__":
    main()
