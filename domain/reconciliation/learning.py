"""Learning from a bill what we had not heard: each is asked of the gateway and applied as always.

A bill may be wrong; so it only says what to ask about. What we then learn is a difference all the
same: `late`.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.orm import Session

from domain.checkout.hearing import listening_to
from domain.checkout.hearing_elsewhere import hear_elsewhere
from domain.checkout.successes import success_of
from domain.database import reading, transaction
from domain.gateways.alipay_forms import is_unnamed
from domain.gateways.errors import GatewayUnknown
from domain.gateways.protocol import BillLineKind, GatewayRefund, RefundStatus
from domain.money import Fen
from domain.payments.accounts import Account
from domain.reconciliation.downloading import DayOfAccount
from domain.settlement.applying_payments import Applied, apply_payment
from domain.settlement.applying_refunds import hear_refund
from domain.settlement.paying_out import apply_transfer, find_withdrawal
from domain.settlement.returning_elsewhere import Recorded

logger = logging.getLogger(__name__)

ACTOR = "gateway:bill"

_UNHEARD = text(
    """
    SELECT DISTINCT l.subject, l.number, p.public_id AS trade_no, l.amount_fen FROM bill_lines l
    JOIN payments p ON l.subject = 'payment' AND p.merchant_id = l.merchant_id
        AND p.public_id = l.number AND p.gateway_account_id = :account_id
    WHERE l.merchant_id = :merchant_id AND l.reconciliation_id = :id AND p.state <> 'succeeded'
    UNION ALL
    SELECT DISTINCT l.subject, l.number, p.public_id, l.amount_fen FROM bill_lines l
    JOIN payments p ON l.subject = 'refund' AND p.merchant_id = l.merchant_id
        AND p.public_id = l.trade_no AND p.gateway_account_id = :account_id
    WHERE l.merchant_id = :merchant_id AND l.reconciliation_id = :id AND NOT EXISTS (
        SELECT 1 FROM refunds r WHERE r.merchant_id = l.merchant_id
            AND (r.public_id = l.number OR r.elsewhere_no = l.number))
    UNION ALL
    SELECT DISTINCT l.subject, l.number, p.public_id, l.amount_fen FROM bill_lines l
    JOIN refunds r ON l.subject = 'refund' AND r.merchant_id = l.merchant_id
        AND r.public_id = l.number
    JOIN payments p ON p.merchant_id = r.merchant_id AND p.id = r.payment_id
        AND p.gateway_account_id = :account_id
    WHERE l.merchant_id = :merchant_id AND l.reconciliation_id = :id
        AND r.state IN ('requested', 'sending', 'unknown', 'needs_funds', 'rejected')
    UNION ALL
    SELECT DISTINCT l.subject, l.number, l.number, l.amount_fen FROM bill_lines l
    JOIN withdrawals w ON l.subject = 'transfer' AND w.merchant_id = l.merchant_id
        AND w.public_id = l.number AND w.gateway_account_id = :account_id
    WHERE l.merchant_id = :merchant_id AND l.reconciliation_id = :id
        AND w.state IN ('requested', 'sending', 'unknown', 'needs_funds')
    ORDER BY 1, 2
    """
)


def learn(day: DayOfAccount, *, at: datetime) -> list[tuple[str, str]]:
    """Ask about each line of a kept bill that our rows have not heard of, and apply the answer.

    Returns (subject, number) of those that were news. An answer that cannot be believed is kept,
    and stops no other. Raises GatewayFailed.
    """
    with reading() as session:
        unheard = _find_unheard(session, day)
    learnt = []
    for row in unheard:
        if _ask_and_apply(day.account, row, at):
            logger.warning(
                "learnt from a bill",
                extra={"merchant_id": day.key[0], "subject": row.subject},
            )
            learnt.append((row.subject, row.number))
    return learnt


def _ask_and_apply(account: Account, row: Row[Any], at: datetime) -> bool:
    try:
        with listening_to(account.key, row.number, "bill", at=at):
            return _LEARN[BillLineKind(row.subject)](account, row, at)
    except GatewayUnknown as error:
        if error.statement is None:
            raise
        return False


def _find_unheard(session: Session, day: DayOfAccount) -> list[Row[Any]]:
    return list(
        session.execute(
            _UNHEARD,
            {"merchant_id": day.key[0], "id": day.key[1], "account_id": day.account.id},
        )
    )


def _learn_payment(account: Account, row: Row[Any], at: datetime) -> bool:
    answer = account.provider.query(row.number)
    paid = success_of(account, answer, source="bill", is_confirmed=True)
    if paid is None:
        return False
    with transaction() as session:
        applied = apply_payment(session, paid, at=at)
    return applied in (Applied.SEATED, Applied.REFUNDED)


def _learn_refund(account: Account, row: Row[Any], at: datetime) -> bool:
    if is_unnamed(row.number):
        told = GatewayRefund(
            row.number,
            RefundStatus.SUCCESS,
            out_trade_no=row.trade_no,
            amount_fen=Fen(row.amount_fen),
        )
    else:
        told = account.provider.query_refund(row.number, row.trade_no)
    if told.status is RefundStatus.NOT_FOUND:
        return False
    with transaction() as session:
        is_known = hear_refund(session, account.key, told, at=at, actor=ACTOR) is not None
    if is_known:
        return True
    told = replace(told, out_trade_no=row.trade_no)
    return hear_elsewhere(account, told, heard_by="bill", at=at) is Recorded.RECORDED


def _learn_transfer(account: Account, row: Row[Any], at: datetime) -> bool:
    told = account.provider.query_transfer(row.number)
    with transaction() as session:
        found = find_withdrawal(session, account.key, row.number)
        if found is None or told.amount_fen is None:
            return False
        apply_transfer(session, found, told, at=at, actor=ACTOR)
    return True


_LEARN: Mapping[BillLineKind, Callable[[Account, Row[Any], datetime], bool]] = {
    BillLineKind.PAYMENT: _learn_payment,
    BillLineKind.REFUND: _learn_refund,
    BillLineKind.TRANSFER: _learn_transfer,
}
