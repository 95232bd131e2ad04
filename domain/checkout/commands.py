"""What a shopper asks for when placing an order."""

from dataclasses import dataclass
from typing import Any

from domain.idempotency import RequestKey

Key = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Client:
    """Where a request came from; recorded with the order."""

    address: str | None = None
    device: str | None = None
    channel: str | None = None


@dataclass(frozen=True, slots=True)
class Basket:
    """What every placement has: who, what, how to pay, where to send, through which share."""

    shopper: Key
    key: RequestKey
    variant_id: str
    use_wallet: bool = False
    use_points: bool = False
    coupon_id: str | None = None
    pass_id: str | None = None
    address: dict[str, Any] | None = None
    share_token: str | None = None
    client: Client = Client()


@dataclass(frozen=True, slots=True)
class OpenGroup:
    """Open a group under a campaign (public id)."""

    basket: Basket
    campaign_id: str


@dataclass(frozen=True, slots=True)
class JoinGroup:
    """Join a group (public id)."""

    basket: Basket
    group_id: str


@dataclass(frozen=True, slots=True)
class BuyAlone:
    """Buy one unit of a variant without a group; `for_points`: at its points price, by points."""

    basket: Basket
    for_points: bool = False
