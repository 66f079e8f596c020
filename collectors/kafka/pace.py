"""How fast records may be read: so many bytes and so many requests a second, over all readers of a cluster."""

from __future__ import annotations

import threading
import time
from typing import Final

SAMPLED: Final = 0.25  # of what a cluster allows goes to sampling all topics; the rest to who looks at records


class Rate:
    """A bucket that fills at ``per_second``, holds one second's worth, and may be overdrawn. Safe for threads."""

    def __init__(self, per_second: float) -> None:
        self.per_second = per_second
        self._left, self._at = per_second, time.monotonic()
        self._lock = threading.Lock()

    def take(self, amount: float) -> None:
        """Takes so much out; who waits until ``wait`` is 0 before going on keeps the rate."""
        with self._lock:
            self._fill()
            self._left -= amount

    def wait(self) -> float:
        """Seconds until nothing is overdrawn."""
        with self._lock:
            self._fill()
            return max(0.0, -self._left / self.per_second)

    def _fill(self) -> None:
        now = time.monotonic()
        self._left = min(self.per_second, self._left + (now - self._at) * self.per_second)
        self._at = now


class Pace:
    """Both rates of a cluster."""

    def __init__(self, bytes_per_second: float, requests_per_second: float) -> None:
        self.bytes, self.requests = Rate(bytes_per_second), Rate(requests_per_second)
