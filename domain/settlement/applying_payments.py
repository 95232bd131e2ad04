"""Applying a successful payment, whoever found it: callback, poller, close. Once.

Every successful payment ends as exactly one of {seat taken, refunded}.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy.orm import Session

from domain import outbox
from domain.clock import iso
from domain.ledger import posting
from domain.ledger.posting import ORDER_DEPOSITS, SALES, Posting
from domain.payments.findings import Finding, FindingKind, record_finding
from domain.settlement.failing import settle_late_member
from domain.settlement.locking import Key, LockedGroup, LockedOrder
from domain.settlement.moving import move_orders
from domain.settlement.receiving import Receipt, receive
from domain.settlement.refunding import WantedRefund, request_refunds
from domain.settlement.releasing import free_if_unpayable
from domain.settlement.returning_elsewhere import presume_elsewhere
from domain.settlement.taking import (
    LockedPayment,
    lock_payment,
    may_take,
    opening_in_time,
    pay_order,
    take_seat,
)
from domain.states import GroupState, OrderState, PaymentState, SeatState

logger = logging.getLogger(__name__)

EARLIEST = timedelta(minutes=1)
"""How long before its payment was created a success may be: clocks differ."""
LATEST = timedelta(minutes=1)
"""How long after we learn of it a success may be."""
ALARMING = ("wrong_amount", "closed_payment")
"""Outcomes that no shopper's lateness explains: a fault at the gateway, or ours."""


@dataclass(frozen=True, slots=True)
class SuccessfulPayment:
    """What a gateway says of one payment: number, its transaction, fen received, its success time.

    `is_confirmed` is true for an answer to our own query, false for a callback. `is_refunding`: the
    trade is in a refund state, so that some of the money, or all, has gone back already.
    """

    gateway_account: Key
    payment_no: str
    transaction_no: str
    amount_fen: int
    succeeded_at: datetime
    is_confirmed: bool
    source: str
    is_refunding: bool = False


class Applied(StrEnum):
    """What became of a payment."""

    SEATED = "seated"
    REFUNDED = "refunded"
    REPEATED = "repeated"
    UNCONFIRMED = "unconfirmed"
    UNKNOWN = "unknown"


def apply_payment(session: Session, paid: SuccessfulPayment, *, at: datetime) -> Applied:
    """Apply a successful payment: seat it, or request its refund in the same transaction.

    Locks the group first. May be repeated. An amount that differs is only acted on once our own
    query confirmed it: `UNCONFIRMED` asks for that. `UNKNOWN` means that the number is not ours.
    """
    payment, group, order = lock_payment(
        session,
        paid.gateway_account,
        paid.payment_no,
        paid_at=min(paid.succeeded_at, at + LATEST),
    )
    if payment is None:
        return Applied.UNKNOWN
    if payment.state == PaymentState.SUCCEEDED:
        _compare_transaction(session, payment, paid, at=at)
        return Applied.REPEATED
    if payment.amount_fen != paid.amount_fen and not paid.is_confirmed:
        logger.warning("payment amount differs", extra={"payment_id": payment.id})
        return Applied.UNCONFIRMED
    paid = _bound_success(session, payment, paid, at=at)
    outcome, deadline_at = _judge(session, group, order, payment, paid)
    receipt = Receipt(
        (paid.gateway_account[0], payment.id),
        paid.gateway_account[1],
        paid.amount_fen,
        paid.transaction_no,
        paid.succeeded_at,
        paid.source,
    )
    actor = f"gateway:{paid.source}"
    if outcome == "seated":
        _seat(session, group, order, receipt, deadline_at, at=at, actor=actor)
        return Applied.SEATED
    receive(session, receipt, outcome=outcome, at=at)
    extra = {"payment_id": payment.id, "order_id": order.id, "why": outcome}
    if outcome in ALARMING:
        logger.error("unexpected money goes back", extra=extra)
    else:
        logger.warning("payment goes back", extra=extra)
    _give_back(session, group, order, payment_id=payment.id, paid=paid, outcome=outcome, at=at)
    return Applied.REFUNDED


def _bound_success(
    session: Session, payment: LockedPayment, paid: SuccessfulPayment, *, at: datetime
) -> SuccessfulPayment:
    """Take a success time that cannot be for the nearer bound, and keep what was said."""
    earliest, latest = payment.created_at - EARLIEST, at + LATEST
    bounded = min(max(paid.succeeded_at, earliest), max(earliest, latest))
    if bounded == paid.succeeded_at:
        return paid
    said: dict[str, object] = {"ours": iso(bounded), "theirs": iso(paid.succeeded_at)}
    _keep(session, paid, FindingKind.SUCCESS_TIME_BOUNDED, {"succeeded_at": said}, at=at)
    return replace(paid, succeeded_at=bounded)


def _compare_transaction(
    session: Session, payment: LockedPayment, paid: SuccessfulPayment, *, at: datetime
) -> None:
    """Keep what was said of a payment that succeeded already, where it is another transaction."""
    if payment.transaction_no == paid.transaction_no:
        return
    said: dict[str, dict[str, object]] = {
        "transaction_no": {"ours": payment.transaction_no, "theirs": paid.transaction_no},
        "amount_fen": {"ours": None, "theirs": paid.amount_fen},
    }
    _keep(session, paid, FindingKind.SECOND_TRANSACTION, said, at=at)


def _keep(
    session: Session,
    paid: SuccessfulPayment,
    kind: FindingKind,
    fields: Mapping[str, Mapping[str, object]],
    *,
    at: datetime,
) -> None:
    finding = Finding(paid.gateway_account, kind, paid.payment_no, paid.source, fields)
    record_finding(session, finding, at=at)


def _judge(  # noqa: PLR0911 - one reason per return
    session: Session,
    group: LockedGroup | None,
    order: LockedOrder,
    payment: LockedPayment,
    paid: SuccessfulPayment,
) -> tuple[str, datetime | None]:
    """Say what becomes of a payment: `seated` (with the group's deadline), or why it goes back."""
    if payment.amount_fen != paid.amount_fen:
        return "wrong_amount", None
    if paid.is_refunding:
        return "refunded_elsewhere", None
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


def _seat(
    session: Session,
    group: LockedGroup | None,
    order: LockedOrder,
    receipt: Receipt,
    deadline_at: datetime | None,
    *,
    at: datetime,
    actor: str,
) -> None:
    if group is None:
        sell_alone(session, order, receipt=receipt, paid_at=receipt.paid_at, at=at, actor=actor)
    elif group.state == GroupState.FAILED:
        settle_late_member(session, group, order, receipt=receipt, at=at)
    else:
        take_seat(
            session,
            group,
            order,
            receipt=receipt,
            deadline_at=deadline_at,
            paid_at=receipt.paid_at,
            at=at,
            actor=actor,
        )


def sell_alone(
    session: Session,
    order: LockedOrder,
    *,
    receipt: Receipt | None,
    paid_at: datetime,
    at: datetime,
    actor: str,
) -> None:
    """Move a locked placed order of a product bought alone to paid, and on to fulfilling."""
    pay_order(session, order, group=None, receipt=receipt, paid_at=paid_at, at=at, actor=actor)
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
    outbox.emit(session, [outbox.NewFact(order.merchant_id, "order.bought", order.id)], at=at)


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
    if outcome == "refunded_elsewhere":
        presume_elsewhere(
            session,
            paid.gateway_account,
            payment_id,
            order.id,
            payment_no=paid.payment_no,
            amount_fen=paid.amount_fen,
            heard_by=paid.source,
            at=at,
        )
    else:
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
    if order.state == OrderState.PLACED and (outcome == "late" or order.release_reason is not None):
        groups = {} if group is None else {group.key: group}
        free_if_unpayable(session, order, groups, at=at)
