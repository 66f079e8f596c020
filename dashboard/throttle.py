"""How often a login may fail. Kept in this process, bounded; time is an argument, in seconds."""

from __future__ import annotations

import threading
from collections import OrderedDict

WINDOW = 300.0
MOST_BY_NAME, MOST_BY_ADDRESS = 5, 30
MOST_KEYS = 4_096


class Throttle:
    """Failures by key within the last window."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._failures: OrderedDict[str, list[float]] = OrderedDict()

    def wait(self, address: str, name: str, now: float) -> int:
        """Seconds until this one may try again; 0: now."""
        with self._lock:
            by_name = self._left(self._key(address, name), MOST_BY_NAME, now)
            return max(by_name, self._left(address, MOST_BY_ADDRESS, now))

    def failed(self, address: str, name: str, now: float) -> None:
        """One more failure."""
        with self._lock:
            for key in (self._key(address, name), address):
                self._failures[key] = [*self._recent(key, now), now][-MOST_BY_ADDRESS:]
                self._failures.move_to_end(key)
            while len(self._failures) > MOST_KEYS:
                self._failures.popitem(last=False)

    def succeeded(self, address: str, name: str) -> None:
        """Forgets the failures of this name from this address."""
        with self._lock:
            self._failures.pop(self._key(address, name), None)

    @staticmethod
    def _key(address: str, name: str) -> str:
        return f"{address}\n{name[:150].lower()}"

    def _recent(self, key: str, now: float) -> list[float]:
        return [t for t in self._failures.get(key, ()) if now - t < WINDOW]

    def _left(self, key: str, most: int, now: float) -> int:
        recent = self._recent(key, now)
        return 0 if len(recent) < most else max(1, round(WINDOW - (now - recent[-most])))
