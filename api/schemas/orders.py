"""Orders in and out."""

import marshmallow as ma

from api.schemas.fields import (
    Answer,
    Boolean,
    Choice,
    Fen,
    Instant,
    Name,
    OneOf,
    Phone,
    PublicId,
    Schema,
    ShareToken,
    String,
)
from domain.states import GrantState, OrderState, RefundState, SeatState
from domain.terms import SubsidyKind


class DeliveryAddressSchema(Schema):
    """A delivery address, as it is kept with the order."""

    recipient = Name(most=40, required=True)
    phone = Phone(required=True)
    region = Name(most=100, required=True)
    detail = Name(most=200, required=True)


class BuyArguments(Schema):
    """What is bought, how it is paid (a pass alone, or coupon, points, wallet), where it goes."""

    variant_id = PublicId(required=True)
    coupon_id = PublicId(load_default=None, allow_none=True)
    pass_id = PublicId(load_default=None, allow_none=True)
    use_points = Boolean(load_default=False)
    use_wallet = Boolean(load_default=False)
    address = ma.fields.Nested(DeliveryAddressSchema, required=True)


class BuyAloneArguments(BuyArguments):
    """What is bought alone; `for_points`: at its points price, by points alone."""

    for_points = Boolean(load_default=False)


class PlaceArguments(BuyArguments):
    """What is bought in a group, and the share it came by."""

    share_token = ShareToken(load_default=None, allow_none=True)


PART_KINDS = ("base", "new_shopper", "invites", "cut", "held", "denied")
CUTS = (
    "paid_late",
    "paid",
    "not_first",
    "few_paid_seats",
    "quote",
    *(
        f"{of}_{cap}"
        for of in ("merchant", "campaign")
        for cap in (
            "daily_subsidy_cap",
            "monthly_subsidy_cap",
            "daily_failures",
            "monthly_failures",
            "failures",
        )
    ),
)
"""What may cut a subsidy."""


class PartSchema(Answer):
    """One part of a subsidy's amount, with its reason."""

    kind = Choice(PART_KINDS)
    by = Choice(CUTS, metadata={"optional": True, "description": "what cut it"})
    count = ma.fields.Integer(
        metadata={"optional": True, "description": "invites, counted or at most"}
    )
    least_fen = Fen(
        metadata={"optional": True, "description": "a random base: the least it may be"}
    )
    amount_fen = Fen(least=None, metadata={"optional": True, "description": "not where it is held"})


class ToldPartSchema(PartSchema):
    """One part of a subsidy's amount, as its shopper is told."""

    text = String(metadata={"description": "what it is, or why, by Accept-Language"})


class QuoteSchema(Answer):
    """The promised subsidy if the group fails; only a risk check may hold or deny it."""

    least_fen = Fen(metadata={"description": "whatever is drawn, whoever else pays or is invited"})
    most_fen = Fen(metadata={"description": "with every extra that may still come"})
    is_certain = Boolean(metadata={"description": "least and most are one amount"})
    parts = ma.fields.List(ma.fields.Nested(ToldPartSchema))


class RefundPartSchema(Answer):
    """What goes back of an order by one of the means that paid it."""

    means = Choice(["gateway", "wallet", "points", "coupon", "pass"])
    amount_fen = Fen(metadata={"description": "at face value"})
    arrived_at = Instant(allow_none=True)


class OrderRefundSchema(Answer):
    """How an order's refund stands: all that goes back, by the means that paid it."""

    state = Choice(
        RefundState,
        metadata={"description": "of the gateway's part; arrived where there is none"},
    )
    amount_fen = Fen(metadata={"description": "in money: by the gateway and into the wallet"})
    requested_at = Instant(allow_none=True)
    accepted_at = Instant(allow_none=True)
    arrived_at = Instant(allow_none=True, metadata={"description": "of the last part"})
    parts = ma.fields.List(ma.fields.Nested(RefundPartSchema))


class OrderSubsidySchema(Answer):
    """How an order's subsidy stands."""

    kind = Choice(SubsidyKind)
    state = Choice(GrantState)
    amount_fen = Fen()
    parts = ma.fields.List(ma.fields.Nested(ToldPartSchema))
    due_at = Instant()
    issued_at = Instant(allow_none=True)


class OrderSchema(Answer):
    """An order, with its refund and subsidy."""

    id = PublicId()
    kind = Choice(["group", "alone"])
    state = Choice(OrderState)
    seat_state = Choice(SeatState, allow_none=True)
    group_id = PublicId(allow_none=True)
    campaign_id = PublicId(allow_none=True)
    variant_id = PublicId()
    price_fen = Fen()
    coupon_id = PublicId(allow_none=True, metadata={"description": "the coupon it is paid with"})
    pass_id = PublicId(allow_none=True, metadata={"description": "the pass it is paid with"})
    instrument_fen = Fen(metadata={"description": "paid by a coupon or a pass"})
    points_fen = Fen(metadata={"description": "paid by points, at face value"})
    wallet_fen = Fen()
    payable_fen = Fen()
    quote = ma.fields.Nested(QuoteSchema, allow_none=True)
    hold_expires_at = Instant()
    placed_at = Instant()
    paid_at = Instant(allow_none=True)
    address = ma.fields.Nested(DeliveryAddressSchema, allow_none=True)
    refund = ma.fields.Nested(OrderRefundSchema, allow_none=True)
    subsidy = ma.fields.Nested(OrderSubsidySchema, allow_none=True)


WechatParametersSchema = Answer.from_dict(
    {
        name: String()
        for name in ("appId", "timeStamp", "nonceStr", "package", "signType", "paySign")
    },
    name="WechatParameters",
)
"""The arguments of `wx.requestPayment`, signed."""

AlipayParametersSchema = Answer.from_dict({"tradeNO": String()}, name="AlipayParameters")
"""The argument of `my.tradePay`."""


class PreparedPaymentSchema(Answer):
    """What the client needs to pay."""

    payment_id = PublicId()
    expires_at = Instant()
    client_parameters = OneOf(
        [WechatParametersSchema, AlipayParametersSchema],
        metadata={"description": "for `wx.requestPayment`, or on Alipay `my.tradePay`"},
    )
