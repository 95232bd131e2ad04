"""The sandbox's business clock: real time plus an offset that only grows.

Business times (success_time, expiry, the retry ladder) use it. Signatures and their skew use real
time, as the product does.
"""

import threading
import time
from datetime import UTC, date, datetime, timedelta, timezone

from sandbox.store import Store

_SETTING = "clock_offset_seconds"
_BEIJING = timezone(timedelta(hours=8))


class Clock:
    """An offset over real time, kept in the store."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._offset = float(store.setting(_SETTING, "0"))

    @property
    def offset_seconds(self) -> float:
        """How far ahead of real time business time is."""
        return self._offset

    def now(self) -> float:
        """Return business time in seconds since the epoch."""
        return time.time() + self._offset

    def move_to(self, offset_seconds: float) -> None:
        """Set the offset. Raises ValueError if that would turn the clock back."""
        with self._lock:
            if offset_seconds < self._offset:
                raise ValueError(f"the clock only moves forward; it is at {self._offset}")
            self._store.keep_setting(_SETTING, repr(offset_seconds))
            self._offset = offset_seconds


def rfc3339(at: float) -> str:
    """Write an instant as WeChat Pay does: Beijing time, whole seconds."""
    return datetime.fromtimestamp(at, _BEIJING).isoformat(timespec="seconds")


def parse_rfc3339(text: str) -> float:
    """Read an RFC 3339 instant. Raises ValueError without an offset from UTC."""
    instant = datetime.fromisoformat(text)
    if instant.tzinfo is None:
        raise ValueError("an offset from UTC is missing")
    return instant.timestamp()


def real_utc(at: float) -> str:
    """Write an instant in UTC with microseconds, for the control API."""
    return datetime.fromtimestamp(at, UTC).isoformat()


def beijing(at: float) -> datetime:
    """Return an instant as Beijing's clocks show it."""
    return datetime.fromtimestamp(at, _BEIJING)


def midnight(at: float) -> float:
    """Return when the Beijing day of an instant began."""
    return beijing(at).replace(hour=0, minute=0, second=0, microsecond=0).timestamp()


def start_of(day: date) -> float:
    """Return when a Beijing day begins."""
    return datetime(day.year, day.month, day.day, tzinfo=_BEIJING).timestamp()
