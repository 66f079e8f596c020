"""Names of things: ``kind:path`` strings that stay the same for ever.

A path's segments are percent-encoded where they hold ``/`` or ``%`` or bytes that are not UTF-8.
"""

from __future__ import annotations

from typing import NewType
from urllib.parse import quote, unquote_to_bytes

NodeId = NewType("NodeId", str)

KINDS = frozenset({"service", "topic", "group", "connector", "query", "system", "writer", "team"})


def segment(name: str) -> str:
    """One path segment; only ``%``, ``/``, controls and undecodable bytes (surrogates) are encoded."""
    return "".join(c if _plain(c) else quote(c.encode("utf-8", "surrogateescape"), safe="") for c in name)


def _plain(char: str) -> bool:
    return char.isprintable() and char not in "/%"


def node_id(kind: str, *path: str) -> NodeId:
    """``node_id("topic", "production", "orders")`` is ``topic:production/orders``.

    Raises ValueError for an unknown kind or an empty path.
    """
    if kind not in KINDS or not path or not all(path):
        raise ValueError(f"{kind!r} with path {path!r} names no node")
    return NodeId(f"{kind}:{'/'.join(segment(p) for p in path)}")


def split_id(node: str) -> tuple[str, tuple[str, ...]]:
    """The kind and the decoded path. Raises ValueError where the string is no id."""
    kind, colon, rest = node.partition(":")
    if not colon or kind not in KINDS or not rest:
        raise ValueError(f"{node!r} is no id; expected kind:path with kind one of {', '.join(sorted(KINDS))}")
    parts = rest.split("/") if kind not in {"system", "team", "service"} else [rest]
    return kind, tuple(unquote_to_bytes(p).decode("utf-8", "surrogateescape") for p in parts)


def edge_id(relation: str, source: str, target: str, key: str = "") -> str:
    """One string for an edge; ``key`` tells parallel edges apart (the group of a joined read)."""
    return "|".join((relation, source, target, key))
