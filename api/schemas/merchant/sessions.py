"""Bodies of staff's sign-in."""

import marshmallow as ma

from api.schemas.fields import Instant, PublicId, Schema, String, Typed


class StaffSignInSchema(Schema):
    """A login and its password."""

    login = Typed(required=True, validate=ma.validate.Length(min=1, max=100))
    password = String(required=True, load_only=True, validate=ma.validate.Length(min=1, max=200))


class StaffSchema(Schema):
    """A member of staff."""

    id = PublicId()
    name = String()
    role = String()


class MerchantSchema(Schema):
    """A merchant."""

    id = PublicId()
    name = String()


class StaffSelfSchema(Schema):
    """Who is signed in."""

    staff = ma.fields.Nested(StaffSchema)
    merchant = ma.fields.Nested(MerchantSchema)


class StaffSignedInSchema(StaffSelfSchema):
    """A session."""

    token = String()
    expires_at = Instant()
