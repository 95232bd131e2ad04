"""A campaign being drafted: what was typed so far, what it would cost, and the body for the API."""

from dataclasses import dataclass, field
from datetime import datetime

from console.client import Json
from console.formats import SHANGHAI, api_instant, instant

MINUTE_SECONDS = 60
FIRST_SUBSIDY: Json = {"kind": "cash", "amount_fen": 300}


@dataclass
class Draft:
    """The wizard's answers, in the API's units; times are naive and mean China."""

    campaign_id: str | None = None
    is_published: bool = False
    product: Json | None = None
    title: str = ""
    prices_fen: dict[str, int] = field(default_factory=dict)
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    group_size: int = 3
    life_minutes: int = 24 * 60
    stock_units: int = 1000
    open_groups: int = 3
    participations_per_day: int = 5
    expired_holds_per_day: int = 10
    subsidy: Json = field(default_factory=FIRST_SUBSIDY.copy)
    caps: Json = field(default_factory=dict)
    levers: Json = field(default_factory=dict)
    reward: Json = field(default_factory=dict)
    budget_fen: int = 300_000

    @classmethod
    def of(cls, campaign: Json, product: Json) -> "Draft":
        """Take up the draft of an existing campaign."""
        terms, limits = campaign["terms"], campaign["terms"]["limits"]
        return cls(
            campaign_id=campaign["id"],
            is_published=campaign["state"] != "draft",
            product=product,
            title=campaign["title"],
            prices_fen={one["variant_id"]: one["group_price_fen"] for one in terms["prices"]},
            starts_at=_in_china(campaign["starts_at"]),
            ends_at=_in_china(campaign["ends_at"]),
            group_size=terms["group_size"],
            life_minutes=terms["life_seconds"] // MINUTE_SECONDS,
            stock_units=campaign["stock_units"],
            open_groups=limits["open_groups"],
            participations_per_day=limits["participations_per_day"],
            expired_holds_per_day=limits["expired_holds_per_day"],
            subsidy=dict(terms["subsidy"]),
            caps=dict(terms.get("caps", {})),
            levers=dict(terms.get("levers", {})),
            reward=dict(terms.get("reward", {})),
            budget_fen=campaign["budget_fen"],
        )

    @property
    def worst_group_fen(self) -> int:
        """Return the most one group may cost."""
        return worst_group_fen(
            {"group_size": self.group_size, "subsidy": self.subsidy, "reward": self.reward}
        )

    @property
    def groups_in_budget(self) -> int | None:
        """Return how many groups the budget carries if all of them fail."""
        return self.budget_fen // self.worst_group_fen if self.worst_group_fen else None

    @property
    def smallest_gap_fen(self) -> int | None:
        """Return the smallest difference of list price and group price."""
        gaps = [
            variant["list_price_fen"] - self.prices_fen[variant["id"]]
            for variant in (self.product or {}).get("variants", [])
            if variant["id"] in self.prices_fen
        ]
        return min(gaps, default=None)

    @property
    def gap_share_bps(self) -> int | None:
        """Return the subsidy as a share of the smallest price gap."""
        gap = self.smallest_gap_fen
        return None if not gap or gap < 0 else 10_000 * self.subsidy["amount_fen"] // gap

    def offer(self) -> Json:
        """Write what is offered, for the arbitrage test: of the variant with the smallest gap."""
        if self.product is None:
            raise ValueError("a draft without product")
        variant = min(
            (one for one in self.product["variants"] if one["id"] in self.prices_fen),
            key=lambda one: one["list_price_fen"] - self.prices_fen[one["id"]],
        )
        rule, levers = self.subsidy, self.levers
        least = rule.get("least_fen") or rule["amount_fen"]
        return {
            "list_price_fen": variant["list_price_fen"],
            "group_price_fen": self.prices_fen[variant["id"]],
            "group_size": self.group_size,
            "life_seconds": self.life_minutes * MINUTE_SECONDS,
            "subsidy": {
                "kind": rule["kind"],
                "amount_fen": (least + rule["amount_fen"]) // 2,
                "largest_fen": rule["amount_fen"],
                "per_invite_fen": rule.get("invite_fen", 0),
                "most_invites": rule.get("invites_most", 0),
            },
            "levers": {
                "is_full_from_two_seats": levers.get("full_from_seats", 1) > 1,
                "consolation_fen": levers.get("consolation_fen", 0),
                "paid_before_deadline_seconds": levers.get("least_paid_seconds", 0),
                "is_organic_pool_on": levers.get("is_pool_open", True),
            },
            "reward": {
                "on_forming_fen": self.reward.get("formed_fen", 0),
                "on_failing_fen": self.reward.get("failed_fen", 0),
            },
        }

    def _funds(self) -> Json:
        if self.is_published:
            return {}
        return {"budget_fen": self.budget_fen, "stock_units": self.stock_units}

    def body(self) -> Json:
        """Write the draft as the API takes it: to create, or to change where it exists.

        Budget and stock of a published campaign are no part of its draft: they change at once, by a
        dialog of their own, with a reason.
        """
        if self.product is None or self.starts_at is None or self.ends_at is None:
            raise ValueError("a draft without product or window")
        return {
            **({} if self.campaign_id else {"product_id": self.product["id"]}),
            "title": self.title,
            "starts_at": api_instant(self.starts_at.replace(tzinfo=SHANGHAI)),
            "ends_at": api_instant(self.ends_at.replace(tzinfo=SHANGHAI)),
            **self._funds(),
            "terms": {
                "group_size": self.group_size,
                "life_seconds": self.life_minutes * MINUTE_SECONDS,
                "prices": [
                    {"variant_id": variant_id, "group_price_fen": price}
                    for variant_id, price in self.prices_fen.items()
                ],
                "subsidy": self.subsidy,
                "caps": self.caps,
                "levers": self.levers,
                "reward": self.reward,
                "limits": {
                    "open_groups": self.open_groups,
                    "participations_per_day": self.participations_per_day,
                    "expired_holds_per_day": self.expired_holds_per_day,
                },
            },
        }


def worst_group_fen(terms: Json) -> int:
    """Return the most one group may cost: everybody's subsidy, and who brought everybody."""
    rule, reward = terms["subsidy"], terms.get("reward", {})
    invites: int = rule.get("invite_fen", 0) * rule.get("invites_most", 0)
    largest: int = rule["amount_fen"] + rule.get("new_shopper_fen", 0) + invites
    rewards: int = max(reward.get("formed_fen", 0), reward.get("failed_fen", 0))
    size: int = terms["group_size"]
    return size * (largest + rewards)


def _in_china(text: str) -> datetime:
    return instant(text).astimezone(SHANGHAI).replace(tzinfo=None)
