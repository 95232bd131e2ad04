"""Calling the gateway for one refund: sent, or asked after; what it says as the state it means.

A gateway that did not answer may have heard: an earlier try may have been accepted, whatever a
later one is told. So a refusal counts at the first try only, or once a query finds nothing.
"""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row

from domain.checkout.conveying import Ended
from domain.errors import GatewayFailed
from domain.gateways.errors import (
    GatewayConflict,
    GatewayNeedsFunds,
    GatewayRejected,
    GatewayRetryable,
    restated,
)
from domain.gateways.protocol import GatewayRefund, RefundRequest, RefundStatus
from domain.money import Fen
from domain.payments.accounts import Account, callback_url
from domain.payments.findings import Finding, FindingKind, finding_of
from domain.refunds.rules import compare_told
from domain.settlement.applying_refunds import TOLD_STATES
from domain.states import RefundState
from domain.work import Key, Lease

TO_SEND = (
    RefundState.REQUESTED,
    RefundState.SENDING,
    RefundState.NEEDS_FUNDS,
    RefundState.UNKNOWN,
    RefundState.REJECTED,
)


class FundsAwaited(Exception):
    """A call was not made: the account turned out short of funds while it was on its way."""


@dataclass(slots=True)
class RefundJob:
    """A leased refund as it was when it was looked at."""

    lease: Lease
    row: Row[Any]
    account: Account
    is_probe: bool = False

    @property
    def key(self) -> Key:
        """Return the refund's (merchant_id, id)."""
        return self.lease.subject

    @property
    def order(self) -> Key:
        """Return its order's (merchant_id, id)."""
        return (self.lease.merchant_id, self.row.order_id)

    @property
    def number(self) -> str:
        """Return the number that the gateway knows the refund by."""
        number: str = self.row.number
        return number

    @property
    def is_to_send(self) -> bool:
        """Say whether it is sent, now or again; others are asked after."""
        return self.row.state in TO_SEND


@dataclass(frozen=True, slots=True)
class Heard:
    """What a gateway said of a refund, as the state it means, and with which error.

    `finding` is set where it said what cannot be believed.
    """

    to: RefundState
    error: str | None = None
    finding: Finding | None = None


ACCEPTED = Heard(RefundState.ACCEPTED)
EndedRefund = Ended[RefundJob, Heard]


def call(job: RefundJob) -> Heard:
    """Send a refund, or ask how it stands; raises only where a query fails."""
    return _send(job) if job.is_to_send else _ask(job)


def _ask(job: RefundJob) -> Heard:
    try:
        return _heard(job, job.account.provider.query_refund(job.number, job.row.payment_no))
    except GatewayFailed as error:
        finding = finding_of(job.account.key, error, number=job.number, heard_by="query")
        if finding is None:
            raise
        return Heard(RefundState.UNKNOWN, _said(error), finding)


def _send(job: RefundJob) -> Heard:
    try:
        return _heard(job, _request(job))
    except GatewayNeedsFunds as error:
        return Heard(RefundState.NEEDS_FUNDS, _said(error))
    except GatewayRetryable as error:
        return Heard(RefundState.REQUESTED, _said(error))
    except (GatewayRejected, GatewayConflict) as error:
        return Heard(RefundState.REJECTED, _said(error))
    except GatewayFailed as error:
        finding = finding_of(job.account.key, error, number=job.number, heard_by="answer")
        return Heard(RefundState.UNKNOWN, _said(error), finding)


def _heard(job: RefundJob, told: GatewayRefund) -> Heard:
    """Compare an answer with what was asked for: what differs has been accepted, and no more."""
    row = job.row
    differing = compare_told(
        told,
        amount_fen=row.amount_fen,
        payment_no=row.payment_no,
        transaction_no=row.transaction_no,
        received_fen=row.received_fen,
    )
    if not differing:
        return Heard(TOLD_STATES[told.status])
    is_going_on = told.status in (RefundStatus.SUCCESS, RefundStatus.PROCESSING)
    finding = Finding(job.account.key, FindingKind.REFUND_DIFFERS, job.number, "query", differing)
    return Heard(RefundState.ACCEPTED if is_going_on else RefundState.UNKNOWN, None, finding)


def _request(job: RefundJob) -> GatewayRefund:
    """Ask for a refund; a refusal is believed only if no earlier try was accepted."""
    row = job.row
    try:
        return job.account.provider.refund(
            RefundRequest(
                out_refund_no=row.public_id,
                out_trade_no=row.payment_no,
                amount_fen=Fen(row.amount_fen),
                total_fen=Fen(row.received_fen),
                reason="拼团退款",
                notify_url=callback_url(job.account, "refund"),
            )
        )
    except (GatewayRejected, GatewayConflict):
        # Only who holds a lease sends, and this is the first there ever was.
        if job.lease.fence == 1:
            raise
        known = _ask_whatever_it_says(row, job.account)
        if known.status is RefundStatus.NOT_FOUND or known.amount_fen != row.amount_fen:
            raise
        return known


def _ask_whatever_it_says(row: Row[Any], account: Account) -> GatewayRefund:
    """Ask how a refund stands. Raises GatewayUnknown, also where the query is refused."""
    try:
        return account.provider.query_refund(row.public_id, row.payment_no)
    except GatewayFailed as error:
        raise restated(error) from error


def _said(error: GatewayFailed) -> str:
    return str(error.details.get("gateway_code") or error.code)
