"""Backstage's catalogue: components, who owns them, which consumer groups they say are theirs.

https://backstage.io/docs/features/software-catalog/descriptor-format. ``providesApis`` and ``consumesApis`` are not
"produces" and "consumes": no edge follows from them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from collectors.documents import items, mapping, text
from lineage.identity import node_id
from lineage.observations import EdgeSeen, NodeSeen

GROUPS = "kafka.apache.org/consumer-groups"


def told(documents: Iterable[Any], name: str) -> tuple[list[NodeSeen], list[EdgeSeen]]:
    """Services with their owners, and teams. What is of another kind is left out."""
    nodes = []
    for document in documents:
        body = mapping(document)
        kind, known = text(body.get("kind")), text(mapping(body.get("metadata")).get("name"))
        if known and kind == "Component":
            nodes.append(_component(body, known, name))
        elif known and kind == "Group":
            nodes.append(_group(body, known))
    return nodes, []


def _component(body: Mapping[str, Any], known: str, name: str) -> NodeSeen:
    metadata, spec = mapping(body.get("metadata")), mapping(body.get("spec"))
    annotations = mapping(metadata.get("annotations"))
    groups = [g.strip() for g in text(annotations.get(GROUPS), 2_000).split(",") if g.strip()]
    attrs = {
        "declared_in": name,
        "about": text(metadata.get("description"), 500) or None,
        "lifecycle": text(spec.get("lifecycle")) or None,
        "system": text(spec.get("system")) or None,
        "declared_groups": sorted(groups)[:100],
    }
    kept = {k: v for k, v in attrs.items() if v}
    return NodeSeen(node_id("service", known), known, kept, team=owner(spec.get("owner")))


def _group(body: Mapping[str, Any], known: str) -> NodeSeen:
    profile = mapping(mapping(body.get("spec")).get("profile"))
    links = [text(mapping(link).get("url"), 500) for link in items(mapping(body.get("metadata")).get("links"))]
    attrs = {"email": text(profile.get("email")), "url": next((u for u in links if u), "")}
    return NodeSeen(node_id("team", known), known, {k: v for k, v in attrs.items() if v})


def owner(value: Any) -> str:
    """``payments`` of ``group:default/payments``; "" where the owner is a person or nobody."""
    named = text(value)
    kind, colon, rest = named.partition(":")
    if colon and kind.lower() != "group":
        return ""
    return (rest if colon else named).rpartition("/")[2]
