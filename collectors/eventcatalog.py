"""EventCatalog: which messages services send and receive, and through which channels they go.

https://www.eventcatalog.dev/docs/development/guides/services/introduction. A folder of Markdown files; what counts
stands in their front matter. A message is on the topic of its channel's address, or of that of the channels which
``to`` and ``from`` name; one of which no channel is known tells of no topic.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from collectors.base import CollectorError
from collectors.documents import files, front_matter, items, mapping, read_file, text
from lineage.identity import node_id
from lineage.observations import EdgeSeen, Ms, NodeSeen

MESSAGES = ("events", "commands", "queries")
MOST_BYTES = 1 << 20


def told(root: Path, name: str, at: Ms) -> tuple[list[NodeSeen], list[EdgeSeen]]:
    """Services with owners and their declared edges. Raises CollectorError where the folder cannot be read."""
    if not root.is_dir():
        raise CollectorError(f"{root} is no folder", permanent=True, remedy="give EventCatalog's own folder")
    return _Catalog(root, name, at).told()


class _Catalog:
    def __init__(self, root: Path, name: str, at: Ms) -> None:
        self.name, self.at = name, at
        self.of: dict[str, dict[str, Mapping[str, Any]]] = {}
        for path in (*files(root, "index.md"), *files(root, "index.mdx")):
            self._read(path, path.relative_to(root).parts)

    def _read(self, path: Path, parts: tuple[str, ...]) -> None:
        kind = next((p for p in reversed(parts) if p in ("services", "channels", *MESSAGES)), "")
        if not kind or "versioned" in parts:
            return
        body = front_matter(read_file(path, MOST_BYTES), str(path))
        if known := text(body.get("id")):
            self.of.setdefault("messages" if kind in MESSAGES else kind, {})[known] = body

    def told(self) -> tuple[list[NodeSeen], list[EdgeSeen]]:
        nodes: list[NodeSeen] = []
        edges: list[EdgeSeen] = []
        for known, body in sorted(self.of.get("services", {}).items()):
            owners = [o for o in map(_owner, items(body.get("owners"))) if o]
            attrs = {"declared_in": self.name, "about": text(body.get("summary"), 500) or None}
            service = node_id("service", known)
            kept = {k: v for k, v in attrs.items() if v}
            nodes.append(NodeSeen(service, known, kept, team=owners[0] if len(owners) == 1 else ""))
            edges += self._edges(service, body)
        return nodes, list({(e.relation, e.source, e.target): e for e in edges}.values())

    def _edges(self, service: str, body: Mapping[str, Any]) -> Iterator[EdgeSeen]:
        for verb, where in (("sends", "to"), ("receives", "from")):
            for message in items(body.get(verb)):
                for topic in self._topics(mapping(message), where):
                    node = node_id("topic", "?", topic)
                    writes = verb == "sends"
                    start, end = (service, node) if writes else (node, service)
                    yield self._edge("writes" if writes else "reads", start, end)

    def _edge(self, relation: str, start: str, end: str) -> EdgeSeen:
        return EdgeSeen(relation, start, end, self.at, self.at, strength="declared", detail=self.name)

    def _topics(self, message: Mapping[str, Any], where: str) -> set[str]:
        told = self.of.get("messages", {}).get(text(message.get("id")), {})
        channels = items(message.get(where)) or items(told.get("channels"))
        return {t for c in channels if (t := self._address(mapping(c)))}

    def _address(self, channel: Mapping[str, Any]) -> str:
        address = text(self.of.get("channels", {}).get(text(channel.get("id")), {}).get("address"))
        return "" if "{" in address else address


def _owner(value: Any) -> str:
    return text(mapping(value).get("id")) or text(value)
