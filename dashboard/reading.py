"""How pages, API and WebSocket ask for a moment: live or past, the same way. The clock is read here."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any, NamedTuple

from django.conf import settings

from dashboard import views
from dashboard.alerts import reading as alerts
from dashboard.views import changes, difference
from dashboard.views.common import SameFrame, View, thing
from lineage import history
from lineage.cache import Cache
from lineage.frames import Frame
from lineage.history import TapeBegins
from lineage.models import Tick
from lineage.reel import Reel
from lineage.storage import Storage

__all__ = ["Future", "TapeBegins", "frame_at", "is_hindsight", "now_ms", "played", "view_of"]

KEPT_VIEWS = 24  # each holds its frame
STORAGE_KEPT = 60_000  # ms
FIRING_FOR = 1.0  # seconds


class Future(ValueError):
    """The moment asked for has not come yet."""


def now_ms() -> int:
    """The clock, ms UTC."""
    return time.time_ns() // 1_000_000


def frame_at(at: int | None, now: int, hindsight: bool = False) -> Frame:
    """The frame at a moment, None for live. Raises Future, and TapeBegins before the tape."""
    if at is not None and at > now:
        raise Future("that moment has not come yet")
    return history.frame_at(at, hindsight=hindsight)


def is_hindsight(params: Mapping[str, str]) -> bool:
    """Whether a page's parameters ask for what is known now of the moment they show."""
    return params.get("hindsight", "").lower() in {"1", "true"}


class _Views:
    """The last views built: one build serves every reader of the same frame. Safe for threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: OrderedDict[Any, View] = OrderedDict()

    def get(self, name: str, frame: Frame, params: Mapping[str, str], walk: Reel | None) -> View:
        key = (SameFrame(frame), name, tuple(sorted(params.items())))
        with self._lock:
            kept = self._kept.get(key)
        if kept is not None:
            return kept
        view = _built(name, frame, params, walk)
        with self._lock:
            self._kept[key] = view
            while len(self._kept) > KEPT_VIEWS:
                self._kept.popitem(last=False)
        return view


_views = _Views()


def view_of(name: str, frame: Frame, params: Mapping[str, str], walk: Reel | None = None) -> View:
    """The view, built or kept. KeyError for a name that is none; views.NotThere."""
    return _views.get(name, frame, params, walk)


def played(name: str, tick: Tick, params: Mapping[str, str], walk: Reel) -> tuple[Frame, View]:
    """Frame and view of a tick for one who plays; nothing is kept: who plays is nowhere twice. Raises as view_of."""
    frame = history.frame_of(tick, walk, hindsight=is_hindsight(params), drawn=views.draws(name))
    return frame, _built(name, frame, params, walk)


def _built(name: str, frame: Frame, params: Mapping[str, str], walk: Reel | None) -> View:
    """The view, and on every page what fired at its moment: table ``firing`` and meta ``causes``."""
    view = views.build(name, frame, params, extras(name, frame, params, walk))
    firing = _firing(frame.at, walk)
    causes = sum(1 for r in firing.values() if r["cause"] is None)
    return replace(view, tables={**view.tables, "firing": firing}, meta={**view.meta, "causes": causes})


class _Fired(NamedTuple):
    """What fires from one moment on until another, as long as nothing comes to the alerts."""

    start: int
    until: int | None
    version: tuple[Any, ...]
    rows: dict[str, alerts.Row]

    def holds(self, at: int, version: tuple[Any, ...]) -> bool:
        return self.version == version and self.start <= at and (self.until is None or at < self.until)


_fires, _version = Cache(2), Cache(1)


def _firing(at: int, walk: Reel | None) -> dict[str, alerts.Row]:
    """What fires. All live views of a tick ask once. Who plays asks where he comes to a moment at which it changes, or
    where something came to the alerts: for that all who play ask together, once a second."""
    if walk is None:
        return alerts.firing_rows(at)
    now = (time.monotonic() // FIRING_FOR, str(settings.DATA_DIR), str(settings.DATABASES["default"]["NAME"]))
    if not walk.ahead:
        return _fires.get((at, *now), lambda: alerts.firing_rows(at))
    version, held = _version.get(now, alerts.version), walk.notes.get("firing")
    if held is None or not held.holds(at, version):
        held = walk.notes["firing"] = _Fired(at, alerts.next_change(at), version, alerts.firing_rows(at))
    rows: dict[str, alerts.Row] = held.rows
    return rows


def extras(name: str, frame: Frame, params: Mapping[str, str], walk: Reel | None = None) -> dict[str, Any]:
    """What a page of detail shows beside the frame; ``walk`` is of who goes on from tick to tick."""
    need = views.needs(name, params)
    if not need:
        return {}
    if need == "stories":
        return {"stories": history.stories_between(*changes.stretch(params, frame.at), hindsight=is_hindsight(params))}
    if need == "difference":
        return _two(frame, params)
    if need == "alerts":
        standing = alerts.rows(alerts.standing_at(frame.at), frame.at)
        return {"alerts": standing, "counts": alerts.count(standing)}
    if need == "storage":
        return {"storage": _storage(str(settings.DATA_DIR), now_ms() // STORAGE_KEPT)}
    node = thing(frame, params, name)
    if need == "logs":
        return {"logs": history.topic_logs_at(frame.at, node.cluster, node.name, walk=walk)}
    return {"partitions": history.partitions_at(frame.at, node.cluster, group=node.name, walk=walk)}


@lru_cache(maxsize=2)
def _storage(data_dir: str, minute: int) -> Storage:
    """Measured once a minute: it walks through the files, and is of now, whatever moment the page shows."""
    return history.storage()


def _two(frame: Frame, params: Mapping[str, str]) -> dict[str, Any]:
    """What a comparison shows: the graph at two moments, and what became of it in between."""
    limits = history.bounds()
    a, b = difference.moments(params, frame.at, limits[0] if limits else 0)
    known = is_hindsight(params)
    one, two = (history.graph_at(t, hindsight=known) for t in (a, b))
    before, after = (history.frame_at(t, hindsight=known) for t in (a, b))
    return {"before": before, "after": after, "diff": one.diff(two)}
