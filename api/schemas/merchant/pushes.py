"""Coupon pushes."""

import marshmallow as ma

from api.schemas.fields import (
    Answer,
    Choice,
    Count,
    Fen,
    Instant,
    PublicId,
    Schema,
    String,
    Text,
)
from api.schemas.merchant.gifts import MOST_FEN, check_threshold
from domain.subsidies.segments import Segment


class NewPushSchema(Schema):
    """A coupon for every shopper of a segment, and why."""

    segment = Choice(
        Segment,
        required=True,
        metadata={
            "description": "won: a group of theirs formed; subsidised: got a subsidy; dormant:"
            " paid nothing for so many days; followers: follow the shop"
        },
    )
    dormant_days = Count(load_default=None, allow_none=True, least=1, most=3650)
    value_fen = Fen(required=True, validate=ma.validate.Range(1, MOST_FEN))
    threshold_fen = Fen(load_default=0)
    valid_days = Count(load_default=30, least=1, most=3650)
    reason = Text(most=500, required=True)

    @ma.validates_schema(skip_on_field_errors=True)
    def check(self, given: dict[str, object], **_: object) -> None:
        """Days belong to dormant shoppers; a threshold below the value is none."""
        if (given["segment"] == Segment.DORMANT) != (given["dormant_days"] is not None):
            raise ma.ValidationError("dormant_days_of_dormant", "dormant_days")
        check_threshold(given["threshold_fen"], given["value_fen"])


class OrderedPushSchema(Answer):
    """A push as it was ordered: what is set aside is its worst case."""

    id = PublicId()
    segment = Choice(Segment)
    dormant_days = Count(allow_none=True)
    value_fen = Fen()
    threshold_fen = Fen()
    valid_days = Count()
    reason = String()
    set_aside_fen = Fen()
    shoppers = Count()
    created_at = Instant()


class PushSchema(OrderedPushSchema):
    """A push, and what came of it."""

    done_at = Instant(allow_none=True)
    given = Count(metadata={"description": "coupons"})
    used = Count(metadata={"description": "coupons that pay an order now"})
    conversion_bps = Count(metadata={"description": "used of given"})
    paid_fen = Fen(metadata={"description": "what was paid beside the coupons in those orders"})
