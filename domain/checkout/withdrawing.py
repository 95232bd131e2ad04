"""Withdrawing: the wallet pays out through the merchant's gateway account; one at a time.

What is asked for is written with its number, and taken from the wallet, before any gateway hears
of it; a job sends it. The shopper then confirms it within 24 hours, or lets it go.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.orm import Session

from domain import idempotency, work
from domain.clock import day_start, shanghai_day
from domain.database import transaction
from domain.idempotency import RequestKey
from domain.ledger.balances import locked_wallet_balance
from domain.payments.accounts import account_of_merchant
from domain.public_ids import new_public_id
from domain.settlement.paying_out import WORK, take_from_wallet
from domain.states import WithdrawalState
from domain.withdrawals.errors import (
    BalanceTooLow,
    WithdrawalNotCancellable,
    WithdrawalNotFound,
    WithdrawalRunning,
)
from domain.withdrawals.queries import (
    WithdrawalView,
    find_withdrawal,
    read_limits,
    withdrawn_between,
)
from domain.withdrawals.rules import Payout, plan_payout

ACTIVITY_NAME = "拼团补贴"
REWARD_NOTE = "未成团补贴提现"
REMARK = "拼团补贴提现"
"""What scene 1000 (现金营销) must report, and what the shopper sees at the gateway."""

_SHOPPER = text(
    """
    SELECT s.app_id, s.openid, EXISTS (
        SELECT 1 FROM withdrawals w
        WHERE w.merchant_id = s.merchant_id AND w.shopper_id = s.id AND w.ended_at IS NULL
    ) AS is_running
    FROM shoppers s WHERE s.merchant_id = :merchant_id AND s.id = :shopper_id
    FOR NO KEY UPDATE
    """
)
_REQUEST = text(
    """
    INSERT INTO withdrawals (merchant_id, public_id, shopper_id, gateway_account_id, state,
        gross_fen, tax_fen, net_fen, tax_category, app_id, payee_id, activity_name, reward_note,
        remark, requested_at, moved_at, moved_by)
    VALUES (:merchant_id, :public_id, :shopper_id, :account_id, 'requested', :gross, :tax, :net,
        :category, :app_id, :payee, :activity, :reward, :remark, :at, :at, :actor)
    RETURNING id
    """
)
_LOCK = text(
    """
    SELECT id, state, cancel_requested_at FROM withdrawals
    WHERE merchant_id = :merchant_id AND shopper_id = :shopper_id AND public_id = :public_id
    FOR NO KEY UPDATE
    """
)
_CANCEL = text(
    "UPDATE withdrawals SET cancel_requested_at = :at WHERE merchant_id = :merchant_id AND id = :id"
)


@dataclass(frozen=True, slots=True)
class Withdraw:
    """A shopper wants `amount_fen` of their wallet paid out."""

    shopper: tuple[int, int]
    amount_fen: int
    key: RequestKey


def withdraw(command: Withdraw, *, at: datetime) -> WithdrawalView:
    """Take a withdrawal from the wallet and have it sent; returns it as it then is.

    May be repeated with its key. Raises WithdrawalsOff, WithdrawalRunning, WithdrawalTooSmall,
    WithdrawalTooLarge, WithdrawalDayLimitReached, BalanceTooLow, NoGatewayAccount, Busy,
    IdempotencyKeyReused.
    """
    with transaction() as session:
        done = idempotency.take(session, command.key)
        if done is not None:
            return _answered(session, command.shopper, done)
        payee = _payee(session, command.shopper)
        payout = _plan(session, command, at)
        public_id = _request(session, command.shopper, payee, payout, at=at)
        return _answer(session, command.shopper, public_id, command.key, at=at)


def _answer(
    session: Session, shopper: tuple[int, int], public_id: str, key: RequestKey, *, at: datetime
) -> WithdrawalView:
    """Keep a withdrawal as it is now as the answer to a key: a repeat gets the same."""
    view = find_withdrawal(session, shopper, public_id)
    idempotency.store(session, key, view.to_json(), at=at)
    return view


def _answered(session: Session, shopper: tuple[int, int], kept: dict[str, Any]) -> WithdrawalView:
    """Read a kept answer; earlier releases kept the id only."""
    if "state" not in kept:
        return find_withdrawal(session, shopper, kept["id"])
    return WithdrawalView.from_json(kept)


def _payee(session: Session, shopper: tuple[int, int]) -> Row[Any]:
    """Lock the shopper, so that two requests do not both look. Raises WithdrawalRunning."""
    payee = session.execute(_SHOPPER, {"merchant_id": shopper[0], "shopper_id": shopper[1]}).one()
    if payee.is_running:
        raise WithdrawalRunning
    return payee


def _plan(session: Session, command: Withdraw, at: datetime) -> Payout:
    since = day_start(shanghai_day(at))
    payout = plan_payout(
        read_limits(session, command.shopper[0]),
        command.amount_fen,
        withdrawn_fen=withdrawn_between(session, command.shopper, since, since + timedelta(days=1)),
    )
    balance_fen = locked_wallet_balance(session, command.shopper)
    if balance_fen < command.amount_fen:
        raise BalanceTooLow(balance_fen=balance_fen, field="amount_fen")
    return payout


def _request(
    session: Session, shopper: tuple[int, int], payee: Row[Any], payout: Payout, *, at: datetime
) -> str:
    merchant_id, shopper_id = shopper
    public_id = new_public_id()
    withdrawal_id: int = session.execute(
        _REQUEST,
        {
            "merchant_id": merchant_id,
            "public_id": public_id,
            "shopper_id": shopper_id,
            "account_id": account_of_merchant(session, merchant_id, app_id=payee.app_id).id,
            "gross": payout.gross_fen,
            "tax": payout.tax_fen,
            "net": payout.net_fen,
            "category": read_limits(session, merchant_id).tax_category,
            "app_id": payee.app_id,
            "payee": payee.openid,
            "activity": ACTIVITY_NAME,
            "reward": REWARD_NOTE,
            "remark": REMARK,
            "at": at,
            "actor": f"shopper:{shopper_id}",
        },
    ).scalar_one()
    withdrawal = (merchant_id, withdrawal_id)
    take_from_wallet(session, withdrawal, shopper_id, payout.gross_fen, at=at)
    work.put(session, WORK, [withdrawal], due_at=at)
    return public_id


def cancel_withdrawal(
    shopper: tuple[int, int], withdrawal_id: str, key: RequestKey, *, at: datetime
) -> WithdrawalView:
    """Have a withdrawal (public id) that awaits its shopper cancelled; the gateway decides.

    Returns it as it then is. May be repeated with its key. Raises WithdrawalNotFound,
    WithdrawalNotCancellable, Busy, IdempotencyKeyReused.
    """
    with transaction() as session:
        done = idempotency.take(session, key)
        if done is not None:
            return _answered(session, shopper, done)
        found = session.execute(
            _LOCK,
            {"merchant_id": shopper[0], "shopper_id": shopper[1], "public_id": withdrawal_id},
        ).first()
        if found is None:
            raise WithdrawalNotFound
        if found.state != WithdrawalState.AWAITING_SHOPPER:
            raise WithdrawalNotCancellable(state=found.state)
        if found.cancel_requested_at is None:
            session.execute(_CANCEL, {"merchant_id": shopper[0], "id": found.id, "at": at})
            work.hasten(session, WORK, [(shopper[0], found.id)], due_at=at)
        return _answer(session, shopper, withdrawal_id, key, at=at)
