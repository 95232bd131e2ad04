"""A merchant's settings."""

import marshmallow as ma

from api.schemas.fields import Answer, Boolean, Count, Fen, Schema, Text
from domain.withdrawals.rules import LEAST_FEN, MOST_FEN

POINTS_PER_YUAN = (1, 2, 4, 5, 10, 20, 25, 50, 100, 200, 500, 1000)
"""So that a point is worth whole fen, or a fen whole points."""


class LimitsSchema(Schema):
    """What settings hold and a change of them may name alike."""

    daily_subsidy_cap_fen = Fen(allow_none=True, metadata={"description": "null: no cap"})
    monthly_subsidy_cap_fen = Fen(allow_none=True, metadata={"description": "null: no cap"})
    daily_failures_cap = Count(allow_none=True, metadata={"description": "subsidised, a day"})
    monthly_failures_cap = Count(allow_none=True)
    points_per_yuan = ma.fields.Integer(
        strict=True,
        validate=ma.validate.OneOf(POINTS_PER_YUAN),
        error_messages={"invalid": "not_an_integer"},
        metadata={"description": "what points are worth; fixed while shoppers hold some"},
    )
    points_valid_days = Count(least=1, most=3660)
    goodwill_budget_fen = Fen(metadata={"description": "for gifts of staff, in all"})
    approval_limit_fen = Fen(
        allow_none=True, metadata={"description": "above it a second person decides; null: none"}
    )
    is_withdrawal_on = Boolean()
    withdrawal_tax_category = Text(most=64)


class SettingsSchema(LimitsSchema, Answer):
    """A merchant's own limits."""

    withdrawal_max_fen = Fen(metadata={"description": "the most of one withdrawal"})
    withdrawal_daily_fen = Fen(metadata={"description": "the most of a shopper and day"})
    withdrawal_tax_bps = Count(metadata={"description": "withheld; 2000 = 20 %"})


class SettingsChangeSchema(LimitsSchema):
    """New settings, and why; what is not named stays."""

    withdrawal_max_fen = Fen(
        validate=ma.validate.Range(LEAST_FEN, MOST_FEN),
        metadata={"description": f"at most {MOST_FEN}: above it a name would be asked for"},
    )
    withdrawal_daily_fen = Fen(least=LEAST_FEN)
    withdrawal_tax_bps = Count(most=9999)
    reason = Text(most=500, required=True)
