"""Looking for work: which kinds have something due or orphaned, in one cheap statement."""

from datetime import datetime

from sqlalchemy import text

from domain import clock
from domain.arrays import array
from domain.database import reading
from domain.reconciliation.planning import newest_day
from domain.settlement.expiring import WARNED_AHEAD

_DUE = text(
    """
    SELECT 'work.' || kind AS name FROM unnest(CAST(:kinds AS text[])) AS k (kind)
    WHERE EXISTS (
            SELECT 1 FROM work_rows w
            WHERE w.kind = k.kind AND w.state = 'due' AND w.due_at <= :at)
        OR EXISTS (
            SELECT 1 FROM work_rows w
            WHERE w.kind = k.kind AND w.state = 'leased' AND w.leased_until < :real_now)
    UNION ALL
    SELECT 'holds' WHERE EXISTS (
        SELECT 1 FROM orders
        WHERE state = 'placed' AND releasing_at IS NULL AND hold_expires_at <= :at)
    UNION ALL
    SELECT 'holds' WHERE EXISTS (
        SELECT 1 FROM orders
        WHERE state = 'placed' AND releasing_at IS NOT NULL
            AND releasing_at <= CAST(:at AS timestamptz) - interval '15 minutes')
    UNION ALL
    SELECT 'bills' WHERE EXISTS (
        SELECT 1 FROM gateway_accounts a
        WHERE CAST(a.created_at AT TIME ZONE 'Asia/Shanghai' AS date) <= :newest
            AND NOT EXISTS (
                SELECT 1 FROM reconciliations r
                WHERE r.merchant_id = a.merchant_id AND r.gateway_account_id = a.id
                    AND r.on_date = :newest))
    UNION ALL
    SELECT 'expiries' WHERE EXISTS (
        SELECT 1 FROM instruments WHERE state = 'issued' AND expires_at <= :at)
    UNION ALL
    SELECT 'expiries' WHERE EXISTS (
        SELECT 1 FROM point_lots WHERE left_fen > 0 AND expires_at <= :at)
    UNION ALL
    SELECT 'warnings' WHERE EXISTS (
        SELECT 1 FROM instruments
        WHERE state = 'issued' AND warned_at IS NULL AND expires_at > :at
            AND expires_at <= :warned_until)
    UNION ALL
    SELECT 'warnings' WHERE EXISTS (
        SELECT 1 FROM point_lots
        WHERE left_fen > 0 AND warned_at IS NULL AND expires_at > :at
            AND expires_at <= :warned_until)
    UNION ALL
    SELECT 'movements' WHERE EXISTS (SELECT 1 FROM campaign_movements WHERE folded_at IS NULL)
    """
)


def find_due(kinds: list[str], *, at: datetime) -> set[str]:
    """Return what is due.

    That is `work.<kind>` of the kinds asked for, `holds`, `bills`, `expiries`, `warnings` (of what
    expires soon) and `movements`.
    """
    with reading() as session:
        rows = session.execute(
            _DUE,
            {
                "kinds": array(kinds),
                "at": at,
                "real_now": clock.real_now(),
                "newest": newest_day(at),
                "warned_until": at + WARNED_AHEAD,
            },
        )
        return {row.name for row in rows}
