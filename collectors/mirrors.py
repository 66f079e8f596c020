"""MirrorMaker 2: which topic is the copy of which, in another cluster.

https://kafka.apache.org/documentation/#georeplication. Run in Connect, its source connector's config names both
clusters and its used topics are the copies.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from lineage.config import ClusterConfig, Config
from lineage.identity import node_id
from lineage.observations import EdgeSeen, Ms

SOURCE_CLASS = "MirrorSourceConnector"
HEARTBEATS = "heartbeats"


@dataclass(frozen=True)
class Mirror:
    """One MirrorSourceConnector: from which cluster, and how it names the copies."""

    alias: str
    bootstrap: str
    separator: str
    identity: bool  # IdentityReplicationPolicy: copies bear the name of what they copy

    def original(self, copy: str) -> str | None:
        """The name of what this topic is a copy of; None where it is none."""
        if self.identity:
            return copy
        prefix = self.alias + self.separator
        return copy[len(prefix) :] if copy.startswith(prefix) and len(copy) > len(prefix) else None

    def source(self, config: Config) -> ClusterConfig | None:
        """The watched cluster that it copies from: by its addresses, else by its alias."""
        theirs = {s.strip() for s in self.bootstrap.split(",") if s.strip()}
        by_address = (c for c in config.clusters if theirs & {s.strip() for s in c.bootstrap_servers.split(",")})
        by_alias = (c for c in config.clusters if c.name == self.alias)
        return next(by_address, None) or next(by_alias, None)

    def edges(
        self, at: Ms, connector: str, name: str, cluster: str, used: list[str], config: Config
    ) -> Iterator[EdgeSeen]:
        """Copies, and what the connector reads and writes to make them."""
        source = self.source(config)
        for copy in used:
            target, original = node_id("topic", cluster, copy), self.original(copy)
            yield EdgeSeen("writes", connector, target, at, at)
            if source is None or original is None or original == HEARTBEATS:
                continue
            origin = node_id("topic", source.name, original)
            yield EdgeSeen("reads", origin, connector, at, at)
            yield EdgeSeen("replicates", origin, target, at, at, detail=f"connector {name}")


def mirror_of(config: Mapping[str, str]) -> Mirror | None:
    """What this connector copies; None where it is no MirrorSourceConnector."""
    if not config.get("connector.class", "").endswith(SOURCE_CLASS):
        return None
    return Mirror(
        alias=config.get("source.cluster.alias", "source"),
        bootstrap=config.get("source.cluster.bootstrap.servers", ""),
        separator=config.get("replication.policy.separator", "."),
        identity=config.get("replication.policy.class", "").endswith("IdentityReplicationPolicy"),
    )
