"""What the demo adds: a cluster in the configuration, reading without login, a token for the spans."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path

from dashboard.processes.rules import Spec
from lineage.depot import PRIVATE as LAKE_PRIVATE

# Faster than the defaults, so that what happens in the shop is seen as it happens.
EVERY = {"positions": "2s", "groups": "3s", "topology": "5s", "configs": "30s"}
TOKEN_FILE = "demo-token"  # noqa: S105 - the name of the file
RULES_FILE = "demo/playhead.yaml"  # what a person changes: the other one is made of it
CONFIG_FILE = "demo.yaml"
_OURS = ("REDIS_URL", "DATABASE_URL", "PLAYHEAD_SECRET_KEY", "PLAYHEAD_ADMIN_PASSWORD", "PLAYHEAD_LAKE_URL")
_PRIVATE = (*_OURS, *LAKE_PRIVATE)


def demo_environment(env: Mapping[str, str]) -> dict[str, str]:
    """The demo's defaults where the user says nothing."""
    return {} if env.get("PLAYHEAD_ANONYMOUS") else {"PLAYHEAD_ANONYMOUS": "viewer"}


def write_config(root: Path, data: Path, servers: str) -> Path:
    """The demo's rules and owners with the cluster ``demo`` put in front, in the data directory."""
    cluster = {"name": "demo", "bootstrap_servers": servers, "every": EVERY, "records": {"payloads": "masked"}}
    rules = (root / RULES_FILE).read_text(encoding="utf-8").replace("\nclusters: []\n", "\n")
    path = data / CONFIG_FILE
    head = f"# Written at every start of the demo, of {RULES_FILE}: change that one."
    path.write_text(f"{head}\nclusters: {json.dumps([cluster])}\n{rules}", "utf-8")
    return path


def demo_spec(env: Mapping[str, str], data: Path, url: str) -> Spec:
    """The shop. It is a stranger to Playhead: it is told of Kafka and of where spans go, of no secret."""
    token = (data / TOKEN_FILE).read_text(encoding="utf-8").strip()
    hidden = dict.fromkeys((name for stem in _PRIVATE for name in (stem, f"{stem}_FILE") if name in env), "")
    where = ("--bootstrap", env["KAFKA_BOOTSTRAP_SERVERS"], "--otlp", f"{url}/v1/traces")
    argv = (sys.executable, "-m", "demo", "up", *where)
    return Spec("demo", "demo", argv, env={**hidden, "DEMO_OTLP_TOKEN": token})
