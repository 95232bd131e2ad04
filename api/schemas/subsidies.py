"""A shopper's subsidies."""

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
from api.schemas.orders import ToldPartSchema
from domain.states import GrantState
from domain.terms import SubsidyKind


class ExternalPointsSchema(Answer):
    """Points of a brand's own programme on their way to it."""

    programme = String()
    state = Choice(["pending", "exported", "delivered", "refused"])
    points = Count()


class MySubsidySchema(Answer):
    """A decided subsidy, with every reason for its amount, and what it was issued as."""

    id = PublicId()
    order_id = PublicId()
    group_id = PublicId()
    kind = Choice(SubsidyKind)
    state = Choice(GrantState)
    quote_fen = Fen()
    amount_fen = Fen()
    parts = ma.fields.List(ma.fields.Nested(ToldPartSchema))
    deadline_at = Instant()
    decided_at = Instant()
    due_at = Instant(metadata={"description": "when it is issued, or was to be"})
    issued_at = Instant(allow_none=True)
    clawed_back_fen = Fen()
    coupon_id = PublicId(allow_none=True)
    pass_id = PublicId(allow_none=True)
    points_lot_id = PublicId(allow_none=True)
    external = ma.fields.Nested(ExternalPointsSchema, allow_none=True)
