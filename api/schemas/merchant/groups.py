"""Groups and the live board, as staff see them."""

from typing import Any

import marshmallow as ma

from api.paging import PageArguments
from api.schemas.fields import (
    Answer,
    Boolean,
    Choice,
    Count,
    DayOn,
    Fen,
    Instant,
    PublicId,
    Schema,
    String,
)
from api.schemas.merchant.refunds import RefundQueueSchema
from api.schemas.merchant.shoppers import FLAGS
from api.schemas.orders import PartSchema
from domain.states import GrantState, GroupState, OrderState, RefundState, SeatState


class MemberRefundSchema(Answer):
    """How the refund of what a member paid by the gateway stands."""

    state = Choice(RefundState)
    amount_fen = Fen()
    requested_at = Instant(allow_none=True)
    accepted_at = Instant(allow_none=True)
    arrived_at = Instant(allow_none=True)


class MerchantGroupSchema(Answer):
    """A group; `paid_seats` is how many were paid when it ended, null until then."""

    id = PublicId()
    campaign_id = PublicId()
    campaign_title = String()
    state = Choice(GroupState)
    end_reason = String(allow_none=True)
    size = Count()
    taken = Count()
    held = Count()
    releasing = Count()
    paid_seats = Count(allow_none=True)
    created_at = Instant()
    opened_at = Instant(allow_none=True)
    deadline_at = Instant(allow_none=True)
    ended_at = Instant(allow_none=True)
    leader_nickname = String(allow_none=True)


class MemberSubsidySchema(Answer):
    """How a member's subsidy stands."""

    id = PublicId()
    state = Choice(GrantState)
    amount_fen = Fen()
    parts = ma.fields.List(ma.fields.Nested(PartSchema))
    issued_at = Instant(allow_none=True)


class MerchantMemberSchema(Answer):
    """An order that has or had a seat in a group."""

    order_id = PublicId()
    shopper_id = PublicId()
    nickname = String()
    flag = Choice(FLAGS, allow_none=True)
    is_leader = Boolean()
    state = Choice(OrderState)
    seat_state = Choice(SeatState)
    price_fen = Fen()
    wallet_fen = Fen()
    quote_fen = Fen()
    placed_at = Instant()
    paid_at = Instant(allow_none=True)
    came_by_share = Boolean()
    refund = ma.fields.Nested(MemberRefundSchema, allow_none=True)
    subsidy = ma.fields.Nested(MemberSubsidySchema, allow_none=True)


GroupMoveSchema = Answer.from_dict(
    {
        "from": Choice(GroupState),
        "to": Choice(GroupState),
        "at": Instant(),
        "by": String(
            metadata={"description": "shopper, staff, gateway, settlement or another part of us"}
        ),
        "name": String(
            allow_none=True, metadata={"description": "of the shopper or member of staff"}
        ),
    },
    name="GroupMove",
)
"""One recorded move of a group."""


class MerchantGroupDetailSchema(MerchantGroupSchema):
    """A group with its members and moves."""

    members = ma.fields.List(ma.fields.Nested(MerchantMemberSchema))
    moves = ma.fields.List(ma.fields.Nested(GroupMoveSchema))


class GroupFilters(PageArguments):
    """Which groups; days are those of opening."""

    state = Choice(GroupState, load_default=None)
    campaign_id = PublicId(load_default=None)
    from_on = DayOn(load_default=None)
    to_on = DayOn(load_default=None)

    @ma.validates_schema
    def check_order(self, data: dict[str, Any], **_: Any) -> None:
        """Refuse days that end before they start."""
        if data["from_on"] and data["to_on"] and data["to_on"] < data["from_on"]:
            raise ma.ValidationError("before_start", "to_on")


class BoardArguments(Schema):
    """Which campaign's groups, if not all."""

    campaign_id = PublicId(load_default=None)


class BoardSchema(Answer):
    """Counts of what is running, and of what is stuck."""

    open = Count()
    pending = Count()
    closing = Count()
    one_short = Count()
    ending_soon = Count(metadata={"description": "open, and due within 30 minutes"})
    unsettled_past_deadline = Count()
    oldest_unsettled_seconds = Count(allow_none=True)
    rejected_refunds = Count(
        metadata={"description": "refused by the gateway: to be repeated by staff"}
    )
    abnormal_refunds = Count(
        metadata={"description": "the payer's account does not take the money; asked after hourly"}
    )
    parked_work = Count()
    server_time = Instant()


class SettlementSchema(Answer):
    """How far the groups that came due are settled, and until when their refunds are accepted.

    Parked groups wait for a person; they are not among those left. `expected_end_at` is at the
    rate of the last minute; null where nothing is left, or moves.
    """

    since_at = Instant()
    settled = Count()
    left = Count()
    parked = Count()
    oldest_left_at = Instant(allow_none=True)
    oldest_left_seconds = Count(allow_none=True)
    settled_per_minute = Count()
    expected_end_at = Instant(allow_none=True)
    refunds = ma.fields.List(ma.fields.Nested(RefundQueueSchema))
    server_time = Instant()
