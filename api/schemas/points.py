"""A shopper's points."""

import marshmallow as ma

from api.schemas.fields import Count, Fen, Instant, PublicId, Schema, String


class PointLotSchema(Schema):
    """Points that were issued together, and expire together."""

    id = PublicId()
    value_fen = Fen()
    left_fen = Fen()
    points = Count(metadata={"description": "left"})
    source = String(metadata={"enum": ["grant", "reward", "gift"]})
    subsidy_id = PublicId(allow_none=True)
    issued_at = Instant()
    expires_at = Instant()


class PointsSchema(Schema):
    """How many points there are to spend, and what they are worth; first to expire first."""

    points = Count()
    worth_fen = Fen()
    points_per_yuan = Count()
    lots = ma.fields.List(ma.fields.Nested(PointLotSchema))


class PointsEntrySchema(Schema):
    """One movement."""

    id = PublicId()
    kind = String(
        metadata={"enum": ["issued", "spent", "returned", "expired", "clawed_back"]},
    )
    text = String()
    order_id = PublicId(allow_none=True)
    subsidy_id = PublicId(allow_none=True)
    amount_fen = Fen(least=None)
    points = Count(least=None)
    balance_after_fen = Fen(least=None)
    at = Instant()
