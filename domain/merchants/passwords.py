"""Passwords: argon2id hashes (OWASP's 19 MiB, two passes). Slow on purpose: no transaction open.

At most two are computed at once in a process, so that sign-ins leave the processor to others: one
for whoever is known, one for strangers. Few wait for their turn; whoever comes then is sent away.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from domain.errors import TooManyAttempts

_WAIT_SECONDS = 2.0
_MOST_WAITING = 2

_HASHER = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)


class _Lane:
    """Room for one at a time, and for few who wait."""

    def __init__(self) -> None:
        self._room = threading.Semaphore(1)
        self._places = threading.Semaphore(1 + _MOST_WAITING)

    @contextmanager
    def taken(self) -> Iterator[None]:
        if not self._places.acquire(blocking=False):
            raise TooManyAttempts(retry_after_seconds=2)
        try:
            if not self._room.acquire(timeout=_WAIT_SECONDS):
                raise TooManyAttempts(retry_after_seconds=2)
            try:
                yield
            finally:
                self._room.release()
        finally:
            self._places.release()


_KNOWN, _STRANGERS = _Lane(), _Lane()


@contextmanager
def lane(*, is_known: bool) -> Iterator[None]:
    """Wait for one's turn to compute a hash. Raises TooManyAttempts where too many wait."""
    with (_KNOWN if is_known else _STRANGERS).taken():
        yield


@cache
def _nobody() -> str:
    return _HASHER.hash("the password of nobody")


def hash_password(password: str) -> str:
    """Hash a password."""
    return _HASHER.hash(password)


def matches(password_hash: str | None, password: str) -> bool:
    """Say whether a password fits; takes as long where there is no such login (None)."""
    try:
        _HASHER.verify(password_hash or _nobody(), password)
    except (VerificationError, InvalidHashError):
        return False
    return password_hash is not None
