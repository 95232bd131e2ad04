"""The audit log."""

import marshmallow as ma

from api.paging import PageArguments
from api.schemas.fields import (
    Answer,
    Instant,
    PublicId,
    String,
)


class AuditEntrySchema(Answer):
    """One write by staff."""

    at = Instant()
    staff_name = String()
    action = String()
    subject_kind = String()
    subject_id = PublicId(allow_none=True)
    reason = String(allow_none=True)
    before = ma.fields.Dict(allow_none=True)
    after = ma.fields.Dict(allow_none=True)


class AuditFilters(PageArguments):
    """Which entries."""

    action = String(load_default=None, validate=ma.validate.Length(max=64))
