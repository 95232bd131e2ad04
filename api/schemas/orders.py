"""Orders in and out."""

import marshmallow as ma

from api.schemas.fields import (
    Boolean,
    Fen,
    Instant,
    Name,
    Phone,
    PublicId,
    Schema,
    ShareToken,
    String,
)


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


class PartSchema(Schema):
    """One part of a subsidy's amount, with its reason."""

    kind = String()
    by = String()
    count = ma.fields.Integer(metadata={"description": "invites, counted or at most"})
    least_fen = Fen(metadata={"description": "a random base: the least it may be"})
    amount_fen = Fen(least=None)


class ToldPartSchema(PartSchema):
    """One part of a subsidy's amount, as its shopper is told."""

    text = String(metadata={"description": "what it is, or why, by Accept-Language"})


class QuoteSchema(Schema):
    """The promised subsidy if the group fails; only a risk check may hold or deny it."""

    least_fen = Fen(metadata={"description": "whatever is drawn, whoever else pays or is invited"})
    most_fen = Fen(metadata={"description": "with every extra that may still come"})
    is_certain = Boolean(metadata={"description": "least and most are one amount"})
    parts = ma.fields.List(ma.fields.Nested(ToldPartSchema))


class RefundPartSchema(Schema):
    """What goes back of an order by one of the means that paid it."""

    means = String(metadata={"enum": ["gateway", "wallet", "points", "coupon", "pass"]})
    amount_fen = Fen(metadata={"description": "at face value"})
    arrived_at = Instant(allow_none=True)


class OrderRefundSchema(Schema):
    """How an order's refund stands: all that goes back, by the means that paid it."""

    state = String(metadata={"description": "of the gateway's part; arrived where there is none"})
    amount_fen = Fen(metadata={"description": "in money: by the gateway and into the wallet"})
    requested_at = Instant(allow_none=True)
    accepted_at = Instant(allow_none=True)
    arrived_at = Instant(allow_none=True, metadata={"description": "of the last part"})
    parts = ma.fields.List(ma.fields.Nested(RefundPartSchema))


class OrderSubsidySchema(Schema):
    """How an order's subsidy stands."""

    kind = String()
    state = String()
    amount_fen = Fen()
    parts = ma.fields.List(ma.fields.Nested(ToldPartSchema))
    due_at = Instant()
    issued_at = Instant(allow_none=True)


class OrderSchema(Schema):
    """An order, with its refund and subsidy."""

    id = PublicId()
    kind = String(metadata={"enum": ["group", "alone"]})
    state = String()
    seat_state = String(allow_none=True)
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


ClientParametersSchema = Schema.from_dict(
    {
        name: String()
        for name in ("appId", "timeStamp", "nonceStr", "package", "signType", "paySign")
    },
    name="ClientParameters",
)
"""The arguments of `wx.requestPayment`, signed."""


class PreparedPaymentSchema(Schema):
    """What the client needs to pay."""

    payment_id = PublicId()
    expires_at = Instant()
    client_parameters = ma.fields.Nested(ClientParametersSchema)
