"""Reads of shares: where one leads, without visiting it."""

from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.orm import Session

from domain.referrals.errors import ShareNotFound


@dataclass(frozen=True, slots=True)
class SharedPlace:
    """The group a share leads to (public id), in the mini-program of who shared it."""

    merchant_id: int
    group_id: str
    app_id: str


_PLACE = text(
    """
    SELECT t.merchant_id, g.public_id AS group_id, s.app_id
    FROM share_tokens t
    JOIN shares sh ON sh.merchant_id = t.merchant_id AND sh.id = t.share_id
    JOIN shoppers s ON s.merchant_id = sh.merchant_id AND s.id = sh.shopper_id
    JOIN groups g ON g.merchant_id = sh.merchant_id AND g.id = sh.group_id
    WHERE t.token = :token
    """
)


def find_shared_place(session: Session, token: str, *, merchant_id: int | None) -> SharedPlace:
    """Find where a share leads; no visit is recorded.

    Raises ShareNotFound, also where the caller is of another merchant (None: of any).
    """
    row = session.execute(_PLACE, {"token": token}).one_or_none()
    if row is None or merchant_id not in {None, row.merchant_id}:
        raise ShareNotFound
    return SharedPlace(*row)
