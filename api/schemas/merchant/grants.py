"""Subsidies, as staff see and decide them."""

import marshmallow as ma

from api.paging import PageArguments
from api.schemas.fields import (
    Answer,
    Boolean,
    Choice,
    DayOn,
    Fen,
    Instant,
    PublicId,
    Schema,
    String,
    Text,
)
from api.schemas.merchant.shoppers import FLAGS
from api.schemas.orders import PartSchema
from api.schemas.subsidies import ExternalPointsSchema
from domain.risk.rules import Outcome
from domain.states import GrantState
from domain.terms import SubsidyKind


class GrantShopperSchema(Answer):
    """Whose subsidy it is."""

    id = PublicId()
    nickname = String()
    flag = Choice(FLAGS, allow_none=True)


class FiredRuleSchema(Answer):
    """A risk rule that fired."""

    rule = String()
    outcome = Choice(Outcome)


class IssuedPointsSchema(ExternalPointsSchema):
    """Points of a brand's own programme, and why it refused them."""

    error = String(allow_none=True)


class GrantSchema(Answer):
    """A subsidy; `risk` are the rules that fired when it was decided."""

    id = PublicId()
    order_id = PublicId()
    group_id = PublicId()
    campaign_id = PublicId()
    campaign_title = String()
    shopper = ma.fields.Nested(GrantShopperSchema)
    kind = Choice(SubsidyKind)
    state = Choice(GrantState)
    quote_fen = Fen()
    amount_fen = Fen()
    parts = ma.fields.List(ma.fields.Nested(PartSchema))
    risk = ma.fields.List(ma.fields.Nested(FiredRuleSchema))
    deadline_at = Instant()
    decided_at = Instant()
    due_at = Instant()
    issued_at = Instant(allow_none=True)
    clawed_back_fen = Fen()
    external = ma.fields.Nested(IssuedPointsSchema, allow_none=True)
    is_stuck = Boolean(metadata={"description": "parked, or refused by its brand: retry it"})


class GrantFilters(PageArguments):
    """Which subsidies: days are Asia/Shanghai, both included."""

    state = Choice(GrantState, load_default=None)
    kind = Choice(SubsidyKind, load_default=None)
    campaign_id = PublicId(load_default=None)
    shopper_id = PublicId(load_default=None)
    decided_from = DayOn(load_default=None)
    decided_to = DayOn(load_default=None)


class RewardShopperSchema(Answer):
    """A referrer, or who was brought."""

    id = PublicId()
    nickname = String()


class RewardSchema(Answer):
    """A referrer's reward."""

    id = PublicId()
    referrer = ma.fields.Nested(RewardShopperSchema)
    shopper = ma.fields.Nested(RewardShopperSchema)
    order_id = PublicId()
    campaign_id = PublicId()
    outcome = Choice(["formed", "failed"])
    amount_fen = Fen()
    clawed_back_fen = Fen()
    issued_at = Instant()


class RewardFilters(PageArguments):
    """Which rewards."""

    campaign_id = PublicId(load_default=None)
    referrer_id = PublicId(load_default=None)


class DecisionSchema(Schema):
    """Why a held subsidy is released or denied."""

    reason = Text(most=500, required=True)
