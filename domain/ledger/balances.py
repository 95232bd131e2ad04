"""Balances of wallets, and their entries."""

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import text
from sqlalchemy.orm import Session

_BALANCE = text(
    "SELECT balance_fen FROM ledger_accounts"
    " WHERE merchant_id = :merchant_id AND kind = 'wallet' AND owner_id = :shopper_id"
)
_LOCKED = text(_BALANCE.text + " FOR UPDATE")
_ENTRIES = text(
    """
    SELECT * FROM (
        SELECT e.id, t.kind, t.ref_id, e.amount_fen, t.at,
            (sum(e.amount_fen) OVER (ORDER BY e.id))::bigint AS balance_after_fen
        FROM ledger_accounts a
        JOIN ledger_entries e ON e.merchant_id = a.merchant_id AND e.account_id = a.id
        JOIN ledger_transactions t ON t.merchant_id = e.merchant_id AND t.id = e.transaction_id
        WHERE a.merchant_id = :merchant_id AND a.kind = 'wallet' AND a.owner_id = :shopper_id
    ) history
    WHERE id < :before_id
    ORDER BY id DESC
    LIMIT :limit
    """
)


class WalletEntry(NamedTuple):
    """One movement of a wallet: what it was for, fen (+ in, - out), balance after it.

    `ref_id` is the grant's or the order's, by kind.
    """

    id: int
    kind: str
    ref_id: int
    amount_fen: int
    at: datetime
    balance_after_fen: int


def wallet_balance(session: Session, shopper: tuple[int, int]) -> int:
    """Return a wallet's balance in fen."""
    found = session.execute(_BALANCE, {"merchant_id": shopper[0], "shopper_id": shopper[1]})
    return int(found.scalar_one())


def locked_wallet_balance(session: Session, shopper: tuple[int, int]) -> int:
    """Return a wallet's balance in fen; locks the wallet."""
    found = session.execute(_LOCKED, {"merchant_id": shopper[0], "shopper_id": shopper[1]})
    return int(found.scalar_one())


def wallet_entries(
    session: Session, shopper: tuple[int, int], *, before_id: int, limit: int
) -> list[WalletEntry]:
    """List a wallet's entries, newest first, below an entry id."""
    rows = session.execute(
        _ENTRIES,
        {
            "merchant_id": shopper[0],
            "shopper_id": shopper[1],
            "before_id": before_id,
            "limit": limit,
        },
    )
    return [WalletEntry(*row) for row in rows]
