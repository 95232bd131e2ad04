"""What may be withdrawn, what is withheld, and what a failure means to the shopper. Pure."""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from domain.withdrawals.errors import (
    WithdrawalDayLimitReached,
    WithdrawalsOff,
    WithdrawalTooLarge,
    WithdrawalTooSmall,
)

LEAST_FEN = 10
"""The smallest transfer of both gateways (WeChat Pay 商家转账; Alipay 单笔转账): 0.1 yuan."""
MOST_FEN = 199_999
"""From 2,000 yuan on WeChat Pay asks for the payee's name, which is never collected."""
CONFIRM_WITHIN = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class WithdrawalLimits:
    """A merchant's rules: the most in fen of one withdrawal and of a shopper's day; tax in bps."""

    is_on: bool
    max_fen: int
    daily_fen: int
    tax_bps: int
    tax_category: str


@dataclass(frozen=True, slots=True)
class Payout:
    """What a withdrawal comes to: the wallet gives the gross, the shopper gets the net."""

    gross_fen: int
    tax_fen: int
    net_fen: int


def plan_payout(limits: WithdrawalLimits, amount_fen: int, *, withdrawn_fen: int) -> Payout:
    """Check an amount against a merchant's limits and split off the tax, rounded down.

    `withdrawn_fen` is what the shopper withdrew this day already. Raises WithdrawalsOff,
    WithdrawalTooSmall, WithdrawalTooLarge, WithdrawalDayLimitReached.
    """
    if not limits.is_on:
        raise WithdrawalsOff
    if amount_fen > min(limits.max_fen, MOST_FEN):
        raise WithdrawalTooLarge(most_fen=min(limits.max_fen, MOST_FEN), field="amount_fen")
    left_fen = max(0, limits.daily_fen - withdrawn_fen)
    if amount_fen > left_fen:
        raise WithdrawalDayLimitReached(left_fen=left_fen, field="amount_fen")
    tax_fen = amount_fen * limits.tax_bps // 10_000
    payout = Payout(amount_fen, tax_fen, amount_fen - tax_fen)
    if payout.net_fen < LEAST_FEN:
        raise WithdrawalTooSmall(least_fen=LEAST_FEN, field="amount_fen")
    return payout


class Advice(StrEnum):
    """What a shopper can do about a withdrawal that did not arrive."""

    VERIFY_NAME = "verify_name"
    CHECK_ACCOUNT = "check_account"
    WAIT_FOR_LIMIT = "wait_for_limit"
    CONFIRM_IN_TIME = "confirm_in_time"
    LOG_IN_AGAIN = "log_in_again"
    WITHDRAW_AGAIN = "withdraw_again"
    ASK_MERCHANT = "ask_merchant"


_ADVICE = {
    "REAL_NAME_CHECK_FAIL": Advice.VERIFY_NAME,
    "NAME_NOT_CORRECT": Advice.VERIFY_NAME,
    "PAYEE_ACCOUNT_ABNORMAL": Advice.CHECK_ACCOUNT,
    "ACCOUNT_FROZEN": Advice.CHECK_ACCOUNT,
    "TRANSFER_QUOTA_EXCEED": Advice.WAIT_FOR_LIMIT,
    "DAY_RECEIVED_QUOTA_EXCEED": Advice.WAIT_FOR_LIMIT,
    "DAY_RECEIVED_COUNT_EXCEED": Advice.WAIT_FOR_LIMIT,
    "REALNAME_ACCOUNT_RECEIVED_QUOTA_EXCEED": Advice.WAIT_FOR_LIMIT,
    "BLOCK_B2C_USERLIMITAMOUNT_MONTH": Advice.WAIT_FOR_LIMIT,
    "OVERDUE_CLOSE": Advice.CONFIRM_IN_TIME,
    "OPENID_INVALID": Advice.LOG_IN_AGAIN,
    "MCH_CANCEL": Advice.WITHDRAW_AGAIN,
}


def advise(fail_reason: str | None) -> Advice:
    """Return what to do about a gateway's fail reason (WeChat Pay, 商家转账 fail_reason list)."""
    return _ADVICE.get(fail_reason or "", Advice.ASK_MERCHANT)
