"""Reads of merchants, apps, staff and settings."""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import text
from sqlalchemy.orm import Session

from domain.merchants.errors import AppNotFound, AppNotOnWechat
from domain.merchants.rules import normalise_login
from domain.sealing import unseal

APP_SECRET_PURPOSE = "app-secret"  # noqa: S105 - names what is sealed


def hash_token(token: str) -> bytes:
    """Return what is stored of a token (it is random, so a plain digest is enough)."""
    return hashlib.sha256(token.encode()).digest()


@dataclass(frozen=True, slots=True)
class App:
    """A mini-program of a merchant, with its secret; on Alipay there is none."""

    app_id: str
    merchant_id: int
    secret: str
    platform: str


class StoredLogin(NamedTuple):
    """A login with the hash of its password."""

    merchant_id: int
    staff_id: int
    password_hash: str


class StaffIdentity(NamedTuple):
    """A member of staff with the merchant, as a session's token finds them."""

    merchant_id: int
    staff_id: int
    public_id: str
    name: str
    role: str
    merchant_public_id: str
    merchant_name: str
    expires_at: datetime


_APP = text(
    "SELECT app_id, merchant_id, secret_sealed, platform FROM merchant_apps WHERE app_id = :app_id"
)
_LOGIN = text(
    """
    SELECT l.merchant_id, l.staff_id, l.password_hash
    FROM staff_logins l
    JOIN staff s ON s.merchant_id = l.merchant_id AND s.id = l.staff_id
    WHERE l.login = :login AND s.disabled_at IS NULL
    """
)
_BY_TOKEN = text(
    """
    SELECT t.merchant_id, t.staff_id, s.public_id, s.name, s.role,
        m.public_id AS merchant_public_id, m.name AS merchant_name, t.expires_at
    FROM staff_sessions t
    JOIN staff s ON s.merchant_id = t.merchant_id AND s.id = t.staff_id
    JOIN merchants m ON m.id = t.merchant_id
    WHERE t.token_hash = :token_hash AND t.revoked_at IS NULL AND t.expires_at > :now
        AND s.disabled_at IS NULL
    """
)


def find_app(session: Session, app_id: str) -> App:
    """Find a mini-program. Raises AppNotFound."""
    row = session.execute(_APP, {"app_id": app_id}).one_or_none()
    if row is None:
        raise AppNotFound(field="app_id")
    secret = unseal(row.secret_sealed, purpose=APP_SECRET_PURPOSE)
    return App(row.app_id, row.merchant_id, str(secret), row.platform)


def find_wechat_app(session: Session, app_id: str) -> App:
    """Find a mini-program of WeChat's. Raises AppNotFound, AppNotOnWechat."""
    app = find_app(session, app_id)
    if app.platform != "wechat":
        raise AppNotOnWechat
    return app


def find_login(session: Session, login: str) -> StoredLogin | None:
    """Find the login of a member of staff who is not disabled."""
    row = session.execute(_LOGIN, {"login": normalise_login(login)}).one_or_none()
    return None if row is None else StoredLogin(*row)


def find_staff_of_token(session: Session, token: str, *, now: datetime) -> StaffIdentity | None:
    """Find whose session a token is, where it lives still (in real time)."""
    row = session.execute(_BY_TOKEN, {"token_hash": hash_token(token), "now": now}).one_or_none()
    return None if row is None else StaffIdentity(*row)
