"""Subsidies, as staff see and decide them."""

import marshmallow as ma

from api.paging import PageArguments
from api.schemas.fields import Fen, Instant, PublicId, Schema, String, Text
from api.schemas.orders import PartSchema
from domain.states import GrantState


class GrantShopperSchema(Schema):
    """Whose subsidy it is."""

    id = PublicId()
    nickname = String()
    flag = String(allow_none=True)


class FiredRuleSchema(Schema):
    """A risk rule that fired."""

    rule = String()
    outcome = String()


class GrantSchema(Schema):
    """A subsidy; `risk` are the rules that fired when it was decided."""

    id = PublicId()
    order_id = PublicId()
    group_id = PublicId()
    campaign_id = PublicId()
    campaign_title = String()
    shopper = ma.fields.Nested(GrantShopperSchema)
    kind = String()
    state = String()
    quote_fen = Fen()
    amount_fen = Fen()
    parts = ma.fields.List(ma.fields.Nested(PartSchema))
    risk = ma.fields.List(ma.fields.Nested(FiredRuleSchema))
    deadline_at = Instant()
    decided_at = Instant()
    issued_at = Instant(allow_none=True)


class GrantFilters(PageArguments):
    """Which subsidies."""

    state = String(
        load_default=None, validate=ma.validate.OneOf([state.value for state in GrantState])
    )


class DecisionSchema(Schema):
    """Why a held subsidy is released or denied."""

    reason = Text(most=500, required=True)
