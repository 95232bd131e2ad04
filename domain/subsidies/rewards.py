"""Reads of referrers' rewards, as staff see them."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session


@dataclass(frozen=True, slots=True)
class RewardLine:
    """A reward: who brought whom, how the group ended, and what that was worth."""

    row_id: int
    id: str
    referrer: dict[str, Any]
    shopper: dict[str, Any]
    order_id: str
    campaign_id: str
    outcome: str
    amount_fen: int
    clawed_back_fen: int
    issued_at: datetime


_PAGE = text(
    """
    SELECT w.id AS row_id, w.public_id AS id,
        jsonb_build_object('id', f.public_id, 'nickname', f.nickname) AS referrer,
        jsonb_build_object('id', s.public_id, 'nickname', s.nickname) AS shopper,
        o.public_id AS order_id, c.public_id AS campaign_id, w.outcome, w.amount_fen,
        w.clawed_back_fen, w.issued_at
    FROM rewards w
    JOIN shoppers f ON f.merchant_id = w.merchant_id AND f.id = w.referrer_id
    JOIN orders o ON o.merchant_id = w.merchant_id AND o.id = w.order_id
    JOIN shoppers s ON s.merchant_id = o.merchant_id AND s.id = o.shopper_id
    JOIN campaigns c ON c.merchant_id = w.merchant_id AND c.id = w.campaign_id
    WHERE w.merchant_id = :merchant_id
        AND (CAST(:campaign AS text) IS NULL OR c.public_id = :campaign)
        AND (CAST(:referrer AS text) IS NULL OR f.public_id = :referrer)
        AND (CAST(:below_id AS bigint) IS NULL OR w.id < :below_id)
    ORDER BY w.id DESC
    LIMIT :limit
    """
)


@dataclass(frozen=True, slots=True)
class RewardFilter:
    """Which rewards, by public ids; None is all."""

    campaign_id: str | None = None
    referrer_id: str | None = None


def list_rewards(
    session: Session, merchant_id: int, which: RewardFilter, *, below_id: int | None, limit: int
) -> list[RewardLine]:
    """List a merchant's rewards, newest first, below an inner id."""
    values = {
        "merchant_id": merchant_id,
        "campaign": which.campaign_id,
        "referrer": which.referrer_id,
        "below_id": below_id,
        "limit": limit,
    }
    return [RewardLine(**row) for row in session.execute(_PAGE, values).mappings()]
