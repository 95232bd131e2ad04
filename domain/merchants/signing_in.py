"""Sessions of staff: opening and revoking them. Lives are real time: a token is a signature."""

import secrets
from datetime import datetime, timedelta

from sqlalchemy import text
from sqlalchemy.orm import Session

from domain.merchants.queries import StoredLogin, hash_token

SESSION_LIFE = timedelta(hours=12)

_OPEN = text(
    """
    INSERT INTO staff_sessions (token_hash, merchant_id, staff_id, created_at, expires_at,
        client_address)
    VALUES (:token_hash, :merchant_id, :staff_id, :now, :expires_at, :client_address)
    """
)
_REVOKE = text(
    "UPDATE staff_sessions SET revoked_at = :now WHERE token_hash = :token_hash"
    " AND revoked_at IS NULL"
)


def open_session(
    session: Session, login: StoredLogin, *, now: datetime, client_address: str | None = None
) -> str:
    """Open a session after the password fitted; returns the bearer token, which is not stored."""
    token = secrets.token_urlsafe(32)
    session.execute(
        _OPEN,
        {
            "token_hash": hash_token(token),
            "merchant_id": login.merchant_id,
            "staff_id": login.staff_id,
            "now": now,
            "expires_at": now + SESSION_LIFE,
            "client_address": client_address,
        },
    )
    return token


def revoke_session(session: Session, token: str, *, now: datetime) -> None:
    """Revoke a session; may be repeated."""
    session.execute(_REVOKE, {"token_hash": hash_token(token), "now": now})
