"""Reads of a shopper's wallet.

An entry has no public id of its own: the outside sees a keyed digest of its key.
"""

import hashlib
import hmac
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from domain.config import settings
from domain.ledger import balances
from domain.public_ids import ALPHABET, LENGTH

Key = tuple[int, int]
_LARGEST_ID = 2**63 - 1


@dataclass(frozen=True, slots=True)
class WalletLine:
    """One movement of a wallet: what it was for, fen (+ in, - out), balance after it."""

    row_id: int
    id: str
    kind: str
    amount_fen: int
    balance_after_fen: int
    at: datetime


def read_balance(session: Session, shopper: Key) -> int:
    """Return a shopper's balance in fen."""
    return balances.wallet_balance(session, shopper)


def list_entries(
    session: Session, shopper: Key, *, below_id: int | None, limit: int
) -> list[WalletLine]:
    """List a wallet's movements, newest first, below an inner id."""
    entries = balances.wallet_entries(
        session,
        shopper,
        before_id=_LARGEST_ID if below_id is None else below_id,
        limit=limit,
    )
    return [
        WalletLine(
            row_id=entry.id,
            id=_public_id_of(shopper[0], entry.id),
            kind=entry.kind,
            amount_fen=entry.amount_fen,
            balance_after_fen=entry.balance_after_fen,
            at=entry.at,
        )
        for entry in entries
    ]


def _public_id_of(merchant_id: int, entry_id: int) -> str:
    """Return what the outside calls an entry: 100 bits of a keyed digest."""
    name = f"wallet-entry/{merchant_id}/{entry_id}".encode()
    bits = int.from_bytes(hmac.digest(settings().sealing_key.encode(), name, hashlib.sha256), "big")
    return "".join(ALPHABET[(bits >> (5 * i)) & 31] for i in range(LENGTH))
