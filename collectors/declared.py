"""What people declare: catalogues' files, and the declarations in playhead.yaml itself.

Read again every few minutes, so that a changed file is seen without a restart. A file that cannot be read changes
nothing that it told before, and says why on the Collectors page.
"""

from __future__ import annotations

from pathlib import Path

from collectors import asyncapi, backstage, eventcatalog
from collectors.base import Budget, Collection, CollectorError, now_ms
from collectors.documents import documents, read_file
from collectors.sources import Asked
from lineage.config import Catalog, Config, Declaration
from lineage.identity import node_id
from lineage.observations import EdgeSeen, Ms, NodeSeen, Reading

EVERY = 120.0
OWN = "playhead.yaml"
READ = ("asyncapi", "backstage", "eventcatalog")
Told = tuple[list[NodeSeen], list[EdgeSeen]]


class Declared:
    """A Collector of one catalogue, or of the configuration's own declarations."""

    cluster = ""
    interval = EVERY

    def __init__(self, asked: Asked) -> None:
        self._config, self.target = asked.config, asked.target
        self._catalog = next((c for c in asked.config.catalogs if target_of(c) == asked.target), None)
        self.name = f"declared:{asked.target}"
        self.source = self._catalog.kind if self._catalog else "declared"

    def collect(self, budget: Budget) -> Collection:
        """One Reading of everything declared there. Raises CollectorError."""
        at = now_ms()
        nodes, edges = self._told(self._catalog, at) if self._catalog else declarations(self._config, at)
        reading = Reading(
            cluster="", at=at, source=self.source, scope=self.target, nodes=nodes, edges=edges, complete=True,
            interval=EVERY,
        )  # fmt: skip
        return Collection([reading], note=f"{len(nodes)} services and teams, {len(edges)} edges")

    def _told(self, catalog: Catalog, at: Ms) -> Told:
        path, name = Path(catalog.path), Path(catalog.path).name
        if catalog.kind == "eventcatalog":
            return eventcatalog.told(path, name, at)
        read = documents(read_file(path), str(path))
        if catalog.kind == "backstage":
            return backstage.told(read, name)
        if not read:
            raise CollectorError(f"{path} is empty", permanent=True)
        return asyncapi.told(read[0], name, at)


def target_of(catalog: Catalog) -> str:
    """What tells one catalogue from the others."""
    return f"{catalog.kind}:{catalog.path}"


def declarations(config: Config, at: Ms) -> Told:
    """What playhead.yaml itself declares."""
    nodes = {d.service: NodeSeen(node_id("service", d.service), d.service) for d in config.declared}
    return list(nodes.values()), [e for d in config.declared for e in _edges(d, at)]


def _edges(d: Declaration, at: Ms) -> list[EdgeSeen]:
    me, cluster = node_id("service", d.service), d.cluster or "?"
    ends = [("writes", me, node_id("topic", cluster, t)) for t in d.writes]
    ends += [("reads", node_id("topic", cluster, t), me) for t in d.reads]
    ends += [("calls", me, node_id("service", s)) for s in d.calls]
    return [EdgeSeen(does, start, end, at, at, strength="declared", detail=OWN) for does, start, end in ends]
