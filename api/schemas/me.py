"""A shopper's own things."""

import marshmallow as ma

from api.schemas.fields import Instant, MaskedName, PublicId, Schema, Text


class MeSchema(Schema):
    """A signed-in shopper."""

    id = PublicId()
    nickname = ma.fields.String()
    language = ma.fields.String()


class NewAddressSchema(Schema):
    """A delivery address to keep."""

    recipient = Text(most=40, required=True)
    phone = ma.fields.String(required=True, validate=ma.validate.Regexp(r"\+?[0-9 -]{5,20}$"))
    region = Text(most=100, required=True)
    detail = Text(most=200, required=True)
    is_default = ma.fields.Boolean(load_default=False)


class AddressSchema(Schema):
    """A delivery address."""

    id = PublicId()
    recipient = ma.fields.String(attribute="address.recipient")
    phone = ma.fields.String(attribute="address.phone")
    region = ma.fields.String(attribute="address.region")
    detail = ma.fields.String(attribute="address.detail")
    is_default = ma.fields.Boolean()


class AddressListSchema(Schema):
    """All addresses a shopper keeps."""

    items = ma.fields.List(ma.fields.Nested(AddressSchema))
    next_cursor = ma.fields.String(allow_none=True)


class InviteeSchema(Schema):
    """A shopper who registered through one of my shares."""

    nickname = MaskedName()
    registered_at = Instant()
    has_paid = ma.fields.Boolean()


class NoticeSchema(Schema):
    """A message in the inbox, in the caller's language."""

    id = PublicId()
    key = ma.fields.String()
    text = ma.fields.String()
    parameters = ma.fields.Dict(keys=ma.fields.String())
    created_at = Instant()
    seen_at = Instant(allow_none=True)


class ResultSchema(NoticeSchema):
    """How a group of mine ended."""

    outcome = ma.fields.String(metadata={"description": "formed or failed"})


class ResultListSchema(Schema):
    """Results not yet seen."""

    items = ma.fields.List(ma.fields.Nested(ResultSchema))
    next_cursor = ma.fields.String(allow_none=True)


class SeenSchema(Schema):
    """Which notices were seen."""

    ids = ma.fields.List(PublicId(), required=True, validate=ma.validate.Length(min=1, max=100))
