"""A shopper's group orders."""

import marshmallow as ma

from api.paging import PageArguments
from api.schemas.fields import Boolean, Count, Fen, Instant, PublicId, Schema, String
from api.schemas.shares import CampaignNameSchema
from domain.groups.memberships import MembershipStatus


class MoneyStateSchema(Schema):
    """An amount on its way, and how it stands."""

    state = String()
    amount_fen = Fen()


class MembershipSchema(Schema):
    """A group order with its group; `status` is null where I got out before the end."""

    order_id = PublicId()
    order_state = String()
    seat_state = String()
    status = String(
        allow_none=True, metadata={"enum": [*(status.value for status in MembershipStatus), None]}
    )
    group_id = PublicId()
    group_state = String()
    campaign = ma.fields.Nested(CampaignNameSchema)
    size = Count()
    taken = Count(metadata={"description": "seats paid; of a group that is over, when it ended"})
    deadline_at = Instant(allow_none=True)
    ended_at = Instant(allow_none=True)
    is_leader = Boolean()
    price_fen = Fen()
    quote_fen = Fen(metadata={"description": "the most subsidy that is promised"})
    quote_least_fen = Fen(metadata={"description": "the least"})
    placed_at = Instant()
    paid_at = Instant(allow_none=True)
    refund = ma.fields.Nested(MoneyStateSchema, allow_none=True)
    subsidy = ma.fields.Nested(MoneyStateSchema, allow_none=True)


class MembershipFilters(PageArguments):
    """Which of my groups."""

    status = String(
        load_default=None,
        validate=ma.validate.OneOf([status.value for status in MembershipStatus]),
    )
