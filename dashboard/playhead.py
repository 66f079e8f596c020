"""Where on the tape a view stands. Pure: the clock is an argument, ms UTC."""

from __future__ import annotations

from dataclasses import dataclass, replace

MIN_SPEED, MAX_SPEED = 0.1, 600.0


@dataclass(frozen=True)
class Playhead:
    """``position`` is None when live. While playing it stands for the moment ``since`` of the clock."""

    position: int | None = None
    speed: float = 1.0
    playing: bool = False
    since: int = 0

    @property
    def live(self) -> bool:
        return self.position is None

    @property
    def mode(self) -> str:
        return "live" if self.live else "playing" if self.playing else "paused"

    def at(self, now: int) -> int | None:
        """The moment it stands at when the clock says ``now``; None when live."""
        if self.position is None or not self.playing:
            return self.position
        return self.position + int((now - self.since) * self.speed)

    def seek(self, to: int, now: int) -> Playhead:
        """Stands at ``to``; plays on from there if it played."""
        return replace(self, position=to, since=now)

    def play(self, speed: float, now: int, end: int) -> Playhead:
        """Plays from where it stands; from live there is nothing ahead, so it stays live. Raises ValueError."""
        if not MIN_SPEED <= speed <= MAX_SPEED:
            raise ValueError(f"speed {speed:g} is not between {MIN_SPEED:g} and {MAX_SPEED:g}")
        at = self.at(now)
        if at is None or at >= end:
            return Playhead(speed=speed)
        return Playhead(at, speed, True, now)

    def pause(self, now: int, end: int) -> Playhead:
        """Stands still; a live one stands at the newest moment ``end``."""
        at = self.at(now)
        return Playhead(end if at is None else min(at, end), self.speed)

    def to_live(self) -> Playhead:
        return Playhead(speed=self.speed)

    def caught_up(self, now: int, end: int) -> Playhead:
        """The same, or live once playing has reached the end of the tape."""
        at = self.at(now)
        return self.to_live() if self.playing and at is not None and at >= end else self
