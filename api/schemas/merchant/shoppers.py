"""Shoppers, as staff see them."""

import marshmallow as ma

from api.paging import PageArguments
from api.schemas.fields import Fen, Instant, PublicId, Schema, String, Text


class ShopperSchema(Schema):
    """A shopper."""

    id = PublicId()
    nickname = String()
    flag = String(allow_none=True)
    created_at = Instant()
    orders = ma.fields.Integer()
    subsidies_fen = Fen()


class ShopperFilters(PageArguments):
    """Which shoppers."""

    query = String(load_default=None, validate=ma.validate.Length(max=64))


class FlagSchema(Schema):
    """A flag: review holds subsidies, block refuses joins, null lifts it."""

    flag = String(required=True, allow_none=True, validate=ma.validate.OneOf(["review", "block"]))
    reason = Text(most=500, required=True)
