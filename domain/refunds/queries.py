"""Reads of refunds, by the merchant's staff."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import RowMapping, text
from sqlalchemy.orm import Session

from domain.clock import iso
from domain.config import settings
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
    elsewhere_no: str | None
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
            "elsewhere_no": self.elsewhere_no,
            "requested_at": iso(self.requested_at),
            "accepted_at": iso(self.accepted_at),
            "arrived_at": iso(self.arrived_at),
        }


_LINES = """
    SELECT r.id AS row_id, r.order_id AS order_row_id, r.public_id AS id, o.public_id AS order_id,
        g.public_id AS group_id, s.public_id AS shopper_id, s.nickname, r.purpose, r.state,
        r.amount_fen, r.error_code, r.elsewhere_no, r.requested_at, r.accepted_at, r.arrived_at
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


@dataclass(frozen=True, slots=True)
class RefundQueue:
    """The refunds that one gateway account has not accepted yet, and how fast they go.

    `expected_end_at` is null while the account is short of funds, and where nothing waits.
    """

    account_id: str
    gateway: str
    mch_no: str
    waiting: int
    amount_fen: int
    per_second: int
    short_since: datetime | None
    oldest_requested_at: datetime | None
    expected_end_at: datetime | None

    def to_json(self) -> dict[str, Any]:
        """Return the queue with its account apart, as REST answers it."""
        return {
            "account": {"id": self.account_id, "gateway": self.gateway, "mch_no": self.mch_no},
            "waiting": self.waiting,
            "amount_fen": self.amount_fen,
            "per_second": self.per_second,
            "short_since": self.short_since,
            "oldest_requested_at": self.oldest_requested_at,
            "expected_end_at": self.expected_end_at,
        }


_QUEUES = text(
    """
    WITH waiting AS (
        SELECT p.gateway_account_id, count(*) AS waiting, sum(r.amount_fen) AS amount_fen,
            min(r.requested_at) AS oldest_requested_at
        FROM work_rows w
        JOIN refunds r ON r.merchant_id = w.merchant_id AND r.id = w.subject_id
        JOIN payments p ON p.merchant_id = r.merchant_id AND p.id = r.payment_id
        WHERE w.merchant_id = :merchant_id AND w.kind = 'drive_refund'
            AND w.state IN ('due', 'leased')
            AND r.state IN ('requested', 'sending', 'needs_funds', 'unknown')
        GROUP BY p.gateway_account_id
    )
    SELECT a.public_id, a.gateway, a.mch_no, coalesce(w.waiting, 0) AS waiting,
        coalesce(w.amount_fen, 0) AS amount_fen, coalesce(q.per_second, :per_second) AS per_second,
        q.short_since, w.oldest_requested_at
    FROM gateway_accounts a
    JOIN gateway_quotas q ON q.merchant_id = a.merchant_id AND q.gateway_account_id = a.id
        AND q.operation = 'refund'
    LEFT JOIN waiting w ON w.gateway_account_id = a.id
    WHERE a.merchant_id = :merchant_id
    ORDER BY a.id
    """
)


def list_queues(session: Session, merchant_id: int, *, at: datetime) -> list[RefundQueue]:
    """List how many refunds wait at each gateway account of a merchant, and until when."""
    rows = session.execute(
        _QUEUES, {"merchant_id": merchant_id, "per_second": settings().refunds_per_second}
    )
    return [
        RefundQueue(
            account_id=row.public_id,
            gateway=row.gateway,
            mch_no=row.mch_no,
            waiting=row.waiting,
            amount_fen=int(row.amount_fen),
            per_second=row.per_second,
            short_since=row.short_since,
            oldest_requested_at=row.oldest_requested_at,
            expected_end_at=None
            if row.short_since is not None or not row.waiting
            else at + timedelta(seconds=row.waiting / row.per_second),
        )
        for row in rows
    ]


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
