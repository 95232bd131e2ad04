"""Passwords: argon2id hashes (OWASP's 19 MiB, two passes). Slow on purpose: no transaction open."""

from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

_HASHER = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)


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
