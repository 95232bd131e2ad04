"""Planning reconciliations: one for each gateway account and Shanghai day, once its bill is made.

Gateways make a day's bill the next morning and keep it three months; days that were missed, as the
jobs were down, are caught up with.
"""

from datetime import date, datetime, timedelta

from sqlalchemy import text
from sqlalchemy.orm import Session

from domain import work
from domain.clock import day_start, shanghai_day
from domain.database import transaction
from domain.public_ids import new_public_id
from domain.work import Key

WORK = "reconcile"
READY_AFTER = timedelta(days=1, hours=10, minutes=30)
"""Bills are ready from 10:00 on the next day (WeChat Pay, 申请交易账单; Alipay: 9:00)."""
KEPT_DAYS = 89

_WANTED = text(
    """
    SELECT a.merchant_id, a.id AS account_id, CAST(d AS date) AS on_date
    FROM gateway_accounts a
    CROSS JOIN LATERAL generate_series(
        CAST(greatest(
            CAST(a.created_at AT TIME ZONE 'Asia/Shanghai' AS date), CAST(:oldest AS date)
        ) AS timestamp),
        CAST(:newest AS timestamp), interval '1 day') AS d
    WHERE NOT EXISTS (
        SELECT 1 FROM reconciliations r
        WHERE r.merchant_id = a.merchant_id AND r.gateway_account_id = a.id
            AND r.on_date = CAST(d AS date))
        AND (CAST(:merchant_id AS bigint) IS NULL OR a.merchant_id = :merchant_id)
    ORDER BY 1, 2, 3
    """
)
_PLAN = text(
    """
    INSERT INTO reconciliations (merchant_id, public_id, gateway_account_id, on_date, due_at)
    VALUES (:merchant_id, :public_id, :account_id, :on_date, :due_at)
    ON CONFLICT (merchant_id, gateway_account_id, on_date) DO NOTHING
    RETURNING id
    """
)


def ready_at(on: date) -> datetime:
    """Return when the bill of a Shanghai day is asked for."""
    return day_start(on) + READY_AFTER


def newest_day(at: datetime) -> date:
    """Return the latest Shanghai day whose bill is ready at an instant."""
    return shanghai_day(at - READY_AFTER)


def plan_reconciliations(*, at: datetime) -> int:
    """Plan what is not planned of the days whose bills are ready; returns how many."""
    newest = newest_day(at)
    with transaction() as session:
        planned = plan_days(session, newest - timedelta(days=KEPT_DAYS), newest, at=at)
        work.put(session, WORK, planned, due_at=at)
        return len(planned)


def plan_days(
    session: Session, oldest: date, newest: date, *, at: datetime, merchant_id: int | None = None
) -> list[Key]:
    """Write the reconciliations that are missing in a range of days; returns their keys."""
    wanted = session.execute(
        _WANTED, {"oldest": oldest, "newest": newest, "merchant_id": merchant_id}
    ).all()
    planned = []
    for row in wanted:
        made = session.execute(
            _PLAN,
            {
                "merchant_id": row.merchant_id,
                "public_id": new_public_id(),
                "account_id": row.account_id,
                "on_date": row.on_date,
                "due_at": at,
            },
        ).scalar()
        if made is not None:
            planned.append((row.merchant_id, made))
    return planned
