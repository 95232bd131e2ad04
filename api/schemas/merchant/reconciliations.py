"""Reconciliations and their differences, as staff see them."""

from api.paging import PageArguments
from api.schemas.fields import (
    Answer,
    Choice,
    Count,
    DayOn,
    Fen,
    Instant,
    PublicId,
    Schema,
    String,
    Text,
)

_KINDS = [
    "missing_here",
    "missing_there",
    "amount_differs",
    "currency_differs",
    "late",
    "unreadable",
]
_SUBJECTS = ["payment", "refund", "transfer", "unreadable"]


class ReconciliationSchema(Answer):
    """A day of a gateway account: lines of its bill, those that match, differences found, open."""

    id = PublicId()
    account_id = PublicId()
    gateway = String()
    mch_no = String()
    on_date = DayOn()
    compared_at = Instant(allow_none=True)
    lines = Count(allow_none=True)
    matched = Count(allow_none=True)
    found = Count()
    open = Count()


class TaskFilters(PageArguments):
    """Which differences: open ones, resolved ones, or all."""

    state = Choice(["open", "resolved"], load_default=None)


class TaskSchema(Answer):
    """A difference, with what was said of it. A transfer that came back has a negative amount."""

    id = PublicId()
    reconciliation_id = PublicId()
    on_date = DayOn()
    kind = Choice(_KINDS)
    subject = Choice(_SUBJECTS)
    text = String()
    number = String()
    gateway_no = String(allow_none=True)
    our_fen = Fen(least=None, allow_none=True)
    their_fen = Fen(least=None, allow_none=True)
    our_at = Instant(allow_none=True)
    their_at = Instant(allow_none=True)
    found_at = Instant()
    resolved_at = Instant(allow_none=True)
    resolved_by = String(allow_none=True)
    resolution = String(allow_none=True)
    said = String(
        allow_none=True, metadata={"description": "the line of the bill, where it is unreadable"}
    )


class ResolutionSchema(Schema):
    """What a difference was, and what became of it."""

    reason = Text(most=500, required=True)
