"""Reads of coupon pushes, with what came of them."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.orm import Session

from domain.money import Fen


@dataclass(frozen=True, slots=True)
class PushLine:
    """A push with its conversion: how many of the coupons given pay an order now."""

    row_id: int
    id: str
    segment: str
    dormant_days: int | None
    value_fen: int
    threshold_fen: int
    valid_days: int
    reason: str
    set_aside_fen: int
    shoppers: int
    created_at: datetime
    done_at: datetime | None
    given: int
    used: int
    paid_fen: Fen

    @property
    def conversion_bps(self) -> int:
        """Return the share of coupons that are used."""
        return self.used * 10_000 // self.given if self.given else 0


_PAGE = text(
    """
    SELECT p.id AS row_id, p.public_id AS id, p.segment, p.dormant_days, p.value_fen,
        p.threshold_fen, p.valid_days, p.reason, p.set_aside_fen, p.shoppers, p.created_at,
        p.done_at, f.given, f.used, coalesce(f.paid_fen, 0)::bigint AS paid_fen
    FROM coupon_pushes p
    CROSS JOIN LATERAL (
        SELECT count(*) AS given, count(*) FILTER (WHERE n.state = 'spent') AS used,
            sum(o.payable_fen) FILTER (WHERE n.state = 'spent') AS paid_fen
        FROM gifts g
        JOIN instruments n ON n.merchant_id = g.merchant_id AND n.source = 'gift'
            AND n.source_id = g.id
        LEFT JOIN orders o ON o.merchant_id = n.merchant_id AND o.id = n.order_id
        WHERE g.merchant_id = p.merchant_id AND g.push_id = p.id
    ) f
    WHERE p.merchant_id = :merchant_id AND (CAST(:below_id AS bigint) IS NULL OR p.id < :below_id)
    ORDER BY p.id DESC
    LIMIT :limit
    """
)


def list_pushes(
    session: Session, merchant_id: int, *, below_id: int | None, limit: int
) -> list[PushLine]:
    """List a merchant's pushes, newest first, below an inner id."""
    values = {"merchant_id": merchant_id, "below_id": below_id, "limit": limit}
    return [PushLine(**row) for row in session.execute(_PAGE, values).mappings()]
