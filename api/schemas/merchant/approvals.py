"""Approvals: acts above the limit, that a second person decides."""

from collections.abc import Mapping
from typing import Any

import marshmallow as ma

from api.paging import PageArguments
from api.schemas.fields import (
    Answer,
    Choice,
    Fen,
    Instant,
    PublicId,
    Schema,
    String,
    Text,
)
from api.schemas.merchant.gifts import ClawBackSchema, NewGiftSchema
from api.schemas.merchant.pushes import NewPushSchema
from domain.interventions.approving import ACTS
from domain.settlement.issuing import Source

STATES = ("pending", "approved", "refused", "withdrawn")


class ClawBackCommand(ClawBackSchema):
    """What a claw-back takes."""

    source = Choice(Source, required=True)
    source_id = PublicId(required=True)


class RefundCommand(Schema):
    """Which rejected refund is settled offline."""

    refund_id = PublicId(required=True)


class GrantCommand(Schema):
    """Which held subsidy."""

    grant_id = PublicId(required=True)


class CampaignBudgetCommand(Schema):
    """A campaign's new budget, in all."""

    campaign_id = PublicId(required=True)
    budget_fen = Fen(required=True)


class GoodwillBudgetCommand(Schema):
    """The new goodwill budget, in all."""

    goodwill_budget_fen = Fen(required=True)


class ApprovalLimitCommand(Schema):
    """The new limit; null: none."""

    approval_limit_fen = Fen(required=True, allow_none=True)


COMMANDS: Mapping[str, type[ma.Schema]] = {
    "gift": NewGiftSchema,
    "coupon_push": NewPushSchema,
    "claw_back": ClawBackCommand,
    "grant_release": GrantCommand,
    "grant_denial": GrantCommand,
    "refund_offline": RefundCommand,
    "campaign_budget": CampaignBudgetCommand,
    "goodwill_budget": GoodwillBudgetCommand,
    "approval_limit": ApprovalLimitCommand,
}
"""What each kind of act takes: as its own endpoint does, but for the reason."""


class NewApprovalSchema(Schema):
    """What is asked for, and why."""

    kind = Choice(ACTS, required=True)
    command = ma.fields.Dict(
        required=True,
        keys=String(),
        metadata={"description": "as the act's own endpoint takes it, without its reason"},
    )
    reason = Text(most=500, required=True)

    @ma.post_load
    def load_command(self, given: dict[str, Any], **_: Any) -> dict[str, Any]:
        """Read the command by its kind's schema."""
        schema = COMMANDS[given["kind"]]
        without = ("reason",) if "reason" in schema().fields else ()
        try:
            command = schema(exclude=without).load(given["command"])
        except ma.ValidationError as error:
            raise ma.ValidationError({"command": error.messages}) from error
        return {**given, "command": command}


class ApprovalDecisionSchema(Schema):
    """Why it is decided so."""

    reason = Text(most=500, required=True)


class ApprovalFilters(PageArguments):
    """Which approvals."""

    state = Choice(STATES, load_default=None)


class ApprovalSchema(Answer):
    """An act that a second person decides, or decided; people by their names."""

    id = PublicId()
    kind = Choice(ACTS)
    command = ma.fields.Dict()
    amount_fen = Fen(metadata={"description": "what it moved when it was asked for"})
    reason = String()
    state = Choice(STATES)
    requested_by = String()
    requested_at = Instant()
    decided_by = String(allow_none=True)
    decided_at = Instant(allow_none=True)
    decision_reason = String(allow_none=True)
    result = ma.fields.Dict(allow_none=True, metadata={"description": "the act's own answer"})
    alone_from_at = Instant(
        allow_none=True,
        metadata={
            "description": "from then on whoever asked may approve it alone; null: never."
            " Only a change of the limit itself, so that one owner is not trapped by it"
        },
    )
