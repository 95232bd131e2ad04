"""Alarms of a merchant: what waits for a person, as counts by kind and gateway account.

A new kind is one more query in `ALARMS`, and its sentence in the catalogues `alarms.po`. Queries
may read `waiting_refunds`, those that no gateway has accepted yet, and `running_budgets`, those of
published campaigns.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.orm import Session

from domain.analytics.settling import LATE_AFTER, UNSETTLED
from domain.payments.findings import FindingKind


@dataclass(frozen=True, slots=True)
class Alarm:
    """One alarm; the account is set where it is about one, `amount_fen` where money waits."""

    kind: str
    account_id: str | None
    gateway: str | None
    mch_no: str | None
    count: int
    amount_fen: int | None
    since: datetime | None


FINDINGS: Mapping[str, FindingKind] = {
    "payments_differ": FindingKind.PAYMENT_DIFFERS,
    "second_transactions": FindingKind.SECOND_TRANSACTION,
    "success_times_bounded": FindingKind.SUCCESS_TIME_BOUNDED,
    "refunds_differ": FindingKind.REFUND_DIFFERS,
    "refunds_made_elsewhere": FindingKind.REFUNDED_ELSEWHERE,
    "transfers_differ": FindingKind.TRANSFER_DIFFERS,
    "gateway_unreadable": FindingKind.UNREADABLE,
}
"""Alarms of what gateways said that cannot be believed: open until staff resolve the findings."""
ALARMS: Mapping[str, str] = {
    "refund_account_short": """
        SELECT q.gateway_account_id, count(r.state), coalesce(sum(r.amount_fen), 0), q.short_since
        FROM gateway_quotas q
        LEFT JOIN waiting_refunds r ON r.gateway_account_id = q.gateway_account_id
        WHERE q.merchant_id = :merchant_id AND q.operation = 'refund' AND q.short_since IS NOT NULL
        GROUP BY q.gateway_account_id, q.short_since
    """,
    "transfer_account_short": """
        SELECT q.gateway_account_id, count(d.id), coalesce(sum(d.net_fen), 0), q.short_since
        FROM gateway_quotas q
        LEFT JOIN withdrawals d ON d.merchant_id = q.merchant_id
            AND d.gateway_account_id = q.gateway_account_id
            AND d.state IN ('requested', 'sending', 'needs_funds', 'unknown')
        WHERE q.merchant_id = :merchant_id AND q.operation = 'transfer'
            AND q.short_since IS NOT NULL
        GROUP BY q.gateway_account_id, q.short_since
    """,
    "refunds_rejected": """
        SELECT p.gateway_account_id, count(*), sum(r.amount_fen), min(r.moved_at)
        FROM refunds r JOIN payments p ON p.merchant_id = r.merchant_id AND p.id = r.payment_id
        WHERE r.merchant_id = :merchant_id AND r.state = 'rejected'
        GROUP BY p.gateway_account_id
    """,
    "refunds_abnormal": """
        SELECT p.gateway_account_id, count(*), sum(r.amount_fen), min(r.moved_at)
        FROM refunds r JOIN payments p ON p.merchant_id = r.merchant_id AND p.id = r.payment_id
        WHERE r.merchant_id = :merchant_id AND r.state = 'abnormal'
        GROUP BY p.gateway_account_id
    """,
    "refunds_unknown": """
        SELECT r.gateway_account_id, count(*), sum(r.amount_fen), min(r.requested_at)
        FROM waiting_refunds r
        WHERE r.state = 'unknown'
            AND r.requested_at <= CAST(:at AS timestamptz) - interval '15 minutes'
        GROUP BY r.gateway_account_id
    """,
    "payments_wrong_amount": """
        SELECT p.gateway_account_id, count(*), sum(p.received_fen), min(p.learned_at)
        FROM payments p
        WHERE p.merchant_id = :merchant_id AND p.outcome = 'wrong_amount'
            AND p.succeeded_at > CAST(:at AS timestamptz) - interval '7 days'
            AND p.learned_at > CAST(:at AS timestamptz) - interval '1 day'
        GROUP BY p.gateway_account_id
    """,
    "payments_after_close": """
        SELECT p.gateway_account_id, count(*), sum(p.received_fen), min(p.learned_at)
        FROM payments p
        WHERE p.merchant_id = :merchant_id AND p.outcome = 'closed_payment'
            AND p.succeeded_at > CAST(:at AS timestamptz) - interval '7 days'
            AND p.learned_at > CAST(:at AS timestamptz) - interval '1 day'
        GROUP BY p.gateway_account_id
    """,
    "payments_unfinished": """
        SELECT p.gateway_account_id, count(*), sum(p.amount_fen), min(p.created_at)
        FROM work_rows w
        JOIN payments p ON p.merchant_id = w.merchant_id AND p.id = w.subject_id
        WHERE w.merchant_id = :merchant_id AND w.kind = 'drive_payment'
            AND w.state IN ('due', 'leased', 'parked')
            AND p.state IN ('created', 'pending', 'unknown', 'closing')
            AND p.created_at <= CAST(:at AS timestamptz) - interval '24 hours'
        GROUP BY p.gateway_account_id
    """,
    "days_unreconciled": """
        SELECT a.id, count(*), CAST(NULL AS bigint),
            (min(days.on_date) + interval '36 hours') AT TIME ZONE 'Asia/Shanghai'
        FROM gateway_accounts a
        CROSS JOIN LATERAL (
            SELECT CAST((CAST(:at AS timestamptz) - interval '36 hours')
                AT TIME ZONE 'Asia/Shanghai' AS date) AS newest
        ) due
        CROSS JOIN LATERAL (
            SELECT r.on_date FROM reconciliations r
            WHERE r.merchant_id = a.merchant_id AND r.gateway_account_id = a.id
                AND r.compared_at IS NULL AND r.on_date <= due.newest
            UNION
            SELECT due.newest
            WHERE CAST(a.created_at AT TIME ZONE 'Asia/Shanghai' AS date) <= due.newest
                AND NOT EXISTS (
                    SELECT 1 FROM reconciliations r
                    WHERE r.merchant_id = a.merchant_id AND r.gateway_account_id = a.id
                        AND r.on_date = due.newest)
        ) days
        WHERE a.merchant_id = :merchant_id
        GROUP BY a.id
    """,
    **{
        kind: f"""
        SELECT f.gateway_account_id, count(*), CAST(NULL AS bigint), min(f.first_at)
        FROM gateway_findings f
        WHERE f.merchant_id = :merchant_id AND f.resolved_at IS NULL AND f.kind = '{finding}'
        GROUP BY f.gateway_account_id
    """  # noqa: S608 - constants only
        for kind, finding in FINDINGS.items()
    },
    "callbacks_refused": """
        SELECT c.gateway_account_id, sum(c.times), CAST(NULL AS bigint), max(c.last_at)
        FROM refused_callbacks c
        WHERE c.merchant_id = :merchant_id
            AND c.last_at > CAST(:at AS timestamptz) - interval '1 day'
        GROUP BY c.gateway_account_id
        HAVING sum(c.times) >= 20
    """,
    "sign_ins_refused": """
        SELECT CAST(NULL AS bigint), count(*), CAST(NULL AS bigint), max(l.at)
        FROM audit_log l
        WHERE l.merchant_id = :merchant_id AND l.action = 'session.refused'
            AND l.at > CAST(:at AS timestamptz) - interval '1 hour'
        HAVING count(*) >= 20
    """,
    "reconciliation_open": """
        SELECT r.gateway_account_id, count(*), CAST(NULL AS bigint), min(k.found_at)
        FROM reconciliation_tasks k
        JOIN reconciliations r ON r.merchant_id = k.merchant_id AND r.id = k.reconciliation_id
        WHERE k.merchant_id = :merchant_id AND k.resolved_at IS NULL
        GROUP BY r.gateway_account_id
    """,
    "budgets_nearly_used": """
        SELECT CAST(NULL AS bigint), count(*), sum(b.left_fen), CAST(NULL AS timestamptz)
        FROM running_budgets b WHERE b.used_bps >= 8000 AND b.used_bps < 9500
        HAVING count(*) > 0
    """,
    "budgets_used": """
        SELECT CAST(NULL AS bigint), count(*), sum(b.left_fen), CAST(NULL AS timestamptz)
        FROM running_budgets b WHERE b.used_bps >= 9500
        HAVING count(*) > 0
    """,
    "points_refused": """
        SELECT CAST(NULL AS bigint), count(*), sum(x.amount_fen), min(x.created_at)
        FROM external_issues x WHERE x.merchant_id = :merchant_id AND x.state = 'refused'
        HAVING count(*) > 0
    """,
    "approvals_waiting": """
        SELECT CAST(NULL AS bigint), count(*), sum(a.amount_fen), min(a.requested_at)
        FROM approvals a WHERE a.merchant_id = :merchant_id AND a.state = 'pending'
        HAVING count(*) > 0
    """,
    "funds_short": """
        SELECT CAST(NULL AS bigint), CAST(1 AS bigint), f.owed_fen - f.held_fen, f.short_since
        FROM merchant_funds f
        WHERE f.merchant_id = :merchant_id AND f.short_since IS NOT NULL
    """,
    "settlement_late": f"""
        SELECT CAST(NULL AS bigint), count(*), CAST(NULL AS bigint), min(late.since)
        FROM (
            SELECT u.due_at AS since FROM ({UNSETTLED}) u WHERE u.taken > 0
            UNION ALL
            SELECT d.due_at FROM grants d
            WHERE d.merchant_id = :merchant_id AND d.state = 'scheduled'
        ) late
        WHERE late.since <= CAST(:at AS timestamptz) - interval '{LATE_AFTER.total_seconds()} s'
        HAVING count(*) > 0
    """,  # noqa: S608 - constants only
    "work_parked": """
        SELECT CAST(NULL AS bigint), count(*), CAST(NULL AS bigint), min(w.due_at)
        FROM work_rows w
        WHERE w.merchant_id = :merchant_id AND w.state = 'parked' AND NOT (
            w.kind = 'drive_refund' AND EXISTS (
                SELECT 1 FROM refunds r WHERE r.merchant_id = w.merchant_id AND r.id = w.subject_id
                    AND r.state = 'rejected')
            OR w.kind = 'deliver_points' AND EXISTS (
                SELECT 1 FROM external_issues x
                WHERE x.merchant_id = w.merchant_id AND x.id = w.subject_id
                    AND x.state = 'refused'))
        HAVING count(*) > 0
    """,
}
"""Each by its kind: (gateway account's inner id or null, count, fen or null, since), at `:at`.

What is found in a gateway's statements is told until staff resolve it. Payments of a wrong amount
or at a closed order are refunded by themselves: they are told for a day.
A rejected refund's parked work is told as that refund, refused points' as those points.
"""
_READ_FIRST = """
    WITH waiting_refunds AS (
        SELECT p.gateway_account_id, r.state, r.amount_fen, r.requested_at
        FROM work_rows w
        JOIN refunds r ON r.merchant_id = w.merchant_id AND r.id = w.subject_id
        JOIN payments p ON p.merchant_id = r.merchant_id AND p.id = r.payment_id
        WHERE w.merchant_id = :merchant_id AND w.kind = 'drive_refund'
            AND w.state IN ('due', 'leased')
            AND r.state IN ('requested', 'sending', 'needs_funds', 'unknown')
    ), running_budgets AS (
        SELECT c.budget_fen - c.committed_fen - c.spent_fen AS left_fen,
            (c.committed_fen + c.spent_fen) * 10000 / c.budget_fen AS used_bps
        FROM campaigns c
        WHERE c.merchant_id = :merchant_id AND c.state = 'published' AND c.ends_at > :at
            AND c.budget_fen > 0
    )
"""
_LIST = text(
    _READ_FIRST
    + " UNION ALL ".join(
        f"""
        SELECT '{kind}' AS kind, a.public_id, a.gateway, a.mch_no, n.how_many, n.amount_fen,
            n.since
        FROM ({query}) AS n (account_id, how_many, amount_fen, since)
        LEFT JOIN gateway_accounts a ON a.merchant_id = :merchant_id AND a.id = n.account_id
        """  # noqa: S608 - constants above
        for kind, query in ALARMS.items()
    )
)


def list_alarms(session: Session, merchant_id: int, *, at: datetime) -> list[Alarm]:
    """List a merchant's alarms, in the order of `ALARMS`, the oldest of a kind first."""
    rows = session.execute(_LIST, {"merchant_id": merchant_id, "at": at})
    order = list(ALARMS)
    alarms = [
        Alarm(
            row.kind,
            row.public_id,
            row.gateway,
            row.mch_no,
            row.how_many,
            None if row.amount_fen is None else int(row.amount_fen),
            row.since,
        )
        for row in rows
    ]
    return sorted(alarms, key=lambda alarm: (order.index(alarm.kind), alarm.since or at))
