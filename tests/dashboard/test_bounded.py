"""Bodies that are too large, through the very uvicorn that serves: refused at once, and never kept."""

from __future__ import annotations

import gzip
import http.client
import json
import os
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from dashboard.processes.commands import web
from dashboard.processes.preflight import free_port, listens

ROOT = Path(__file__).resolve().parents[2]
MIB = 1024 * 1024
HUGE = 100 * MIB
MOST_MORE = 60 * MIB  # what a server may hold more than before: some buffers, never a body
SECONDS = 20.0  # far more than it takes; a machine under load is not the matter here


@dataclass
class Served:
    port: int
    pid: int

    def memory(self) -> int:
        """The most bytes that were ever resident."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(status.partition("VmHWM:")[2].split()[0]) * 1024

    def post(self, body: Iterator[bytes] | bytes, **headers: str) -> tuple[int, str, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=SECONDS)
        given = {"Content-Type": "application/json", **{k.replace("_", "-"): v for k, v in headers.items()}}
        try:
            connection.request("POST", "/v1/traces", body, given, encode_chunked="Transfer-Encoding" in given)
            answer = connection.getresponse()
            return answer.status, answer.headers["Content-Type"], answer.read()
        finally:
            connection.close()


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    work, port = tmp_path_factory.mktemp("web"), free_port()
    env = {k: v for k, v in os.environ.items() if k not in {"DATABASE_URL", "PLAYHEAD_CONFIG", "HOST"}}
    env |= {"PLAYHEAD_DATA_DIR": str(work), "PORT": str(port), "PLAYHEAD_OTLP": "open", "PLAYHEAD_ANONYMOUS": "viewer"}
    env |= {"REDIS_URL": f"redis://127.0.0.1:{free_port()}/0", "DJANGO_SETTINGS_MODULE": "dashboard.settings"}
    log = (work / "log").open("wb")
    with subprocess.Popen(web(env), cwd=ROOT, env=env, stdout=log, stderr=log) as process:
        until = time.monotonic() + 60
        while not listens("127.0.0.1", port):
            assert process.poll() is None, (work / "log").read_text()
            assert time.monotonic() < until, (work / "log").read_text()
            time.sleep(0.1)
        found = Served(port, process.pid)
        assert found.post(b"{")[0] == 400  # once round, so that everything is loaded
        yield found
        process.kill()
    log.close()


def pieces(size: int) -> Iterator[bytes]:
    piece = b" " * 65_536
    for _ in range(size // len(piece)):
        yield piece


def refused(answer: tuple[int, str, bytes]) -> bool:
    status, kind, body = answer
    problem = json.loads(body)
    words = "8 MiB" in problem["detail"]
    return (status, kind, problem["status"], words) == (413, "application/problem+json", 413, True)


def test_a_body_that_says_that_it_is_too_large_is_refused(served: Served) -> None:
    before = served.memory()
    assert refused(served.post(pieces(HUGE), Content_Length=str(HUGE)))
    assert served.memory() - before < MOST_MORE


def test_a_body_that_does_not_say_how_large_it_is_is_refused_when_it_is_too_large(served: Served) -> None:
    before = served.memory()
    assert refused(served.post(pieces(HUGE), Transfer_Encoding="chunked"))
    assert served.memory() - before < MOST_MORE


def test_who_says_it_is_too_large_and_waits_is_told_without_a_byte_sent(served: Served) -> None:
    began = time.monotonic()
    assert refused(served.post(iter(()), Content_Length=str(HUGE)))
    assert time.monotonic() - began < SECONDS


@pytest.mark.parametrize("kind", ["application/json", "application/x-protobuf"])
def test_a_small_body_that_would_be_huge_is_refused(served: Served, kind: str) -> None:
    before, bomb = served.memory(), gzip.compress(bytes(HUGE))
    assert len(bomb) < 200_000
    status, answered, body = served.post(bomb, Content_Type=kind, Content_Encoding="gzip")
    assert (status, answered) == (413, kind)
    assert b"8 MiB once inflated" in body
    assert served.memory() - before < MOST_MORE


def test_many_at_once_hold_no_more(served: Served) -> None:
    before = served.memory()
    answers: list[tuple[int, str, bytes]] = []

    def send() -> None:
        answers.append(served.post(pieces(HUGE), Transfer_Encoding="chunked"))

    threads = [threading.Thread(target=send) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 8
    assert all(map(refused, answers))
    assert served.memory() - before < 2 * MOST_MORE


def test_a_thousand_viewers_find_room_and_none_is_compressed_for_alone(served: Served) -> None:
    limits = Path(f"/proc/{served.pid}/limits").read_text().partition("Max open files")[2].split()
    assert int(limits[0]) == min(int(limits[1]), 65_536)
    with socket.create_connection(("127.0.0.1", served.port), timeout=SECONDS) as viewer:
        key = "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n"
        asked = f"Upgrade: websocket\r\nConnection: Upgrade\r\n{key}Sec-WebSocket-Extensions: permessage-deflate\r\n"
        viewer.sendall(f"GET /ws/v1/view HTTP/1.1\r\nHost: 127.0.0.1:{served.port}\r\n{asked}\r\n".encode())
        answer = viewer.recv(4096).lower()
    assert answer.startswith(b"http/1.1 101")
    assert b"permessage-deflate" not in answer


def test_it_serves_on(served: Served) -> None:
    assert served.post(b"{}")[0] in {200, 503}  # 503: this test has no Redis
