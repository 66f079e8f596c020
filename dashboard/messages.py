"""What a client may say on the WebSocket: checked, bounded, or refused with a sentence. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from dashboard import views
from dashboard.playhead import MAX_SPEED, MIN_SPEED

MOST_BYTES = 16_384
MOST_PARAMS = 32
MOST_CHARS = 8_000  # an id holds up to three characters for each byte of a name
TYPES = ("open", "seek", "play", "pause", "live", "step")


class BadMessage(ValueError):
    """Why it is refused; ``remedy`` says what would do."""

    def __init__(self, detail: str, remedy: str) -> None:
        super().__init__(detail)
        self.remedy = remedy


@dataclass(frozen=True)
class Message:
    """One that can be acted on. Which fields count depends on ``type``."""

    type: str
    view: str = ""
    params: Mapping[str, str] = field(default_factory=dict)
    at: str = "live"
    speed: float = 1.0
    by: str = "frame"
    n: int = 1


def read(text: str | None) -> Message:
    """The message in this text. Raises BadMessage."""
    if text is None or len(text.encode("utf-8", "replace")) > MOST_BYTES:
        raise BadMessage("a message is text of at most 16 KiB", "Send one JSON object.")
    try:
        body = msgspec.json.decode(text)
    except (ValueError, RecursionError) as e:
        raise BadMessage("this is not JSON", "Send one JSON object.") from e
    kind = body.get("type") if isinstance(body, dict) else None
    if kind not in TYPES:
        raise BadMessage("this message has no known type", f"Its type is one of {', '.join(TYPES)}.")
    return _READERS[kind](body)


def _open(body: dict[str, Any]) -> Message:
    if body.get("view") not in views.NAMES:
        raise BadMessage("there is no such view", f"Its view is one of {', '.join(views.NAMES)}.")
    params = body.get("params", {})
    if not isinstance(params, dict) or len(params) > MOST_PARAMS or not all(map(_short, [*params, *params.values()])):
        raise BadMessage("params are not short texts", "Send the page's parameters, as its URL has them.")
    return Message("open", body["view"], {k[:100]: v for k, v in params.items() if k != "at"}, _at(body))


def _short(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= MOST_CHARS and "\0" not in value


def _at(body: dict[str, Any]) -> str:
    at = body.get("at", "live")
    if not _short(at):
        raise BadMessage("at is no time", "Send live, -15m, or a time in RFC 3339.")
    return str(at)


def _seek(body: dict[str, Any]) -> Message:
    return Message("seek", at=_at(body))


def _play(body: dict[str, Any]) -> Message:
    speed = body.get("speed", 1)
    if isinstance(speed, bool) or not isinstance(speed, (int, float)) or not math.isfinite(speed):
        raise BadMessage("speed is no number", f"Send a speed from {MIN_SPEED:g} to {MAX_SPEED:g}.")
    if not MIN_SPEED <= speed <= MAX_SPEED:
        raise BadMessage(f"speed {speed:g} is out of range", f"Send a speed from {MIN_SPEED:g} to {MAX_SPEED:g}.")
    return Message("play", speed=float(speed))


def _step(body: dict[str, Any]) -> Message:
    by, n = body.get("by", "frame"), body.get("n", 1)
    if by not in ("frame", "change") or isinstance(n, bool) or not isinstance(n, int) or not 1 <= abs(n) <= 100:
        raise BadMessage("this is no step", 'Send by "frame" or "change", n from -100 to 100.')
    return Message("step", by=by, n=n)


def _pause(body: dict[str, Any]) -> Message:
    return Message("pause")


def _live(body: dict[str, Any]) -> Message:
    return Message("live")


_READERS: Mapping[str, Callable[[dict[str, Any]], Message]] = {
    "open": _open,
    "seek": _seek,
    "play": _play,
    "step": _step,
    "pause": _pause,
    "live": _live,
}
