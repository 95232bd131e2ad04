"""Refunds that we did not make: the merchant's staff gave money back at the gateway's own console.

They are recorded beside ours and count in every sum of a payment's refunds. One that gives back the
whole of what paid a seat ends the order: before the group's end its member has left, without a
subsidy; after forming the order is refunded. One that gives back a part leaves the rest to us.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.orm import Session

from domain import work
from domain.ledger import posting
from domain.ledger.posting import ORDER_DEPOSITS, REFUNDS_ELSEWHERE, SALES, Posting
from domain.payments.findings import Finding, FindingKind, record_finding
from domain.public_ids import new_public_id
from domain.settlement.applying_refunds import finish_order, move_refund, refit_refunds
from domain.settlement.leaving import leave_group
from domain.settlement.locking import Key, LockedGroup, LockedOrder, lock_groups, lock_orders
from domain.settlement.moving import count_seats, move_orders, move_orders_and_seats
from domain.settlement.refunding import WORK, WantedRefund, cover_elsewhere, request_refunds
from domain.settlement.spending import give_back_means
from domain.states import (
    LIVE_ORDER_STATES,
    OrderState,
    PaymentState,
    RefundState,
    SeatState,
)

PURPOSE = "elsewhere"
PRESUMED = "presumed:"
"""Begins the name of a refund that a trade's state tells of, while its number is not known."""
FIRST_QUERY = timedelta(seconds=30)

_FIND = text(
    """
    SELECT p.id, p.order_id, p.state, p.outcome, p.received_fen, o.group_id
    FROM payments p JOIN orders o ON o.merchant_id = p.merchant_id AND o.id = p.order_id
    WHERE p.merchant_id = :merchant_id AND p.gateway_account_id = :account_id
        AND p.public_id = :payment_no
    """
)
_REFUNDS = text(
    """
    SELECT id, state, amount_fen, elsewhere_no FROM refunds
    WHERE merchant_id = :merchant_id AND payment_id = :payment_id AND state <> 'closed'
    ORDER BY id FOR NO KEY UPDATE
    """
)
_INSERT = text(
    """
    INSERT INTO refunds (merchant_id, public_id, payment_id, order_id, purpose, state, amount_fen,
        requested_at, accepted_at, moved_at, moved_by, elsewhere_no)
    VALUES (:merchant_id, :public_id, :payment_id, :order_id, :purpose, 'accepted', :amount, :at,
        :at, :at, :actor, :number)
    RETURNING id
    """
)
_IN_FLIGHT = (
    RefundState.REQUESTED,
    RefundState.SENDING,
    RefundState.UNKNOWN,
    RefundState.NEEDS_FUNDS,
    RefundState.REJECTED,
)
"""States of our own refunds that no gateway has accepted, as far as we know."""


_UNDER_WAY = (RefundState.SENDING, RefundState.UNKNOWN)


class Recorded(StrEnum):
    """What became of what was told of a refund."""

    RECORDED = "recorded"
    REPEATED = "repeated"
    UNKNOWN_PAYMENT = "unknown_payment"
    UNPAID = "unpaid"
    BUSY = "busy"
    CONTRADICTORY = "contradictory"


@dataclass(frozen=True, slots=True)
class RefundElsewhere:
    """What a gateway tells of a refund that is none of ours.

    `amount_fen` is this one's, or `sum_fen` all refunds' of the trade so far. `has_arrived`: the
    payer has it.
    """

    account: Key
    number: str
    payment_no: str
    amount_fen: int | None
    sum_fen: int | None
    has_arrived: bool
    heard_by: str


def record_elsewhere(  # noqa: PLR0911 - one outcome per return
    session: Session, told: RefundElsewhere, *, at: datetime
) -> Recorded:
    """Record a refund that we did not make, and what follows from it; may be repeated.

    Locks the group, the order, the payment's refunds. `UNPAID`: we do not know yet that its payment
    succeeded. `BUSY`: only a sum is told, while refunds of ours are under way. `CONTRADICTORY`: it
    cannot be beside what the gateway has told before.
    """
    payment = find_payment(session, told.account, told.payment_no)
    if payment is None:
        return Recorded.UNKNOWN_PAYMENT
    if payment.state != PaymentState.SUCCEEDED:
        return Recorded.UNPAID
    key = (told.account[0], payment.id)
    groups = {}
    if payment.group_id is not None:
        groups = lock_groups(session, [(key[0], payment.group_id)])
    [order] = lock_orders(session, [(key[0], payment.order_id)])
    rows = session.execute(_REFUNDS, {"merchant_id": key[0], "payment_id": key[1]}).all()
    if any(row.elsewhere_no == told.number for row in rows):
        return Recorded.REPEATED
    if told.amount_fen is None and any(row.state in _UNDER_WAY for row in rows):
        return Recorded.BUSY
    known = sum(row.amount_fen for row in rows if _is_known(row))
    amount_fen = (told.sum_fen or 0) - known if told.amount_fen is None else told.amount_fen
    if told.amount_fen is None and amount_fen <= 0:
        return Recorded.REPEATED
    if amount_fen <= 0 or known + amount_fen > payment.received_fen:
        _keep(session, told, FindingKind.REFUND_DIFFERS, known, amount_fen, at=at)
        return Recorded.CONTRADICTORY
    _keep(session, told, FindingKind.REFUNDED_ELSEWHERE, known, amount_fen, at=at)
    actor = f"gateway:{told.heard_by}"
    _drop_presumed(session, key[0], rows, at=at, actor=actor)
    refund_id = insert_elsewhere(
        session, key, order.id, told.number, amount_fen, at=at, actor=actor
    )
    is_whole = known + amount_fen == payment.received_fen
    _follow(session, payment, order, groups, is_whole=is_whole, at=at, actor=actor)
    if told.has_arrived:
        move_refund(session, (key[0], refund_id), order.id, RefundState.ARRIVED, at=at, actor=actor)
    return Recorded.RECORDED


def _is_known(row: Row[Any]) -> bool:
    """Say whether a refund counts as one that the gateway has: all but ours on their way."""
    if row.elsewhere_no is None:
        return row.state not in _IN_FLIGHT
    return not row.elsewhere_no.startswith(PRESUMED)


def _follow(
    session: Session,
    payment: Row[Any],
    order: LockedOrder,
    groups: dict[Key, LockedGroup],
    *,
    is_whole: bool,
    at: datetime,
    actor: str,
) -> None:
    """Draw the consequences of a refund made elsewhere for its locked order and our refunds."""
    key = (order.merchant_id, payment.id)
    if payment.outcome == "seated" and order.state in LIVE_ORDER_STATES:
        if is_whole:
            [order] = lock_orders(session, [order.key])
            _end_order(session, order, groups, at=at, actor=actor)
        return
    posting.post(session, cover_elsewhere(session, [key]), at=at)
    refit_refunds(session, key, at=at, actor=actor)
    rows = session.execute(_REFUNDS, {"merchant_id": key[0], "payment_id": key[1]}).all()
    left = payment.received_fen - sum(row.amount_fen for row in rows)
    if left > 0:
        wanted = WantedRefund(*key, order.id, left, payment.outcome)
        posting.post(session, request_refunds(session, [wanted], at=at, actor=actor), at=at)


_CLOSE_PRESUMED = text(
    """
    UPDATE refunds SET state = 'closed', moved_at = :at, moved_by = :actor
    WHERE merchant_id = :merchant_id AND id = :id
    """
)


def _drop_presumed(
    session: Session, merchant_id: int, rows: Sequence[Row[Any]], *, at: datetime, actor: str
) -> None:
    """Close what was presumed of a refund, now that it is told with its number."""
    for row in rows:
        if not (row.elsewhere_no or "").startswith(PRESUMED):
            continue
        session.execute(
            _CLOSE_PRESUMED, {"merchant_id": merchant_id, "id": row.id, "at": at, "actor": actor}
        )
        uncovered = Posting(
            merchant_id,
            "refund.uncovered",
            row.id,
            REFUNDS_ELSEWHERE,
            ORDER_DEPOSITS,
            row.amount_fen,
        )
        posting.post(session, [uncovered], at=at)


def presume_elsewhere(
    session: Session,
    account: Key,
    payment_id: int,
    order_id: int,
    *,
    payment_no: str,
    amount_fen: int,
    heard_by: str,
    at: datetime,
) -> None:
    """Record that a payment went back before we heard of it: the whole, until its number is known.

    The payment was just received, and takes no seat.
    """
    number = f"{PRESUMED}{payment_no}"
    payment, actor = (account[0], payment_id), f"gateway:{heard_by}"
    insert_elsewhere(session, payment, order_id, number, amount_fen, at=at, actor=actor)
    posting.post(session, cover_elsewhere(session, [payment]), at=at)
    finding = Finding(
        account,
        FindingKind.REFUNDED_ELSEWHERE,
        payment_no,
        heard_by,
        {"amount_fen": {"ours": 0, "theirs": amount_fen}},
    )
    record_finding(session, finding, at=at)


def find_payment(session: Session, account: Key, payment_no: str) -> Row[Any] | None:
    """Return a payment of ours by its number at a gateway account."""
    found: Row[Any] | None = session.execute(
        _FIND,
        {"merchant_id": account[0], "account_id": account[1], "payment_no": payment_no},
    ).first()
    return found


def insert_elsewhere(
    session: Session,
    payment: Key,
    order_id: int,
    number: str,
    amount_fen: int,
    *,
    at: datetime,
    actor: str,
) -> int:
    """Insert a refund made elsewhere; it is asked after, if it has a number to ask by."""
    refund_id: int = session.execute(
        _INSERT,
        {
            "merchant_id": payment[0],
            "public_id": new_public_id(),
            "payment_id": payment[1],
            "order_id": order_id,
            "purpose": PURPOSE,
            "amount": amount_fen,
            "at": at,
            "actor": actor,
            "number": number,
        },
    ).scalar_one()
    if not number.startswith(PRESUMED):
        work.put(session, WORK, [(payment[0], refund_id)], due_at=at + FIRST_QUERY)
    return refund_id


def _keep(
    session: Session,
    told: RefundElsewhere,
    kind: FindingKind,
    known_fen: int,
    amount_fen: int,
    *,
    at: datetime,
) -> None:
    fields = {
        "amount_fen": {"ours": known_fen, "theirs": amount_fen},
        "payment_no": {"ours": told.payment_no, "theirs": told.payment_no},
    }
    record_finding(session, Finding(told.account, kind, told.number, told.heard_by, fields), at=at)


def _end_order(
    session: Session,
    order: LockedOrder,
    groups: dict[Key, LockedGroup],
    *,
    at: datetime,
    actor: str,
) -> None:
    """End a live order whose payment went back whole: its member has left, or it is refunded."""
    if order.state == OrderState.PAID and order.group_id is not None:
        leave_group(session, groups[order.group_key], order, at=at, actor=actor)
    else:
        _return_sale(session, order, at=at, actor=actor)
    finish_order(session, order.key, OrderState.REFUNDING, at=at)


def _return_sale(session: Session, order: LockedOrder, *, at: datetime, actor: str) -> None:
    """Take back the sale of an order after forming; its other means go back, too."""
    if order.state == OrderState.FULFILLED:
        move_orders(session, [order.key], OrderState.AFTERSALE, at=at, actor=actor)
    seat = None if order.group_id is None else SeatState.RELEASED
    move_orders_and_seats(session, [order.key], OrderState.REFUNDING, seat, at=at, actor=actor)
    if order.group_id is not None:
        count_seats(session, {order.group_key: (-1, 0, 0)})
    returned = Posting(
        order.merchant_id, "order.returned", order.id, SALES, ORDER_DEPOSITS, order.price_fen
    )
    postings = [returned, *give_back_means(session, [order], at=at, actor=actor, has_failed=True)]
    if order.payment_id is not None:
        postings += cover_elsewhere(session, [(order.merchant_id, order.payment_id)])
    posting.post(session, postings, at=at)
