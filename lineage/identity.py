"""Names of things: ``kind:path`` strings that stay the same for ever.

A path's segments are percent-encoded where they hold ``/`` or ``%`` or bytes that are not UTF-8.

A name itself is text that any table and any encoder can hold. Kafka lets a group be called by any bytes, NUL
(which PostgreSQL refuses) included: where a byte cannot stand in such a text, the name writes it as ``\\xHH``.
Its id has that byte percent-encoded, so that both lead back to the bytes. (Who calls a group ``\\xff`` in four
letters shares the name of the one byte.)
"""

from __future__ import annotations

import re
from typing import NewType
from urllib.parse import quote, unquote_to_bytes

NodeId = NewType("NodeId", str)

KINDS = frozenset({"service", "topic", "group", "connector", "query", "system", "writer", "team"})
_PLAIN = re.compile(r"[\w.-]+", re.ASCII)  # nearly every name: nothing to be done
_UNSPEAKABLE = re.compile("[\0\ud800-\udfff]")  # no table or no encoder takes them
_ESCAPED = re.compile(r"\\x(00|[89A-F][0-9A-F])")


def text(name: str | bytes) -> str:
    """A name that any table and any encoder can hold; bytes that are no UTF-8 (or surrogates) become ``\\xHH``."""
    found = name.decode("utf-8", "surrogateescape") if isinstance(name, bytes) else name
    return _UNSPEAKABLE.sub(lambda m: "".join(f"\\x{b:02X}" for b in _bytes(m[0])), found)


def _bytes(char: str) -> bytes:
    escaped = "\udc80" <= char <= "\udcff"
    return char.encode("utf-8", "surrogateescape" if escaped else "surrogatepass")


def segment(name: str) -> str:
    """One path segment; only ``%``, ``/``, controls and what is no UTF-8 are encoded."""
    if _PLAIN.fullmatch(name):
        return name
    known = _ESCAPED.sub(lambda m: bytes.fromhex(m[1]).decode("utf-8", "surrogateescape"), text(name))
    return "".join(c if _plain(c) else quote(_bytes(c), safe="") for c in known)


def _plain(char: str) -> bool:
    return char.isprintable() and char not in "/%"


def node_id(kind: str, *path: str) -> NodeId:
    """``node_id("topic", "production", "orders")`` is ``topic:production/orders``.

    A system's name is an address, one segment that keeps its slashes: ``system:postgres://db/orders``.
    Raises ValueError for an unknown kind or an empty path.
    """
    if kind not in KINDS or not path or not all(path):
        raise ValueError(f"{kind!r} with path {path!r} names no node")
    parts = path[0].split("/") if kind == "system" and len(path) == 1 else path  # an address keeps its slashes
    return NodeId(f"{kind}:{'/'.join(segment(p) for p in parts)}")


def named_writer(cluster: str, name: str) -> NodeId:
    """A writer known by its transactional id; ``writer:CLUSTER/TOPIC`` is the unknown one of that topic."""
    return node_id("writer", cluster, "transactional", name)


def is_named_writer(node: str) -> bool:
    """Whether this id stands for a writer known by its transactional id."""
    return node.startswith("writer:") and not is_unknown_writer(node)


def is_unknown_writer(node: str) -> bool:
    """Whether this id stands for whoever writes a topic, unknown by any name."""
    return node.startswith("writer:") and node.count("/") == 1


def split_id(node: str) -> tuple[str, tuple[str, ...]]:
    """The kind and the path's names. Raises ValueError where the string is no id."""
    kind, colon, rest = node.partition(":")
    if not colon or kind not in KINDS or not rest:
        raise ValueError(f"{node!r} is no id; expected kind:path with kind one of {', '.join(sorted(KINDS))}")
    parts = rest.split("/") if kind not in {"system", "team", "service"} else [rest]
    return kind, tuple(text(unquote_to_bytes(p)) for p in parts)


def edge_id(relation: str, source: str, target: str, key: str = "") -> str:
    """One string for an edge; ``key`` tells parallel edges apart (the group of a joined read)."""
    return "|".join((relation, source, target, key))
