"""A shopper's wallet."""

from api.schemas.fields import (
    Answer,
    Choice,
    Fen,
    Instant,
    PublicId,
    String,
)


class WalletSchema(Answer):
    """How much is in it."""

    balance_fen = Fen()


class WalletEntrySchema(Answer):
    """One movement."""

    id = PublicId()
    kind = Choice(
        [
            "grant.issued",
            "gift.issued",
            "clawback",
            "wallet.spent",
            "wallet.returned",
            "withdrawal.requested",
            "withdrawal.returned",
        ]
    )
    text = String()
    order_id = PublicId(allow_none=True)
    grant_id = PublicId(allow_none=True)
    withdrawal_id = PublicId(allow_none=True)
    amount_fen = Fen(least=None)
    balance_after_fen = Fen()
    at = Instant()
