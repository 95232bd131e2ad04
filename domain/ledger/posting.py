"""Posting: move value from one account to another, once per business effect.

An entry's sign is the direction of value: `-` out of the source, `+` into the destination. Each
posting is one transaction of two entries; (kind, ref) is unique, so that an effect cannot be
posted twice. Shared accounts hold no balance; wallets do, and cannot go below zero.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NewType

from sqlalchemy import text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Session
from sqlalchemy.sql import bindparam

from domain.arrays import array

Account = NewType("Account", str)

BREAKAGE = Account("breakage")
COUPONS_PAYABLE = Account("coupons_payable")
EXTERNAL_POINTS_PAYABLE = Account("external_points_payable")
GATEWAY = Account("gateway")
GOODWILL_EXPENSE = Account("goodwill_expense")
ORDER_DEPOSITS = Account("order_deposits")
PASSES_PAYABLE = Account("passes_payable")
POINTS_PAYABLE = Account("points_payable")
REFUNDS_ELSEWHERE = Account("refunds_elsewhere")
REFUNDS_PAYABLE = Account("refunds_payable")
REWARD_EXPENSE = Account("reward_expense")
SALES = Account("sales")
SETTLED_OFFLINE = Account("settled_offline")
SUBSIDY_EXPENSE = Account("subsidy_expense")
TAX_PAYABLE = Account("tax_payable")
WALLET = Account("wallet")
WITHDRAWALS_PAYABLE = Account("withdrawals_payable")

SHARED = 0


@dataclass(frozen=True, slots=True)
class Posting:
    """One transaction: `amount_fen` (> 0) from a source to a destination, for (kind, ref_id).

    Owners: a shopper's id for wallets, a gateway account's id for gateways, else SHARED.
    """

    merchant_id: int
    kind: str
    ref_id: int
    source: Account
    destination: Account
    amount_fen: int
    source_owner_id: int = SHARED
    destination_owner_id: int = SHARED


_LOCK_WALLETS = text(
    """
    SELECT a.id FROM ledger_accounts a
    JOIN unnest(CAST(:merchants AS bigint[]), CAST(:owners AS bigint[])) AS t (m, o)
        ON a.merchant_id = t.m AND a.owner_id = t.o
    WHERE a.kind = 'wallet'
    ORDER BY a.merchant_id, a.id
    FOR UPDATE OF a
    """
)


def written(wanted: str) -> str:
    """Write the table expressions that post what `wanted` selects, for a statement of one's own.

    `wanted` selects m, kind, ref, amount, src, src_owner, dst, dst_owner, at: postings that touch
    no wallet. `entries` holds what was written, two for each: `check_entries` looks at their count.
    """
    return f"""
    wanted AS ({wanted}), made AS (
        INSERT INTO ledger_transactions (merchant_id, kind, ref_id, at)
        SELECT m, kind, ref, at FROM wanted
        RETURNING merchant_id, id, kind, ref_id
    ), sides AS (
        SELECT made.merchant_id, made.id, side.account, side.owner_id, side.amount
        FROM made
        JOIN wanted w ON w.m = made.merchant_id AND w.kind = made.kind AND w.ref = made.ref_id
        CROSS JOIN LATERAL (
            VALUES (w.src, w.src_owner, -w.amount), (w.dst, w.dst_owner, w.amount)
        ) AS side (account, owner_id, amount)
    ), entries AS (
        INSERT INTO ledger_entries (merchant_id, transaction_id, account_id, amount_fen)
        SELECT s.merchant_id, s.id, a.id, s.amount
        FROM sides s JOIN ledger_accounts a
            ON a.merchant_id = s.merchant_id AND a.kind = s.account AND a.owner_id = s.owner_id
        RETURNING merchant_id, account_id, amount_fen
    )"""  # noqa: S608 - constants only


_WANTED = """
    SELECT t.*, CAST(:at AS timestamptz) AS at FROM jsonb_to_recordset(:postings) AS t (
        m bigint, kind text, ref bigint, amount bigint,
        src text, src_owner bigint, dst text, dst_owner bigint)
"""
_POST = text(
    f"""
    WITH {written(_WANTED)}, wallets AS (
        UPDATE ledger_accounts a SET balance_fen = a.balance_fen + moved.amount
        FROM (
            SELECT s.merchant_id, s.owner_id, sum(s.amount) AS amount
            FROM sides s WHERE s.account = 'wallet' GROUP BY 1, 2
        ) moved
        WHERE a.merchant_id = moved.merchant_id AND a.kind = 'wallet'
            AND a.owner_id = moved.owner_id
    )
    SELECT count(*) FROM entries
    """  # noqa: S608 - constants only
).bindparams(bindparam("postings", type_=JSONB))


class AccountMissing(RuntimeError):
    """A posting names an account that does not exist: a defect, not a refusal."""


def post(session: Session, postings: Sequence[Posting], *, at: datetime) -> None:
    """Post transactions; locks the wallets they touch, by id.

    Repeating an effect breaks `uq_ledger_transactions_…`; overdrawing a wallet breaks its CHECK.
    """
    if not postings:
        return
    wallets = {
        (p.merchant_id, owner)
        for p in postings
        for account, owner in (
            (p.source, p.source_owner_id),
            (p.destination, p.destination_owner_id),
        )
        if account == WALLET
    }
    if len(wallets) > 1:
        session.execute(
            _LOCK_WALLETS,
            {
                "merchants": array(m for m, _ in wallets),
                "owners": array(owner for _, owner in wallets),
            },
        )
    entries = session.execute(
        _POST,
        {
            "at": at,
            "postings": [
                {
                    "m": p.merchant_id,
                    "kind": p.kind,
                    "ref": p.ref_id,
                    "amount": p.amount_fen,
                    "src": p.source,
                    "src_owner": p.source_owner_id,
                    "dst": p.destination,
                    "dst_owner": p.destination_owner_id,
                }
                for p in postings
            ],
        },
    ).scalar_one()
    check_entries(entries, of=len(postings))


def check_entries(entries: int, *, of: int) -> None:
    """Check that postings wrote two entries each. Raises AccountMissing."""
    if entries != 2 * of:
        raise AccountMissing(f"{of} postings made {entries} entries")
