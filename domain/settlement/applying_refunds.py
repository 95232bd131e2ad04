"""Applying what a gateway says of a refund: accepted, arrived, abnormal, closed, or rejected.

A rejected one waits for a person, its work parked; it may be repeated under the same number.
"""

import logging
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.orm import Session

from domain import outbox, work
from domain.arrays import array
from domain.gateways.protocol import GatewayRefund, RefundStatus
from domain.ledger import posting
from domain.ledger.posting import (
    GATEWAY,
    ORDER_DEPOSITS,
    REFUNDS_ELSEWHERE,
    REFUNDS_PAYABLE,
    SETTLED_OFFLINE,
    Posting,
)
from domain.payments.findings import Finding, FindingKind, record_finding
from domain.refunds.errors import RefundNotRejected
from domain.refunds.rules import compare_told
from domain.settlement.locking import Key, columns
from domain.settlement.moving import move_orders
from domain.settlement.refunding import (
    WORK,
    WantedRefund,
    cover_elsewhere,
    replace_closed,
    request_refunds,
)
from domain.states import REFUND, OrderState, RefundState

logger = logging.getLogger(__name__)

TOLD_STATES = {
    RefundStatus.NOT_FOUND: RefundState.UNKNOWN,
    RefundStatus.PROCESSING: RefundState.ACCEPTED,
    RefundStatus.SUCCESS: RefundState.ARRIVED,
    RefundStatus.CLOSED: RefundState.CLOSED,
    RefundStatus.ABNORMAL: RefundState.ABNORMAL,
}
BAD_ENDS = (RefundState.REJECTED, RefundState.ABNORMAL, RefundState.CLOSED)

_FIND = text(
    """
    SELECT r.id, r.order_id FROM refunds r
    JOIN payments p ON p.merchant_id = r.merchant_id AND p.id = r.payment_id
    WHERE r.merchant_id = :merchant_id AND (r.public_id = :no OR r.elsewhere_no = :no)
        AND p.gateway_account_id = :account_id
    """
)
_LOCK_ORDER = text(
    "SELECT state FROM orders WHERE merchant_id = :merchant_id AND id = :id FOR NO KEY UPDATE"
)
_LOCK = text(
    """
    SELECT r.id, r.payment_id, r.purpose, r.state, r.amount_fen, p.gateway_account_id,
        p.public_id AS payment_no, p.transaction_no, p.received_fen, r.elsewhere_no, r.is_covered
    FROM refunds r JOIN payments p ON p.merchant_id = r.merchant_id AND p.id = r.payment_id
    WHERE r.merchant_id = :merchant_id AND r.id = :id FOR NO KEY UPDATE OF r
    """
)
_MOVE = text(
    """
    UPDATE refunds SET state = :state, moved_at = :at, moved_by = :actor, error_code = :error,
        accepted_at = CASE :state WHEN 'accepted' THEN coalesce(accepted_at, :at)
            WHEN 'arrived' THEN least(accepted_at, :at) ELSE accepted_at END,
        arrived_at = CASE WHEN :state = 'arrived' THEN CAST(:at AS timestamptz) END
    WHERE merchant_id = :merchant_id AND id = :id
    """
)
_UNARRIVED = text(
    """
    SELECT count(*) FROM refunds
    WHERE merchant_id = :merchant_id AND order_id = :id
        AND state NOT IN ('arrived', 'closed', 'settled_offline')
    """
)


def find_refund(session: Session, account: Key, refund_no: str) -> tuple[int, int] | None:
    """Return (refund id, order id) of a gateway account's refund number, if it is ours."""
    row = session.execute(
        _FIND, {"merchant_id": account[0], "account_id": account[1], "no": refund_no}
    ).first()
    return None if row is None else (row.id, row.order_id)


def hear_refund(
    session: Session, account: Key, told: GatewayRefund, *, at: datetime, actor: str
) -> RefundState | None:
    """Apply what a gateway says of a refund of ours; returns its state then, None if not ours.

    Where it says something else than was asked for, nothing moves: what it said is kept. A rejected
    one that it knows after all is asked for again, under its number. Locks the order, the refund.
    """
    found = find_refund(session, account, told.out_refund_no)
    if found is None:
        return None
    key, order_id = (account[0], found[0]), found[1]
    _, row = _lock(session, key, order_id)
    differing = compare_told(
        told,
        amount_fen=row.amount_fen,
        payment_no=row.payment_no,
        transaction_no=row.transaction_no,
        received_fen=row.received_fen,
    )
    if differing:
        finding = Finding(account, FindingKind.REFUND_DIFFERS, told.out_refund_no, actor, differing)
        record_finding(session, finding, at=at)
        return RefundState(row.state)
    state = move_refund(session, key, order_id, TOLD_STATES[told.status], at=at, actor=actor)
    if state is RefundState.REJECTED and told.status is not RefundStatus.NOT_FOUND:
        logger.error("gateway knows a rejected refund", extra={"refund_id": row.id})
        repeat_refund(session, key, order_id, at=at, actor=actor)
    return state


def move_refund(
    session: Session,
    refund: Key,
    order_id: int,
    to: RefundState,
    *,
    at: datetime,
    actor: str,
    error: str | None = None,
) -> RefundState:
    """Move a refund to what the gateway says, unless that is no news; returns its state then.

    Locks the order, then the refund. An arrival posts the money out, and finishes the order when it
    was the last part; a callback may have been heard before the answer that accepted it, and is the
    acceptance then. One that the gateway closed is requested anew. Answers that come late or
    twice are no news; nothing goes back.
    """
    merchant_id = refund[0]
    order_state, row = _lock(session, refund, order_id)
    if row.state == to or not REFUND.allows(row.state, to):
        return RefundState(row.state)
    _move(session, refund, to, at=at, actor=actor, error=error)
    if to in BAD_ENDS:
        extra = {"merchant_id": merchant_id, "refund_id": row.id, "state": to.value, "why": error}
        logger.error("refund went wrong", extra=extra)
    if to is RefundState.CLOSED and row.elsewhere_no is not None:
        _reopen_elsewhere(session, merchant_id, row, order_id, at=at, actor=actor)
    elif to is RefundState.CLOSED:
        wanted = WantedRefund(merchant_id, row.payment_id, order_id, row.amount_fen, row.purpose)
        posting.post(session, replace_closed(session, row.id, wanted, at=at, actor=actor), at=at)
    if to is RefundState.ARRIVED:
        _arrive(
            session,
            merchant_id,
            row.id,
            amount_fen=row.amount_fen,
            account_id=row.gateway_account_id,
            is_elsewhere=row.elsewhere_no is not None,
            at=at,
        )
        finish_order(session, (merchant_id, order_id), order_state, at=at)
    if to is RefundState.REJECTED and refit_refunds(
        session, (merchant_id, row.payment_id), at=at, actor=actor
    ):
        return RefundState.CLOSED
    return to


_OF_PAYMENT = text(
    """
    SELECT r.id, r.order_id, r.purpose, r.state, r.amount_fen, r.elsewhere_no, p.received_fen
    FROM refunds r JOIN payments p ON p.merchant_id = r.merchant_id AND p.id = r.payment_id
    WHERE r.merchant_id = :merchant_id AND r.payment_id = :payment_id AND r.state <> 'closed'
    ORDER BY r.id FOR NO KEY UPDATE OF r
    """
)
_UNSENT = (RefundState.REQUESTED, RefundState.REJECTED)


def refit_refunds(session: Session, payment: Key, *, at: datetime, actor: str) -> bool:
    """Replace a refund that was not accepted, and asks for more than is left, by one of what is.

    Says whether there was such a one. Its order is locked; locks the payment's refunds.
    """
    rows = session.execute(_OF_PAYMENT, {"merchant_id": payment[0], "payment_id": payment[1]}).all()
    unsent = [r for r in rows if r.elsewhere_no is None and r.state in _UNSENT]
    if not unsent or not any(row.elsewhere_no is not None for row in rows):
        return False
    ours = unsent[0]
    left = max(0, ours.received_fen - sum(r.amount_fen for r in rows if r.id != ours.id))
    if ours.amount_fen <= left:
        return False
    refund = (payment[0], ours.id)
    _move(session, refund, RefundState.CLOSED, at=at, actor=actor, error="refunded_elsewhere")
    work.unpark(session, WORK, [refund], due_at=at)
    postings = [_taken_back(payment[0], ours.id, ours.amount_fen)]
    if left > 0:
        wanted = WantedRefund(payment[0], payment[1], ours.order_id, left, ours.purpose)
        postings += request_refunds(session, [wanted], at=at, actor=actor)
    else:
        postings += cover_elsewhere(session, [payment])
    posting.post(session, postings, at=at)
    if left == 0:
        state = session.execute(
            _LOCK_ORDER, {"merchant_id": payment[0], "id": ours.order_id}
        ).scalar_one()
        finish_order(session, (payment[0], ours.order_id), state, at=at)
    return True


def _taken_back(merchant_id: int, refund_id: int, amount_fen: int) -> Posting:
    return Posting(
        merchant_id, "refund.closed", refund_id, REFUNDS_PAYABLE, ORDER_DEPOSITS, amount_fen
    )


def _reopen_elsewhere(
    session: Session, merchant_id: int, row: Row[Any], order_id: int, *, at: datetime, actor: str
) -> None:
    """Request what a refund made elsewhere did not bring after all, if the money is to go back."""
    if not row.is_covered:
        return
    uncovered = Posting(
        merchant_id,
        "refund.uncovered",
        row.id,
        REFUNDS_ELSEWHERE,
        ORDER_DEPOSITS,
        row.amount_fen,
    )
    wanted = WantedRefund(
        merchant_id, row.payment_id, order_id, row.amount_fen, f"instead_{row.id}"
    )
    posting.post(
        session, [uncovered, *request_refunds(session, [wanted], at=at, actor=actor)], at=at
    )


_ORDERS = """
    SELECT o.merchant_id, o.id FROM orders o
    JOIN unnest(CAST(:merchants AS bigint[]), CAST(:ids AS bigint[])) AS t (m, i)
        ON o.merchant_id = t.m AND o.id = t.i
    ORDER BY o.merchant_id, o.id
    FOR NO KEY UPDATE OF o
"""
_LOCK_ORDERS = text(_ORDERS)
_LOCK_FREE_ORDERS = text(_ORDERS + " SKIP LOCKED")
_MOVE_ALL = text(
    """
    WITH locked AS (
        SELECT r.merchant_id, r.id FROM refunds r
        JOIN unnest(CAST(:merchants AS bigint[]), CAST(:ids AS bigint[])) AS t (m, i)
            ON r.merchant_id = t.m AND r.id = t.i
        WHERE r.state = ANY(CAST(:origins AS text[]))
        ORDER BY r.merchant_id, r.id
        FOR NO KEY UPDATE OF r
    )
    UPDATE refunds r SET state = CAST(:state AS text), moved_at = :at, moved_by = :actor,
        error_code = NULL, accepted_at = CASE WHEN CAST(:state AS text) = 'accepted'
            THEN coalesce(r.accepted_at, :at) ELSE r.accepted_at END
    FROM locked l WHERE r.merchant_id = l.merchant_id AND r.id = l.id
    RETURNING r.merchant_id, r.id
    """
)
_PLAIN_MOVES = {
    RefundState.SENDING: (RefundState.REQUESTED, RefundState.NEEDS_FUNDS, RefundState.UNKNOWN),
    RefundState.ACCEPTED: (RefundState.SENDING,),
    RefundState.REQUESTED: (RefundState.SENDING,),
}
"""Moves that change nothing but the refund, from where: `move_refund` is for all others."""


def lock_free_orders(session: Session, orders: Iterable[Key]) -> set[Key]:
    """Lock those of the orders that nobody holds now: no refund of theirs is moved meanwhile."""
    rows = session.execute(_LOCK_FREE_ORDERS, columns(sorted(set(orders))))
    return {(row.merchant_id, row.id) for row in rows}


def move_refunds(
    session: Session, refunds: Mapping[Key, int], to: RefundState, *, at: datetime, actor: str
) -> set[Key]:
    """Move refunds (with their orders' ids) to sending, accepted, or from sending to requested.

    Locks the orders, then the refunds, by id. Returns those that were moved: the others are in a
    state that they do not leave like this.
    """
    if not refunds:
        return set()
    orders = {(merchant_id, order_id) for (merchant_id, _), order_id in refunds.items()}
    session.execute(_LOCK_ORDERS, columns(sorted(orders)))
    rows = session.execute(
        _MOVE_ALL,
        {
            **columns(sorted(refunds)),
            "origins": array(state.value for state in _PLAIN_MOVES[to]),
            "state": to.value,
            "at": at,
            "actor": actor,
        },
    )
    return {(row.merchant_id, row.id) for row in rows}


def repeat_refund(
    session: Session, refund: Key, order_id: int, *, at: datetime, actor: str
) -> None:
    """Request a rejected refund again, under the same number; its parked work is due again.

    Locks the order, then the refund. Raises RefundNotRejected.
    """
    _, row = _lock(session, refund, order_id)
    if row.state != RefundState.REJECTED:
        raise RefundNotRejected(state=row.state)
    _move(session, refund, RefundState.REQUESTED, at=at, actor=actor, error=None)
    work.unpark(session, WORK, [refund], due_at=at)


def _lock(session: Session, refund: Key, order_id: int) -> tuple[str, Row[Any]]:
    """Lock an order, then its refund; returns the order's state and the refund."""
    order_state: str = session.execute(
        _LOCK_ORDER, {"merchant_id": refund[0], "id": order_id}
    ).scalar_one()
    row = session.execute(_LOCK, {"merchant_id": refund[0], "id": refund[1]}).one()
    return order_state, row


def _move(
    session: Session, refund: Key, to: RefundState, *, at: datetime, actor: str, error: str | None
) -> None:
    session.execute(
        _MOVE,
        {
            "merchant_id": refund[0],
            "id": refund[1],
            "state": to.value,
            "at": at,
            "actor": actor,
            "error": error,
        },
    )


def _arrive(
    session: Session,
    merchant_id: int,
    refund_id: int,
    *,
    amount_fen: int,
    account_id: int,
    is_elsewhere: bool,
    at: datetime,
) -> None:
    posting.post(
        session,
        [
            Posting(
                merchant_id,
                "refund.elsewhere" if is_elsewhere else "refund.arrived",
                refund_id,
                REFUNDS_ELSEWHERE if is_elsewhere else REFUNDS_PAYABLE,
                GATEWAY,
                amount_fen,
                destination_owner_id=account_id,
            )
        ],
        at=at,
    )


def settle_offline(
    session: Session, refund: Key, order_id: int, *, at: datetime, actor: str
) -> None:
    """Record that the merchant paid a rejected refund outside the gateway; the order may be over.

    Locks the order, then the refund. Raises RefundNotRejected.
    """
    order_state, row = _lock(session, refund, order_id)
    if row.state != RefundState.REJECTED:
        raise RefundNotRejected(state=row.state)
    _move(session, refund, RefundState.SETTLED_OFFLINE, at=at, actor=actor, error=None)
    work.unpark(session, WORK, [refund], due_at=at)
    paid = Posting(
        refund[0],
        "refund.settled_offline",
        refund[1],
        REFUNDS_PAYABLE,
        SETTLED_OFFLINE,
        row.amount_fen,
    )
    posting.post(session, [paid], at=at)
    finish_order(session, (refund[0], order_id), order_state, at=at)


def finish_order(session: Session, order: Key, state: str, *, at: datetime) -> None:
    """Move a refunding order to refunded once every part has arrived."""
    if state != OrderState.REFUNDING:
        return
    left = session.execute(_UNARRIVED, {"merchant_id": order[0], "id": order[1]}).scalar_one()
    if left == 0:
        move_orders(session, [order], OrderState.REFUNDED, at=at, actor="settlement:refund")
        outbox.emit(session, [outbox.NewFact(order[0], "order.refunded", order[1])], at=at)
