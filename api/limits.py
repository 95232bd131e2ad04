"""Limits on repeated attempts, in this process: a bucket per key, numbers from the environment.

Real time. With several processes each counts for itself: the limit is that many times higher.
"""

import math
import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from functools import cache

from domain import clock
from domain.config import settings
from domain.errors import DomainError


class TooManyAttempts(DomainError):
    """Too many attempts in a short time; `retry_after_seconds` says when the next may come."""


def real_seconds() -> float:
    """Return real time in seconds."""
    return clock.real_now().timestamp()


@dataclass(slots=True)
class _Bucket:
    tokens: float
    at: float


class Limiter:
    """A token bucket per key: `burst` attempts at once, refilled over `window_seconds`."""

    def __init__(
        self,
        *,
        burst: int,
        window_seconds: float,
        most_keys: int = 10_000,
        now: Callable[[], float] = real_seconds,
    ) -> None:
        self._burst = burst
        self._rate = burst / window_seconds
        self._most_keys = most_keys
        self._now = now
        self._buckets: OrderedDict[Hashable, _Bucket] = OrderedDict()
        self._lock = threading.Lock()

    def spend(self, key: Hashable) -> None:
        """Count an attempt. Raises TooManyAttempts."""
        with self._lock:
            bucket = self._refilled(key)
            if bucket.tokens < 1:
                wait = math.ceil((1 - bucket.tokens) / self._rate)
                raise TooManyAttempts(retry_after_seconds=max(1, wait))
            bucket.tokens -= 1

    def forget(self, key: Hashable) -> None:
        """Forget a key's attempts: the last one succeeded."""
        with self._lock:
            self._buckets.pop(key, None)

    def _refilled(self, key: Hashable) -> _Bucket:
        now = self._now()
        bucket = self._buckets.pop(key, None) or _Bucket(self._burst, now)
        bucket.tokens = min(self._burst, bucket.tokens + max(0.0, now - bucket.at) * self._rate)
        bucket.at = now
        self._buckets[key] = bucket
        while len(self._buckets) > self._most_keys:
            self._buckets.popitem(last=False)
        return bucket


def _number(name: str, default: int) -> int:
    return int(os.environ.get(name, str(default)))


@cache
def sign_in_limiter() -> Limiter:
    """Return the limiter of shoppers' sign-ins per client address; many share one behind a NAT.

    In development simulated shoppers all come from one address, so it is wide there.
    """
    default = 6_000 if settings().environment == "production" else 1_000_000
    return Limiter(burst=_number("PINBU_SIGN_INS_PER_MINUTE", default), window_seconds=60)


@cache
def phone_limiter() -> Limiter:
    """Return the limiter of telephone numbers bound, per shopper: WeChat bills each."""
    return Limiter(burst=_number("PINBU_PHONES_PER_HOUR", 10), window_seconds=3600)


@cache
def payment_check_limiter() -> Limiter:
    """Return the limiter of payments checked on a client's word, per shopper: gateways count."""
    return Limiter(burst=_number("PINBU_PAYMENT_CHECKS_PER_MINUTE", 20), window_seconds=60)


@cache
def share_code_limiter() -> Limiter:
    """Return the limiter of pictures to scan, per client address; many share one behind a NAT."""
    return Limiter(burst=_number("PINBU_SHARE_CODES_PER_MINUTE", 300), window_seconds=60)


@cache
def share_link_limiter() -> Limiter:
    """Return the limiter of links made, per shopper: a mini-program has so many a day."""
    return Limiter(burst=_number("PINBU_SHARE_LINKS_PER_HOUR", 60), window_seconds=3600)


@cache
def password_limiters() -> tuple[Limiter, Limiter]:
    """Return the limiters of password attempts: per (login, address), and per login alone.

    The second is wider: it slows an attack from many addresses without locking its victim out at
    the first few.
    """
    window = _number("PINBU_PASSWORD_WINDOW_SECONDS", 300)
    return (
        Limiter(burst=_number("PINBU_PASSWORD_ATTEMPTS", 5), window_seconds=window),
        Limiter(burst=_number("PINBU_PASSWORD_ATTEMPTS_PER_LOGIN", 30), window_seconds=window),
    )
