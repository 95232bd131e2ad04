"""Campaigns and their groups, as shoppers see them."""

import marshmallow as ma

from api.paging import PageArguments
from api.schemas.fields import (
    Answer,
    Boolean,
    Choice,
    Fen,
    Instant,
    MaskedName,
    PublicId,
    String,
    Typed,
)
from domain.states import CampaignState
from domain.terms import SubsidyKind


class GroupBriefSchema(Answer):
    """An open group with a seat left."""

    id = PublicId()
    size = ma.fields.Integer()
    taken = ma.fields.Integer()
    held = ma.fields.Integer()
    seats_left = ma.fields.Integer()
    deadline_at = Instant()
    seconds_left = ma.fields.Integer()
    leader_nickname = MaskedName(allow_none=True)


class CampaignProductSchema(Answer):
    """What a campaign sells."""

    id = PublicId()
    title = String()
    images = ma.fields.List(String())
    category = String()
    description = String()


class CampaignVariantSchema(Answer):
    """A variant with its prices."""

    id = PublicId()
    title = String()
    list_price_fen = Fen()
    alone_price_fen = Fen()
    points_price_fen = Fen(
        allow_none=True, metadata={"description": "what it costs alone in points, at face value"}
    )
    group_price_fen = Fen()


class SubsidySchema(Answer):
    """What each paid member of a failed group gets; the rules text says it in words."""

    kind = Choice(SubsidyKind)
    amount_fen = Fen(metadata={"description": "fixed, or the most of a random amount"})
    least_fen = Fen(allow_none=True, metadata={"description": "the least of a random amount"})
    new_shopper_fen = Fen()
    invite_fen = Fen()
    invites_most = ma.fields.Integer()
    delay_seconds = ma.fields.Integer()
    threshold_fen = Fen()
    valid_days = ma.fields.Integer()


class CampaignRewardSchema(Answer):
    """The coupon for who brings a new shopper."""

    formed_fen = Fen()
    failed_fen = Fen()
    threshold_fen = Fen()
    valid_days = ma.fields.Integer()


class CampaignCapsSchema(Answer):
    """The most subsidy one shopper gets in this campaign; null is without end."""

    day_fen = Fen(allow_none=True)
    month_fen = Fen(allow_none=True)
    day_failures = ma.fields.Integer(allow_none=True)
    month_failures = ma.fields.Integer(allow_none=True)
    failures = ma.fields.Integer(allow_none=True)


class CampaignLeversSchema(Answer):
    """Conditions of the subsidy."""

    full_from_seats = ma.fields.Integer()
    consolation_fen = Fen()
    least_paid_seconds = ma.fields.Integer()
    is_pool_open = Boolean()


class TotalsSchema(Answer):
    """How a campaign has done; folded every few seconds."""

    groups_opened = ma.fields.Integer()
    groups_formed = ma.fields.Integer()
    groups_failed = ma.fields.Integer()
    people_paid = ma.fields.Integer()


class CampaignSchema(Answer):
    """A campaign."""

    id = PublicId()
    title = String()
    state = Choice(CampaignState)
    starts_at = Instant()
    ends_at = Instant()
    product = ma.fields.Nested(CampaignProductSchema)
    variants = ma.fields.List(ma.fields.Nested(CampaignVariantSchema))
    group_size = ma.fields.Integer(attribute="terms.group_size")
    life_seconds = ma.fields.Integer(attribute="terms.life_seconds")
    subsidy = ma.fields.Nested(SubsidySchema, attribute="terms.subsidy")
    reward = ma.fields.Nested(CampaignRewardSchema, attribute="terms.reward")
    caps = ma.fields.Nested(CampaignCapsSchema, attribute="terms.caps")
    levers = ma.fields.Nested(CampaignLeversSchema, attribute="terms.levers")
    is_sold_out = Boolean()
    is_budget_used_up = Boolean()
    totals = ma.fields.Nested(TotalsSchema)
    fullest_group = ma.fields.Nested(GroupBriefSchema, allow_none=True)


class CampaignDetailSchema(CampaignSchema):
    """A campaign with its rules text."""

    rules_text = ma.fields.List(String())


class CampaignArguments(PageArguments):
    """Which campaigns, in which order."""

    category = Typed(load_default=None, validate=ma.validate.Length(max=64))
    sort = Choice(["new", "hot"], load_default="new")
