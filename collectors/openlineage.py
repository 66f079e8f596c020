"""OpenLineage events: what a job says it read and wrote in a run.

https://openlineage.io/spec/2-0-2/OpenLineage.json. A run that ran, or completed, has happened: observed. START, FAIL
and ABORT tell who the job is, not that data flowed. A dataset ``kafka://host:port`` is the topic of the watched cluster
that has this address among its own, else of any cluster that has the topic; other datasets are systems.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from django.conf import settings

from collectors.documents import items, mapping, text
from collectors.systems import bare
from lineage.config import Config
from lineage.identity import node_id
from lineage.observations import AnyObservation, EdgeSeen, EdgesSeen, Ms
from lineage.ports import BadDocument

MOST_EVENTS, MOST_DATASETS = 10_000, 500
HAPPENED = frozenset({"RUNNING", "COMPLETE"})


def decode_lineage(body: bytes, now: Ms) -> list[AnyObservation]:
    """lineage.ports.DecodeLineage over the settings' configuration. Raises BadDocument."""
    return decode(body, now, settings.PLAYHEAD)


def decode(body: bytes, now: Ms, config: Config) -> list[AnyObservation]:
    """Observations in one event or a list of them. Raises BadDocument that names the place."""
    try:
        events = items(json.loads(body))
    except (ValueError, RecursionError) as e:
        raise BadDocument(f"the body is no JSON ({type(e).__name__})") from e
    if len(events) > MOST_EVENTS:
        raise BadDocument(f"{len(events)} events; send at most {MOST_EVENTS} at once")
    edges = [e for n, event in enumerate(events) for e in _event(event, f"event {n}", now, config)]
    return [EdgesSeen(cluster="", at=now, source="openlineage", edges=edges)] if edges else []


def _event(event: Any, where: str, now: Ms, config: Config) -> Iterator[EdgeSeen]:
    body = mapping(event)
    job = mapping(body.get("job"))
    name = text(job.get("name"))
    if not name:
        raise BadDocument(f"{where}: job.name is missing; send OpenLineage run events")
    at = min(now, _time(body.get("eventTime"), where))
    if body.get("eventType", "COMPLETE") not in HAPPENED:
        return
    me, detail = node_id("service", name), f"job {text(job.get('namespace')) or 'without a namespace'}/{name}"
    for dataset in items(body.get("inputs"))[:MOST_DATASETS]:
        if there := _dataset(mapping(dataset), config):
            yield EdgeSeen("reads", there, me, at, at, detail=detail)
    for dataset in items(body.get("outputs"))[:MOST_DATASETS]:
        if there := _dataset(mapping(dataset), config):
            yield EdgeSeen("writes", me, there, at, at, detail=detail)


def _time(value: Any, where: str) -> Ms:
    try:
        found = datetime.fromisoformat(str(value))
    except ValueError as e:
        raise BadDocument(f"{where}: eventTime {str(value)[:40]!r} is no RFC 3339 time") from e
    if found.tzinfo is None:
        raise BadDocument(f"{where}: eventTime {str(value)[:40]!r} has no offset from UTC")
    return int(found.timestamp() * 1000)


def _dataset(dataset: Mapping[str, Any], config: Config) -> str | None:
    namespace, name = text(dataset.get("namespace"), 500), text(dataset.get("name"), 500)
    if not namespace or not name:
        return None
    if namespace.startswith("kafka://"):
        return node_id("topic", _cluster(namespace.removeprefix("kafka://"), config), name)
    address = bare(namespace) or (namespace if "://" not in namespace else "")
    return node_id("system", f"{address}/{name}") if address else None


def _cluster(servers: str, config: Config) -> str:
    theirs = {s.strip().rstrip("/") for s in servers.split(",")}
    found = (c.name for c in config.clusters if theirs & {s.strip() for s in c.bootstrap_servers.split(",")})
    return next(found, "?")
