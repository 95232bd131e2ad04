"""Applying a successful payment, whoever found it: callback, poller, close. Once.

Every successful payment ends as exactly one of {seat taken, refunded}.
"""

import logging
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.orm import Session

from domain import outbox
from domain.ledger import posting
from domain.ledger.posting import GATEWAY, ORDER_DEPOSITS, SALES, Posting
from domain.settlement.failing import settle_late_member
from domain.settlement.locking import Key, LockedGroup, LockedOrder
from domain.settlement.moving import move_orders
from domain.settlement.refunding import WantedRefund, request_refunds
from domain.settlement.releasing import close_payments, free_if_unpayable
from domain.settlement.taking import (
    lock_for_payment,
    mark_paid,
    may_take,
    opening_in_time,
    take_seat,
)
from domain.states import GroupState, OrderState, PaymentState, SeatState

logger = logging.getLogger(__name__)

ALARMING = ("wrong_amount", "closed_payment")
"""Outcomes that no shopper's lateness explains: a fault at the gateway, or ours."""


@dataclass(frozen=True, slots=True)
class SuccessfulPayment:
    """What a gateway says of one payment: number, its transaction, fen received, its success time.

    `is_confirmed` is true for an answer to our own query, false for a callback.
    """

    gateway_account: Key
    payment_no: str
    transaction_no: str
    amount_fen: int
    succeeded_at: datetime
    is_confirmed: bool
    source: str


class Applied(StrEnum):
    """What became of a payment."""

    SEATED = "seated"
    REFUNDED = "refunded"
    REPEATED = "repeated"
    UNCONFIRMED = "unconfirmed"
    UNKNOWN = "unknown"


_FIND = text(
    """
    SELECT p.id, p.order_id, p.state, o.group_id
    FROM payments p JOIN orders o ON o.merchant_id = p.merchant_id AND o.id = p.order_id
    WHERE p.merchant_id = :merchant_id AND p.gateway_account_id = :account_id AND p.public_id = :no
    """
)
_LOCK = text(
    """
    SELECT id, order_id, gateway_account_id, state, amount_fen FROM payments
    WHERE merchant_id = :merchant_id AND id = :id FOR NO KEY UPDATE
    """
)
_SUCCEED = text(
    """
    UPDATE payments SET state = 'succeeded', received_fen = :received,
        transaction_no = :transaction_no, succeeded_at = :succeeded_at, learned_at = :at,
        outcome = :outcome, moved_at = :at, moved_by = :actor
    WHERE merchant_id = :merchant_id AND id = :id
    """
)


def apply_payment(session: Session, paid: SuccessfulPayment, *, at: datetime) -> Applied:
    """Apply a successful payment: seat it, or request its refund in the same transaction.

    Locks the group first. May be repeated. An amount that differs is only acted on once our own
    query confirmed it: `UNCONFIRMED` asks for that. `UNKNOWN` means that the number is not ours.
    """
    merchant_id = paid.gateway_account[0]
    found = session.execute(
        _FIND,
        {
            "merchant_id": merchant_id,
            "account_id": paid.gateway_account[1],
            "no": paid.payment_no,
        },
    ).first()
    if found is None:
        return Applied.UNKNOWN
    if found.state == PaymentState.SUCCEEDED:
        return Applied.REPEATED
    group_key = None if found.group_id is None else (merchant_id, found.group_id)
    group, order = lock_for_payment(
        session, (merchant_id, found.order_id), group_key, paid_at=paid.succeeded_at
    )
    payment = session.execute(_LOCK, {"merchant_id": merchant_id, "id": found.id}).one()
    if payment.state == PaymentState.SUCCEEDED:
        return Applied.REPEATED
    if payment.amount_fen != paid.amount_fen and not paid.is_confirmed:
        logger.warning("payment amount differs", extra={"payment_id": payment.id})
        return Applied.UNCONFIRMED
    outcome, deadline_at = _judge(session, group, order, payment, paid)
    _receive(session, paid, payment, outcome, at=at)
    if outcome == "seated":
        _seat(session, group, order, paid, deadline_at, at=at)
        return Applied.SEATED
    extra = {"payment_id": payment.id, "order_id": order.id, "why": outcome}
    if outcome in ALARMING:
        logger.error("unexpected money goes back", extra=extra)
    else:
        logger.warning("payment goes back", extra=extra)
    _give_back(session, group, order, payment_id=payment.id, paid=paid, outcome=outcome, at=at)
    return Applied.REFUNDED


def _judge(  # noqa: PLR0911 - one reason per return
    session: Session,
    group: LockedGroup | None,
    order: LockedOrder,
    payment: Row[Any],
    paid: SuccessfulPayment,
) -> tuple[str, datetime | None]:
    """Say what becomes of a payment: `seated` (with the group's deadline), or why it goes back."""
    if payment.amount_fen != paid.amount_fen:
        return "wrong_amount", None
    if payment.state == PaymentState.CLOSED:
        return "closed_payment", None
    if order.state in (OrderState.EXPIRED, OrderState.CANCELLED):
        return "late", None
    if order.state != OrderState.PLACED:
        return "duplicate", None
    if group is None:
        return "seated", None
    if _is_late_member(group, order, paid.succeeded_at):
        return "seated", group.deadline_at
    if not may_take(group, order, paid.succeeded_at):
        return "late", None
    if group.state != GroupState.PENDING:
        return "seated", group.deadline_at
    deadline_at = opening_in_time(session, group, paid.succeeded_at)
    return ("late", None) if deadline_at is None else ("seated", deadline_at)


def _is_late_member(group: LockedGroup, order: LockedOrder, paid_at: datetime) -> bool:
    """Say whether a releasing seat of a failed group turns out to have been paid in time."""
    return (
        group.state == GroupState.FAILED
        and order.seat_state == SeatState.RELEASING
        and group.cut is not None
        and paid_at < group.cut
    )


def _receive(
    session: Session,
    paid: SuccessfulPayment,
    payment: Row[Any],
    outcome: str,
    *,
    at: datetime,
) -> None:
    merchant_id, account_id = paid.gateway_account
    session.execute(
        _SUCCEED,
        {
            "merchant_id": merchant_id,
            "id": payment.id,
            "received": paid.amount_fen,
            "transaction_no": paid.transaction_no,
            "succeeded_at": paid.succeeded_at,
            "at": at,
            "outcome": outcome,
            "actor": f"gateway:{paid.source}",
        },
    )
    posting.post(
        session,
        [
            Posting(
                merchant_id,
                "payment.received",
                payment.id,
                GATEWAY,
                ORDER_DEPOSITS,
                paid.amount_fen,
                source_owner_id=account_id,
            )
        ],
        at=at,
    )


def _seat(
    session: Session,
    group: LockedGroup | None,
    order: LockedOrder,
    paid: SuccessfulPayment,
    deadline_at: datetime | None,
    *,
    at: datetime,
) -> None:
    actor = f"gateway:{paid.source}"
    if group is None:
        sell_alone(session, order, paid_at=paid.succeeded_at, at=at, actor=actor)
    elif group.state == GroupState.FAILED:
        settle_late_member(session, group, order, paid_at=paid.succeeded_at, at=at)
    else:
        take_seat(
            session,
            group,
            order,
            deadline_at=deadline_at,
            paid_at=paid.succeeded_at,
            at=at,
            actor=actor,
        )


def sell_alone(
    session: Session, order: LockedOrder, *, paid_at: datetime, at: datetime, actor: str
) -> None:
    """Move a locked placed order of a product bought alone to paid, and on to fulfilling."""
    mark_paid(session, order, paid_at=paid_at, at=at, actor=actor)
    close_payments(session, [order.key], at=at, actor=actor)
    move_orders(session, [order.key], OrderState.FULFILLING, at=at, actor=actor)
    posting.post(
        session,
        [
            Posting(
                order.merchant_id, "order.sold", order.id, ORDER_DEPOSITS, SALES, order.price_fen
            )
        ],
        at=at,
    )


def _give_back(
    session: Session,
    group: LockedGroup | None,
    order: LockedOrder,
    *,
    payment_id: int,
    paid: SuccessfulPayment,
    outcome: str,
    at: datetime,
) -> None:
    actor = f"gateway:{paid.source}"
    merchant_id = paid.gateway_account[0]
    wanted = WantedRefund(merchant_id, payment_id, order.id, paid.amount_fen, outcome)
    posting.post(session, request_refunds(session, [wanted], at=at, actor=actor), at=at)
    outbox.emit(
        session,
        [
            outbox.NewFact(
                merchant_id,
                "payment.returned",
                payment_id,
                {"order_id": order.id, "amount_fen": paid.amount_fen, "why": outcome},
            )
        ],
        at=at,
    )
    if outcome == "late" and order.state == OrderState.PLACED:
        groups = {} if group is None else {group.key: group}
        free_if_unpayable(session, order, groups, at=at)
