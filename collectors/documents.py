"""Reading documents that people wrote: bounded, without following what a document cannot be trusted with.

A ``$ref`` is followed inside the document only, at most so deep; a document that refers to itself in a circle ends.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from collectors.base import CollectorError

MOST_BYTES = 8 << 20
MOST_FILES = 5_000
MOST_REFS = 20
FRONT = re.compile(rb"\A(?:\xef\xbb\xbf)?---\r?\n(.*?)\r?\n---\s*(?:\r?\n|\Z)", re.DOTALL)


def read_file(path: Path, most: int = MOST_BYTES) -> bytes:
    """The bytes of a file. Raises CollectorError that names it."""
    try:
        with path.open("rb") as f:
            data = f.read(most + 1)
    except OSError as e:
        why = f"{path} cannot be read ({e.strerror})"
        raise CollectorError(why, permanent=True, remedy="give its path under catalogs: in playhead.yaml") from e
    if len(data) > most:
        raise CollectorError(f"{path} is larger than {most >> 20} MiB", permanent=True)
    return data


def documents(data: bytes, name: str) -> list[Any]:
    """The YAML (or JSON) documents in these bytes. Raises CollectorError with the line."""
    try:
        return [d for d in yaml.safe_load_all(data) if d is not None]
    except yaml.YAMLError as e:
        mark = getattr(e, "problem_mark", None)
        where = f"{name}:{mark.line + 1}" if mark else name
        what = getattr(e, "problem", None) or type(e).__name__
        raise CollectorError(f"{where}: no YAML that can be read ({what})", permanent=True) from e
    except (RecursionError, ValueError) as e:
        raise CollectorError(f"{name}: no YAML that can be read ({type(e).__name__})", permanent=True) from e


def front_matter(data: bytes, name: str) -> Mapping[str, Any]:
    """What stands between the first two ``---`` of a Markdown file; empty where there is nothing."""
    found = FRONT.match(data)
    first = documents(found[1], name)[:1] if found else []
    return mapping(first[0]) if first else {}


def files(root: Path, pattern: str) -> Iterator[Path]:
    """Files below a folder, in a fixed order, at most MOST_FILES."""
    for n, path in enumerate(sorted(p for p in root.rglob(pattern) if p.is_file())):
        if n >= MOST_FILES:
            return
        yield path


def resolved(root: Any, value: Any) -> Any:
    """``value``, or what its ``$ref`` means; None where that leads nowhere, outside, or in a circle."""
    for _ in range(MOST_REFS):
        ref = value.get("$ref") if isinstance(value, dict) else None
        if ref is None:
            return value
        value = pointed(root, ref) if isinstance(ref, str) and ref.startswith("#/") else None
    return None


def pointed(root: Any, ref: str) -> Any:
    """What ``#/a/b`` points at, or None. RFC 6901."""
    for part in ref[2:].split("/"):
        key = part.replace("~1", "/").replace("~0", "~")
        root = root.get(key) if isinstance(root, dict) else None
    return root


def mapping(value: Any) -> Mapping[str, Any]:
    """The value where it is a mapping, else an empty one."""
    return value if isinstance(value, dict) else {}


def items(value: Any) -> list[Any]:
    """The value where it is a list, else what it is, alone; nothing for None."""
    return value if isinstance(value, list) else [] if value is None else [value]


def text(value: Any, most: int = 250) -> str:
    """The value where it is a text that can be a name, else ""."""
    return value.strip() if isinstance(value, str) and 0 < len(value.strip()) <= most else ""
