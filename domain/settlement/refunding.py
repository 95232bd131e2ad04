"""Requesting refunds: what a gateway received goes back, each payment once."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Session
from sqlalchemy.sql import bindparam

from domain import work
from domain.ledger.posting import ORDER_DEPOSITS, REFUNDS_PAYABLE, Posting
from domain.public_ids import new_public_id
from domain.settlement.locking import LockedOrder

WORK = "drive_refund"
LONGEST_PAUSE = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class WantedRefund:
    """A received payment that goes back: in full, for one purpose."""

    merchant_id: int
    payment_id: int
    order_id: int
    amount_fen: int
    purpose: str


_REQUEST = text(
    """
    INSERT INTO refunds (merchant_id, public_id, payment_id, order_id, purpose, state, amount_fen,
        requested_at, moved_at, moved_by)
    SELECT m, public_id, payment_id, order_id, purpose, 'requested', amount, :at, :at, :actor
    FROM jsonb_to_recordset(:wanted) AS t (
        m bigint, public_id text, payment_id bigint, order_id bigint, purpose text, amount bigint)
    RETURNING merchant_id, id, amount_fen
    """
).bindparams(bindparam("wanted", type_=JSONB))


def request_refunds(
    session: Session,
    wanted: Sequence[WantedRefund],
    *,
    at: datetime,
    actor: str,
    send_at: datetime | None = None,
) -> list[Posting]:
    """Write refund rows and the work to send them, at once unless told when.

    Returns the postings, which the caller posts.
    """
    if not wanted:
        return []
    made = session.execute(
        _REQUEST,
        {
            "at": at,
            "actor": actor,
            "wanted": [
                {
                    "m": w.merchant_id,
                    "public_id": new_public_id(),
                    "payment_id": w.payment_id,
                    "order_id": w.order_id,
                    "purpose": w.purpose,
                    "amount": w.amount_fen,
                }
                for w in wanted
            ],
        },
    ).all()
    work.put(session, WORK, [(row.merchant_id, row.id) for row in made], due_at=send_at or at)
    return [
        Posting(
            row.merchant_id,
            "refund.requested",
            row.id,
            ORDER_DEPOSITS,
            REFUNDS_PAYABLE,
            row.amount_fen,
        )
        for row in made
    ]


_TIMES_CLOSED = text(
    """
    SELECT count(*) FROM refunds
    WHERE merchant_id = :merchant_id AND payment_id = :payment_id AND purpose = :purpose
        AND state = 'closed'
    """
)


def replace_closed(
    session: Session, closed_id: int, wanted: WantedRefund, *, at: datetime, actor: str
) -> list[Posting]:
    """Request a refund that the gateway closed anew, under a new number.

    It is sent after a minute, the least WeChat Pay asks between refunds of one payment; the pause
    doubles up to an hour: a gateway that closes one may close the next. Returns the postings, which
    the caller posts.
    """
    times = session.execute(
        _TIMES_CLOSED,
        {
            "merchant_id": wanted.merchant_id,
            "payment_id": wanted.payment_id,
            "purpose": wanted.purpose,
        },
    ).scalar_one()
    pause = min(timedelta(minutes=2 ** min(times - 1, 6)), LONGEST_PAUSE)
    taken_back = Posting(
        wanted.merchant_id,
        "refund.closed",
        closed_id,
        REFUNDS_PAYABLE,
        ORDER_DEPOSITS,
        wanted.amount_fen,
    )
    return [
        taken_back,
        *request_refunds(session, [wanted], at=at, actor=actor, send_at=at + pause),
    ]


def refund_of(order: LockedOrder, purpose: str) -> WantedRefund | None:
    """Return the refund of a paid order's gateway part, if it has one."""
    if order.payment_id is None or order.received_fen is None:
        return None
    return WantedRefund(order.merchant_id, order.payment_id, order.id, order.received_fen, purpose)
