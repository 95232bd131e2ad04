"""Hearing of refunds that we did not make, by a callback or a bill: asked after, then recorded."""

import logging
from dataclasses import replace
from datetime import datetime

from domain.checkout.hearing import listening_to
from domain.checkout.successes import success_of
from domain.database import transaction
from domain.gateways.alipay_forms import is_unnamed
from domain.gateways.errors import GatewayUnknown
from domain.gateways.protocol import GatewayRefund, RefundStatus
from domain.payments.accounts import Account
from domain.settlement.applying_payments import apply_payment
from domain.settlement.returning_elsewhere import Recorded, RefundElsewhere, record_elsewhere

logger = logging.getLogger(__name__)


def hear_elsewhere(
    account: Account, told: GatewayRefund, *, heard_by: str, at: datetime
) -> Recorded:
    """Record what a gateway says of a refund that is none of ours; may be repeated.

    Where its payment has not been heard of, that is asked for first. Raises GatewayUnknown where it
    must be told again.
    """
    if told.status in (RefundStatus.CLOSED, RefundStatus.NOT_FOUND) or told.out_trade_no is None:
        return Recorded.UNKNOWN_PAYMENT
    if told.amount_fen is None and not is_unnamed(told.out_refund_no):
        told = _ask(account, told, told.out_trade_no, at=at)
    refund = RefundElsewhere(
        account=account.key,
        number=told.out_refund_no,
        payment_no=told.out_trade_no or "",
        amount_fen=told.amount_fen,
        sum_fen=told.refunded_fen,
        has_arrived=told.status is RefundStatus.SUCCESS,
        heard_by=heard_by,
    )
    recorded = _record(refund, at=at)
    if recorded is Recorded.UNPAID:
        _learn_payment(account, refund.payment_no, heard_by=heard_by, at=at)
        recorded = _record(refund, at=at)
    if recorded in (Recorded.UNPAID, Recorded.BUSY):
        raise GatewayUnknown(message=f"refund elsewhere: {recorded}", operation="query")
    logger.warning(
        "refund made elsewhere",
        extra={"recorded": recorded.value, "merchant_id": account.merchant_id},
    )
    return recorded


def _record(refund: RefundElsewhere, *, at: datetime) -> Recorded:
    with transaction() as session:
        return record_elsewhere(session, refund, at=at)


def _ask(account: Account, told: GatewayRefund, payment_no: str, *, at: datetime) -> GatewayRefund:
    with listening_to(account.key, told.out_refund_no, "query", at=at):
        answer = account.provider.query_refund(told.out_refund_no, payment_no)
    if answer.status is RefundStatus.NOT_FOUND:
        return told
    return replace(answer, out_trade_no=payment_no)


def _learn_payment(account: Account, payment_no: str, *, heard_by: str, at: datetime) -> None:
    with listening_to(account.key, payment_no, "query", at=at):
        answer = account.provider.query(payment_no)
    paid = success_of(account, answer, source=heard_by, is_confirmed=True)
    if paid is not None:
        # Alipay's trade says nothing of a part that went back.
        with transaction() as session:
            apply_payment(session, replace(paid, is_refunding=True), at=at)
