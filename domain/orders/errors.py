"""What can be wrong with an order."""

from domain.errors import Conflict, NotFound, Rejected


class OrderNotFound(NotFound):
    """No such order of this shopper."""


class NothingToPay(Conflict):
    """The order is paid, over, or its hold has run out."""


class OrderNotCancellable(Conflict):
    """The order is neither unpaid nor in a group that is open before its deadline."""


class ParticipationLimitReached(Rejected):
    """The shopper has taken part as often as a day allows."""


class ExpiredHoldLimitReached(Rejected):
    """The shopper let too many unpaid holds run out today."""


class OpenGroupLimitReached(Rejected):
    """The shopper is in as many running groups as the campaign allows."""


class UnpaidHoldExists(Conflict):
    """The shopper has another unpaid hold, `order_id`: pay it or give it up first."""


class ReleasesExist(Conflict):
    """As many of the shopper's unpaid orders as may be are being released: `limit`."""


class JoinBlocked(Rejected):
    """A risk rule refuses this; `reason_class` says which kind."""
