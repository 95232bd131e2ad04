"""Reads of shoppers: by themselves, and by their merchant's staff."""

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import text
from sqlalchemy.orm import Session

from domain.shoppers.errors import ShopperNotFound
from domain.shoppers.phones import read_phone

Key = tuple[int, int]


class ShopperSelf(NamedTuple):
    """What a shopper sees of themselves."""

    id: str
    nickname: str
    language: str
    phone: str | None
    followed_at: datetime | None


class ShopperLine(NamedTuple):
    """A shopper as staff see them in a list."""

    row_id: int
    id: str
    nickname: str
    flag: str | None
    created_at: datetime
    orders: int
    subsidies_fen: int


_SELF = text(
    """
    SELECT public_id, nickname, language, phone_sealed, followed_at FROM shoppers
    WHERE merchant_id = :m AND id = :id
    """
)
_LIST = text(
    """
    SELECT s.id, s.public_id, s.nickname, s.flag, s.created_at, o.orders, g.subsidies_fen
    FROM shoppers s
    CROSS JOIN LATERAL (
        SELECT count(*) AS orders FROM orders o
        WHERE o.merchant_id = s.merchant_id AND o.shopper_id = s.id
    ) o
    CROSS JOIN LATERAL (
        SELECT coalesce(sum(g.amount_fen), 0)::bigint AS subsidies_fen FROM grants g
        WHERE g.merchant_id = s.merchant_id AND g.shopper_id = s.id AND g.state = 'issued'
    ) g
    WHERE s.merchant_id = :m
        AND (CAST(:below_id AS bigint) IS NULL OR s.id < :below_id)
        AND (
            CAST(:query AS text) IS NULL OR s.public_id = :query
            OR strpos(lower(s.nickname), lower(:query)) > 0
        )
        AND (CAST(:public_id AS text) IS NULL OR s.public_id = :public_id)
    ORDER BY s.id DESC
    LIMIT :limit
    """
)


def find_self(session: Session, shopper: Key) -> ShopperSelf:
    """Find a signed-in shopper. Raises ShopperNotFound."""
    row = session.execute(_SELF, {"m": shopper[0], "id": shopper[1]}).one_or_none()
    if row is None:
        raise ShopperNotFound
    phone = read_phone(row.phone_sealed)
    return ShopperSelf(row.public_id, row.nickname, row.language, phone, row.followed_at)


def list_shoppers(
    session: Session,
    merchant_id: int,
    *,
    query: str | None,
    below_id: int | None,
    limit: int,
) -> list[ShopperLine]:
    """List a merchant's shoppers, newest first; `query` is a part of the nickname, or the id."""
    rows = session.execute(
        _LIST,
        {
            "m": merchant_id,
            "query": query,
            "public_id": None,
            "below_id": below_id,
            "limit": limit,
        },
    )
    return [ShopperLine(*row) for row in rows]


def find_shopper(session: Session, merchant_id: int, public_id: str) -> ShopperLine:
    """Find one of a merchant's shoppers. Raises ShopperNotFound."""
    row = session.execute(
        _LIST,
        {"m": merchant_id, "query": None, "public_id": public_id, "below_id": None, "limit": 1},
    ).one_or_none()
    if row is None:
        raise ShopperNotFound
    return ShopperLine(*row)
