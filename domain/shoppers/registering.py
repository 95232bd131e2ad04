"""Registering shoppers: a first sign-in makes the shopper, later ones find it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.orm import Session

from domain.public_ids import new_public_id

Key = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Registration:
    """Who signs in: the openid vouched for by the mini-program's server, and what else is told."""

    merchant_id: int
    app_id: str
    openid: str
    nickname: str | None = None
    language: str = "zh"
    share_token: str | None = None


@dataclass(frozen=True, slots=True)
class Registered:
    """A shopper who has signed in."""

    key: Key
    id: str
    nickname: str
    language: str
    is_new: bool


_INSERT = text(
    """
    INSERT INTO shoppers
        (merchant_id, public_id, app_id, openid, nickname, language, came_by_share_id, created_at)
    VALUES (:merchant_id, :public_id, :app_id, :openid, :nickname, :language, (
        SELECT s.id FROM share_tokens t
        JOIN shares s ON s.merchant_id = t.merchant_id AND s.id = t.share_id
        WHERE t.token = :share_token AND t.merchant_id = :merchant_id
    ), :at)
    ON CONFLICT (merchant_id, app_id, openid) DO NOTHING
    RETURNING id, public_id, nickname, language
    """
)
_RETURNING = text(
    """
    UPDATE shoppers SET nickname = coalesce(:nickname, nickname), language = :language
    WHERE merchant_id = :merchant_id AND app_id = :app_id AND openid = :openid
    RETURNING id, public_id, nickname, language
    """
)


def register_shopper(session: Session, who: Registration, *, at: datetime) -> Registered:
    """Find the shopper or make it; may be repeated, also at the same moment.

    The share that brought a new shopper is kept for good; a token that is unknown or another
    merchant's is ignored.
    """
    values = {
        "merchant_id": who.merchant_id,
        "app_id": who.app_id,
        "openid": who.openid,
        "nickname": who.nickname,
        "language": who.language,
    }
    found = session.execute(_RETURNING, values).one_or_none()
    if found is not None:
        return _registered(who.merchant_id, found, is_new=False)
    public_id = new_public_id()
    made = session.execute(
        _INSERT,
        {
            **values,
            "public_id": public_id,
            "nickname": who.nickname or f"用户{public_id[:4]}",
            "share_token": who.share_token,
            "at": at,
        },
    ).one_or_none()
    if made is not None:
        return _registered(who.merchant_id, made, is_new=True)
    raced = session.execute(_RETURNING, values).one()
    return _registered(who.merchant_id, raced, is_new=False)


def _registered(merchant_id: int, row: Row[Any], *, is_new: bool) -> Registered:
    return Registered(
        (merchant_id, row.id), row.public_id, row.nickname, row.language, is_new=is_new
    )
