"""Driving payments to their end: asking for those not heard of, closing those given up."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.orm import Session

from domain import work
from domain.checkout.driving import drive
from domain.checkout.hearing import listening_to
from domain.checkout.successes import success_of
from domain.database import reading, transaction
from domain.errors import GatewayFailed
from domain.gateways.protocol import CloseResult, GatewayPayment, PaymentStatus
from domain.payments.accounts import Account, find_account
from domain.settlement.applying_payments import SuccessfulPayment, apply_payment
from domain.settlement.releasing import DRIVE_PAYMENT, Candidate, record_asked, record_closed
from domain.states import PaymentState
from domain.work import Lease

POLL_EVERY = timedelta(seconds=30)
BATCH = 32

_LOOK = text(
    """
    SELECT p.id, p.public_id, p.order_id, p.gateway_account_id, p.state, p.expires_at, o.group_id
    FROM payments p JOIN orders o ON o.merchant_id = p.merchant_id AND o.id = p.order_id
    WHERE p.merchant_id = :merchant_id AND p.id = :id
    """
)
_OVER = text(
    """
    SELECT p.merchant_id, p.id FROM payments p
    JOIN unnest(CAST(:merchants AS bigint[]), CAST(:subjects AS bigint[])) AS t (m, s)
        ON p.merchant_id = t.m AND p.id = t.s
    WHERE p.state IN ('succeeded', 'closed')
    """
)
_STATE = text("SELECT state FROM payments WHERE merchant_id = :merchant_id AND id = :id")


@dataclass(frozen=True, slots=True)
class _Seen:
    """A payment as it stood when its work was leased."""

    row: Row[Any]
    account: Account

    @property
    def key(self) -> tuple[int, int]:
        return (self.account.merchant_id, self.row.id)

    @property
    def candidate(self) -> Candidate:
        return Candidate(self.account.merchant_id, self.row.order_id, self.row.group_id)


def drive_payments(*, at: datetime, limit: int = BATCH) -> int:
    """Ask the gateway about payments that are due; returns how many were looked at."""
    return drive(DRIVE_PAYMENT, _step, over=_OVER, at=at, limit=limit)


def _step(lease: Lease, at: datetime) -> None:
    with reading() as session:
        row = session.execute(
            _LOOK, {"merchant_id": lease.merchant_id, "id": lease.subject_id}
        ).one()
        account = find_account(session, (lease.merchant_id, row.gateway_account_id))
    seen = _Seen(row, account)
    if row.state in (PaymentState.SUCCEEDED, PaymentState.CLOSED):
        with transaction() as session:
            work.finish(session, [lease])
    elif row.state == PaymentState.CLOSING:
        _close_noting(seen, lease, at)
    else:
        _poll(seen, lease, at)


def _poll(seen: _Seen, lease: Lease, at: datetime) -> None:
    if not _conclude(seen, lease, at):
        _look_again(seen, lease, at)


def _close_noting(seen: _Seen, lease: Lease, at: datetime) -> None:
    """Close a payment; notes that it was asked about in vain where the gateway is away."""
    try:
        _close(seen, lease, at)
    except GatewayFailed:
        with transaction() as session:
            record_asked(session, seen.key, is_answered=False, at=at)
        raise


def _close(seen: _Seen, lease: Lease, at: datetime) -> None:
    """Close a payment; where the gateway says anything else than "closed", it is asked."""
    try:
        with listening_to(seen.account.key, seen.row.public_id, "close", at=at):
            result = seen.account.provider.close(seen.row.public_id)
    except GatewayFailed:
        if not _conclude(seen, lease, at):
            raise
        return
    if result is CloseResult.CLOSED:
        _record_closed(seen, lease, at)
    elif not _conclude(seen, lease, at):
        _look_again(seen, lease, at)


def _conclude(seen: _Seen, lease: Lease, at: datetime) -> bool:
    """Ask how a payment stands, and record it if that is its end: paid, or closed."""
    with listening_to(seen.account.key, seen.row.public_id, "query", at=at):
        answer = seen.account.provider.query(seen.row.public_id)
    paid = _success(seen, answer)
    if paid is not None:
        _apply(paid, lease, at)
        return True
    # "Does not exist" counts as closed only after the payment's own time-out: a prepay that is
    # still on its way may create it.
    is_closed = answer.status is PaymentStatus.CLOSED or (
        answer.status is PaymentStatus.NOT_FOUND and at >= seen.row.expires_at
    )
    if is_closed:
        _record_closed(seen, lease, at)
    return is_closed


def _success(seen: _Seen, answer: GatewayPayment) -> SuccessfulPayment | None:
    return success_of(seen.account, answer, source="query", is_confirmed=True)


def _apply(paid: SuccessfulPayment, lease: Lease, at: datetime) -> None:
    with transaction() as session:
        apply_payment(session, paid, at=at)
        work.finish(session, [lease])


def _record_closed(seen: _Seen, lease: Lease, at: datetime) -> None:
    with transaction() as session:
        record_closed(session, seen.candidate, seen.row.id, at=at)
        if _state(session, seen) in (PaymentState.SUCCEEDED, PaymentState.CLOSED):
            work.finish(session, [lease])
        else:
            work.put_back(session, [lease], due_at=at)


def _look_again(seen: _Seen, lease: Lease, at: datetime) -> None:
    """Put a payment's work back: at once if it is being closed meanwhile, else a poll later."""
    with transaction() as session:
        if _state(session, seen) != PaymentState.CLOSING:
            due_at = at + POLL_EVERY
        elif seen.row.state != PaymentState.CLOSING:
            due_at = at
        else:
            due_at = max(at + timedelta(seconds=5), min(seen.row.expires_at, at + POLL_EVERY))
            record_asked(session, seen.key, is_answered=True, at=at)
        work.put_back(session, [lease], due_at=due_at)


def _state(session: Session, seen: _Seen) -> str:
    key = {"merchant_id": seen.account.merchant_id, "id": seen.row.id}
    state: str = session.execute(_STATE, key).scalar_one()
    return state
