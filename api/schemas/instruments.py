"""A shopper's coupons and passes."""

from api.paging import PageArguments
from api.schemas.fields import (
    Answer,
    Choice,
    Fen,
    Instant,
    PublicId,
)
from domain.instruments.queries import Use
from domain.settlement.issuing import Source

STATES = [use.value for use in Use]


class InstrumentFilters(PageArguments):
    """Which coupons or passes."""

    state = Choice(STATES, load_default=None)


class PassSchema(Answer):
    """A free seat, or product, of up to a value."""

    id = PublicId()
    state = Choice(STATES)
    value_fen = Fen()
    source = Choice(Source)
    subsidy_id = PublicId(allow_none=True)
    order_id = PublicId(allow_none=True, metadata={"description": "the order it is used on"})
    issued_at = Instant()
    expires_at = Instant()


class CouponSchema(PassSchema):
    """So much off an order, from a threshold on (0: any order)."""

    threshold_fen = Fen()
