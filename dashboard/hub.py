"""One hub in each process: builds each distinct live view once a tick, for all of its viewers, in a slot of one."""

from __future__ import annotations

import asyncio
import logging
import threading
import weakref
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from django.db import close_old_connections, connections

from dashboard.patches import Snapshot
from dashboard.reading import frame_at, is_hindsight, now_ms, view_of
from dashboard.views.common import SameFrame
from lineage import history

log = logging.getLogger(__name__)

POLL = 2.0  # seconds; the tick is announced, but an announcement may be lost
T = TypeVar("T")
Key = tuple[str, tuple[tuple[str, str], ...]]
# Seeks are bounded, and live views have threads of their own: a burst of seeks delays no live view.
LIVE = ThreadPoolExecutor(2, thread_name_prefix="live")
SEEKS = ThreadPoolExecutor(2, thread_name_prefix="seek")


async def in_pool(pool: ThreadPoolExecutor, work: Callable[..., T], *args: Any) -> T:
    """Runs in a thread that keeps its database connection between uses, but not a broken one."""
    return await asyncio.get_running_loop().run_in_executor(pool, _tidy, work, args)


def _tidy(work: Callable[..., T], args: tuple[Any, ...]) -> T:
    # A connection that a test's transaction holds is not ours to close.
    if not connections["default"].in_atomic_block:
        close_old_connections()
    return work(*args)


def snapshot(key: Key, at: int | None) -> Snapshot:
    """A view at a moment; None is live. Runs in a thread."""
    name, params = key
    given = dict(params)
    frame = frame_at(at, now_ms(), is_hindsight(given))
    if at is None:
        return Snapshot.of(frame, view_of(name, frame, given))
    return _shared.get((key, SameFrame(frame)), lambda: Snapshot.of(frame, view_of(name, frame, given)))


class _Shared:
    """The last few snapshots of the past: who plays the same stretch shares what was built and encoded for it."""

    def __init__(self, most: int) -> None:
        self._most, self._lock = most, threading.Lock()
        self._kept: OrderedDict[Any, Snapshot] = OrderedDict()

    def get(self, key: Any, make: Callable[[], Snapshot]) -> Snapshot:
        with self._lock:
            kept = self._kept.get(key)
        if kept is not None:
            return kept
        made = make()
        with self._lock:
            self._kept[key] = made
            while len(self._kept) > self._most:
                self._kept.popitem(last=False)[1].forget()
        return made


_shared = _Shared(48)


async def seek(key: Key, at: int | None) -> Snapshot:
    """The same for a moment in the past, in the bounded pool."""
    return await in_pool(SEEKS, snapshot, key, at)


class Slot:
    """What all viewers of one live view look at: the newest snapshot or the newest error, and a bell for each."""

    def __init__(self) -> None:
        self.newest: Snapshot | None = None
        self.failure: Exception | None = None
        self.bells: set[asyncio.Event] = set()

    def put(self, made: Snapshot | None, failure: Exception | None) -> None:
        if made is not None and self.newest is not None and made is not self.newest:
            self.newest.forget()
        self.newest, self.failure = made or self.newest, failure
        for bell in self.bells:
            bell.set()


class Hub:
    """Lives in one event loop."""

    def __init__(self, listen: Callable[[Callable[[], None]], Awaitable[None]] | None = None) -> None:
        self.slots: dict[Key, Slot] = {}
        self._listen = listen
        self._tick = 0
        self._told = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    def told(self) -> None:
        """A tick was announced."""
        self._told.set()

    async def join(self, key: Key, bell: asyncio.Event) -> Slot:
        """Looks at a live view from now on; the first to look waits for the building."""
        slot = self.slots.setdefault(key, Slot())
        slot.bells.add(bell)
        self._start()
        if slot.newest is None:
            try:
                await self._build(key, slot)
            except asyncio.CancelledError:  # who goes on to another view meanwhile looks at this one no more
                self.leave(key, bell)
                raise
        bell.set()
        return slot

    def leave(self, key: Key, bell: asyncio.Event) -> None:
        """Looks no more; the last one takes the slot with it, and the last of all the hub's tasks."""
        slot = self.slots.get(key)
        if slot is None:
            return
        slot.bells.discard(bell)
        if not slot.bells:
            del self.slots[key]
        if not self.slots:
            self.close()

    def close(self) -> None:
        """Ends the hub's tasks."""
        for task in self._tasks:
            task.cancel()
        self._tasks = set()

    def _start(self) -> None:
        if self._tasks:
            return
        loop = asyncio.get_running_loop()
        self._tasks.add(loop.create_task(self._run()))
        if self._listen is not None:
            self._tasks.add(loop.create_task(self._listening()))

    async def _listening(self) -> None:
        assert self._listen is not None
        while True:
            try:
                await self._listen(self.told)
            except Exception as e:
                log.debug("the channel layer is away, polling goes on: %s", e)
            await asyncio.sleep(POLL)

    async def _run(self) -> None:
        while True:
            await self._bell()
            try:
                if await self._moved():
                    await self.rebuild()
            except Exception as e:
                log.warning("live views wait: %s", e)

    async def _bell(self) -> None:
        try:
            await asyncio.wait_for(self._told.wait(), POLL)
        except TimeoutError:
            return
        finally:
            self._told.clear()

    async def _moved(self) -> bool:
        tick = await in_pool(LIVE, history.newest_tick)
        number = 0 if tick is None else int(tick.pk)
        moved, self._tick = number != self._tick, number
        return moved

    async def rebuild(self) -> None:
        """Builds every view that somebody looks at, each once."""
        await asyncio.gather(*(self._build(key, slot) for key, slot in list(self.slots.items())))

    async def _build(self, key: Key, slot: Slot) -> None:
        try:
            made = await in_pool(LIVE, snapshot, key, None)
        except Exception as e:
            slot.put(None, e)
        else:
            slot.put(made, None)


_hubs: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, Hub] = weakref.WeakKeyDictionary()


def hub(listen: Callable[[Callable[[], None]], Awaitable[None]] | None = None) -> Hub:
    """This loop's hub."""
    loop = asyncio.get_running_loop()
    if loop not in _hubs:
        _hubs[loop] = Hub(listen)
    return _hubs[loop]


def key_of(name: str, params: Mapping[str, str]) -> Key:
    """What makes two live views the same."""
    return name, tuple(sorted(params.items()))
