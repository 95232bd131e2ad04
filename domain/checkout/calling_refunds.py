"""Calling the gateway for one refund: sent, or asked after; what it says as the state it means.

A gateway that did not answer may have heard: an earlier try may have been accepted, whatever a
later one is told. So a refusal counts at the first try only, or once a query finds nothing.
"""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row

from domain.checkout.conveying import Ended
from domain.checkout.hearing_gateways import REFUND_STATES
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
from domain.payments.accounts import Account, callback_url
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
    def is_to_send(self) -> bool:
        """Say whether it is sent, now or again; others are asked after."""
        return self.row.state in TO_SEND


@dataclass(frozen=True, slots=True)
class Heard:
    """What a gateway said of a refund, as the state it means, and with which error."""

    to: RefundState
    error: str | None = None


ACCEPTED = Heard(RefundState.ACCEPTED)
EndedRefund = Ended[RefundJob, Heard]


def call(job: RefundJob) -> Heard:
    """Send a refund, or ask how it stands; raises only where a query fails."""
    if not job.is_to_send:
        answer = job.account.provider.query_refund(job.row.public_id, job.row.payment_no)
        return Heard(REFUND_STATES[answer.status])
    try:
        return Heard(REFUND_STATES[_request(job).status])
    except GatewayNeedsFunds as error:
        return Heard(RefundState.NEEDS_FUNDS, _said(error))
    except GatewayRetryable as error:
        return Heard(RefundState.REQUESTED, _said(error))
    except (GatewayRejected, GatewayConflict) as error:
        return Heard(RefundState.REJECTED, _said(error))
    except GatewayFailed as error:
        return Heard(RefundState.UNKNOWN, _said(error))


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
        raise GatewayUnknown(**error.details) from error


def _said(error: GatewayFailed) -> str:
    return str(error.details.get("gateway_code") or error.code)
