"""What a history is to hold: groups that are over, or groups that run."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class Place:
    """Where a history happens: merchant, campaign, gateway account, prices."""

    merchant_id: int
    account_id: int
    campaign_id: int
    rule_version_id: int
    variant_id: int
    size: int
    title: str
    price_fen: int
    list_price_fen: int
    subsidy_fen: int


@dataclass(frozen=True)
class Past:
    """Groups of three that are over, evenly spread over a time.

    Of ten groups six formed, three failed with two paid seats, one with a paid and an expired one:
    26 orders. Shoppers take turns.
    """

    orders: int
    first_shopper: int
    shoppers: int
    begins_at: datetime
    ends_at: datetime

    @property
    def groups(self) -> int:
        """Return how many groups that makes."""
        return -(-self.orders * 10 // 26)


@dataclass(frozen=True)
class Herd:
    """Open groups with one deadline; each `unpaid_every`-th holds a seat whose payment is open.

    Shoppers are used once each, in order.
    """

    groups: int
    paid_seats: int
    first_shopper: int
    opened_at: datetime
    deadline_at: datetime
    unpaid_every: int = 0

    @property
    def shoppers(self) -> int:
        """Return how many shoppers it needs."""
        unpaid = self.groups // self.unpaid_every if self.unpaid_every else 0
        return self.groups * self.paid_seats + unpaid
