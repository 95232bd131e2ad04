"""People who work for a merchant, as owners see and change them."""

import marshmallow as ma

from api.schemas.fields import (
    Answer,
    Choice,
    Count,
    Instant,
    Name,
    PublicId,
    Schema,
    String,
    Text,
    Typed,
)
from domain.merchants.rules import SHORTEST_PASSWORD, Role


def _password() -> String:
    return String(
        required=True,
        load_only=True,
        validate=ma.validate.Length(min=SHORTEST_PASSWORD, max=200),
    )


class StaffMemberSchema(Answer):
    """A person; `sessions` counts those that live."""

    id = PublicId()
    name = String()
    role = Choice(Role)
    login = String(allow_none=True)
    created_at = Instant()
    disabled_at = Instant(allow_none=True)
    last_signed_in_at = Instant(allow_none=True)
    sessions = Count()


class StaffListSchema(Answer):
    """All people of a merchant."""

    items = ma.fields.List(ma.fields.Nested(StaffMemberSchema))
    next_cursor = String(allow_none=True)


class NewStaffSchema(Schema):
    """A person who is to work here."""

    name = Name(most=64, required=True)
    role = Choice(Role, required=True)
    login = Typed(required=True, validate=ma.validate.Length(min=3, max=100))
    password = _password()
    reason = Text(most=500, required=True)


class StaffReasonSchema(Schema):
    """Why."""

    reason = Text(most=500, required=True)


class NewRoleSchema(StaffReasonSchema):
    """Another role."""

    role = Choice(Role, required=True)


class StaffPasswordSchema(StaffReasonSchema):
    """Another password for somebody else."""

    password = _password()


class OwnPasswordSchema(Schema):
    """Another password for oneself."""

    old_password = String(
        required=True, load_only=True, validate=ma.validate.Length(min=1, max=200)
    )
    password = _password()


class StaffSessionSchema(Answer):
    """A session that lives."""

    opened_at = Instant()
    expires_at = Instant()
    client_address = String(allow_none=True)


class StaffSessionListSchema(Answer):
    """A person's sessions that live."""

    items = ma.fields.List(ma.fields.Nested(StaffSessionSchema))
    next_cursor = String(allow_none=True)
