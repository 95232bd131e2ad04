"""A shopper's group orders."""

import marshmallow as ma

from api.paging import PageArguments
from api.schemas.fields import (
    Answer,
    Boolean,
    Choice,
    Count,
    Fen,
    Instant,
    PublicId,
)
from api.schemas.shares import CampaignNameSchema
from domain.groups.memberships import MembershipStatus
from domain.states import GrantState, GroupState, OrderState, RefundState, SeatState


class MoneyStateSchema(Answer):
    """An amount on its way, and how it stands."""

    state = Choice([*GrantState, *RefundState])
    amount_fen = Fen()


class MembershipSchema(Answer):
    """A group order with its group; `status` is null where I got out before the end."""

    order_id = PublicId()
    order_state = Choice(OrderState)
    seat_state = Choice(SeatState)
    status = Choice(MembershipStatus, allow_none=True)
    group_id = PublicId()
    group_state = Choice(GroupState)
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

    status = Choice(MembershipStatus, load_default=None)
