"""A shopper's group orders, with how their groups stand: running, formed, failed."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import RowMapping, text
from sqlalchemy.orm import Session

Key = tuple[int, int]


class MembershipStatus(StrEnum):
    """How a membership stands, as a shopper would say it."""

    RUNNING = "running"
    FORMED = "formed"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Membership:
    """A group order of a shopper; `status` is None where the shopper got out before the end."""

    row_id: int
    order_id: str
    order_state: str
    seat_state: str
    status: str | None
    group_id: str
    group_state: str
    campaign_id: str
    campaign_title: str
    size: int
    taken: int
    deadline_at: datetime | None
    ended_at: datetime | None
    is_leader: bool
    price_fen: int
    quote_fen: int
    quote_least_fen: int
    placed_at: datetime
    paid_at: datetime | None
    refund: dict[str, Any] | None
    subsidy: dict[str, Any] | None


_STATUS = """CASE
    WHEN g.state IN ('formed', 'formed_short') AND (
        o.seat_state = 'taken' OR EXISTS (
            SELECT 1 FROM ledger_transactions t
            WHERE t.merchant_id = o.merchant_id AND t.kind = 'order.sold' AND t.ref_id = o.id)
    ) THEN 'formed'
    WHEN s.id IS NOT NULL THEN 'failed'
    WHEN o.state IN ('placed', 'paid') THEN 'running'
END"""
_SELECT = f"""
    SELECT * FROM (
        SELECT o.id AS row_id, o.public_id AS order_id, o.state AS order_state, o.seat_state,
            {_STATUS} AS status, g.public_id AS group_id, g.state AS group_state,
            c.public_id AS campaign_id, c.title AS campaign_title, g.size,
            coalesce(g.paid_seats, g.taken) AS taken, g.deadline_at, g.ended_at,
            coalesce(g.leader_id = o.shopper_id, g.state IN ('pending', 'abandoned')) AS is_leader,
            o.price_fen, o.quote_fen,
            coalesce(o.quote_least_fen, 0) AS quote_least_fen, o.placed_at, o.paid_at,
            r.state AS refund_state, r.amount_fen AS refund_fen,
            s.state AS subsidy_state, s.amount_fen AS subsidy_fen
        FROM orders o
        JOIN groups g ON g.merchant_id = o.merchant_id AND g.id = o.group_id
        JOIN campaigns c ON c.merchant_id = o.merchant_id AND c.id = o.campaign_id
        LEFT JOIN LATERAL (
            SELECT * FROM refunds r
            WHERE r.merchant_id = o.merchant_id AND r.order_id = o.id
            ORDER BY (r.state = 'closed'), r.id DESC LIMIT 1
        ) r ON true
        LEFT JOIN grants s ON s.merchant_id = o.merchant_id AND s.order_id = o.id
        WHERE o.merchant_id = :merchant_id AND o.shopper_id = :shopper_id
            AND (CAST(:below_id AS bigint) IS NULL OR o.id < :below_id)
    ) mine
    WHERE (CAST(:status AS text) IS NULL OR status = :status)
    ORDER BY row_id DESC
    LIMIT :limit
"""  # noqa: S608 - constants only
_PAGE = text(_SELECT)


def list_memberships(
    session: Session,
    shopper: Key,
    *,
    status: MembershipStatus | None,
    below_id: int | None,
    limit: int,
) -> list[Membership]:
    """List a shopper's group orders in one status or in all, newest first, below an inner id.

    Failed is every group that ended with a subsidy decision for this order, whatever the decision.
    """
    rows = session.execute(
        _PAGE,
        {
            "merchant_id": shopper[0],
            "shopper_id": shopper[1],
            "status": None if status is None else status.value,
            "below_id": below_id,
            "limit": limit,
        },
    ).mappings()
    return [_membership(row) for row in rows]


def _membership(row: RowMapping) -> Membership:
    values = dict(row)
    refund = _part(values.pop("refund_state"), values.pop("refund_fen"))
    subsidy = _part(values.pop("subsidy_state"), values.pop("subsidy_fen"))
    return Membership(**values, refund=refund, subsidy=subsidy)


def _part(state: str | None, amount_fen: int | None) -> dict[str, Any] | None:
    return None if state is None else {"state": state, "amount_fen": amount_fen}
