"""Sealing the ledger: a chain of hashes per merchant over what is committed, written by one job.

Each transaction carries the number of the database transaction that wrote it. Whatever is below the
oldest that still runs is there for good or gone: a seal covers a merchant's transactions from the
last horizon to this one, with their entries, and names the seal before it. Nothing is locked, and
no posting waits. The numbers are those of one cluster: see docs/design.md on restoring into
another.
"""

import logging
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import text
from sqlalchemy.orm import Session

logger = logging.getLogger(__name__)

MOST_TRANSACTIONS = 20_000
_SEALING_LOCK = 7_206_519

_LOCK = text("SELECT pg_try_advisory_xact_lock(:lock)")
_BOUNDS = text(
    """
    WITH sealed AS (SELECT coalesce(max(to_xid), 0) AS xid FROM ledger_seals)
    SELECT sealed.xid AS from_xid,
        CAST(CAST(pg_snapshot_xmin(pg_current_snapshot()) AS text) AS bigint) AS horizon,
        (SELECT min(written_in) FROM ledger_transactions WHERE written_in >= sealed.xid) AS first,
        (SELECT written_in FROM ledger_transactions WHERE written_in >= sealed.xid
            ORDER BY written_in OFFSET :most LIMIT 1) AS enough
    FROM sealed
    """
)
DIGESTS = """
    lines AS (
        SELECT r.merchant_id, r.seal, r.id, sha256(convert_to(concat_ws('|',
            r.id, r.kind, r.ref_id, extract(epoch FROM r.at),
            string_agg(concat_ws(':', e.id, e.account_id, e.amount_fen), ',' ORDER BY e.id)
        ), 'UTF8')) AS digest
        FROM covered r
        LEFT JOIN ledger_entries e ON e.merchant_id = r.merchant_id AND e.transaction_id = r.id
        GROUP BY r.merchant_id, r.seal, r.id, r.kind, r.ref_id, r.at
    ), pages AS (
        SELECT merchant_id, seal, id / 10000 AS page, count(*) AS transactions,
            sha256(string_agg(digest, CAST('' AS bytea) ORDER BY id)) AS digest
        FROM lines GROUP BY 1, 2, 3
    ), digests AS (
        SELECT merchant_id, seal, CAST(sum(transactions) AS bigint) AS transactions,
            sha256(string_agg(digest, CAST('' AS bytea) ORDER BY page)) AS digest
        FROM pages GROUP BY 1, 2
    )
"""
"""From `covered` (merchant_id, seal, and a transaction's columns) to one digest a seal."""
CHAIN = (
    "sha256({before} || convert_to(concat_ws('|', {number}, {from_xid}, {to_xid}, {transactions}),"
    " 'UTF8') || {digest})"
)
"""How a seal's chain is made of what it covers and of the chain before it."""
_SEAL = text(
    f"""
    WITH covered AS (
        SELECT merchant_id, 0 AS seal, id, kind, ref_id, at FROM ledger_transactions
        WHERE written_in >= :from_xid AND written_in < :to_xid
    ), {DIGESTS}, numbered AS (
        SELECT d.*, coalesce(b.number, 0) + 1 AS number,
            coalesce(b.chain, CAST('' AS bytea)) AS before
        FROM digests d
        LEFT JOIN LATERAL (
            SELECT s.number, s.chain FROM ledger_seals s
            WHERE s.merchant_id = d.merchant_id ORDER BY s.number DESC LIMIT 1
        ) b ON true
    )
    INSERT INTO ledger_seals (merchant_id, number, from_xid, to_xid, transactions, digest, chain,
        sealed_at)
    SELECT n.merchant_id, n.number, :from_xid, :to_xid, n.transactions, n.digest, {
        CHAIN.format(
            before="n.before",
            number="n.number",
            from_xid="CAST(:from_xid AS bigint)",
            to_xid="CAST(:to_xid AS bigint)",
            transactions="n.transactions",
            digest="n.digest",
        )
    }, :at
    FROM numbered n
    RETURNING merchant_id, number, transactions, encode(chain, 'hex') AS chain
    """  # noqa: S608 - constants only
)


class RestoredElsewhere(RuntimeError):
    """The database was restored into a cluster whose transaction numbers are lower than its own."""


class Seal(NamedTuple):
    """A new end of a merchant's chain: its number, how many transactions it covers, its hash."""

    merchant_id: int
    number: int
    transactions: int
    chain: str


def seal_ledger(session: Session, *, at: datetime) -> list[Seal]:
    """Seal what is committed, some 20,000 transactions at a time; `tell_seals` once it stands.

    Nothing while another session seals. Raises RestoredElsewhere.
    """
    if not session.execute(_LOCK, {"lock": _SEALING_LOCK}).scalar_one():
        return []
    bounds = session.execute(_BOUNDS, {"most": MOST_TRANSACTIONS}).one()
    if bounds.horizon < bounds.from_xid:
        raise RestoredElsewhere
    to_xid = bounds.horizon
    if bounds.enough is not None:
        to_xid = min(to_xid, max(bounds.enough, bounds.first + 1))
    if bounds.first is None or bounds.first >= to_xid:
        return []
    values = {"from_xid": bounds.from_xid, "to_xid": to_xid, "at": at}
    return [Seal(*row) for row in session.execute(_SEAL, values)]


def tell_seals(seals: Sequence[Seal]) -> None:
    """Put the new ends of the chains into the log, out of the database's reach."""
    for seal in seals:
        logger.info(
            "ledger sealed",
            extra={"merchant_id": seal.merchant_id, "seal": seal.number, "chain": seal.chain},
        )
