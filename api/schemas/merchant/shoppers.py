"""Shoppers, as staff see them."""

import marshmallow as ma

from api.paging import PageArguments
from api.schemas.fields import (
    Answer,
    Choice,
    Fen,
    Instant,
    PublicId,
    Schema,
    String,
    Text,
)

FLAGS = ("review", "block")


class ShopperSchema(Answer):
    """A shopper."""

    id = PublicId()
    nickname = String()
    flag = Choice(FLAGS, allow_none=True)
    created_at = Instant()
    orders = ma.fields.Integer()
    subsidies_fen = Fen()


class ShopperFilters(PageArguments):
    """Which shoppers."""

    query = String(load_default=None, validate=ma.validate.Length(max=64))


class FlagSchema(Schema):
    """A flag: review holds subsidies, block refuses joins, null lifts it."""

    flag = Choice(FLAGS, required=True, allow_none=True)
    reason = Text(most=500, required=True)
