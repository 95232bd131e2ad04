"""What can be wrong with a withdrawal."""

from domain.errors import Conflict, NotFound, Rejected


class WithdrawalNotFound(NotFound):
    """No such withdrawal of this shopper."""


class WithdrawalsOff(Conflict):
    """The merchant pays no withdrawals out."""


class WithdrawalRunning(Conflict):
    """Another withdrawal of the shopper is not over: one at a time."""


class WithdrawalNotCancellable(Conflict):
    """Only a withdrawal that awaits its shopper can be cancelled; `state` says how it is."""


class WithdrawalTooSmall(Rejected):
    """What would arrive is below `least_fen`, the gateway's smallest transfer."""


class WithdrawalTooLarge(Rejected):
    """More than `most_fen`, the merchant's limit of one withdrawal."""


class WithdrawalDayLimitReached(Rejected):
    """More than `left_fen`, what is left of the merchant's limit for this day."""


class BalanceTooLow(Conflict):
    """The wallet holds `balance_fen`: less than is asked for."""
