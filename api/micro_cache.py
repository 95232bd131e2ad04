"""A short cache per process, for public reads that many ask for at once. Real time."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Value = TypeVar("Value")


class MicroCache(Generic[Value]):
    """Keeps answers for `life_seconds`; while one caller renews an answer, the others keep the old.

    A failed renewal raises for its caller only.
    """

    def __init__(
        self,
        *,
        life_seconds: float,
        most_keys: int = 1024,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._life = life_seconds
        self._most_keys = most_keys
        self._now = now
        self._kept: OrderedDict[Hashable, tuple[float, Value]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Hashable, make: Callable[[], Value]) -> Value:
        """Return the kept answer, or make it anew."""
        with self._lock:
            kept = self._kept.get(key)
            if kept is not None:
                if self._now() < kept[0]:
                    return kept[1]
                self._kept[key] = (self._now() + self._life, kept[1])
        value = make()
        with self._lock:
            self._kept[key] = (self._now() + self._life, value)
            self._kept.move_to_end(key)
            while len(self._kept) > self._most_keys:
                self._kept.popitem(last=False)
        return value

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._kept.clear()
