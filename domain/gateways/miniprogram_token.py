"""A mini-program's access token: fetched by one process at a time, kept sealed for all.

Its place is the app's row. Who takes the lease there fetches; the others look again shortly.
Nothing is locked while WeChat is asked. Instants are real time: the token runs out at WeChat.
"""

import time
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, text

from domain import clock
from domain.config import Settings
from domain.database import reading, transaction
from domain.gateways.errors import GatewayRetryable, GatewayUnknown
from domain.gateways.miniprogram_http import Refusal, ask, failed, read_text, read_whole
from domain.sealing import seal, unseal

PURPOSE = "app-token"
# WeChat gives the next token from five minutes before the end of the one in use.
RENEWED_BEFORE = timedelta(minutes=4)
# Two calls at their longest, should the first answer be the token that was refused.
LEASE = timedelta(seconds=30)
MOST_SECONDS = 366 * 86400
PATIENCE_SECONDS = 15.0
LOOK_EVERY_SECONDS = 0.05
_OPERATION = "stable_token"

_LOOK = text("SELECT token_sealed, token_expires_at FROM merchant_apps WHERE app_id = :app_id")
_LEASE = text(
    """
    UPDATE merchant_apps SET token_lease_until = :until
    WHERE app_id = :app_id AND (token_lease_until IS NULL OR token_lease_until < :real_now)
    RETURNING token_sealed, token_expires_at
    """
)
_KEEP = text(
    """
    UPDATE merchant_apps
    SET token_sealed = :sealed, token_expires_at = :expires_at, token_lease_until = NULL
    WHERE app_id = :app_id AND token_lease_until = :until
    """
)
_GIVE_UP = text(
    """
    UPDATE merchant_apps SET token_lease_until = NULL
    WHERE app_id = :app_id AND token_lease_until = :until
    """
)


@dataclass(frozen=True, slots=True)
class AppKeys:
    """A mini-program's id and secret."""

    app_id: str
    secret: str = field(repr=False)


def access_token(keys: AppKeys, *, config: Settings, refused: str | None = None) -> str:
    """Return a token that is good; `refused` is one that WeChat did not take.

    Not inside a transaction. Raises GatewayRetryable while another process is at it for long, and
    whatever fetching raises: GatewayUnknown, GatewayRetryable, GatewayRejected (id or secret).
    """
    until = time.monotonic() + PATIENCE_SECONDS
    while True:
        with reading() as session:
            kept = session.execute(_LOOK, {"app_id": keys.app_id}).one_or_none()
        token = _good_token(kept, refused) or _renew(keys, config, refused)
        if token is not None:
            return token
        if time.monotonic() > until:
            raise failed(GatewayRetryable, _OPERATION, "busy")
        time.sleep(LOOK_EVERY_SECONDS)


def _good_token(kept: Row[Any] | None, refused: str | None) -> str | None:
    if kept is None or kept.token_sealed is None:
        return None
    if kept.token_expires_at - clock.real_now() < RENEWED_BEFORE:
        return None
    token = str(unseal(kept.token_sealed, purpose=PURPOSE))
    return None if token == refused else token


def _renew(keys: AppKeys, config: Settings, refused: str | None) -> str | None:
    """Fetch and keep a token, if nobody else is at it; None if somebody is."""
    real_now = clock.real_now()
    lease = {"app_id": keys.app_id, "until": real_now + LEASE}
    with transaction() as session:
        kept = session.execute(_LEASE, {**lease, "real_now": real_now}).one_or_none()
    if kept is None:
        return None
    try:
        # Whoever held the lease before may have fetched one since we looked.
        token = _good_token(kept, refused)
        if token is not None:
            return token
        token, expires_at = _fetch(keys, config, refused)
        sealed = seal(token, purpose=PURPOSE)
        with transaction() as session:
            session.execute(_KEEP, {**lease, "sealed": sealed, "expires_at": expires_at})
    finally:
        with transaction() as session:
            session.execute(_GIVE_UP, lease)
    return token


def _fetch(keys: AppKeys, config: Settings, refused: str | None) -> tuple[str, datetime]:
    """Ask for the token in force; where that is the refused one, force another."""
    token, expires_at = _ask(keys, config, is_forced=False)
    if token == refused:
        token, expires_at = _ask(keys, config, is_forced=True)
    if token == refused:
        raise failed(GatewayRetryable, _OPERATION, "refused")
    return token, expires_at


def _ask(keys: AppKeys, config: Settings, *, is_forced: bool) -> tuple[str, datetime]:
    asked_at = clock.real_now()
    try:
        answer = ask(
            _OPERATION,
            "POST",
            "/cgi-bin/stable_token",
            config=config,
            body={
                "grant_type": "client_credential",
                "appid": keys.app_id,
                "secret": keys.secret,
                "force_refresh": is_forced,
            },
        )
    except Refusal as refusal:
        raise refusal.failure() from None
    seconds = read_whole(_OPERATION, answer, "expires_in")
    if not 0 < seconds <= MOST_SECONDS:
        raise failed(GatewayUnknown, _OPERATION, "no expires_in")
    token = read_text(_OPERATION, answer, "access_token")
    return token, asked_at + timedelta(seconds=seconds)
