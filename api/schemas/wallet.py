"""A shopper's wallet."""

import marshmallow as ma

from api.schemas.fields import Fen, Instant, PublicId, Schema


class WalletSchema(Schema):
    """How much is in it."""

    balance_fen = Fen()


class WalletEntrySchema(Schema):
    """One movement."""

    id = PublicId()
    kind = ma.fields.String(
        metadata={"enum": ["grant.issued", "wallet.spent", "wallet.returned"]},
    )
    amount_fen = Fen(least=None)
    balance_after_fen = Fen()
    at = Instant()
