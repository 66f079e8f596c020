"""The log starts and ends that were sent last, so that a frame holds only what moved."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from lineage.observations import LogRange

Range = tuple[int | None, int | None]
UNKNOWN: Range = (None, None)


class LogTable:
    """By topic and partition. A partition that was not answered is sent as unknown, once."""

    def __init__(self) -> None:
        self._sent: dict[tuple[str, int], Range] = {}

    def end(self, topic: str, partition: int) -> int | None:
        """The log end as last answered."""
        return self._sent.get((topic, partition), UNKNOWN)[1]

    def update(
        self,
        wanted: Collection[tuple[str, int]],
        starts: Mapping[tuple[str, int], int],
        ends: Mapping[tuple[str, int], int],
        keyframe: bool,
    ) -> dict[str, list[LogRange]]:
        """What to send: what differs from before, or with ``keyframe`` everything."""
        now: dict[tuple[str, int], Range] = dict.fromkeys(self._sent, UNKNOWN)  # no longer listed: sent as unknown once
        now |= {key: (starts.get(key), ends.get(key)) for key in wanted}
        before = {} if keyframe else self._sent
        logs: dict[str, list[LogRange]] = {}
        for key, both in now.items():
            if before.get(key) != both:
                logs.setdefault(key[0], []).append(LogRange(key[1], *both))
        listed = set(wanted)
        self._sent = {key: both for key, both in now.items() if key in listed}
        return logs
