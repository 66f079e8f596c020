"""``/ws/v1/view``: one view a WebSocket. A whole frame, then patches; a slow client gets fewer, never older ones."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit

from asgiref.sync import sync_to_async
from channels.generic.websocket import AsyncWebsocketConsumer
from channels.layers import get_channel_layer

from dashboard import access, views
from dashboard.api.wire import dumps
from dashboard.hub import LIVE, SEEKS, Key, Slot, hub, in_pool, key_of, seek
from dashboard.messages import BadMessage, Message, read
from dashboard.patches import Snapshot
from dashboard.playhead import Playhead
from dashboard.playing import PLAYS, Run, next_due
from dashboard.problems import OUT_OF_REACH
from dashboard.reading import Future, now_ms
from dashboard.stepping import stepped
from dashboard.times import parse_at, rfc, stamp
from lineage import history
from lineage.history import Away, TapeBegins

log = logging.getLogger(__name__)

GROUP = "ticks"
PLAY_EVERY = 0.1  # seconds, at least, between two looks of a playing view
LATE = 1_000  # ms that making views may take before a playing playhead waits for them
MOST_BAD = 20  # wrong messages before the door is closed
POLICY, GOING = 4403, 4400


async def listen(told: Callable[[], None]) -> None:
    """Hears announced ticks until the channel layer fails."""
    layer = get_channel_layer()
    if layer is None:
        return
    channel = await layer.new_channel()
    await layer.group_add(GROUP, channel)
    while True:
        await layer.receive(channel)
        told()


_announcing = asyncio.Runner()  # one loop, so that the recorder keeps one connection; it has one thread


def announce(number: int) -> None:
    """Tells every web process that this tick is durable. Raises what the channel layer raises when Redis is away."""
    layer = get_channel_layer()
    if layer is not None:
        _announcing.run(layer.group_send(GROUP, {"type": "tick", "n": number}))


def same_origin(headers: dict[bytes, bytes]) -> bool:
    """A browser's page of another site may not open this; a program sends no Origin and needs its own rights."""
    origin = headers.get(b"origin")
    if origin is None:
        return True
    return urlsplit(origin.decode("latin-1")).netloc.lower() == headers.get(b"host", b"").decode("latin-1").lower()


class Gone(Exception):
    """The client is not there any more; nothing is wrong."""


class ViewConsumer(AsyncWebsocketConsumer):  # type: ignore[misc]  # Channels has no types
    """One viewer. It hears of ticks from the hub alone: without a channel of its own it costs Redis nothing."""

    channel_layer_alias = ""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.head = Playhead()
        self.key: Key | None = None
        self.slot: Slot | None = None
        self.sent: Snapshot | None = None
        self.bell = asyncio.Event()
        self.task: asyncio.Task[None] | None = None
        self.bad = 0

    async def connect(self) -> None:
        """Origin and rights first."""
        headers = dict(self.scope["headers"])
        if not same_origin(headers) or not await self._allowed(headers):
            await self.close(code=POLICY)
            return
        await self.accept()

    async def _allowed(self, headers: dict[bytes, bytes]) -> bool:
        header = headers.get(b"authorization", b"").decode("latin-1")
        if header:
            caller = await sync_to_async(access.by_header)(header)
        else:
            caller = await sync_to_async(access.by_user)(self.scope.get("user"))
        return access.may(caller, "view")

    async def disconnect(self, code: int) -> None:
        await self._stop()

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """A message of the client."""
        with contextlib.suppress(Gone):
            try:
                await self._act(read(text_data))
            except BadMessage as e:
                self.bad += 1
                await self._error("That message is not understood", str(e), e.remedy)
                if self.bad >= MOST_BAD:
                    await self.close(code=GOING)
            except Gone:
                raise
            except Exception as e:
                await self._failed(e)

    async def _act(self, message: Message) -> None:
        if message.type != "open" and self.key is None:
            raise BadMessage("no view is open", 'Send {"type": "open", "view": …} first.')
        await getattr(self, f"_on_{message.type}")(message)

    async def _on_open(self, message: Message) -> None:
        at = _moment(message.at)
        await self._stop()
        self.key, self.sent = key_of(message.view, message.params), None
        await self._stand(Playhead() if at is None else Playhead(at))

    async def _on_seek(self, message: Message) -> None:
        at = _moment(message.at)
        await self._stand(Playhead() if at is None else self.head.seek(at, now_ms()))

    async def _on_play(self, message: Message) -> None:
        await self._stand(self.head.play(message.speed, now_ms(), await self._end()))

    async def _on_pause(self, message: Message) -> None:
        await self._stand(self.head.pause(now_ms(), await self._end()))

    async def _on_live(self, message: Message) -> None:
        await self._stand(self.head.to_live())

    async def _on_step(self, message: Message) -> None:
        now = now_ms()
        at = self.head.at(now)
        at = await self._end() if at is None else at
        to = await in_pool(SEEKS, stepped, at, message.by, message.n)
        await self._stand(self.head.pause(now, to).seek(to, now))

    async def _end(self) -> int:
        bounds = await in_pool(SEEKS, history.bounds)
        return bounds[1] if bounds else now_ms()

    async def _stand(self, head: Playhead) -> None:
        """From here on the view is shown where ``head`` says; what was under way for the old place ends."""
        await self._stop()
        self.head = head
        self.task = asyncio.create_task(self._follow(self._live if head.live else self._past))

    async def _stop(self) -> None:
        task, self.task = self.task, None
        if task is not None and task is not asyncio.current_task():
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        if self.key is not None and self.slot is not None:
            hub(listen).leave(self.key, self.bell)
            self.slot = None

    async def _follow(self, way: Callable[[], Awaitable[None]]) -> None:
        with contextlib.suppress(Gone):
            try:
                await way()
            except Gone:
                raise
            except Exception as e:
                await self._failed(e)

    async def _say(self, text: str) -> None:
        try:
            await self.send(text_data=text)
        except OSError as e:
            raise Gone from e

    async def _live(self) -> None:
        assert self.key is not None
        self.slot = slot = await hub(listen).join(self.key, self.bell)
        told: Exception | None = None
        placed = False
        while True:
            await self.bell.wait()
            self.bell.clear()
            if slot.newest is not None:
                await self._show(slot.newest)
                if not placed:
                    await self._tell()
                placed = True
            if slot.failure is not None and str(slot.failure) != str(told):
                await self._failed(slot.failure)
            told = slot.failure

    async def _past(self) -> None:
        assert self.key is not None
        at, shown = self.head.at(now_ms()) or 0, None
        try:
            shown = await seek(self.key, at)
            at = shown.at
            await self._say(shown.whole())
        except views.NotThere as e:  # at this moment; the playhead stands here all the same
            await self._failed(e)
        self.sent = None  # who stands still keeps nothing: wherever it goes from here, it is sent a whole frame
        await self._tell()
        if self.head.playing:
            await self._playing(Run(self.key, at, shown))

    async def _playing(self, run: Run) -> None:
        """Sends what comes, turn by turn. Where that takes long, the tape runs slower: nothing is left out."""
        while True:
            began = now_ms()
            at, speed = self.head.at(began) or 0, self.head.speed
            turn = await in_pool(PLAYS, run.turn, at, speed)
            for said in turn.said:
                await (self._failed(said) if isinstance(said, Exception) else self._say(said))
            if turn.ahead is None:
                self.head, self.sent = self.head.to_live(), run.shown
                return await self._live()
            if turn.ahead <= at or now_ms() - began > LATE:
                self.head = self.head.seek(min(at, turn.ahead), now_ms())
            await self._tell(await hub(listen).bounds())
            await asyncio.sleep(max(PLAY_EVERY, next_due(turn.ahead, self.head.at(now_ms()) or 0, speed)))

    async def _show(self, made: Snapshot) -> None:
        """Sends what the client lacks; waits while the client is slow, so that newer ones take the place of older."""
        old, self.sent = self.sent, made
        data = made.since(old) if made.is_ready(old) else await in_pool(LIVE, made.since, old)
        if data is not None:
            await self._say(data)

    async def _tell(self, bounds: tuple[int, int] | None = None) -> None:
        """Where the playhead stands, and between which ends."""
        start, end = bounds or await in_pool(SEEKS, history.bounds) or (None, None)
        at = self.head.at(now_ms())
        shown = stamp(at if at is not None else self.sent.at if self.sent else now_ms())
        state = {"live": self.head.live, "playing": self.head.playing, "speed": self.head.speed}
        body = {"type": "playhead", "at": shown, **state, "start": rfc(start), "end": rfc(end)}
        await self._say(dumps(body).decode())

    async def _failed(self, e: Exception) -> None:
        begin = {"begin": stamp(e.begin)} if isinstance(e, TapeBegins) and e.begin is not None else {}
        await self._error(*explained(e), **begin)

    async def _error(self, title: str, detail: str, remedy: str, **more: str) -> None:
        body = {"type": "error", "title": title, "detail": detail, "remedy": remedy, **more}
        await self._say(dumps(body).decode())


def _moment(at: str) -> int | None:
    try:
        return parse_at(at, now_ms())
    except ValueError as e:
        raise BadMessage(str(e), "Send live, -15m, or a time in RFC 3339.") from e


def explained(e: Exception) -> tuple[str, str, str]:
    """What went wrong, why, and what helps."""
    if isinstance(e, TapeBegins) and e.begin is None:
        return "Nothing is recorded yet", "The first sample has not come.", "It takes a few seconds; see Collectors."
    if isinstance(e, TapeBegins):
        return "Before the tape", f"The tape begins at {rfc(e.begin)}.", "Choose a later moment."
    if isinstance(e, views.NotThere):
        return "Not there", f"{e}.", "It may have existed at another moment."
    if isinstance(e, Future):
        return "Not yet", f"{e}.", "Go to live."
    if isinstance(e, Away):
        log.error("%s", e)
        return "What was recorded cannot be reached", *OUT_OF_REACH
    if isinstance(e, ValueError):
        return "That cannot be shown", f"{e}.", "Correct the address of this page, or open it without it."
    log.error("a view failed", exc_info=e)
    return "This view failed", f"{type(e).__name__}; the log says more.", "It is tried again with the next sample."
