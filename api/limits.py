"""Limits on repeated attempts, in this process: a bucket per key, numbers from the environment.

Real time. With several processes each counts for itself: the limit is that many times higher.
"""

import math
import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from datetime import timedelta
from functools import cache

from domain import clock
from domain.config import settings
from domain.errors import TooManyAttempts
from domain.merchants.attempts import AttemptLimits


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

    def takes(self, key: Hashable) -> bool:
        """Count an attempt, and say whether it is within the limit."""
        try:
            self.spend(key)
        except TooManyAttempts:
            return False
        return True

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


def _wide_in_development(usual: int) -> int:
    """Return a limit that simulated shoppers, all from one address and in a hurry, do not meet."""
    return usual if settings().environment == "production" else 1_000_000


@cache
def sign_in_limiter() -> Limiter:
    """Return the limiter of shoppers' sign-ins per client address; many share one behind a NAT."""
    burst = _number("PINBU_SIGN_INS_PER_MINUTE", _wide_in_development(6_000))
    return Limiter(burst=burst, window_seconds=60)


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
def visit_limiter() -> Limiter:
    """Return the limiter of visits recorded, per shopper, or per network of those not known.

    Beyond it a share is shown all the same: many share a network behind a NAT.
    """
    burst = _number("PINBU_VISITS_PER_MINUTE", _wide_in_development(300))
    return Limiter(burst=burst, window_seconds=60)


@cache
def order_limiter() -> Limiter:
    """Return the limiter of orders placed, per shopper: each leaves rows behind, also cancelled."""
    burst = _number("PINBU_ORDERS_PER_MINUTE", _wide_in_development(30))
    return Limiter(burst=burst, window_seconds=60)


@cache
def password_limits() -> AttemptLimits:
    """Return how many failed sign-ins of staff there may be, over all processes.

    The limits of a network and of a login are wider. Neither counts a device that is known.
    """
    return AttemptLimits(
        pair=_number("PINBU_PASSWORD_ATTEMPTS", 5),
        network=_number("PINBU_PASSWORD_ATTEMPTS_PER_ADDRESS", 50),
        login=_number("PINBU_PASSWORD_ATTEMPTS_PER_LOGIN", 100),
        window=timedelta(seconds=_number("PINBU_PASSWORD_WINDOW_SECONDS", 300)),
    )


@cache
def own_password_limiter() -> Limiter:
    """Return the limiter of changes of one's own password, per person: each tries the old one."""
    return Limiter(burst=5, window_seconds=300)
