"""Products, as shoppers see them."""

import marshmallow as ma

from api.paging import PageArguments
from api.schemas.fields import (
    Answer,
    Boolean,
    Fen,
    Flag,
    PublicId,
    String,
    Typed,
)


class ShownVariantSchema(Answer):
    """A variant with its prices alone."""

    id = PublicId()
    title = String()
    list_price_fen = Fen()
    alone_price_fen = Fen()
    points_price_fen = Fen(
        allow_none=True, metadata={"description": "what it costs in points, at face value"}
    )
    is_sold_out = Boolean()


class ShownProductSchema(Answer):
    """A product that can be bought alone."""

    id = PublicId()
    title = String()
    description = String()
    category = String()
    images = ma.fields.List(String())
    variants = ma.fields.List(ma.fields.Nested(ShownVariantSchema))


class ProductArguments(PageArguments):
    """Which products."""

    category = Typed(load_default=None)
    for_points = Flag(load_default=False)
