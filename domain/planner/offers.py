"""What an opener is offered, and what is assumed of people. Pure values.

What a fen of face value is worth is B3's for cash (all of it) and coupons (half to an honest buyer,
nothing to a farmer); points and passes are taken as coupons.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType

from domain.planner.forming import WARM, Behaviour

EFFORT_FEN = 50
"""What sharing costs a shopper in trouble and face: B3's e."""


class Kind(StrEnum):
    """What a subsidy or reward is given in."""

    CASH = "cash"
    COUPON = "coupon"
    POINTS = "points"
    PASS = "pass"  # noqa: S105 a free seat, not a password
    EXTERNAL_POINTS = "external_points"


@dataclass(frozen=True, slots=True)
class Worth:
    """What a fen of face value is worth to an honest buyer, and to a farmer."""

    buyer_bps: int
    farmer_bps: int


WORTH: Mapping[Kind, Worth] = MappingProxyType(
    {Kind.CASH: Worth(10_000, 10_000)}
    | {kind: Worth(5000, 0) for kind in Kind if kind is not Kind.CASH}
)


@dataclass(frozen=True, slots=True)
class Subsidy:
    """What a member of a failed group gets: the mean and the largest amount, without extras.

    The leader gets `per_invite_fen` more for each seat paid through his share, `most_invites` times
    at most. `new_shopper_fen` is told beside the test and not tested: a buyer gets it once.
    """

    kind: Kind
    mean_fen: int
    largest_fen: int
    per_invite_fen: int = 0
    most_invites: int = 0
    new_shopper_fen: int = 0


@dataclass(frozen=True, slots=True)
class Levers:
    """What bounds the subsidy of those who do not share; all off by default.

    With `is_full_from_two_seats` a group of one gets `consolation_fen` each instead. With
    `is_visit_required` nothing is paid to a leader whose share nobody opened.
    """

    is_full_from_two_seats: bool = False
    consolation_fen: int = 0
    is_visit_required: bool = False
    paid_before_deadline_seconds: int = 0
    is_organic_pool_on: bool = False


@dataclass(frozen=True, slots=True)
class InviteReward:
    """What an inviter gets for each invited new shopper, by how the group ends."""

    kind: Kind = Kind.COUPON
    on_forming_fen: int = 0
    on_failing_fen: int = 0
    new_shoppers_bps: int = 10_000


@dataclass(frozen=True, slots=True)
class Offer:
    """What an opener is offered: one variant under one set of rules."""

    list_price_fen: int
    group_price_fen: int
    group_size: int
    life_seconds: int
    subsidy: Subsidy
    levers: Levers = field(default_factory=Levers)
    reward: InviteReward = field(default_factory=InviteReward)


@dataclass(frozen=True, slots=True)
class Assumptions:
    """What is assumed of people; B3's unless said."""

    behaviour: Behaviour = WARM
    effort_fen: int = EFFORT_FEN
    hassle_fen: int = 0
    resale_fen: int = 0
