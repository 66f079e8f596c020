"""One hub in each process: builds each distinct live view once a tick, for all of its viewers, in a slot of one."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
import weakref
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from django.db import close_old_connections, connections

from dashboard.patches import Snapshot
from dashboard.reading import frame_at, is_hindsight, now_ms, view_of
from lineage import history
from lineage.reel import Reel

log = logging.getLogger(__name__)

BOUNDS_FOR = 1.0  # seconds
POLL = 2.0  # seconds; the tick is announced, but an announcement may be lost
T = TypeVar("T")
Key = tuple[str, tuple[tuple[str, str], ...]]
# Seeks are bounded, and live views have threads of their own: a burst of seeks delays no live view.
LIVE = ThreadPoolExecutor(2, thread_name_prefix="live")
SEEKS = ThreadPoolExecutor(2, thread_name_prefix="seek")
playing = threading.Event()  # whether who plays may go on: what is live goes before
playing.set()


async def in_pool(pool: ThreadPoolExecutor, work: Callable[..., T], *args: Any) -> T:
    """Runs in a thread that keeps its database connection between uses, but not a broken one."""
    return await asyncio.get_running_loop().run_in_executor(pool, _tidy, work, args)


def _tidy(work: Callable[..., T], args: tuple[Any, ...]) -> T:
    # A connection that a test's transaction holds is not ours to close.
    if not connections["default"].in_atomic_block:
        close_old_connections()
    return work(*args)


def snapshot(key: Key, at: int | None, walk: Reel | None = None) -> Snapshot:
    """A view at a moment; None is live. Runs in a thread."""
    name, params = key
    given = dict(params)
    frame = frame_at(at, now_ms(), is_hindsight(given))
    return Snapshot.of(frame, view_of(name, frame, given, walk))


async def seek(key: Key, at: int | None) -> Snapshot:
    """The same for a moment in the past, in the bounded pool, ready to be sent."""
    return await in_pool(SEEKS, _encoded, snapshot, key, at)


def _encoded(make: Callable[..., Snapshot], *args: Any) -> Snapshot:
    made = make(*args)
    made.whole()
    return made


class Slot:
    """What all viewers of one live view look at: the newest snapshot or the newest error, and a bell for each."""

    def __init__(self) -> None:
        self.newest: Snapshot | None = None
        self.failure: Exception | None = None
        self.bells: set[asyncio.Event] = set()
        self._walk, self._building = Reel(), threading.Lock()

    def make(self, key: Key) -> tuple[Snapshot | None, Exception | None]:
        """The live view now, with the patch that its viewers need; or why there is none. Runs in a thread."""
        with self._building:
            try:
                made = snapshot(key, None, self._walk)
                made.since(self.newest)
            except Exception as e:
                return None, e
            return made, None

    def put(self, made: Snapshot | None, failure: Exception | None) -> None:
        """Shows it, unless there is a newer one already, and rings."""
        if made is not None and self.newest is not None and made is not self.newest:
            if made.tick < self.newest.tick:
                return
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
        self._bounds: tuple[int, int] | None = None
        self._read = -BOUNDS_FOR

    async def bounds(self) -> tuple[int, int] | None:
        """Begin and end of the tape, as of a second ago at most."""
        if time.monotonic() - self._read >= BOUNDS_FOR:
            self._read, self._bounds = time.monotonic(), await in_pool(SEEKS, history.bounds)
        return self._bounds

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
            playing.clear()  # meanwhile who plays waits, or everybody live would wait for them
            try:
                if await self._moved():
                    await self.rebuild()
            except Exception as e:
                log.warning("live views wait: %s", e)
            finally:
                playing.set()

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
        """Builds every view that somebody looks at, each once, one after the other: each is sent when it is there."""
        await in_pool(LIVE, _build_all, list(self.slots.items()), asyncio.get_running_loop())
        await asyncio.sleep(0)  # what was put rings, and what has rung is sent
        await asyncio.sleep(0)

    async def _build(self, key: Key, slot: Slot) -> None:
        slot.put(*await in_pool(LIVE, slot.make, key))


def _build_all(slots: Sequence[tuple[Key, Slot]], loop: asyncio.AbstractEventLoop) -> None:
    for key, slot in slots:
        loop.call_soon_threadsafe(slot.put, *slot.make(key))


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
