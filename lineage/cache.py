"""The newest few of something that takes long to make."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, TypeVar, cast

T = TypeVar("T")


class Cache:
    """Keeps ``size`` of them, made once each: who asks for what is being made waits for it. Safe for threads."""

    def __init__(self, size: int) -> None:
        self._size, self._kept, self._lock = size, OrderedDict[Any, Any](), threading.Lock()
        self._making: dict[Any, threading.Lock] = {}

    def get(self, key: Any, make: Callable[[], T]) -> T:
        """What is kept under the key, or what ``make`` makes now."""
        with self._lock:
            if key in self._kept:
                return cast(T, self._found(key))
            making = self._making.setdefault(key, threading.Lock())
        with making:
            with self._lock:
                if key in self._kept:
                    return cast(T, self._found(key))
            try:
                made = make()
                with self._lock:
                    self._put(key, made)
            finally:
                with self._lock:
                    self._making.pop(key, None)
        return made

    def _found(self, key: Any) -> Any:
        self._kept.move_to_end(key)
        return self._kept[key]

    def _put(self, key: Any, made: Any) -> None:
        self._kept[key] = made
        while len(self._kept) > self._size:
            self._kept.popitem(last=False)

    def newest(self, wanted: Callable[[Any], bool]) -> Any:
        """The largest key that is wanted, with what is kept under it, or None."""
        with self._lock:
            key = max((k for k in self._kept if wanted(k)), default=None)
            return None if key is None else (key, self._kept[key])

    def drop(self, key: Any) -> None:
        """Forgets one."""
        with self._lock:
            self._kept.pop(key, None)

    def clear(self) -> None:
        """Forgets them all."""
        with self._lock:
            self._kept.clear()
