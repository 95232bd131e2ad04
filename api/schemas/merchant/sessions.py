"""Bodies of staff's sign-in."""

import marshmallow as ma

from api.schemas.fields import (
    Answer,
    Choice,
    Instant,
    PublicId,
    Schema,
    String,
    Typed,
)
from domain.merchants.rules import Role


class StaffSignInSchema(Schema):
    """A login and its password."""

    login = Typed(required=True, validate=ma.validate.Length(min=1, max=100))
    password = String(required=True, load_only=True, validate=ma.validate.Length(min=1, max=200))
    device_token = String(
        load_default=None,
        allow_none=True,
        load_only=True,
        validate=ma.validate.Length(max=1000),
        metadata={"description": "of the last sign-in on this device, if there was one"},
    )


class StaffSchema(Answer):
    """A member of staff."""

    id = PublicId()
    name = String()
    role = Choice(Role)


class MerchantSchema(Answer):
    """A merchant."""

    id = PublicId()
    name = String()


class StaffSelfSchema(Answer):
    """Who is signed in."""

    staff = ma.fields.Nested(StaffSchema)
    merchant = ma.fields.Nested(MerchantSchema)


class StaffSignedInSchema(StaffSelfSchema):
    """A session."""

    token = String()
    expires_at = Instant()
    device_token = String(
        metadata={"description": "to be kept on this device; it opens nothing by itself"}
    )
