"""What gateways said that could not be believed, as staff see it."""

import marshmallow as ma

from api.paging import PageArguments
from api.schemas.fields import Answer, Choice, Count, Instant, PublicId, Schema, String, Text
from api.schemas.merchant.refunds import AccountBriefSchema
from domain.payments.findings import FindingKind

_KINDS = [kind.value for kind in FindingKind]


class DifferingFieldSchema(Answer):
    """One field: what we know, and what the gateway said."""

    name = String()
    ours = ma.fields.Raw(allow_none=True, metadata={"type": ["string", "integer", "null"]})
    theirs = ma.fields.Raw(allow_none=True, metadata={"type": ["string", "integer", "null"]})


class GatewayFindingSchema(Answer):
    """A statement that differs from our books, or could not be read; `said` is its raw text."""

    id = PublicId()
    account = ma.fields.Nested(AccountBriefSchema)
    kind = Choice(_KINDS)
    number = String(metadata={"description": "our number of what it is about, or empty"})
    heard_by = String()
    problem = String()
    differing = ma.fields.List(ma.fields.Nested(DifferingFieldSchema))
    said = String()
    times = Count()
    first_at = Instant()
    last_at = Instant()
    resolved_at = Instant(allow_none=True)
    resolved_by = String(allow_none=True)
    resolution = String(allow_none=True)


class FindingFilters(PageArguments):
    """Which findings: open ones, resolved ones, or all; of one kind, or of all."""

    state = Choice(["open", "resolved"], load_default=None)
    kind = Choice(_KINDS, load_default=None)


class FindingResolutionSchema(Schema):
    """What a finding was, and what became of it."""

    reason = Text(most=500, required=True)
