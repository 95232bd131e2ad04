"""A shopper's subsidies."""

import marshmallow as ma

from api.schemas.fields import Fen, Instant, PublicId, Schema, String
from api.schemas.orders import PartSchema


class MySubsidySchema(Schema):
    """A decided subsidy, with every reason for its amount."""

    id = PublicId()
    order_id = PublicId()
    group_id = PublicId()
    kind = String()
    state = String()
    quote_fen = Fen()
    amount_fen = Fen()
    parts = ma.fields.List(ma.fields.Nested(PartSchema))
    deadline_at = Instant()
    decided_at = Instant()
    issued_at = Instant(allow_none=True)
