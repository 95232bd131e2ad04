"""Driving withdrawals to their end: sent, repeated with the same number, asked after until final.

A gateway that did not answer may have heard: only a first try's refusal is believed, or one after
which a query finds nothing. A transfer that awaits its shopper is asked after until it is over.
Sending takes a slot of the account's quota; while the account is short of funds, one a minute is
tried.
"""

import time
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, text

from domain import work
from domain.checkout.driving import drive
from domain.checkout.hearing import keep_statement, listening_to
from domain.checkout.resuming import resume
from domain.clock import real_now
from domain.database import reading, transaction
from domain.errors import GatewayFailed
from domain.gateways.errors import (
    GatewayConflict,
    GatewayNeedsFunds,
    GatewayRejected,
    GatewayRetryable,
    restated,
)
from domain.gateways.protocol import GatewayTransfer, TransferRequest, TransferStatus
from domain.money import Fen
from domain.payments.accounts import Account, callback_url, find_account
from domain.payments.quotas import (
    find_shortages,
    mark_short,
    take_probe,
    take_slots,
)
from domain.settlement.paying_out import (
    WORK,
    apply_transfer,
    set_aside,
    start_sending,
)
from domain.states import FINAL_WITHDRAWAL_STATES, WithdrawalState
from domain.work import Lease

BATCH = 32
FIRST_QUERY = timedelta(seconds=30)
LONGEST_PAUSE = timedelta(hours=1)
BUSY_WAIT = timedelta(minutes=1)
SLOT_WAIT = timedelta(seconds=1)
ACTOR = "job:withdrawal"
NEEDS_FUNDS = WithdrawalState.NEEDS_FUNDS

_LOOK = text(
    """
    SELECT id, public_id, state, net_fen, app_id, payee_id, activity_name, reward_note, remark,
        gateway_account_id, moved_at, cancel_requested_at
    FROM withdrawals WHERE merchant_id = :merchant_id AND id = :id
    """
)
_OVER = text(
    """
    SELECT w.merchant_id, w.id FROM withdrawals w
    JOIN unnest(CAST(:merchants AS bigint[]), CAST(:subjects AS bigint[])) AS t (m, s)
        ON w.merchant_id = t.m AND w.id = t.s
    WHERE w.ended_at IS NOT NULL
    """
)


def drive_withdrawals(*, at: datetime, limit: int = BATCH) -> int:
    """Send or ask about withdrawals that are due; returns how many were looked at."""
    return drive(WORK, _step, over=_OVER, at=at, limit=limit)


def _step(lease: Lease, at: datetime) -> None:
    with reading() as session:
        row = session.execute(
            _LOOK, {"merchant_id": lease.merchant_id, "id": lease.subject_id}
        ).one()
        account = find_account(session, (lease.merchant_id, row.gateway_account_id))
    if row.state in FINAL_WITHDRAWAL_STATES:
        with transaction() as session:
            work.finish(session, [lease])
    elif row.state == WithdrawalState.AWAITING_SHOPPER:
        _ask(row, account, lease, at)
    else:
        _send(row, account, lease, at)


def _ask(row: Row[Any], account: Account, lease: Lease, at: datetime) -> None:
    """Ask how one that awaits its shopper stands; cancel it first where that is wanted."""
    if row.cancel_requested_at is not None:
        # Where it is refused it was confirmed, or ran out, meanwhile: the query tells.
        with suppress(GatewayRejected, GatewayConflict):
            account.provider.cancel_transfer(row.public_id)
    with listening_to(account.key, row.public_id, "query", at=at):
        answer = account.provider.query_transfer(row.public_id)
    _record(row, lease, answer, at)


def _send(row: Row[Any], account: Account, lease: Lease, at: datetime) -> None:
    slot = _start(row, account, lease, at)
    if slot is None:
        return
    time.sleep(max(0.0, (slot - real_now()).total_seconds()))
    try:
        answer = _request(row, account, lease)
    except GatewayRetryable:
        with transaction() as session:
            work.put_back(session, [lease], due_at=at + BUSY_WAIT)
    except GatewayNeedsFunds as error:
        _wait_for_funds(account, lease, error, at)
    except GatewayRejected as error:
        _set_aside(lease, WithdrawalState.FAILED, error, at)
    except GatewayFailed as error:
        keep_statement(account.key, error, number=row.public_id, heard_by="answer", at=at)
        _set_aside(lease, WithdrawalState.UNKNOWN, error, at)
    else:
        _record(row, lease, answer, at)
        _resume(account, at)


def _start(row: Row[Any], account: Account, lease: Lease, at: datetime) -> datetime | None:
    """Move a withdrawal to sending and take a slot; None where it may not be sent now.

    One that the gateway may have heard of is repeated even while the account is short of funds.
    """
    with transaction() as session:
        if not start_sending(session, lease.subject, at=at, actor=ACTOR):
            work.put_back(session, [lease], due_at=at)
            return None
        shortage = find_shortages(session, [account.key], "transfer").get(account.key)
        is_unheard = row.state in (WithdrawalState.REQUESTED, NEEDS_FUNDS)
        if (
            shortage is not None
            and is_unheard
            and not take_probe(session, account.key, "transfer", at=at)
        ):
            set_aside(session, lease.subject, NEEDS_FUNDS, at=at, actor=ACTOR, reason="NOT_ENOUGH")
            work.put_back(session, [lease], due_at=max(at, shortage.probe_at))
            return None
        slots = take_slots(session, account.key, "transfer", wanted=1)
        if not slots:
            work.put_back(session, [lease], due_at=at + SLOT_WAIT)
            return None
        return slots[0]


def _resume(account: Account, at: datetime) -> None:
    """Let what waits for the account's funds go on: one was accepted."""
    with transaction() as session:
        if find_shortages(session, [account.key], "transfer"):
            resume(session, account.key, "transfer", at=at)


def _request(row: Row[Any], account: Account, lease: Lease) -> GatewayTransfer:
    """Ask for a transfer; a refusal is believed only if no earlier try was accepted."""
    try:
        return account.provider.transfer(
            TransferRequest(
                out_bill_no=row.public_id,
                amount_fen=Fen(row.net_fen),
                app_id=row.app_id,
                payee_id=row.payee_id,
                activity_name=row.activity_name,
                reward_note=row.reward_note,
                remark=row.remark,
                notify_url=callback_url(account, "transfer"),
            )
        )
    except (GatewayRejected, GatewayConflict, GatewayNeedsFunds):
        # Only who holds a lease sends, and this is the first there ever was.
        if lease.fence == 1:
            raise
        known = _ask_whatever_it_says(row, account)
        if known.status is TransferStatus.NOT_FOUND:
            raise
        return known


def _ask_whatever_it_says(row: Row[Any], account: Account) -> GatewayTransfer:
    """Ask how a transfer stands. Raises GatewayUnknown, also where the query is refused."""
    try:
        return account.provider.query_transfer(row.public_id)
    except GatewayFailed as error:
        raise restated(error) from error


def _wait_for_funds(account: Account, lease: Lease, error: GatewayNeedsFunds, at: datetime) -> None:
    """Record that the account is short of funds: this one and the others wait for a probe."""
    reason = str(error.details.get("gateway_code") or error.code)
    with transaction() as session:
        set_aside(session, lease.subject, NEEDS_FUNDS, at=at, actor=ACTOR, reason=reason)
        shortage = mark_short(session, account.key, "transfer", at=at)
        work.put_back(session, [lease], due_at=shortage.probe_at)


def _set_aside(lease: Lease, to: WithdrawalState, error: GatewayFailed, at: datetime) -> None:
    """Record that a transfer was not accepted, or that nobody knows."""
    reason = str(error.details.get("gateway_code") or error.code)
    with transaction() as session:
        state = set_aside(session, lease.subject, to, at=at, actor=ACTOR, reason=reason)
        if isinstance(error, GatewayConflict):
            # The gateway knows the number with other parameters: only a person can help.
            work.park(session, lease, error=reason)
        elif state is WithdrawalState.UNKNOWN:
            work.retry_later(session, lease, at=at, error=reason)
        elif state in FINAL_WITHDRAWAL_STATES:
            work.finish(session, [lease])
        else:
            work.put_back(session, [lease], due_at=at)


def _record(row: Row[Any], lease: Lease, told: GatewayTransfer, at: datetime) -> None:
    """Record what the gateway said, and when to look again; only a final state ends the work."""
    with transaction() as session:
        state = apply_transfer(session, lease.subject, told, at=at, actor=ACTOR)
        if state in FINAL_WITHDRAWAL_STATES:
            work.finish(session, [lease])
        else:
            waited = at - row.moved_at
            pause = min(max(FIRST_QUERY, waited), LONGEST_PAUSE)
            work.put_back(session, [lease], due_at=at + pause)
