"""The arbitrage test, as staff ask for it and see it."""

from typing import Any

import marshmallow as ma

from api.schemas.fields import (
    Answer,
    Boolean,
    Choice,
    Count,
    Fen,
    PublicId,
    Schema,
    String,
)
from domain.planner.arbitrage import BUYERS, Verdict
from domain.planner.forming import PRESETS
from domain.planner.offers import EFFORT_FEN, Kind
from domain.terms import (
    LARGEST_GROUP,
    LONGEST_LIFE_SECONDS,
    SHORTEST_LIFE_SECONDS,
    SMALLEST_GROUP,
)

LONGEST_DELAY_SECONDS = 30 * 86_400


class OfferedSubsidySchema(Schema):
    """The subsidy of a failed group's member; a random one by its mean and its largest amount."""

    kind = Choice(Kind, load_default=Kind.CASH.value)
    amount_fen = Fen(required=True, metadata={"description": "the mean of a random one"})
    largest_fen = Fen(metadata={"description": "amount_fen unless given"})
    per_invite_fen = Fen(load_default=0)
    most_invites = Count(most=LARGEST_GROUP, load_default=0)
    new_shopper_fen = Fen(
        load_default=0, metadata={"description": "not tested; the sentence tells of it"}
    )

    @ma.validates_schema
    def check_largest(self, data: dict[str, Any], **_: Any) -> None:
        """Refuse a largest amount below the mean."""
        if data.get("largest_fen", data["amount_fen"]) < data["amount_fen"]:
            raise ma.ValidationError("out_of_range", "largest_fen")


class OfferedLeversSchema(Schema):
    """What bounds the subsidy of those who do not share."""

    is_full_from_two_seats = Boolean()
    consolation_fen = Fen(metadata={"description": "for a group of one, in place of the subsidy"})
    paid_before_deadline_seconds = Count(most=LONGEST_LIFE_SECONDS)
    is_organic_pool_on = Boolean()


class OfferedRewardSchema(Schema):
    """What an inviter gets, as a coupon, for each invited new shopper."""

    on_forming_fen = Fen()
    on_failing_fen = Fen()
    new_shoppers_bps = Count(
        most=10_000, metadata={"description": "how many of the invited are new"}
    )


class AssumptionsSchema(Schema):
    """What is assumed of people, where it differs from the chosen behaviour."""

    opener_shares_bps = Count(most=10_000)
    joiner_shares_bps = Count(most=10_000)
    conversions_milli = Count(most=10_000, metadata={"description": "paid seats per 1,000 sharers"})
    delay_seconds = Count(least=60, most=LONGEST_DELAY_SECONDS)
    organic_milli_per_hour = Count(most=100_000)
    effort_fen = Fen(metadata={"description": f"of sharing; {EFFORT_FEN} unless given"})
    hassle_fen = Fen(metadata={"description": "of taking part"})
    resale_fen = Fen(metadata={"description": "what a farmer sells the product for"})


class OfferSchema(Schema):
    """An offer that is only thought of."""

    list_price_fen = Fen(least=1, required=True)
    group_price_fen = Fen(least=1, required=True)
    group_size = Count(least=SMALLEST_GROUP, most=LARGEST_GROUP, required=True)
    life_seconds = Count(least=SHORTEST_LIFE_SECONDS, most=LONGEST_LIFE_SECONDS, required=True)
    subsidy = ma.fields.Nested(OfferedSubsidySchema, required=True)
    levers = ma.fields.Nested(OfferedLeversSchema, load_default=dict)
    reward = ma.fields.Nested(OfferedRewardSchema, load_default=dict)
    behaviour = Choice(PRESETS, load_default="warm")
    assumptions = ma.fields.Nested(AssumptionsSchema, load_default=dict)

    @ma.validates_schema
    def check_subsidy(self, data: dict[str, Any], **_: Any) -> None:
        """Refuse a subsidy that is not below the group price, as drafting does.

        A pass may be worth the price itself.
        """
        is_pass = data["subsidy"]["kind"] == Kind.PASS.value
        for name in ("amount_fen", "largest_fen"):
            if data["subsidy"].get(name, 0) >= data["group_price_fen"] + int(is_pass):
                raise ma.ValidationError({"subsidy": {name: ["subsidy_not_below_price"]}})


class BuyerSchema(Answer):
    """What opening a group is worth to a buyer."""

    name = Choice(BUYERS)
    value_fen = Fen(metadata={"description": "what the product is worth to this buyer"})
    share_fen = Fen(least=None, metadata={"description": "what sharing the group brings"})
    hide_fen = Fen(least=None, metadata={"description": "what not sharing it brings"})
    edge_fen = Fen(least=None, metadata={"description": "share_fen less hide_fen"})
    largest_safe_fen = Fen(
        allow_none=True, metadata={"description": "the subsidy at which both bring the same"}
    )


class FarmerSchema(Answer):
    """What opening brings to one who does not want the product, and never shares."""

    gain_fen = Fen(least=None)
    losing_from_bps = Count(
        allow_none=True, metadata={"description": "share of such groups that form; null: never"}
    )


class ArbitrageSchema(Answer):
    """Whether an opener gains more by not sharing."""

    verdict = Choice(Verdict)
    code = String()
    sentence = String()
    success_bps = Count(metadata={"description": "groups that form, shared or not"})
    formed_if_shared_bps = Count()
    formed_if_hidden_bps = Count()
    buyers = ma.fields.List(ma.fields.Nested(BuyerSchema))
    farmer = ma.fields.Nested(FarmerSchema)


class VariantArbitrageSchema(ArbitrageSchema):
    """The test of one variant."""

    id = PublicId()
    title = String()


class CampaignArbitrageSchema(Answer):
    """The test of a campaign's draft: the worst variant's verdict, and each variant's."""

    verdict = Choice(Verdict)
    sentence = String()
    variants = ma.fields.List(ma.fields.Nested(VariantArbitrageSchema))
