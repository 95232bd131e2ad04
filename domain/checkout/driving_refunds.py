"""Driving refunds to their end: sent, repeated with the same number, asked after until arrived.

A gateway that did not answer may have heard: an earlier try may have been accepted, whatever a
later one is told. So a refusal counts at the first try only, or once a query finds nothing.
"""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.orm import Session

from domain import work
from domain.checkout.driving import drive
from domain.checkout.hearing_gateways import REFUND_STATES
from domain.database import reading, transaction
from domain.errors import GatewayFailed
from domain.gateways.errors import (
    GatewayConflict,
    GatewayNeedsFunds,
    GatewayRejected,
    GatewayRetryable,
    GatewayUnknown,
)
from domain.gateways.protocol import GatewayRefund, RefundRequest, RefundStatus
from domain.money import Fen
from domain.payments.accounts import Account, callback_url, find_account
from domain.settlement.applying_refunds import move_refund, repeat_refund
from domain.settlement.refunding import LONGEST_PAUSE, WORK
from domain.states import RefundState
from domain.work import Lease

BATCH = 32
FIRST_QUERY = timedelta(seconds=30)
FUNDS_WAIT = timedelta(minutes=1)
SAME_ORDER_WAIT = timedelta(minutes=1)

_LOOK = text(
    """
    SELECT r.id, r.public_id, r.order_id, r.state, r.amount_fen, r.accepted_at,
        p.public_id AS payment_no, p.received_fen, p.gateway_account_id
    FROM refunds r JOIN payments p ON p.merchant_id = r.merchant_id AND p.id = r.payment_id
    WHERE r.merchant_id = :merchant_id AND r.id = :id
    """
)
_OVER = text(
    """
    SELECT r.merchant_id, r.id FROM refunds r
    JOIN unnest(CAST(:merchants AS bigint[]), CAST(:subjects AS bigint[])) AS t (m, s)
        ON r.merchant_id = t.m AND r.id = t.s
    WHERE r.state IN ('arrived', 'closed', 'settled_offline')
    """
)
_TO_SEND = (
    RefundState.REQUESTED,
    RefundState.SENDING,
    RefundState.NEEDS_FUNDS,
    RefundState.UNKNOWN,
    RefundState.REJECTED,
)
_TO_ASK = (RefundState.ACCEPTED, RefundState.ABNORMAL)
ACTOR = "job:refund"


def drive_refunds(*, at: datetime, limit: int = BATCH) -> int:
    """Send or ask about refunds that are due; returns how many were looked at."""
    return drive(WORK, _step, over=_OVER, at=at, limit=limit)


def _step(lease: Lease, at: datetime) -> None:
    with reading() as session:
        row = session.execute(
            _LOOK, {"merchant_id": lease.merchant_id, "id": lease.subject_id}
        ).one()
        account = find_account(session, (lease.merchant_id, row.gateway_account_id))
    if row.state in _TO_SEND:
        _send(row, account, lease, at)
    elif row.state in _TO_ASK:
        answer = account.provider.query_refund(row.public_id, row.payment_no)
        _record(row, lease, REFUND_STATES[answer.status], at)
    else:
        with transaction() as session:
            work.finish(session, [lease])


def _send(row: Row[Any], account: Account, lease: Lease, at: datetime) -> None:
    with transaction() as session:
        if not _start_sending(session, row, lease, at):
            work.put_back(session, [lease], due_at=at)
            return
    try:
        answer = _request(row, account, lease)
    except GatewayNeedsFunds as error:
        _record(row, lease, RefundState.NEEDS_FUNDS, at, error=_said(error), again=FUNDS_WAIT)
    except GatewayRetryable as error:
        _record(row, lease, RefundState.REQUESTED, at, error=_said(error), again=SAME_ORDER_WAIT)
    except (GatewayRejected, GatewayConflict) as error:
        _record(row, lease, RefundState.REJECTED, at, error=_said(error))
    except GatewayFailed as error:
        _record(row, lease, RefundState.UNKNOWN, at, error=_said(error))
    else:
        _record(row, lease, REFUND_STATES[answer.status], at)


def _start_sending(session: Session, row: Row[Any], lease: Lease, at: datetime) -> bool:
    """Move a refund to sending; returns whether it is, as somebody else may have moved it."""
    if row.state == RefundState.SENDING:
        return True
    if row.state == RefundState.REJECTED:
        # A rejected refund's work was parked: who unparks it wants the number repeated.
        repeat_refund(session, lease.subject, row.order_id, at=at, actor=ACTOR)
    state = move_refund(
        session, lease.subject, row.order_id, RefundState.SENDING, at=at, actor=ACTOR
    )
    return state is RefundState.SENDING


def _request(row: Row[Any], account: Account, lease: Lease) -> GatewayRefund:
    """Ask for a refund; a refusal is believed only if no earlier try was accepted."""
    try:
        return account.provider.refund(
            RefundRequest(
                out_refund_no=row.public_id,
                out_trade_no=row.payment_no,
                amount_fen=Fen(row.amount_fen),
                total_fen=Fen(row.received_fen),
                reason="拼团退款",
                notify_url=callback_url(account, "refund"),
            )
        )
    except (GatewayRejected, GatewayConflict):
        # Only who holds a lease sends, and this is the first there ever was.
        if lease.fence == 1:
            raise
        known = _ask_whatever_it_says(row, account)
        if known.status is RefundStatus.NOT_FOUND or known.amount_fen != row.amount_fen:
            raise
        return known


def _ask_whatever_it_says(row: Row[Any], account: Account) -> GatewayRefund:
    """Ask how a refund stands. Raises GatewayUnknown, also where the query is refused."""
    try:
        return account.provider.query_refund(row.public_id, row.payment_no)
    except GatewayFailed as error:
        raise GatewayUnknown(**error.details) from error


def _said(error: GatewayFailed) -> str:
    return str(error.details.get("gateway_code") or error.code)


def _record(
    row: Row[Any],
    lease: Lease,
    to: RefundState,
    at: datetime,
    *,
    error: str | None = None,
    again: timedelta | None = None,
) -> None:
    """Record what the gateway said, and when to look again; only a final state ends the work.

    A rejected refund's work is parked: it waits for a person.
    """
    with transaction() as session:
        state = move_refund(
            session,
            lease.subject,
            row.order_id,
            to,
            at=at,
            actor=ACTOR,
            error=error,
        )
        if state is RefundState.REJECTED:
            work.park(session, lease, error=error or state.value)
        elif state is RefundState.UNKNOWN:
            work.retry_later(session, lease, at=at, error=error or "not_found")
        elif state is RefundState.ACCEPTED:
            waited = at - (row.accepted_at or at)
            pause = min(max(FIRST_QUERY, waited), LONGEST_PAUSE)
            work.put_back(session, [lease], due_at=at + pause)
        elif state is RefundState.ABNORMAL:
            work.put_back(session, [lease], due_at=at + LONGEST_PAUSE)
        elif again is not None:
            work.put_back(session, [lease], due_at=at + again)
        else:
            work.finish(session, [lease])
