"""A merchant's settings."""

import marshmallow as ma

from api.schemas.fields import Boolean, Count, Fen, Schema, Text
from domain.withdrawals.rules import LEAST_FEN, MOST_FEN


class SettingsSchema(Schema):
    """A merchant's own limits."""

    daily_subsidy_cap_fen = Fen(allow_none=True, metadata={"description": "null: no cap"})
    is_withdrawal_on = Boolean()
    withdrawal_max_fen = Fen(metadata={"description": "the most of one withdrawal"})
    withdrawal_daily_fen = Fen(metadata={"description": "the most of a shopper and day"})
    withdrawal_tax_bps = Count(metadata={"description": "withheld; 2000 = 20 %"})
    withdrawal_tax_category = Text(most=64)


class SettingsChangeSchema(Schema):
    """New settings, and why; what is not named stays."""

    daily_subsidy_cap_fen = Fen(allow_none=True)
    is_withdrawal_on = Boolean()
    withdrawal_max_fen = Fen(
        validate=ma.validate.Range(LEAST_FEN, MOST_FEN),
        metadata={"description": f"at most {MOST_FEN}: above it a name would be asked for"},
    )
    withdrawal_daily_fen = Fen(least=LEAST_FEN)
    withdrawal_tax_bps = Count(most=9999)
    withdrawal_tax_category = Text(most=64)
    reason = Text(most=500, required=True)
