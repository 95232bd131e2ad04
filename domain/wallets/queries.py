"""Reads of a shopper's wallet.

An entry has no public id of its own: the outside sees a keyed digest of its key.
"""

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from domain.config import settings
from domain.ledger import balances
from domain.models import Clawback, Grant, Order, Withdrawal
from domain.public_ids import ALPHABET, LENGTH
from domain.texts import Language, text

Key = tuple[int, int]
_ABOUT_NOTHING: dict[str, str | None] = {
    "order_id": None,
    "grant_id": None,
    "withdrawal_id": None,
}
_NOUNS = ("grant", "gift", "withdrawal", "clawback")
_LARGEST_ID = 2**63 - 1


@dataclass(frozen=True, slots=True)
class WalletLine:
    """One movement of a wallet: what it was for, fen (+ in, - out), balance after it.

    `order_id`, `grant_id` (of a subsidy) and `withdrawal_id` are public; withdrawals and gifts are
    about no order.
    """

    row_id: int
    id: str
    kind: str
    order_id: str | None
    grant_id: str | None
    withdrawal_id: str | None
    amount_fen: int
    balance_after_fen: int
    at: datetime

    def text(self, language: Language) -> str:
        """Say what it was for."""
        return text(f"wallets.{self.kind}", language)


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
    abouts = _find_abouts(session, shopper[0], entries)
    return [
        WalletLine(
            row_id=entry.id,
            id=_public_id_of(shopper[0], entry.id),
            kind=entry.kind,
            **abouts[entry.id],
            amount_fen=entry.amount_fen,
            balance_after_fen=entry.balance_after_fen,
            at=entry.at,
        )
        for entry in entries
    ]


def _find_abouts(
    session: Session, merchant_id: int, entries: Sequence[balances.WalletEntry]
) -> dict[int, dict[str, str | None]]:
    """Return the public ids of what each entry is about: its order, grant or withdrawal."""
    refs: dict[str, set[int]] = {noun: set() for noun in (*_NOUNS, "order")}
    for entry in entries:
        refs[_noun_of(entry.kind)].add(entry.ref_id)
    clawed_back = {
        row.id: row.source_id
        for row in session.execute(
            select(Clawback.id, Clawback.source_id).where(
                Clawback.merchant_id == merchant_id,
                Clawback.id.in_(refs["clawback"]),
                Clawback.source == "grant",
            )
        )
    }
    refs["grant"].update(clawed_back.values())
    of_grant = {
        row.id: {**_ABOUT_NOTHING, "order_id": row.order_id, "grant_id": row.grant_id}
        for row in session.execute(
            select(Grant.id, Order.public_id.label("order_id"), Grant.public_id.label("grant_id"))
            .join(Order, (Order.merchant_id == Grant.merchant_id) & (Order.id == Grant.order_id))
            .where(Grant.merchant_id == merchant_id, Grant.id.in_(refs["grant"]))
        )
    }
    of_order = {
        row.id: {**_ABOUT_NOTHING, "order_id": row.public_id}
        for row in session.execute(
            select(Order.id, Order.public_id).where(
                Order.merchant_id == merchant_id, Order.id.in_(refs["order"])
            )
        )
    }
    of_withdrawal = {
        row.id: {**_ABOUT_NOTHING, "withdrawal_id": row.public_id}
        for row in session.execute(
            select(Withdrawal.id, Withdrawal.public_id).where(
                Withdrawal.merchant_id == merchant_id, Withdrawal.id.in_(refs["withdrawal"])
            )
        )
    }
    abouts = {
        "grant": of_grant,
        "order": of_order,
        "withdrawal": of_withdrawal,
        "clawback": {id_: of_grant[grant_id] for id_, grant_id in clawed_back.items()},
        "gift": {},
    }
    return {
        entry.id: abouts[_noun_of(entry.kind)].get(entry.ref_id, _ABOUT_NOTHING)
        for entry in entries
    }


def _noun_of(kind: str) -> str:
    """Name what an entry's `ref_id` is of: an order's, unless its kind says otherwise."""
    noun = kind.partition(".")[0]
    return noun if noun in _NOUNS else "order"


def _public_id_of(merchant_id: int, entry_id: int) -> str:
    """Return what the outside calls an entry: 100 bits of a keyed digest."""
    name = f"wallet-entry/{merchant_id}/{entry_id}".encode()
    bits = int.from_bytes(hmac.digest(settings().sealing_key.encode(), name, hashlib.sha256), "big")
    return "".join(ALPHABET[(bits >> (5 * i)) & 31] for i in range(LENGTH))
