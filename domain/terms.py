"""A campaign's rules as a frozen value: what a group is opened under and settled by. Pure."""

import json
from collections.abc import Collection
from dataclasses import asdict, dataclass, field, fields
from datetime import datetime
from enum import StrEnum
from functools import lru_cache
from typing import Any, Self

SMALLEST_GROUP = 2
LARGEST_GROUP = 100
SHORTEST_LIFE_SECONDS = 600
LONGEST_LIFE_SECONDS = 7 * 86_400


def _given(cls: type[Any], value: dict[str, Any], without: Collection[str] = ()) -> dict[str, Any]:
    """Take a dataclass's fields out of JSON, as far as they are there."""
    names = (f.name for f in fields(cls) if f.name not in without)
    return {name: value[name] for name in names if name in value}


@dataclass(frozen=True, slots=True)
class _Rules:
    """Plain values, each with a default, that are kept as JSON."""

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Self:
        """Read what `to_json` wrote; what older rules did not know keeps its default."""
        return cls(**_given(cls, value))

    def to_json(self) -> dict[str, Any]:
        """Write the values as JSON."""
        return asdict(self)


class SubsidyKind(StrEnum):
    """What a member of a failed group is given; all are counted in fen, at face value."""

    CASH = "cash"
    COUPON = "coupon"
    POINTS = "points"
    PASS = "pass"  # noqa: S105 - a free seat, no password
    EXTERNAL_POINTS = "external_points"

    @property
    def is_divisible(self) -> bool:
        """Say whether a cap cuts it to what is left; the others are whole or zero."""
        return self not in (SubsidyKind.COUPON, SubsidyKind.PASS)

    @property
    def expires(self) -> bool:
        """Say whether it is a coupon or a pass, valid for so many days."""
        return self in (SubsidyKind.COUPON, SubsidyKind.PASS)


@dataclass(frozen=True, slots=True)
class SubsidyRule:
    """The subsidy of each paid member of a failed group.

    The base is `amount_fen`, or uniform over [`least_fen`, `amount_fen`]; a new shopper gets
    `new_shopper_fen` more, an inviter `invite_fen` more for each of up to `invites_most` seats of
    the group paid through its share. Issued `delay_seconds` after the deadline. A coupon needs an
    order from `threshold_fen` on; coupons and passes are valid for `valid_days`. External points
    belong to the programme of `programme_id`, and are whole in amounts of `point_fen`.
    """

    kind: SubsidyKind
    amount_fen: int
    least_fen: int | None = None
    new_shopper_fen: int = 0
    invite_fen: int = 0
    invites_most: int = 0
    delay_seconds: int = 0
    threshold_fen: int = 0
    valid_days: int = 0
    programme_id: int | None = None
    point_fen: int = 1

    def unit_fen(self, merchant_point_fen: int) -> int:
        """Return the fen that its amounts are whole in, given those of the merchant's own points.

        Those of a brand's points are the rule's: they never change after it was drawn up.
        """
        match self.kind:
            case SubsidyKind.POINTS:
                return merchant_point_fen
            case SubsidyKind.EXTERNAL_POINTS:
                return self.point_fen
            case _:
                return 1

    @property
    def is_random(self) -> bool:
        """Say whether the base is drawn."""
        return self.least_fen is not None and self.least_fen < self.amount_fen

    @property
    def smallest_fen(self) -> int:
        """Return the least a member gets, before caps and levers."""
        return self.amount_fen if self.least_fen is None else self.least_fen

    @property
    def largest_fen(self) -> int:
        """Return the most one member may get, with every extra."""
        return self.amount_fen + self.new_shopper_fen + self.invite_fen * self.invites_most

    def is_below(self, group_price_fen: int) -> bool:
        """Say whether it may stand beside a price: below it, or a pass that is worth the price."""
        if self.kind is SubsidyKind.PASS:
            return self.largest_fen <= group_price_fen
        return self.largest_fen < group_price_fen

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Self:
        """Read what `to_json` wrote; what older rules did not know keeps its default."""
        return cls(kind=SubsidyKind(value["kind"]), **_given(cls, value, without=("kind",)))

    def to_json(self) -> dict[str, Any]:
        """Write the rule as JSON."""
        return {**asdict(self), "kind": self.kind.value}


@dataclass(frozen=True, slots=True)
class RewardRule(_Rules):
    """The coupon a referrer gets when the new shopper's group forms, or fails; 0 is none."""

    formed_fen: int = 0
    failed_fen: int = 0
    threshold_fen: int = 0
    valid_days: int = 30

    @property
    def largest_fen(self) -> int:
        """Return the most one referral may cost."""
        return max(self.formed_fen, self.failed_fen)


@dataclass(frozen=True, slots=True)
class Caps(_Rules):
    """The most subsidy one shopper gets, and for how many failures; None is without end.

    Days and months are Shanghai's, of the cap day. `failures` is of the campaign as a whole.
    """

    day_fen: int | None = None
    month_fen: int | None = None
    day_failures: int | None = None
    month_failures: int | None = None
    failures: int | None = None


@dataclass(frozen=True, slots=True)
class Levers(_Rules):
    """Conditions against farming, off by default; each is told before paying.

    The full subsidy needs `full_from_seats` paid seats when the group fails, else `consolation_fen`
    is the most; a seat must be taken `least_paid_seconds` before the deadline, judged when the
    order is placed (it is paid within its hold). Strangers may join from the campaign page unless
    `is_pool_open` is false: then only through a share of the group.
    """

    full_from_seats: int = 1
    consolation_fen: int = 0
    least_paid_seconds: int = 0
    is_pool_open: bool = True


@dataclass(frozen=True, slots=True)
class Limits(_Rules):
    """How often one shopper may take part; days are Asia/Shanghai."""

    open_groups: int = 5
    participations_per_day: int = 5
    expired_holds_per_day: int = 10


@dataclass(frozen=True, slots=True)
class GroupPrice:
    """The group price of one variant (`variant_id` is the inner bigint)."""

    variant_id: int
    group_price_fen: int


@dataclass(frozen=True, slots=True)
class Terms:
    """The rules of a campaign; a group's deadline is `min(leader paid at + life, ends_at)`."""

    group_size: int
    life_seconds: int
    prices: tuple[GroupPrice, ...]
    subsidy: SubsidyRule
    starts_at: datetime
    ends_at: datetime
    limits: Limits = field(default_factory=Limits)
    reward: RewardRule = field(default_factory=RewardRule)
    caps: Caps = field(default_factory=Caps)
    levers: Levers = field(default_factory=Levers)

    @property
    def largest_subsidy_fen(self) -> int:
        """Return the most subsidy one seat may cost."""
        return self.subsidy.largest_fen

    @property
    def seat_cost_fen(self) -> int:
        """Return the most one seat may cost: its subsidy, and the reward for who invited it."""
        return self.subsidy.largest_fen + self.reward.largest_fen

    @property
    def worst_case_fen(self) -> int:
        """Return the most one group may cost: what its opening commits of the budget."""
        return self.group_size * self.seat_cost_fen

    def price_of(self, variant_id: int) -> int | None:
        """Return the group price of a variant, or None where the campaign does not sell it."""
        for price in self.prices:
            if price.variant_id == variant_id:
                return price.group_price_fen
        return None

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Self:
        """Read what `to_json` wrote."""
        return cls(
            group_size=value["group_size"],
            life_seconds=value["life_seconds"],
            prices=tuple(
                GroupPrice(price["variant_id"], price["group_price_fen"])
                for price in value["prices"]
            ),
            subsidy=SubsidyRule.from_json(value["subsidy"]),
            starts_at=datetime.fromisoformat(value["starts_at"]),
            ends_at=datetime.fromisoformat(value["ends_at"]),
            limits=Limits.from_json(value["limits"]),
            reward=RewardRule.from_json(value.get("reward", {})),
            caps=Caps.from_json(value.get("caps", {})),
            levers=Levers.from_json(value.get("levers", {})),
        )

    def to_json(self) -> dict[str, Any]:
        """Write the terms as JSON."""
        return {
            "group_size": self.group_size,
            "life_seconds": self.life_seconds,
            "prices": [
                {"variant_id": price.variant_id, "group_price_fen": price.group_price_fen}
                for price in self.prices
            ],
            "subsidy": self.subsidy.to_json(),
            "starts_at": self.starts_at.isoformat(),
            "ends_at": self.ends_at.isoformat(),
            "limits": self.limits.to_json(),
            "reward": self.reward.to_json(),
            "caps": self.caps.to_json(),
            "levers": self.levers.to_json(),
        }


@lru_cache(maxsize=1024)
def read_terms(frozen: str) -> Terms:
    """Read frozen terms from their JSON text; a rule version's text is read once per process."""
    return Terms.from_json(json.loads(frozen))
