"""The founding document's case, set up over REST: products, campaign, its day."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

from bench.playing.clocks import midnight_before, shanghai_day
from bench.playing.staff import Staff

DAY = timedelta(days=1)
LIFE = timedelta(hours=24)
LAST_OPENING = timedelta(minutes=30)
GROUP_SIZE = 3
LIST_PRICE_FEN = 3000
GROUP_PRICE_FEN = 1990
SUBSIDY_FEN = 1000
UNIT_COST_FEN = 1200
OTHER_PRICE_FEN = 2500
REASON = "演示：照创始文档的案例设置，已知其风险"


class Deadline(StrEnum):
    """When groups end: all at 24:00 of the day, or each a day after it was opened."""

    MIDNIGHT = "midnight"
    LIFE = "life"


@dataclass(frozen=True, slots=True)
class Plan:
    """The played day: when it begins, and when the last group of it must have ended."""

    day_on: date
    starts_at: datetime
    last_deadline_at: datetime

    @property
    def last_on(self) -> date:
        """Return the last day whose figures belong to the play."""
        return shanghai_day(self.last_deadline_at + DAY)


@dataclass(frozen=True, slots=True)
class Offer:
    """What is sold: the campaign and its variant, and a variant of another product."""

    campaign_id: str
    variant_id: str
    other_variant_id: str
    last_deadline_at: datetime


def plan_day(now: datetime, deadline: Deadline) -> Plan:
    """Plan the day: it begins at the next 0:00 in Shanghai."""
    day_on = shanghai_day(now) + DAY
    starts_at = midnight_before(day_on)
    ends_at = starts_at + DAY
    return Plan(day_on, starts_at, ends_at if deadline is Deadline.MIDNIGHT else ends_at + LIFE)


def set_up_case(staff: Staff, plan: Plan, size: int) -> Offer:
    """Make the case's products and publish its campaign, with funds for `size` groups."""
    units = size * GROUP_SIZE * 2 + 100
    chips = staff.add_product(
        "网红薯片 3 包",
        "薯片",
        {
            "title": "原味",
            "list_price_fen": LIST_PRICE_FEN,
            "unit_cost_fen": UNIT_COST_FEN,
            "stock_units": units,
        },
    )
    nuts = staff.add_product(
        "每日坚果",
        "坚果",
        {
            "title": "7 包",
            "list_price_fen": OTHER_PRICE_FEN,
            "unit_cost_fen": UNIT_COST_FEN,
            "stock_units": units,
        },
    )
    campaign_id = staff.add_campaign(
        {
            "product_id": chips["product_id"],
            "title": "19.9 元拼 3 包网红薯片",
            "starts_at": plan.starts_at.isoformat(),
            "ends_at": plan.last_deadline_at.isoformat(),
            "budget_fen": 2 * size * GROUP_SIZE * SUBSIDY_FEN,
            "stock_units": units,
            "terms": {
                "group_size": GROUP_SIZE,
                "life_seconds": int(LIFE.total_seconds()),
                "prices": [{"variant_id": chips["id"], "group_price_fen": GROUP_PRICE_FEN}],
                "subsidy": {"kind": "cash", "amount_fen": SUBSIDY_FEN},
            },
        },
        reason=REASON,
    )
    return Offer(campaign_id, chips["id"], nuts["id"], plan.last_deadline_at)
