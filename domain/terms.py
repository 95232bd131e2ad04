"""A campaign's rules as a frozen value: what a group is opened under and settled by. Pure."""

import json
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from functools import lru_cache
from typing import Any, Self

SMALLEST_GROUP = 2
LARGEST_GROUP = 100
SHORTEST_LIFE_SECONDS = 600
LONGEST_LIFE_SECONDS = 7 * 86_400


class SubsidyKind(StrEnum):
    """What a member of a failed group is given."""

    CASH = "cash"


@dataclass(frozen=True, slots=True)
class SubsidyRule:
    """The subsidy of each paid member of a failed group."""

    kind: SubsidyKind
    amount_fen: int

    @property
    def largest_fen(self) -> int:
        """Return the most one member may get."""
        return self.amount_fen

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Self:
        """Read what `to_json` wrote."""
        return cls(SubsidyKind(value["kind"]), value["amount_fen"])

    def to_json(self) -> dict[str, Any]:
        """Write the rule as JSON."""
        return {"kind": self.kind.value, "amount_fen": self.amount_fen}


@dataclass(frozen=True, slots=True)
class Limits:
    """How often one shopper may take part; days are Asia/Shanghai."""

    open_groups: int = 5
    participations_per_day: int = 5
    expired_holds_per_day: int = 10

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Self:
        """Read what `to_json` wrote."""
        return cls(
            value["open_groups"],
            value["participations_per_day"],
            value["expired_holds_per_day"],
        )

    def to_json(self) -> dict[str, Any]:
        """Write the limits as JSON."""
        return {
            "open_groups": self.open_groups,
            "participations_per_day": self.participations_per_day,
            "expired_holds_per_day": self.expired_holds_per_day,
        }


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

    @property
    def largest_subsidy_fen(self) -> int:
        """Return the most one seat may cost."""
        return self.subsidy.largest_fen

    @property
    def worst_case_fen(self) -> int:
        """Return the most one group may cost: what its opening commits of the budget."""
        return self.group_size * self.largest_subsidy_fen

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
        }


@lru_cache(maxsize=1024)
def read_terms(frozen: str) -> Terms:
    """Read frozen terms from their JSON text; a rule version's text is read once per process."""
    return Terms.from_json(json.loads(frozen))
