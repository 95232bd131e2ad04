"""A shopper's wallet."""

from api.schemas.fields import Fen, Instant, PublicId, Schema, String


class WalletSchema(Schema):
    """How much is in it."""

    balance_fen = Fen()


class WalletEntrySchema(Schema):
    """One movement."""

    id = PublicId()
    kind = String(
        metadata={
            "enum": [
                "grant.issued",
                "gift.issued",
                "clawback",
                "wallet.spent",
                "wallet.returned",
                "withdrawal.requested",
                "withdrawal.returned",
            ]
        },
    )
    text = String()
    order_id = PublicId(allow_none=True)
    grant_id = PublicId(allow_none=True)
    withdrawal_id = PublicId(allow_none=True)
    amount_fen = Fen(least=None)
    balance_after_fen = Fen()
    at = Instant()
