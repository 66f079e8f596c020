"""What sources beside the cluster's own listings tell of a topic or a group, as tables of its page."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from dashboard.times import rfc
from dashboard.views.common import Row, Table
from lineage.frames import Frame, NodeState
from lineage.identity import node_id

OF_TOPIC = ("producers", "active_producers", "named_producers", "open_transactions", "application", "role", "store")
OF_RECORDS = ("key_kinds", "value_kinds", "null_keys", "null_values")
MAY = (("write", "may_write"), ("read", "may_read"))
_POSITION = re.compile(r"(?P<what>start|lag) (?P<topic>.+)/(?P<partition>\d+)")


def of_topic(node: NodeState) -> Row:
    """Who writes as far as producer ids tell, its application, its records' kinds; what is not known is left out."""
    return {name: node.attrs[name] for name in (*OF_TOPIC, *OF_RECORDS) if node.attrs.get(name) is not None}


def schemas(frame: Frame, node: NodeState) -> Table:
    """The schema ids met in its records, each with the registry's subjects and versions.

    ``state``: known (``subjects`` names them), unnamed (the registry has it, and does not say under which subject),
    unknown to the registry, unasked (not looked up yet), guid (which is not looked up), or no_registry.
    """
    seen = node.attrs.get("schema_ids_seen") or ()
    asked: Mapping[str, Any] = node.attrs.get("schema_versions") or {}
    asks = any(c.source == "registry" and c.cluster == node.cluster for c in frame.collectors)
    latest: dict[str, list[str]] = {}
    for s in node.attrs.get("subjects") or ():
        latest.setdefault(str(s.get("schema_id")), []).append(f"{s['name']} v{s['version']}")
    return {str(n): _schema(n, asked.get(str(n), ...), latest.get(str(n), []), asks) for n in seen}


def _schema(number: int | str, versions: Any, latest: list[str], asks: bool) -> Row:
    named = [f"{subject} v{version}" for subject, version in versions] if isinstance(versions, list) else []
    subjects = sorted({*named, *latest})
    if subjects:
        state = "known"
    elif versions is not ...:
        state = "unnamed" if versions is None else "unknown"
    else:
        state = "no_registry" if not asks else "unasked" if isinstance(number, int) else "guid"
    return {"schema_id": number, "subjects": subjects, "state": state}


def hanging(node: NodeState) -> Table:
    """Transactions on it that nobody will end."""
    rows = node.attrs.get("hanging") or ()
    return {f"{h['partition']}/{h['producer_id']}": {**h, "since": rfc(h["since"])} for h in rows}


def permissions(node: NodeState) -> Table:
    """Who may write and read it by ACLs; a last row of each says how many more there are."""
    out: Table = {}
    for what, attr in MAY:
        for i, row in enumerate(node.attrs.get(attr) or ()):
            out[f"{what}/{i:02}"] = {"may": what, **row}
        if more := node.attrs.get(f"{attr}_more"):
            out[f"{what}/more"] = {"may": what, "more": more}
    return out


def of_group(node: NodeState) -> Row:
    """How its partitions are assigned, and what it is built with."""
    streams = node.attrs.get("streams") or {}
    return {"assignor": node.attrs.get("assignor") or None, "framework": streams.get("framework") or None}


def application(groups: Iterable[NodeState]) -> Table:
    """State stores, inner topics and sinks of the applications that these groups are."""
    return {g.id: _application(g) for g in groups if g.attrs.get("streams") or g.attrs.get("topology")}


def _application(group: NodeState) -> Row:
    streams: Mapping[str, Any] = group.attrs.get("streams") or {}
    topology: Mapping[str, Any] = group.attrs.get("topology") or {}
    inner = [node_id("topic", group.cluster, t) for t in streams.get("inner_topics", ())]
    return {
        "group": group.id,
        "framework": streams.get("framework") or None,
        "stores": sorted({*streams.get("stores", ()), *topology.get("stores", ())}),
        "inner_topics": inner,
        "sources": [node_id("topic", group.cluster, t) for t in topology.get("sources", ())],
        "sinks": [node_id("topic", group.cluster, t) for t in topology.get("sinks", ())],
        "dynamic": bool(topology.get("dynamic")),
        "description": topology.get("status") or None,
    }


def shares(node: NodeState) -> Table:
    """A share group's positions, partition by partition."""
    out: Table = {}
    for figure, value in node.attrs.items():
        if found := _POSITION.fullmatch(figure):
            row = out.setdefault(
                f"{found['topic']}/{found['partition']}",
                {"topic": found["topic"], "partition": int(found["partition"]), "start": None, "lag": None},
            )
            row[found["what"]] = value
    return out
