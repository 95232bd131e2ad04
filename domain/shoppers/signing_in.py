"""Logins of shoppers: refresh tokens, and where each login came from.

A refresh token is `<merchant's public id>.<secret>`: the first part finds the tenant, the second is
stored hashed. `created_at` is business time, lives are real time.
"""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import text
from sqlalchemy.orm import Session

from domain.shoppers.errors import RefreshTokenInvalid

REFRESH_LIFE = timedelta(days=30)

Key = tuple[int, int]


@dataclass(frozen=True, slots=True)
class LoginOrigin:
    """Where a login came from; recorded for risk rules, which cannot invent history later."""

    client_address: str | None = None
    device: str | None = None
    channel: str | None = None


_RECORD = text(
    """
    INSERT INTO shopper_logins
        (merchant_id, shopper_id, refresh_hash, client_address, device, channel, created_at,
            expires_at)
    SELECT m.id, :shopper_id, :refresh_hash, :client_address, :device, :channel, :at, :expires_at
    FROM merchants m WHERE m.id = :merchant_id
    RETURNING (SELECT public_id FROM merchants WHERE id = :merchant_id)
    """
)
_FIND = text(
    """
    SELECT l.merchant_id, l.shopper_id
    FROM merchants m
    JOIN shopper_logins l ON l.merchant_id = m.id AND l.refresh_hash = :refresh_hash
    WHERE m.public_id = :merchant AND l.revoked_at IS NULL AND l.expires_at > :now
    """
)
_REVOKE = text(
    """
    UPDATE shopper_logins l SET revoked_at = :now
    FROM merchants m
    WHERE m.public_id = :merchant AND l.merchant_id = m.id AND l.refresh_hash = :refresh_hash
        AND l.revoked_at IS NULL
    """
)


def _hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()


def _split(token: str) -> dict[str, object]:
    merchant, _, secret = token.partition(".")
    return {"merchant": merchant, "refresh_hash": _hash(secret)}


def record_login(
    session: Session, shopper: Key, origin: LoginOrigin, *, at: datetime, now: datetime
) -> str:
    """Record a login; returns its refresh token, which is not stored. `now` is real time."""
    secret = secrets.token_urlsafe(32)
    merchant = session.execute(
        _RECORD,
        {
            "merchant_id": shopper[0],
            "shopper_id": shopper[1],
            "refresh_hash": _hash(secret),
            "client_address": origin.client_address,
            "device": origin.device,
            "channel": origin.channel,
            "at": at,
            "expires_at": now + REFRESH_LIFE,
        },
    ).scalar_one()
    return f"{merchant}.{secret}"


def find_shopper_of_refresh_token(session: Session, token: str, *, now: datetime) -> Key:
    """Find whose refresh token this is. Raises RefreshTokenInvalid."""
    row = session.execute(_FIND, {**_split(token), "now": now}).one_or_none()
    if row is None:
        raise RefreshTokenInvalid(field="refresh_token")
    return (row.merchant_id, row.shopper_id)


def revoke_refresh_token(session: Session, token: str, *, now: datetime) -> None:
    """Revoke a refresh token; may be repeated, and says nothing of an unknown one."""
    session.execute(_REVOKE, {**_split(token), "now": now})
