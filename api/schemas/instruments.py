"""A shopper's coupons and passes."""

import marshmallow as ma

from api.paging import PageArguments
from api.schemas.fields import Fen, Instant, PublicId, Schema, String
from domain.instruments.queries import Use

STATES = [use.value for use in Use]


class InstrumentFilters(PageArguments):
    """Which coupons or passes."""

    state = String(load_default=None, validate=ma.validate.OneOf(STATES))


class PassSchema(Schema):
    """A free seat, or product, of up to a value."""

    id = PublicId()
    state = String(metadata={"enum": STATES})
    value_fen = Fen()
    source = String(metadata={"enum": ["grant", "reward", "gift"]})
    subsidy_id = PublicId(allow_none=True)
    order_id = PublicId(allow_none=True, metadata={"description": "the order it is used on"})
    issued_at = Instant()
    expires_at = Instant()


class CouponSchema(PassSchema):
    """So much off an order, from a threshold on (0: any order)."""

    threshold_fen = Fen()
