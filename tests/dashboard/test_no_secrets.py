"""A Connect configuration full of passwords: none is in the database, the lake, the logs, pages, API or exports."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from django.apps import apps
from django.core import serializers
from django.test import Client

from collectors.base import Budget, run
from collectors.connect import Connect
from collectors.sources import Asked
from lineage import history
from lineage.config import ClusterConfig, Config, Endpoint
from lineage.recorder import Tape
from tests.collectors.serving import Answer, serving
from tests.lineage import world as w
from tests.lineage.world import T0

PW = "Zebra-pw-4242"
SINK = "connector:c/main/to-db"
CONFIG = {
    "connector.class": "io.confluent.connect.jdbc.JdbcSinkConnector",
    "topics": "orders",
    "connection.url": f"jdbc:postgresql://u{PW}:{PW}@db:5432/shop?user=u{PW}&password={PW}",
    "connection.password": PW,
    "consumer.override.sasl.jaas.config": f'M required username="{PW}" password="{PW}";',
    "transforms.t.headers": f"Authorization: Bearer {PW}",
    "key.converter.basic.auth.user.info": f"{PW}:{PW}",
    "description": PW,
}
TRACE = f"java.sql.SQLException: jdbc:postgresql://u{PW}:{PW}@db/shop?password={PW} refused for {PW}\n\tat {PW}"


def worker(method: str, path: str, body: bytes) -> Answer:
    told: Any = {"to-db": {"topics": ["orders"]}}
    if path.startswith("/connectors?"):
        tasks = [{"id": 0, "state": "FAILED", "worker_id": "w:8083", "trace": TRACE}]
        status = {"connector": {"state": "RUNNING", "worker_id": "w:8083"}, "tasks": tasks, "type": "sink"}
        told = {"to-db": {"info": {"config": CONFIG, "type": "sink"}, "status": status}}
    return 200, "application/json", json.dumps(told).encode()


@pytest.fixture
def recorded(empty: Path, transactional_db: None, caplog: pytest.LogCaptureFixture) -> Path:
    """The worker asked by its collector, and recorded."""
    caplog.set_level(logging.DEBUG)
    tape = Tape(w.config(), empty)
    tape.take(w.cluster(T0))
    tape.take(w.topics(T0, "orders"))
    with serving(worker) as url:
        cluster = ClusterConfig("c", "localhost:9092", connect=(Endpoint(url, "main", "u", PW),))
        asked = Asked(Config(clusters=(cluster,)), cluster, "main", lambda: None)
        collector = Connect(asked)
        seen = run(collector, Budget(seconds=20), clock=lambda: T0)
    for observation in seen:
        tape.take(observation)
    tape.cut(max(o.at for o in seen) + 1_000)
    tape.close()
    return empty


def files(folder: Path) -> bytes:
    return b"".join(p.read_bytes() for p in folder.rglob("*") if p.is_file())


def rows() -> str:
    return "".join(serializers.serialize("json", m._default_manager.all()) for m in apps.get_models())


def test_no_password_is_kept_or_shown_anywhere(
    recorded: Path, viewer: None, client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    assert "SQLException" in rows()
    assert SINK in history.frame_at(None).nodes
    assert PW not in rows()
    assert PW.encode() not in files(recorded)
    assert PW not in repr(history.frame_at(None))
    one = quote(SINK, safe="")
    system = quote("system:postgres://db/shop", safe="")
    paths = [f"/connectors/{one}", f"/systems/{system}", "/map", "/collectors", "/changes", "/metrics"]
    api = ("graph?strength=observed,inferred,declared", "collectors", "changes", "search?q=to-db", "topics")
    exports = (f"export/{f}" for f in ("json", "dot", "mermaid", "svg"))
    for path in (*paths, *(f"/api/v1/{p}" for p in (*api, *exports))):
        answer = client.get(path)
        assert answer.status_code == 200, path
        assert PW.encode() not in answer.content, path
    assert "SQLException" in client.get("/api/v1/graph").content.decode()
    assert PW not in caplog.text


def test_views_of_the_connector_tell_the_failure_without_it(recorded: Path) -> None:
    from dashboard.views import build

    frame = history.frame_at(None)
    for view in ("connector", "panel", "map", "collectors"):
        shown = build(view, frame, {"id": SINK} if view in ("connector", "panel") else {})
        assert PW not in repr(shown)
    assert "SQLException" in repr(build("connector", frame, {"id": SINK}))
