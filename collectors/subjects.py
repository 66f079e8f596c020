"""Subjects of a schema registry: what they are called after, and what their newest version says. Pure.

A subject is named after its topic (``orders-value``), after the record alone (``shop.Order``), or after both
(``orders-shop.Order``); in a context it is ``:.context:`` before that.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from collectors.given import fields, items, text, whole

MOST_NAME = 500
MOST_SCHEMA = 1_000_000  # characters of a schema that are looked at for the name of its record
MOST_REFERENCES = 20  # shown of one subject, either way
_CONTEXT = re.compile(r":\.[^:]*:")
_PACKAGE = re.compile(r"^\s*package\s+([\w.]+)\s*;", re.MULTILINE)
_MESSAGE = re.compile(r"^\s*message\s+(\w+)", re.MULTILINE)


@dataclass(frozen=True)
class Latest:
    """The newest version of a subject. ``readable`` is False where we may not see it."""

    version: int | None = None
    number: int | None = None
    kind: str = ""
    record: str = ""
    references: tuple[tuple[str, int], ...] = ()
    readable: bool = True


UNREADABLE = Latest(readable=False)


def latest_of(given: Any) -> tuple[str, Latest] | None:
    """The subject and its version in one entry of an answer; None where the entry does not say."""
    entry = fields(given)
    name, version = text(entry.get("subject"), MOST_NAME), whole(entry.get("version"))
    if not name or version is None:
        return None
    kind = text(entry.get("schemaType"), 20).upper() or "AVRO"
    record = record_of(kind, text(entry.get("schema"), MOST_SCHEMA))
    return name, Latest(version, whole(entry.get("id")), kind, record, tuple(_references(entry.get("references"))))


def _references(given: Any) -> Iterable[tuple[str, int]]:
    for one in items(given)[:MOST_REFERENCES]:
        entry = fields(one)
        subject, version = text(entry.get("subject"), MOST_NAME), whole(entry.get("version"))
        if subject and version is not None:
            yield subject, version


def record_of(kind: str, schema: str) -> str:
    """The full name of what a schema describes; "" where it has none."""
    if kind == "PROTOBUF":
        package, message = _PACKAGE.search(schema), _MESSAGE.search(schema)
        return ".".join(m[1] for m in (package, message) if m) if message else ""
    try:
        given = fields(json.loads(schema))
    except (ValueError, RecursionError):
        return ""
    if kind == "JSON":
        return text(given.get("title"), MOST_NAME)
    name, space = text(given.get("name"), MOST_NAME), text(given.get("namespace"), MOST_NAME)
    return f"{space}.{name}" if name and space and "." not in name else name


def topic_of(subject: str, record: str) -> tuple[str, str] | None:
    """The topic that the subject is named after and which part of its records; None where it names no topic."""
    bare = _CONTEXT.sub("", subject, count=1) if subject.startswith(":.") else subject
    for part in ("key", "value"):
        if bare.endswith(f"-{part}") and len(bare) > len(part) + 1:
            return bare[: -len(part) - 1], part
    if record and bare.endswith(f"-{record}") and len(bare) > len(record) + 1:
        return bare[: -len(record) - 1], "record"
    return None


def row(name: str, part: str, latest: Latest, level: tuple[str, bool], users: list[str]) -> dict[str, Any]:
    """What is shown of a subject; ``level`` is its compatibility and whether it is its own, not the registry's."""
    kept = {"name": name, "part": part, "version": latest.version, "schema_id": latest.number, "type": latest.kind}
    to = [f"{subject} v{version}" for subject, version in latest.references]
    more = {
        "compatibility": level[0],
        "own_level": level[1],
        "references": to,
        "referenced_by": sorted(users)[:MOST_REFERENCES],
    }
    return {**kept, **more, "readable": latest.readable}


def referenced(known: Mapping[str, Latest]) -> dict[str, list[str]]:
    """By subject: whose newest versions refer to it."""
    users: dict[str, list[str]] = defaultdict(list)
    for name, latest in known.items():
        for subject in {subject for subject, _ in latest.references}:
            users[subject].append(name)
    return users
