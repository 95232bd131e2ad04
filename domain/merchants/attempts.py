"""Attempts to sign in, counted where all processes see them: by login and network, by device.

A failure is written before the password is looked at and taken back if it fits, so that attempts
at once count one another. What strangers do from elsewhere keeps nobody out who signs in from a
device that has signed in before: such a device is counted by itself alone.
"""

import hashlib
import math
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import text
from sqlalchemy.orm import Session

from domain.errors import TooManyAttempts

KEPT = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class AttemptLimits:
    """Failures within a window: of a login in one network, of a network, of a login in all."""

    pair: int
    network: int
    login: int
    window: timedelta


@dataclass(frozen=True, slots=True)
class Attempt:
    """Who wants to sign in: the login as it is stored, the network, the device if it is known."""

    login: str
    network: str
    device: str | None

    @property
    def login_hash(self) -> bytes:
        """Return what the login is counted by; what was typed may be a password."""
        return hashlib.sha256(self.login.encode()).digest()


_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended(:key, 0))")
_BEGIN = text(
    """
    INSERT INTO sign_in_failures (login_hash, network, device, at)
    VALUES (:login_hash, :network, :device, :now) RETURNING id
    """
)
_COUNT_OF_DEVICE = text(
    """
    SELECT count(*) AS pair, 0 AS network, 0 AS login, min(at) AS first_at
    FROM sign_in_failures
    WHERE login_hash = :login_hash AND device = :device AND at > :since
    """
)
_COUNT = text(
    """
    SELECT count(*) FILTER (WHERE login_hash = :login_hash AND network = :network) AS pair,
        count(*) FILTER (WHERE network = :network) AS network,
        count(*) FILTER (WHERE login_hash = :login_hash) AS login, min(at) AS first_at
    FROM sign_in_failures
    WHERE (login_hash = :login_hash OR network = :network) AND device IS NULL AND at > :since
    """
)
_FORGET = text(
    """
    DELETE FROM sign_in_failures
    WHERE login_hash = :login_hash AND network = :network AND device IS NOT DISTINCT FROM :device
    """
)
_FORGET_OLD = text("DELETE FROM sign_in_failures WHERE at < :before")


def begin_attempt(
    session: Session, attempt: Attempt, limits: AttemptLimits, *, now: datetime
) -> None:
    """Count an attempt as failed until it has succeeded; `now` is real time.

    Raises TooManyAttempts, which leaves nothing behind.
    """
    values = {
        "login_hash": attempt.login_hash,
        "network": attempt.network,
        "device": attempt.device,
        "now": now,
        "since": now - limits.window,
    }
    session.execute(_LOCK, {"key": f"{attempt.login_hash.hex()}/{attempt.network}"})
    counted = session.execute(_COUNT if attempt.device is None else _COUNT_OF_DEVICE, values).one()
    is_over = (
        counted.pair >= limits.pair
        or counted.network >= limits.network
        or counted.login >= limits.login
    )
    if is_over:
        wait = math.ceil((counted.first_at + limits.window - now).total_seconds())
        raise TooManyAttempts(retry_after_seconds=max(1, wait))
    session.execute(_BEGIN, values)


def forget_failures(session: Session, attempt: Attempt) -> None:
    """Forget a login's failures in a network, or of a device: the last attempt succeeded."""
    session.execute(
        _FORGET,
        {
            "login_hash": attempt.login_hash,
            "network": attempt.network,
            "device": attempt.device,
        },
    )


def forget_old_failures(session: Session, *, now: datetime) -> None:
    """Delete failures that no limit counts any more; `now` is real time."""
    session.execute(_FORGET_OLD, {"before": now - KEPT})
