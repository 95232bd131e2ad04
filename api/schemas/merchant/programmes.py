"""Programmes of outside brands."""

import marshmallow as ma

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


class NewProgrammeSchema(Schema):
    """A brand's programme: by signed webhook to a URL, or by file without one."""

    name = Text(most=64, required=True)
    url = Text(
        most=2000,
        load_default=None,
        allow_none=True,
        metadata={"description": "https of a public host; null: by file"},
    )
    points_per_yuan = Count(least=1, most=100_000, required=True)


class MovedPointsSchema(Answer):
    """A file of a programme's points: its number, and what is in it."""

    export = Count()
    count = Count()
    points = Count()
    amount_fen = Fen()


class ProgrammeSchema(Answer):
    """A brand's programme, with what is on its way to it."""

    id = PublicId()
    name = String()
    delivery = Choice(["webhook", "export"])
    url = String(allow_none=True)
    points_per_yuan = Count()
    created_at = Instant()
    pending = Count(metadata={"description": "issues to be sent, or exported"})
    exported = Count(metadata={"description": "in the file, not confirmed"})
    delivered = Count()
    refused = Count(metadata={"description": "retry their subsidies"})
    open_fen = Fen(metadata={"description": "what is not delivered yet"})
    open_exports = ma.fields.List(
        ma.fields.Nested(MovedPointsSchema), metadata={"description": "files not confirmed yet"}
    )


class AddedProgrammeSchema(ProgrammeSchema):
    """A new programme, with its secret."""

    secret = String(allow_none=True, metadata={"description": "whsec_…, shown this once"})


class SecretSchema(Answer):
    """A programme's new secret."""

    secret = String(metadata={"description": "whsec_…, shown this once"})


class ProgrammeListSchema(Answer):
    """All programmes: there are few."""

    items = ma.fields.List(ma.fields.Nested(ProgrammeSchema))
    next_cursor = String(allow_none=True)


class ProgrammeReasonSchema(Schema):
    """Why."""

    reason = Text(most=500, required=True)


class ConfirmPointsSchema(ProgrammeReasonSchema):
    """Which file the brand has booked, and why it is said so."""

    export = Count(least=1, required=True)


class ExportArguments(Schema):
    """Which file."""

    export = ma.fields.Integer(required=True, validate=ma.validate.Range(min=1, max=10**9))
