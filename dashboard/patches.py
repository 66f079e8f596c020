"""What a view's client is sent: a whole frame, or what changed since the last. Pure."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from dashboard.api.wire import dumps
from dashboard.times import stamp
from dashboard.views.common import View
from lineage.frames import Frame

Message = dict[str, Any]
Tables = Mapping[str, Mapping[str, Any]]


def frame_message(at: int, tick: int, view: View) -> Message:
    """The whole view."""
    return {"type": "frame", "at": stamp(at), "tick": tick, "tables": view.tables, "meta": view.meta}


def patch_message(at: int, tick: int, old: View, new: View) -> Message | None:
    """What leads from ``old`` to ``new``; None where nothing changed. A key of meta that is gone is sent as null."""
    tables = {n: d for n in old.tables.keys() | new.tables.keys() if (d := _table(old.tables, new.tables, n))}
    meta = {k: new.meta.get(k) for k in old.meta.keys() | new.meta.keys() if old.meta.get(k) != new.meta.get(k)}
    if not tables and not meta:
        return None
    body: Message = {"type": "patch", "at": stamp(at), "tick": tick}
    return body | ({"tables": tables} if tables else {}) | ({"meta": meta} if meta else {})


def _table(old: Tables, new: Tables, name: str) -> Message | None:
    before, after = old.get(name, {}), new.get(name, {})
    if before is after:
        return None
    changed = {k: row for k, row in after.items() if before.get(k) != row}
    gone = sorted(before.keys() - after.keys())
    return {"set": changed, "del": gone} if changed or gone else None


def apply(whole: Message, patch: Message) -> Message:
    """The frame after the patch, as a client makes it."""
    tables = {name: dict(rows) for name, rows in whole["tables"].items()}
    for name, change in patch.get("tables", {}).items():
        rows = tables.setdefault(name, {})
        rows.update(change["set"])
        for key in change["del"]:
            rows.pop(key, None)
    meta = {**whole["meta"], **patch.get("meta", {})}
    return {"type": "frame", "at": patch["at"], "tick": patch["tick"], "tables": tables, "meta": meta}


@dataclass
class Snapshot:
    """A view at a moment, and its text once somebody needs it. Safe for threads."""

    at: int
    tick: int
    view: View
    _whole: str | None = None
    _patches: dict[int, tuple[Snapshot, str | None]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @classmethod
    def of(cls, frame: Frame, view: View) -> Snapshot:
        return cls(frame.at, frame.tick, view)

    def whole(self) -> str:
        """The frame message, encoded once."""
        with self._lock:
            if self._whole is None:
                self._whole = dumps(frame_message(self.at, self.tick, self.view)).decode()
            return self._whole

    def since(self, old: Snapshot | None) -> str | None:
        """The patch from ``old``, encoded once for all who stand there, or the frame; None: nothing changed."""
        if old is None:
            return self.whole()
        if old is self:
            return None
        with self._lock:
            kept = self._patches.get(id(old))
            if kept is None or kept[0] is not old:
                message = patch_message(self.at, self.tick, old.view, self.view)
                kept = (old, None if message is None else dumps(message).decode())
                self._patches = dict([*self._patches.items()][-3:]) | {id(old): kept}
            return kept[1]

    def is_ready(self, old: Snapshot | None) -> bool:
        """Whether ``since`` has only to hand out what is encoded already."""
        kept = self._patches.get(id(old))
        return self._whole is not None if old is None else old is self or (kept is not None and kept[0] is old)

    def forget(self) -> None:
        """Lets go of older snapshots, so that a chain of them does not stay in memory."""
        with self._lock:
            self._patches = {}
