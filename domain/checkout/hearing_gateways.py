"""Hearing what a gateway calls back: verify, apply, commit."""

import logging
from collections.abc import Mapping
from datetime import datetime
from typing import Literal

from sqlalchemy import text

from domain import clock
from domain.checkout.hearing import keep_statement, listening_to
from domain.checkout.hearing_elsewhere import hear_elsewhere
from domain.checkout.successes import success_of
from domain.database import reading, transaction
from domain.gateways.errors import GatewayUnknown, InvalidCallback
from domain.gateways.protocol import (
    Acknowledgement,
    GatewayEvent,
    PaymentEvent,
    RefundEvent,
    TransferEvent,
)
from domain.payments.accounts import Account, addressed_account
from domain.settlement.applying_payments import Applied, apply_payment
from domain.settlement.applying_refunds import hear_refund
from domain.settlement.paying_out import apply_transfer, find_withdrawal

logger = logging.getLogger(__name__)

Kind = Literal["payment", "refund", "transfer"]

_REFUSED = text(
    """
    INSERT INTO refused_callbacks (merchant_id, gateway_account_id, on_date, reason, times, last_at)
    VALUES (:merchant_id, :account_id, :on, :reason, 1, :at)
    ON CONFLICT (merchant_id, gateway_account_id, on_date, reason) DO UPDATE
    SET times = refused_callbacks.times + 1, last_at = excluded.last_at
    """
)


def hear_callback(
    gateway: str, account_no: str, headers: Mapping[str, str], body: bytes, *, at: datetime
) -> Acknowledgement:
    """Verify a callback and apply it, once; returns what the gateway must be answered.

    Raises UnknownGatewayAccount, InvalidCallback (forged, stale, foreign): nothing is done then;
    GatewayFailed where a wrong amount cannot be confirmed.
    """
    with reading() as session:
        account = addressed_account(session, gateway, account_no)
    try:
        event = account.provider.parse_callback(headers, body, clock.real_now())
    except InvalidCallback as error:
        _count_refused(account, str(error.details["reason"]), at=at)
        keep_statement(account.key, error, number="", heard_by="callback", at=at)
        raise
    _hear(account, event, at=at)
    return account.provider.acknowledgement()


def _count_refused(account: Account, reason: str, *, at: datetime) -> None:
    """Log and count a callback that is not believed, by day and reason."""
    extra = {"merchant_id": account.merchant_id, "gateway_account_id": account.id, "why": reason}
    logger.warning("callback refused", extra=extra)
    with transaction() as session:
        session.execute(
            _REFUSED,
            {
                "merchant_id": account.merchant_id,
                "account_id": account.id,
                "on": clock.shanghai_day(at),
                "reason": reason,
                "at": at,
            },
        )


def _hear(account: Account, event: GatewayEvent, *, at: datetime) -> None:
    if isinstance(event, PaymentEvent):
        _hear_payment(account, event, at=at)
    elif isinstance(event, RefundEvent):
        _hear_refund(account, event, at=at)
    else:
        _hear_transfer(account, event, at=at)


def _hear_payment(account: Account, event: PaymentEvent, *, at: datetime) -> None:
    paid = success_of(account, event.payment, source="callback", is_confirmed=False)
    if paid is None:
        return
    with transaction() as session:
        applied = apply_payment(session, paid, at=at)
    if applied is Applied.UNCONFIRMED:
        applied = _confirm(account, paid.payment_no, at=at)
    logger.info(
        "payment callback", extra={"applied": applied.value, "merchant_id": account.merchant_id}
    )


def _confirm(account: Account, payment_no: str, *, at: datetime) -> Applied:
    """Apply what the gateway, asked itself, says of a payment whose callback told a wrong amount.

    Raises GatewayFailed where it does not confirm that it was paid: then it calls back again.
    """
    with listening_to(account.key, payment_no, "query", at=at):
        answer = account.provider.query(payment_no)
    paid = success_of(account, answer, source="query", is_confirmed=True)
    if paid is None:
        raise GatewayUnknown(message=f"query: {answer.status}", operation="query")
    with transaction() as session:
        return apply_payment(session, paid, at=at)


def _hear_refund(account: Account, event: RefundEvent, *, at: datetime) -> None:
    with transaction() as session:
        state = hear_refund(session, account.key, event.refund, at=at, actor="gateway:callback")
    if state is None:
        hear_elsewhere(account, event.refund, heard_by="callback", at=at)


def _hear_transfer(account: Account, event: TransferEvent, *, at: datetime) -> None:
    with transaction() as session:
        found = find_withdrawal(session, account.key, event.transfer.out_bill_no)
        if found is None:
            logger.warning(
                "callback of an unknown transfer", extra={"merchant_id": account.merchant_id}
            )
            return
        apply_transfer(session, found, event.transfer, at=at, actor="gateway:callback")
