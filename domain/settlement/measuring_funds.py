"""Measuring funds: whether the gateway accounts hold what wallets and running groups may cost.

What is held is what was received and neither arrived back, nor was transferred, nor is asked to go
back. Summing the ledger takes long on a large mall: a job does it, and the alarm reads the result.
"""

from datetime import datetime

from sqlalchemy import text

from domain.database import transaction

_MEASURE = text(
    """
    WITH sums AS (
        SELECT a.merchant_id, a.kind,
            CASE WHEN a.kind = 'wallet' THEN sum(a.balance_fen) ELSE sum(e.fen) END AS fen
        FROM ledger_accounts a
        LEFT JOIN LATERAL (
            SELECT sum(amount_fen) AS fen FROM ledger_entries
            WHERE a.kind <> 'wallet' AND merchant_id = a.merchant_id AND account_id = a.id
        ) e ON true
        WHERE a.kind IN ('wallet', 'gateway', 'refunds_payable', 'withdrawals_payable')
        GROUP BY a.merchant_id, a.kind
    ), committed AS (
        SELECT merchant_id, sum(committed_fen) AS fen FROM campaigns GROUP BY merchant_id
    ), measured AS (
        SELECT s.merchant_id,
            coalesce(-sum(s.fen) FILTER (WHERE s.kind IN ('gateway', 'refunds_payable')), 0)
                AS held_fen,
            coalesce(sum(s.fen) FILTER (WHERE s.kind IN ('wallet', 'withdrawals_payable')), 0)
                + coalesce(max(c.fen), 0) AS owed_fen
        FROM sums s
        LEFT JOIN committed c ON c.merchant_id = s.merchant_id
        GROUP BY s.merchant_id
    )
    INSERT INTO merchant_funds AS f (merchant_id, held_fen, owed_fen, measured_at, short_since)
    SELECT merchant_id, held_fen, owed_fen, :at,
        CASE WHEN owed_fen > held_fen THEN CAST(:at AS timestamptz) END
    FROM measured
    ON CONFLICT (merchant_id) DO UPDATE
    SET held_fen = excluded.held_fen, owed_fen = excluded.owed_fen,
        measured_at = excluded.measured_at,
        short_since = CASE
            WHEN excluded.owed_fen > excluded.held_fen
            THEN coalesce(f.short_since, excluded.short_since) END
    WHERE f.measured_at <= excluded.measured_at
    """
)


def measure_funds(*, at: datetime) -> None:
    """Measure each merchant's funds anew."""
    with transaction() as session:
        session.execute(_MEASURE, {"at": at})
