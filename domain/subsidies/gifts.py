"""Reads of gifts, as staff see them."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session


@dataclass(frozen=True, slots=True)
class GiftLine:
    """A gift of staff to a shopper."""

    row_id: int
    id: str
    shopper: dict[str, Any]
    kind: str
    amount_fen: int
    clawed_back_fen: int
    reason: str
    issued_at: datetime


_PAGE = text(
    """
    SELECT g.id AS row_id, g.public_id AS id, s.public_id AS shopper_id, s.nickname, g.kind,
        g.amount_fen, g.clawed_back_fen, g.reason, g.issued_at
    FROM gifts g JOIN shoppers s ON s.merchant_id = g.merchant_id AND s.id = g.shopper_id
    WHERE g.merchant_id = :merchant_id
        AND (CAST(:below_id AS bigint) IS NULL OR g.id < :below_id)
    ORDER BY g.id DESC
    LIMIT :limit
    """
)


def list_gifts(
    session: Session, merchant_id: int, *, below_id: int | None, limit: int
) -> list[GiftLine]:
    """List a merchant's gifts, newest first, below an inner id."""
    rows = session.execute(
        _PAGE, {"merchant_id": merchant_id, "below_id": below_id, "limit": limit}
    )
    return [
        GiftLine(
            row.row_id,
            row.id,
            {"id": row.shopper_id, "nickname": row.nickname},
            row.kind,
            row.amount_fen,
            row.clawed_back_fen,
            row.reason,
            row.issued_at,
        )
        for row in rows
    ]
