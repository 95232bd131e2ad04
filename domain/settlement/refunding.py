"""Requesting refunds: what a gateway received goes back, each payment once."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Session
from sqlalchemy.sql import bindparam

from domain import work
from domain.ledger.posting import (
    ORDER_DEPOSITS,
    REFUNDS_ELSEWHERE,
    REFUNDS_PAYABLE,
    Posting,
)
from domain.public_ids import new_public_id
from domain.settlement.locking import Key, LockedOrder, columns

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
    covered = cover_elsewhere(session, [(w.merchant_id, w.payment_id) for w in wanted])
    return covered + [
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


_COVER = text(
    """
    UPDATE refunds r SET is_covered = true
    FROM unnest(CAST(:merchants AS bigint[]), CAST(:ids AS bigint[])) AS t (m, i)
    WHERE r.merchant_id = t.m AND r.payment_id = t.i AND r.elsewhere_no IS NOT NULL
        AND r.state <> 'closed' AND NOT r.is_covered
    RETURNING r.merchant_id, r.id, r.amount_fen
    """
)


def cover_elsewhere(session: Session, payments: Sequence[Key]) -> list[Posting]:
    """Let the deposits of locked payments that go back pay for what went back elsewhere, once.

    Returns the postings, which the caller posts.
    """
    return [
        Posting(
            row.merchant_id,
            "refund.covered",
            row.id,
            ORDER_DEPOSITS,
            REFUNDS_ELSEWHERE,
            row.amount_fen,
        )
        for row in session.execute(_COVER, columns(payments))
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
    """Return the refund of what is left of a paid order's gateway part, if anything is."""
    if order.payment_id is None or not order.left_fen:
        return None
    return WantedRefund(order.merchant_id, order.payment_id, order.id, order.left_fen, purpose)
