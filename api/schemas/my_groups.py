"""A shopper's group orders."""

import marshmallow as ma

from api.paging import PageArguments
from api.schemas.fields import Count, Fen, Instant, PublicId, Schema
from api.schemas.shares import CampaignNameSchema
from domain.groups.memberships import MembershipStatus


class MoneyStateSchema(Schema):
    """An amount on its way, and how it stands."""

    state = ma.fields.String()
    amount_fen = Fen()


class MembershipSchema(Schema):
    """A group order with its group; `status` is null where I got out before the end."""

    order_id = PublicId()
    order_state = ma.fields.String()
    seat_state = ma.fields.String()
    status = ma.fields.String(
        allow_none=True, metadata={"enum": [*(status.value for status in MembershipStatus), None]}
    )
    group_id = PublicId()
    group_state = ma.fields.String()
    campaign = ma.fields.Nested(CampaignNameSchema)
    size = Count()
    taken = Count(metadata={"description": "seats paid; of a group that is over, when it ended"})
    deadline_at = Instant(allow_none=True)
    ended_at = Instant(allow_none=True)
    is_leader = ma.fields.Boolean()
    price_fen = Fen()
    quote_fen = Fen()
    placed_at = Instant()
    paid_at = Instant(allow_none=True)
    refund = ma.fields.Nested(MoneyStateSchema, allow_none=True)
    subsidy = ma.fields.Nested(MoneyStateSchema, allow_none=True)


class MembershipFilters(PageArguments):
    """Which of my groups."""

    status = ma.fields.String(
        load_default=None,
        validate=ma.validate.OneOf([status.value for status in MembershipStatus]),
    )
