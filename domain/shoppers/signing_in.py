"""Logins of shoppers: refresh tokens, and where each login came from.

A refresh token is `<merchant's public id>.<secret>`: the first part finds the tenant, the second is
stored hashed. `created_at` is business time, lives are real time. A token is good for one renewal:
it brings the next one. Where a token that was renewed is shown again, two hold it, and one of them
may have stolen it: the whole family of a login ends. Within a minute it is a repeat whose first
answer was lost.
"""

import hashlib
import logging
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import text
from sqlalchemy.orm import Session

from domain.database import transaction
from domain.shoppers.errors import RefreshTokenInvalid

REFRESH_LIFE = timedelta(days=30)
REPEATED_WITHIN = timedelta(minutes=1)

logger = logging.getLogger(__name__)

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
            expires_at, family_id)
    SELECT m.id, :shopper_id, :refresh_hash, :client_address, :device, :channel, :at, :expires_at,
        :family_id
    FROM merchants m WHERE m.id = :merchant_id
    RETURNING (SELECT public_id FROM merchants WHERE id = :merchant_id)
    """
)
_FIND = text(
    """
    SELECT l.id, l.merchant_id, l.shopper_id, coalesce(l.family_id, l.id) AS family_id,
        l.replaced_at, l.client_address, l.device, l.channel
    FROM merchants m
    JOIN shopper_logins l ON l.merchant_id = m.id AND l.refresh_hash = :refresh_hash
    WHERE m.public_id = :merchant AND l.revoked_at IS NULL AND l.expires_at > :now
    FOR UPDATE OF l
    """
)
_REPLACE = text(
    """
    UPDATE shopper_logins SET replaced_at = coalesce(replaced_at, :now)
    WHERE merchant_id = :merchant_id AND id = :id
    """
)
_REVOKE_FAMILY = text(
    """
    UPDATE shopper_logins SET revoked_at = :now
    WHERE merchant_id = :merchant_id AND (id = :family_id OR family_id = :family_id)
        AND revoked_at IS NULL
    """
)
_REVOKE = text(
    """
    UPDATE shopper_logins l SET revoked_at = :now
    FROM merchants m
    JOIN shopper_logins shown
        ON shown.merchant_id = m.id AND shown.refresh_hash = :refresh_hash
    WHERE m.public_id = :merchant AND l.merchant_id = m.id AND l.revoked_at IS NULL
        AND coalesce(l.family_id, l.id) = coalesce(shown.family_id, shown.id)
        AND l.shopper_id = shown.shopper_id
    """
)


def _hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()


def _split(token: str) -> dict[str, object]:
    merchant, _, secret = token.partition(".")
    return {"merchant": merchant, "refresh_hash": _hash(secret)}


def record_login(
    session: Session,
    shopper: Key,
    origin: LoginOrigin,
    *,
    at: datetime,
    now: datetime,
    family_id: int | None = None,
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
            "family_id": family_id,
        },
    ).scalar_one()
    return f"{merchant}.{secret}"


@dataclass(frozen=True, slots=True)
class Renewed:
    """Whose token was renewed, and the next one; None where it was shown twice and all ended."""

    shopper: Key
    refresh_token: str | None


def renew_login(session: Session, token: str, *, at: datetime, now: datetime) -> Renewed:
    """Take a refresh token for the next of its family; locks it. Raises RefreshTokenInvalid."""
    row = session.execute(_FIND, {**_split(token), "now": now}).one_or_none()
    if row is None:
        raise RefreshTokenInvalid(field="refresh_token")
    key = (row.merchant_id, row.shopper_id)
    values = {"merchant_id": row.merchant_id, "family_id": row.family_id, "now": now}
    if row.replaced_at is not None and now - row.replaced_at > REPEATED_WITHIN:
        session.execute(_REVOKE_FAMILY, values)
        return Renewed(key, None)
    session.execute(_REPLACE, {**values, "id": row.id})
    origin = LoginOrigin(row.client_address, row.device, row.channel)
    following = record_login(session, key, origin, at=at, now=now, family_id=row.family_id)
    return Renewed(key, following)


def refresh_login(token: str, *, at: datetime, now: datetime) -> tuple[Key, str]:
    """Renew a login; returns its shopper and the next refresh token. Raises RefreshTokenInvalid."""
    with transaction() as session:
        renewed = renew_login(session, token, at=at, now=now)
    if renewed.refresh_token is None:
        logger.warning("refresh token shown twice", extra={"shopper_id": renewed.shopper[1]})
        raise RefreshTokenInvalid(field="refresh_token")
    return renewed.shopper, renewed.refresh_token


def revoke_refresh_token(session: Session, token: str, *, now: datetime) -> None:
    """Revoke a refresh token and its family; may be repeated, and an unknown one is no error."""
    session.execute(_REVOKE, {**_split(token), "now": now})
