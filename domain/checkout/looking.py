"""Looking for work: which kinds have something due or orphaned, in one cheap statement."""

import logging
from datetime import datetime

from sqlalchemy import text

from domain import clock
from domain.analytics.settling import LATE_AFTER
from domain.arrays import array
from domain.auditing.nightly import audited_day
from domain.database import reading
from domain.reconciliation.planning import newest_day
from domain.settlement.expiring import WARNED_AHEAD
from domain.settlement.releasing import OVERDUE

logger = logging.getLogger(__name__)

SETTLING = ("settle_group", "issue_grant", "notify")
"""The work that members of a group that is over wait for."""
_LATE_WORK = " UNION ALL ".join(
    f"""
        SELECT kind, due_at FROM work_rows
        WHERE kind = ANY(CAST(:settling AS text[])) AND state = '{state}' AND due_at <= :late_at
    """  # noqa: S608 - constants only
    for state in ("due", "leased", "parked")
)
_DUE = text(
    f"""
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
    SELECT 'holds' WHERE EXISTS (SELECT 1 FROM orders o WHERE {OVERDUE})
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
    SELECT 'seals' WHERE EXISTS (
        SELECT 1 FROM ledger_transactions
        WHERE written_in >= coalesce((SELECT max(to_xid) FROM ledger_seals), 0))
    UNION ALL
    SELECT 'audit' WHERE NOT EXISTS (SELECT 1 FROM audit_runs WHERE on_date = :audited_day)
    UNION ALL
    SELECT 'late' WHERE EXISTS (SELECT 1 FROM ({_LATE_WORK}) late)
    UNION ALL
    SELECT 'movements' WHERE EXISTS (SELECT 1 FROM campaign_movements WHERE folded_at IS NULL)
    """  # noqa: S608 - constants only
)


def find_due(kinds: list[str], *, at: datetime) -> set[str]:
    """Return what is due.

    That is `work.<kind>` of the kinds asked for, `holds`, `bills`, `expiries`, `warnings` (of what
    expires soon), `seals` (of the ledger), `audit` (the night's), `late` (work of members)
    and `movements`.
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
                "audited_day": audited_day(at),
                "settling": array(SETTLING),
                "late_at": at - LATE_AFTER,
            },
        )
        return {row.name for row in rows}


_LATE = text(
    f"""
    SELECT kind, count(*) AS waiting, min(due_at) AS oldest_at
    FROM ({_LATE_WORK}) late GROUP BY kind ORDER BY kind
    """  # noqa: S608 - constants only
)


def tell_late(*, at: datetime) -> None:
    """Put into the log, as errors, what members have waited for too long: kind, rows, seconds."""
    with reading() as session:
        rows = session.execute(
            _LATE, {"settling": array(SETTLING), "late_at": at - LATE_AFTER}
        ).all()
    for row in rows:
        logger.error(
            "settling is late",
            extra={
                "kind": row.kind,
                "waiting": row.waiting,
                "seconds": int((at - row.oldest_at).total_seconds()),
            },
        )
