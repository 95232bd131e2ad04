"""The business clock out."""

import marshmallow as ma

from api.schemas.fields import (
    Answer,
    Boolean,
    Count,
    Instant,
    Schema,
    String,
)


class AdvanceArguments(Schema):
    """Where a jump must stop."""

    until_at = Instant(load_default=None, allow_none=True)


class ClockSchema(Answer):
    """The business clock and what is due."""

    now = Instant()
    offset_seconds = ma.fields.Float()
    next_due_at = Instant(allow_none=True)
    is_drained = Boolean()
    waiting = ma.fields.Dict(keys=String(), values=Count())
