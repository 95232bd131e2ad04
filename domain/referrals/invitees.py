"""Whom a shopper has brought, and what each of them brought."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.orm import Session

Key = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Invitee:
    """Somebody who came by a share of mine; bound to me by a first order that formed or failed.

    `outcome` and the amounts are of the reward, if there is one.
    """

    row_id: int
    nickname: str
    registered_at: datetime
    has_paid: bool
    bound_at: datetime | None
    outcome: str | None
    reward_fen: int
    clawed_back_fen: int
    rewarded_at: datetime | None
    coupon_id: str | None


_PAGE = text(
    """
    SELECT s.id AS row_id, s.nickname, s.created_at AS registered_at, EXISTS (
            SELECT FROM orders o
            WHERE o.merchant_id = s.merchant_id AND o.shopper_id = s.id AND o.paid_at IS NOT NULL
        ) AS has_paid, r.bound_at, w.outcome,
        coalesce(w.amount_fen, 0) AS reward_fen, coalesce(w.clawed_back_fen, 0) AS clawed_back_fen,
        w.issued_at AS rewarded_at, n.public_id AS coupon_id
    FROM shoppers s
    LEFT JOIN referrals r ON r.merchant_id = s.merchant_id AND r.shopper_id = s.id
    LEFT JOIN rewards w ON w.merchant_id = r.merchant_id AND w.referral_id = r.id
    LEFT JOIN instruments n
        ON n.merchant_id = w.merchant_id AND n.source = 'reward' AND n.source_id = w.id
    WHERE s.merchant_id = :merchant_id
        AND s.id IN (
            SELECT b.shopper_id FROM referrals b
            WHERE b.merchant_id = :merchant_id AND b.referrer_id = :shopper_id
            UNION
            SELECT c.id FROM shares h
            JOIN shoppers c ON c.merchant_id = h.merchant_id AND c.came_by_share_id = h.id
            WHERE h.merchant_id = :merchant_id AND h.shopper_id = :shopper_id)
        AND (r.referrer_id IS NULL OR r.referrer_id = :shopper_id)
        AND (CAST(:below_id AS bigint) IS NULL OR s.id < :below_id)
    ORDER BY s.id DESC
    LIMIT :limit
    """
)


def list_invitees(
    session: Session, shopper: Key, *, below_id: int | None, limit: int
) -> list[Invitee]:
    """List who came by a shopper's shares and is nobody else's, newest first, below an inner id."""
    values = {
        "merchant_id": shopper[0],
        "shopper_id": shopper[1],
        "below_id": below_id,
        "limit": limit,
    }
    return [Invitee(**row) for row in session.execute(_PAGE, values).mappings()]
