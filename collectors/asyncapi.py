"""AsyncAPI 2 and 3: which topics a service says it sends to and receives from.

https://www.asyncapi.com/docs/reference/specification/v3.0.0 and v2.6.0. Version 2 says what *others* do: ``publish`` is
what the service receives, ``subscribe`` what it sends. A channel's topic is its Kafka binding's, else its address, else
(in version 2) its name.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from collectors.base import CollectorError
from collectors.documents import mapping, resolved, text
from lineage.identity import node_id
from lineage.observations import EdgeSeen, Ms, NodeSeen


class Operation(NamedTuple):
    """One thing that the service declares to do with a topic."""

    writes: bool
    topic: str
    group: str


def told(document: Any, name: str, at: Ms) -> tuple[list[NodeSeen], list[EdgeSeen]]:
    """The service and its declared edges. Raises CollectorError where the document is none of AsyncAPI 2 or 3."""
    body = mapping(document)
    version = text(str(body.get("asyncapi", "")))
    if version[:1] not in ("2", "3"):
        raise CollectorError(f"{name}: no AsyncAPI document of version 2 or 3 (asyncapi: {version or 'missing'})")
    service = service_of(body)
    if not service:
        raise CollectorError(f"{name}: the service has no name (info.title is missing)")
    operations = list(_version_3(body) if version.startswith("3") else _version_2(body))
    node, detail = node_id("service", service), name
    edges = {(o.writes, o.topic): _edge(o, node, at, detail) for o in operations if o.topic}
    groups = sorted({f"?/{o.group}" for o in operations if o.group})
    attrs = {"declared_in": name, **({"declared_groups": groups} if groups else {})}
    return [NodeSeen(node, service, attrs)], list(edges.values())


def service_of(body: Mapping[str, Any]) -> str:
    """``info.x-service-name``, as several tools write it, else the title."""
    info = mapping(body.get("info"))
    return text(info.get("x-service-name")) or text(info.get("title"))


def _edge(o: Operation, service: str, at: Ms, detail: str) -> EdgeSeen:
    topic = node_id("topic", "?", o.topic)
    start, end = (service, topic) if o.writes else (topic, service)
    return EdgeSeen("writes" if o.writes else "reads", start, end, at, at, strength="declared", detail=detail)


def _version_3(body: Mapping[str, Any]) -> Iterator[Operation]:
    for given in mapping(body.get("operations")).values():
        operation = mapping(resolved(body, given))
        action, ref = operation.get("action"), operation.get("channel")
        channel = mapping(resolved(body, ref))
        if action in ("send", "receive") and channel:
            named = text(mapping(ref).get("$ref")).rpartition("/")[2]
            kafka = mapping(mapping(resolved(body, operation.get("bindings"))).get("kafka"))
            yield Operation(action == "send", _topic(body, channel, named), _said(kafka.get("groupId")))


def _version_2(body: Mapping[str, Any]) -> Iterator[Operation]:
    for name, given in mapping(body.get("channels")).items():
        channel = mapping(resolved(body, given))
        for verb in ("publish", "subscribe"):
            operation = resolved(body, channel.get(verb))
            if isinstance(operation, dict):
                kafka = mapping(mapping(resolved(body, operation.get("bindings"))).get("kafka"))
                yield Operation(verb == "subscribe", _topic(body, channel, text(name)), _said(kafka.get("groupId")))


def _topic(body: Mapping[str, Any], channel: Mapping[str, Any], name: str) -> str:
    kafka = mapping(mapping(resolved(body, channel.get("bindings"))).get("kafka"))
    address = text(kafka.get("topic")) or text(channel.get("address")) or name
    return "" if "{" in address else address  # a name with parameters is many topics, and which is not said


def _said(value: Any) -> str:
    """A group id, which the binding gives as a schema: its constant, or the only one it may be."""
    schema = mapping(value)
    options = schema.get("enum")
    only = options[0] if isinstance(options, list) and len(options) == 1 else None
    return text(value) or text(schema.get("const")) or text(only)
