"""Paying out: a withdrawal leaves the wallet at once, and ends with the shopper or back in it.

Whoever learns what the gateway says (the answer, a query, a callback, a bill) applies it here.
"""

import logging
from datetime import datetime
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.orm import Session

from domain import outbox
from domain.gateways.protocol import GatewayTransfer, TransferStatus
from domain.ledger import posting
from domain.ledger.posting import GATEWAY, TAX_PAYABLE, WALLET, WITHDRAWALS_PAYABLE, Posting
from domain.payments.findings import Finding, FindingKind, record_finding
from domain.settlement.locking import Key
from domain.states import FINAL_WITHDRAWAL_STATES, WITHDRAWAL, WithdrawalState
from domain.withdrawals.rules import advise

logger = logging.getLogger(__name__)

WORK = "drive_withdrawal"
OVERDUE = "OVERDUE_CLOSE"
CANCELLED_BY_US = "MCH_CANCEL"

_STATES = {
    TransferStatus.AWAITING_SHOPPER: WithdrawalState.AWAITING_SHOPPER,
    TransferStatus.SUCCESS: WithdrawalState.SUCCEEDED,
}

_FIND = text(
    """
    SELECT id FROM withdrawals
    WHERE merchant_id = :merchant_id AND gateway_account_id = :account_id AND public_id = :no
    """
)
_LOCK = text(
    """
    SELECT id, shopper_id, gateway_account_id, state, gross_fen, tax_fen, net_fen,
        cancel_requested_at
    FROM withdrawals WHERE merchant_id = :merchant_id AND id = :id FOR NO KEY UPDATE
    """
)
_MOVE = text(
    """
    UPDATE withdrawals SET state = :state, moved_at = :at, moved_by = :actor,
        transfer_no = coalesce(:transfer_no, transfer_no),
        package_info = CASE WHEN :state = 'awaiting_shopper'
            THEN coalesce(:package_info, package_info) END,
        awaiting_at = CASE WHEN :state = 'awaiting_shopper' THEN CAST(:at AS timestamptz)
            ELSE awaiting_at END,
        fail_reason = :reason,
        ended_at = CASE WHEN :is_final THEN CAST(:at AS timestamptz) END
    WHERE merchant_id = :merchant_id AND id = :id
    """
)


def find_withdrawal(session: Session, account: Key, number: str) -> Key | None:
    """Return the withdrawal that a gateway account knows by a number, if it is ours."""
    found = session.execute(
        _FIND, {"merchant_id": account[0], "account_id": account[1], "no": number}
    ).scalar()
    return None if found is None else (account[0], found)


def take_from_wallet(
    session: Session, withdrawal: Key, shopper_id: int, gross_fen: int, *, at: datetime
) -> None:
    """Move a requested withdrawal's gross out of its shopper's wallet, once."""
    taken = Posting(
        withdrawal[0],
        "withdrawal.requested",
        withdrawal[1],
        WALLET,
        WITHDRAWALS_PAYABLE,
        gross_fen,
        source_owner_id=shopper_id,
    )
    posting.post(session, [taken], at=at)


def start_sending(session: Session, withdrawal: Key, *, at: datetime, actor: str) -> bool:
    """Move a withdrawal to sending; returns whether it is, as it may be further already."""
    row = _lock(session, withdrawal)
    if row.state != WithdrawalState.SENDING:
        if not WITHDRAWAL.allows(row.state, WithdrawalState.SENDING):
            return False
        _move(session, withdrawal, WithdrawalState.SENDING, at=at, actor=actor)
    return True


def set_aside(
    session: Session,
    withdrawal: Key,
    to: WithdrawalState,
    *,
    at: datetime,
    actor: str,
    reason: str,
) -> WithdrawalState:
    """Move a withdrawal that was sent to unknown, needs_funds or failed; returns its state then.

    A failed one goes back to the wallet.
    """
    row = _lock(session, withdrawal)
    if not WITHDRAWAL.allows(row.state, to):
        return WithdrawalState(row.state)
    _move(session, withdrawal, to, at=at, actor=actor, reason=reason)
    if to is WithdrawalState.FAILED:
        _end(session, withdrawal[0], row, to, reason, at=at)
    return to


def apply_transfer(
    session: Session, withdrawal: Key, told: GatewayTransfer, *, at: datetime, actor: str
) -> WithdrawalState:
    """Move a withdrawal to what the gateway says, unless that is no news; returns its state then.

    Locks the withdrawal. Its end posts the money out, or back to the wallet with the reason. Where
    the gateway tells of another amount nothing moves: what it said is kept.
    """
    row = _lock(session, withdrawal)
    if told.amount_fen is not None and told.amount_fen != row.net_fen:
        amounts = {"amount_fen": {"ours": row.net_fen, "theirs": told.amount_fen}}
        finding = Finding(
            (withdrawal[0], row.gateway_account_id),
            FindingKind.TRANSFER_DIFFERS,
            told.out_bill_no,
            actor,
            amounts,
        )
        record_finding(session, finding, at=at)
        return WithdrawalState(row.state)
    to = _state_of(told, row)
    if to is None or to == row.state:
        return WithdrawalState(row.state)
    if not WITHDRAWAL.allows(row.state, to):
        # From requested, unknown and needs_funds on, news come by way of sending.
        if not WITHDRAWAL.allows(row.state, WithdrawalState.SENDING):
            return WithdrawalState(row.state)
        _move(session, withdrawal, WithdrawalState.SENDING, at=at, actor=actor)
    reason = _reason(told, to)
    _move(session, withdrawal, to, at=at, actor=actor, told=told, reason=reason)
    if to in FINAL_WITHDRAWAL_STATES:
        _end(session, withdrawal[0], row, to, reason, at=at)
    elif to is WithdrawalState.AWAITING_SHOPPER:
        fact = outbox.NewFact(withdrawal[0], "withdrawal.awaiting", row.id)
        outbox.emit(session, [fact], at=at)
    return to


def _state_of(told: GatewayTransfer, row: Row[Any]) -> WithdrawalState | None:
    """Return the state a transfer's status stands for; None where it tells of no move."""
    if told.status not in (TransferStatus.FAILED, TransferStatus.CANCELLED):
        return _STATES.get(told.status)
    if row.state != WithdrawalState.AWAITING_SHOPPER:
        return WithdrawalState.FAILED
    if told.fail_reason == CANCELLED_BY_US or (
        told.status is TransferStatus.CANCELLED and row.cancel_requested_at is not None
    ):
        return WithdrawalState.CANCELLED
    if told.fail_reason == OVERDUE or told.status is TransferStatus.CANCELLED:
        return WithdrawalState.EXPIRED
    return WithdrawalState.FAILED


def _reason(told: GatewayTransfer, to: WithdrawalState) -> str | None:
    if to is WithdrawalState.CANCELLED:
        return told.fail_reason or CANCELLED_BY_US
    if to is WithdrawalState.EXPIRED:
        return told.fail_reason or OVERDUE
    return told.fail_reason if to is WithdrawalState.FAILED else None


def _lock(session: Session, withdrawal: Key) -> Row[Any]:
    return session.execute(_LOCK, {"merchant_id": withdrawal[0], "id": withdrawal[1]}).one()


def _move(
    session: Session,
    withdrawal: Key,
    to: WithdrawalState,
    *,
    at: datetime,
    actor: str,
    told: GatewayTransfer | None = None,
    reason: str | None = None,
) -> None:
    session.execute(
        _MOVE,
        {
            "merchant_id": withdrawal[0],
            "id": withdrawal[1],
            "state": to.value,
            "at": at,
            "actor": actor,
            "transfer_no": told and told.transfer_no,
            "package_info": told and told.package_info,
            "reason": reason,
            "is_final": to in FINAL_WITHDRAWAL_STATES,
        },
    )


def _end(
    session: Session,
    merchant_id: int,
    row: Row[Any],
    to: WithdrawalState,
    reason: str | None,
    *,
    at: datetime,
) -> None:
    """Post a withdrawal's end and tell of it."""
    if to is WithdrawalState.SUCCEEDED:
        postings = _paid_out(merchant_id, row)
    else:
        extra = {"merchant_id": merchant_id, "withdrawal_id": row.id, "state": to.value}
        logger.warning("withdrawal came back", extra=extra)
        postings = [
            Posting(
                merchant_id,
                "withdrawal.returned",
                row.id,
                WITHDRAWALS_PAYABLE,
                WALLET,
                row.gross_fen,
                destination_owner_id=row.shopper_id,
            )
        ]
    posting.post(session, postings, at=at)
    outbox.emit(session, [_fact_of_end(merchant_id, row.id, to, reason)], at=at)


def _fact_of_end(
    merchant_id: int, withdrawal_id: int, to: WithdrawalState, reason: str | None
) -> outbox.NewFact:
    if to is WithdrawalState.SUCCEEDED:
        return outbox.NewFact(merchant_id, "withdrawal.paid", withdrawal_id)
    advice = {"advice": advise(reason).value}
    return outbox.NewFact(merchant_id, "withdrawal.returned", withdrawal_id, advice)


def _paid_out(merchant_id: int, row: Row[Any]) -> list[Posting]:
    paid = Posting(
        merchant_id,
        "withdrawal.paid",
        row.id,
        WITHDRAWALS_PAYABLE,
        GATEWAY,
        row.net_fen,
        destination_owner_id=row.gateway_account_id,
    )
    if row.tax_fen == 0:
        return [paid]
    taxed = Posting(
        merchant_id,
        "withdrawal.taxed",
        row.id,
        WITHDRAWALS_PAYABLE,
        TAX_PAYABLE,
        row.tax_fen,
    )
    return [paid, taxed]
