"""Reads of coupons and passes, by the shopper who holds them."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import text
from sqlalchemy.orm import Session

from domain.instruments.rules import InstrumentKind

Key = tuple[int, int]


class Use(StrEnum):
    """How a coupon or pass stands to who holds it; used also while its order is unpaid."""

    USABLE = "usable"
    USED = "used"
    EXPIRED = "expired"
    CLAWED_BACK = "clawed_back"


@dataclass(frozen=True, slots=True)
class InstrumentView:
    """A coupon or pass as its holder sees it.

    Usable on an order from `threshold_fen` on. `subsidy_id` is of the subsidy that it was, if it
    was one (`source`: grant, reward, gift); `order_id` of the order that it is used on.
    """

    row_id: int
    id: str
    state: str
    value_fen: int
    threshold_fen: int
    source: str
    subsidy_id: str | None
    order_id: str | None
    issued_at: datetime
    expires_at: datetime


_HELD = text(
    """
    SELECT * FROM (
        SELECT n.id AS row_id, n.public_id AS id,
            CASE WHEN n.state IN ('reserved', 'spent') THEN 'used'
                WHEN n.state = 'clawed_back' THEN 'clawed_back'
                WHEN n.state = 'expired' OR n.expires_at <= :at THEN 'expired'
                ELSE 'usable' END AS state,
            n.value_fen, n.threshold_fen, n.source, g.public_id AS subsidy_id,
            o.public_id AS order_id, n.issued_at, n.expires_at
        FROM instruments n
        LEFT JOIN grants g ON n.source = 'grant' AND g.merchant_id = n.merchant_id
            AND g.id = n.source_id
        LEFT JOIN orders o ON o.merchant_id = n.merchant_id AND o.id = n.order_id
        WHERE n.merchant_id = :merchant_id AND n.shopper_id = :shopper_id AND n.kind = :kind
            AND (CAST(:below_id AS bigint) IS NULL OR n.id < :below_id)
    ) held
    WHERE CAST(:state AS text) IS NULL OR state = :state
    ORDER BY row_id DESC
    LIMIT :limit
    """
)


def list_instruments(
    session: Session,
    shopper: Key,
    kind: InstrumentKind,
    *,
    state: Use | None,
    below_id: int | None,
    limit: int,
    at: datetime,
) -> list[InstrumentView]:
    """List a shopper's coupons or passes, newest first, below an inner id."""
    rows = session.execute(
        _HELD,
        {
            "merchant_id": shopper[0],
            "shopper_id": shopper[1],
            "kind": kind.value,
            "state": None if state is None else state.value,
            "below_id": below_id,
            "limit": limit,
            "at": at,
        },
    )
    return [InstrumentView(**row) for row in rows.mappings()]
