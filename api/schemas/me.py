"""A shopper's own things."""

import marshmallow as ma

from api.schemas.fields import (
    Answer,
    Boolean,
    Choice,
    Fen,
    Instant,
    MaskedName,
    MaskedPhone,
    PublicId,
    Schema,
    String,
    Typed,
)
from api.schemas.orders import DeliveryAddressSchema
from domain.texts import LANGUAGES


class MeSchema(Answer):
    """A signed-in shopper."""

    id = PublicId()
    nickname = String()
    language = Choice(LANGUAGES)
    phone = MaskedPhone(allow_none=True)
    followed_at = Instant(
        allow_none=True, metadata={"description": "since when I follow the merchant"}
    )


class PhoneCodeSchema(Schema):
    """What the mini-program's telephone button gave."""

    code = Typed(required=True, validate=ma.validate.Length(min=1, max=128))


class PhoneSchema(Answer):
    """A bound telephone number."""

    phone = MaskedPhone()


class NewAddressSchema(DeliveryAddressSchema):
    """A delivery address to keep."""

    is_default = Boolean(load_default=False)


class AddressSchema(Answer):
    """A delivery address."""

    id = PublicId()
    recipient = String(attribute="address.recipient")
    phone = String(attribute="address.phone")
    region = String(attribute="address.region")
    detail = String(attribute="address.detail")
    is_default = Boolean()


class AddressListSchema(Answer):
    """All addresses a shopper keeps."""

    items = ma.fields.List(ma.fields.Nested(AddressSchema))
    next_cursor = String(allow_none=True)


class InviteeSchema(Answer):
    """A shopper who came by one of my shares, and the reward for bringing it.

    Bound to me for good by its first order that formed or failed; nobody else's invitee then.
    """

    nickname = MaskedName()
    registered_at = Instant()
    has_paid = Boolean()
    bound_at = Instant(allow_none=True)
    outcome = Choice(
        ["formed", "failed"], allow_none=True, metadata={"description": "of its group"}
    )
    reward_fen = Fen()
    clawed_back_fen = Fen()
    rewarded_at = Instant(allow_none=True)
    coupon_id = PublicId(allow_none=True)


class NoticeSchema(Answer):
    """A message in the inbox, in the caller's language."""

    id = PublicId()
    key = String()
    text = String()
    parameters = ma.fields.Dict(keys=String())
    created_at = Instant()
    seen_at = Instant(allow_none=True)


class ResultSchema(NoticeSchema):
    """How a group of mine ended."""

    outcome = Choice(["formed", "failed"])


class ResultListSchema(Answer):
    """Results not yet seen."""

    items = ma.fields.List(ma.fields.Nested(ResultSchema))
    next_cursor = String(allow_none=True)


class SeenSchema(Schema):
    """Which notices were seen."""

    ids = ma.fields.List(PublicId(), required=True, validate=ma.validate.Length(min=1, max=100))
