"""A shopper's points."""

import marshmallow as ma

from api.schemas.fields import (
    Answer,
    Choice,
    Count,
    Fen,
    Instant,
    PublicId,
    String,
)
from domain.settlement.issuing import Source


class PointLotSchema(Answer):
    """Points that were issued together, and expire together."""

    id = PublicId()
    value_fen = Fen()
    left_fen = Fen()
    points = Count(metadata={"description": "left"})
    source = Choice(Source)
    subsidy_id = PublicId(allow_none=True)
    issued_at = Instant()
    expires_at = Instant()


class PointsSchema(Answer):
    """How many points there are to spend, and what they are worth; first to expire first."""

    points = Count()
    worth_fen = Fen()
    points_per_yuan = Count()
    lots = ma.fields.List(ma.fields.Nested(PointLotSchema))


class PointsEntrySchema(Answer):
    """One movement."""

    id = PublicId()
    kind = Choice(["issued", "spent", "returned", "expired", "clawed_back"])
    text = String()
    order_id = PublicId(allow_none=True)
    subsidy_id = PublicId(allow_none=True)
    amount_fen = Fen(least=None)
    points = Count(least=None)
    balance_after_fen = Fen(least=None)
    at = Instant()
