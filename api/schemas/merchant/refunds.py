"""Refunds, as staff see them."""

import marshmallow as ma

from api.paging import PageArguments
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
from domain.states import RefundState


class RefundShopperSchema(Answer):
    """Whose money it is."""

    id = PublicId()
    nickname = String()


class RefundSchema(Answer):
    """A refund; `error_code` is what the gateway refused it with."""

    id = PublicId()
    order_id = PublicId()
    group_id = PublicId(allow_none=True)
    shopper = ma.fields.Nested(RefundShopperSchema)
    purpose = String()
    state = Choice(RefundState)
    amount_fen = Fen()
    error_code = String(allow_none=True)
    elsewhere_no = String(
        allow_none=True,
        metadata={"description": "its number, if it was made at the gateway's own console"},
    )
    requested_at = Instant()
    accepted_at = Instant(allow_none=True)
    arrived_at = Instant(allow_none=True)


class RefundFilters(PageArguments):
    """Which refunds."""

    state = Choice(RefundState, load_default=None)


class RetrySchema(Schema):
    """Why a rejected refund is sent again."""

    reason = Text(most=500, required=True)


class OfflineSettlementSchema(Schema):
    """How a rejected refund was paid outside the gateway, and why."""

    reason = Text(most=500, required=True)


class AccountBriefSchema(Answer):
    """A gateway account, as staff know it."""

    id = PublicId()
    gateway = String()
    mch_no = String()


class RefundQueueSchema(Answer):
    """What waits at one gateway account, and when it will have been accepted."""

    account = ma.fields.Nested(AccountBriefSchema)
    waiting = Count()
    amount_fen = Fen()
    per_second = Count()
    short_since = Instant(
        allow_none=True, metadata={"description": "set while the account is short of funds"}
    )
    oldest_requested_at = Instant(allow_none=True)
    expected_end_at = Instant(
        allow_none=True, metadata={"description": "null while short, and where nothing waits"}
    )


class RefundQueuesSchema(Answer):
    """The queues of a merchant's accounts."""

    items = ma.fields.List(ma.fields.Nested(RefundQueueSchema))
    server_time = Instant()
