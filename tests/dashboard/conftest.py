"""A recorded tape for pages and API: real tables and a real lake, with names chosen to do harm."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.cache import cache
from django.db import connections
from pytest_django import Settings

from dashboard import hub, pages
from dashboard.throttle import Throttle
from lineage import history
from lineage.recorder import Tape
from tests.dashboard.made import SPITEFUL_CLIENT, SPITEFUL_GROUP, T0
from tests.lineage import world as w


@pytest.fixture(scope="session", autouse=True)
def pools(django_db_setup: None) -> Iterator[None]:
    """The hub's threads keep their connections; without letting go of them the test database cannot be removed."""
    yield
    for pool in (hub.LIVE, hub.SEEKS):
        together = threading.Barrier(pool._max_workers)
        for done in [pool.submit(_let_go, together) for _ in range(pool._max_workers)]:
            done.result(20)


def _let_go(together: threading.Barrier) -> None:
    together.wait(10)  # each thread of the pool has one of these
    connections.close_all()


@pytest.fixture
def viewer(settings: Settings) -> None:
    settings.PLAYHEAD_ANONYMOUS = "viewer"


@pytest.fixture(autouse=True)
def house(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """The configuration of the small Kafka, in-memory channels, no memory of failed logins."""
    settings.PLAYHEAD = w.config()
    settings.PLAYHEAD_ANONYMOUS = "none"
    settings.CHANNEL_LAYERS = {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    monkeypatch.setattr(pages, "throttle", Throttle())
    cache.clear()


@pytest.fixture
def empty(tmp_path: Path, settings: Settings) -> Iterator[Path]:
    """A data directory with nothing recorded."""
    settings.DATA_DIR, settings.LAKE_URL = tmp_path, ""
    history.forget()
    yield tmp_path
    history.forget()


def fill(tape: Tape) -> None:
    """Three ticks: a service that writes and one that reads, a group of bad names, an unknown writer."""
    tape.take(w.cluster(T0))
    tape.take(w.topics(T0, "orders", "a.b_c-D", "__consumer_offsets"))
    tape.take(w.groups(T0, "billing-cg", "audit", SPITEFUL_GROUP))
    tape.take(w.members(T0, "billing-cg", "b-1"))
    tape.take(w.members(T0, SPITEFUL_GROUP, SPITEFUL_CLIENT))
    tape.take(w.spans(T0, "writes", "service:shop", "topic:c/orders"))
    for collector in ("topology", "groups", "positions"):
        tape.take(w.ran(T0, collector))
    for s in range(3):
        groups = ("billing-cg", "audit", SPITEFUL_GROUP)
        commits = {g: {"orders": 90 + s} for g in groups}
        tape.take(w.frame(T0 + s * 2000, {"orders": 100 + 10 * s, "a.b_c-D": 5 + s}, commits, keyframe=s == 0))
        tape.cut(T0 + s * 2000 + 100)


@pytest.fixture
def tape(empty: Path, db: None) -> Iterator[Tape]:
    recorded = Tape(w.config(), empty)
    fill(recorded)
    yield recorded
    recorded.close()


@pytest.fixture
def lasting_tape(empty: Path, transactional_db: None) -> Iterator[Tape]:
    """The same, committed: other threads see it."""
    recorded = Tape(w.config(), empty)
    fill(recorded)
    yield recorded
    recorded.close()
