"""A merchant's settings."""

from api.schemas.fields import Fen, Schema, Text


class SettingsSchema(Schema):
    """A merchant's own limits."""

    daily_cash_cap_fen = Fen(allow_none=True, metadata={"description": "null: no cap"})


class SettingsChangeSchema(Schema):
    """New settings, and why."""

    daily_cash_cap_fen = Fen(required=True, allow_none=True)
    reason = Text(most=500, required=True)
