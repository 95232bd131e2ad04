"""How many calls of a kind an account may make within a second of real time."""

import threading
import time
from collections import defaultdict, deque

from sandbox.wechat.errors import ApiError


class Quotas:
    """The calls of the latest second, per account and operation; in memory only."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._taken: dict[tuple[str, str], deque[float]] = defaultdict(deque)

    def take(self, mchid: str, operation: str, per_second: int | None) -> None:
        """Count a call. Raises ApiError FREQUENCY_LIMITED beyond the quota; None is no quota."""
        if per_second is None:
            return
        now = time.monotonic()
        with self._lock:
            taken = self._taken[(mchid, operation)]
            while taken and taken[0] <= now - 1:
                taken.popleft()
            if len(taken) >= per_second:
                raise ApiError("FREQUENCY_LIMITED", "频率限制，请降低频率后重试")
            taken.append(now)
