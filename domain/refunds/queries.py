"""Reads of refunds, by the merchant's staff."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import RowMapping, text
from sqlalchemy.orm import Session

from domain.clock import iso
from domain.refunds.errors import RefundNotFound
from domain.states import RefundState


@dataclass(frozen=True, slots=True)
class RefundLine:
    """A refund as staff see it; `error_code` is what the gateway refused it with, if it did."""

    row_id: int
    order_row_id: int
    id: str
    order_id: str
    group_id: str | None
    shopper: dict[str, Any]
    purpose: str
    state: str
    amount_fen: int
    error_code: str | None
    requested_at: datetime
    accepted_at: datetime | None
    arrived_at: datetime | None

    def to_json(self) -> dict[str, Any]:
        """Write the refund as REST answers it."""
        return {
            "id": self.id,
            "order_id": self.order_id,
            "group_id": self.group_id,
            "shopper": self.shopper,
            "purpose": self.purpose,
            "state": self.state,
            "amount_fen": self.amount_fen,
            "error_code": self.error_code,
            "requested_at": iso(self.requested_at),
            "accepted_at": iso(self.accepted_at),
            "arrived_at": iso(self.arrived_at),
        }


_LINES = """
    SELECT r.id AS row_id, r.order_id AS order_row_id, r.public_id AS id, o.public_id AS order_id,
        g.public_id AS group_id, s.public_id AS shopper_id, s.nickname, r.purpose, r.state,
        r.amount_fen, r.error_code, r.requested_at, r.accepted_at, r.arrived_at
    FROM refunds r
    JOIN orders o ON o.merchant_id = r.merchant_id AND o.id = r.order_id
    JOIN shoppers s ON s.merchant_id = o.merchant_id AND s.id = o.shopper_id
    LEFT JOIN groups g ON g.merchant_id = o.merchant_id AND g.id = o.group_id
    WHERE r.merchant_id = :merchant_id
"""
_BELOW = " AND r.id < :below_id"
_OF_STATE = " AND r.state = :state"
_ORDER = " ORDER BY r.id DESC LIMIT :limit"
_PAGES = {
    (has_state, has_below): text(
        _LINES + (_OF_STATE if has_state else "") + (_BELOW if has_below else "") + _ORDER
    )
    for has_state in (False, True)
    for has_below in (False, True)
}
_ONE = text(_LINES + " AND r.public_id = :public_id")


def list_refunds(
    session: Session,
    merchant_id: int,
    *,
    state: RefundState | None,
    below_id: int | None,
    limit: int,
) -> list[RefundLine]:
    """List a merchant's refunds in one state or in all, newest first, below an inner id."""
    rows = session.execute(
        _PAGES[state is not None, below_id is not None],
        {
            "merchant_id": merchant_id,
            "state": None if state is None else state.value,
            "below_id": below_id,
            "limit": limit,
        },
    )
    return [_line(row) for row in rows.mappings()]


def find_refund(session: Session, merchant_id: int, public_id: str) -> RefundLine:
    """Return a merchant's refund. Raises RefundNotFound."""
    row = (
        session.execute(_ONE, {"merchant_id": merchant_id, "public_id": public_id})
        .mappings()
        .one_or_none()
    )
    if row is None:
        raise RefundNotFound
    return _line(row)


def _line(row: RowMapping) -> RefundLine:
    values = dict(row)
    shopper = {"id": values.pop("shopper_id"), "nickname": values.pop("nickname")}
    return RefundLine(shopper=shopper, **values)
