"""Driving reconciliations: download, learn, compare; whole on each try."""

import logging
from datetime import date, datetime, timedelta

from sqlalchemy import text

from domain import work
from domain.checkout.driving import drive
from domain.database import transaction
from domain.gateways.errors import BillNotReady
from domain.reconciliation.comparing import Difference, compare
from domain.reconciliation.downloading import download, find_day, keep_lines
from domain.reconciliation.errors import BillTooRecent
from domain.reconciliation.learning import learn
from domain.reconciliation.planning import WORK, newest_day, plan_days, ready_at
from domain.work import Key, Lease

logger = logging.getLogger(__name__)

AT_ONCE = 2
NOT_READY_WAIT = timedelta(minutes=30)

_OVER = text(
    """
    SELECT r.merchant_id, r.id FROM reconciliations r
    JOIN unnest(CAST(:merchants AS bigint[]), CAST(:subjects AS bigint[])) AS t (m, s)
        ON r.merchant_id = t.m AND r.id = t.s
    WHERE r.compared_at IS NOT NULL
    """
)
_OF_DAY = text(
    """
    SELECT merchant_id, id FROM reconciliations
    WHERE on_date = :on AND (CAST(:merchant_id AS bigint) IS NULL OR merchant_id = :merchant_id)
    ORDER BY 1, 2
    """
)


def drive_reconciliations(*, at: datetime, limit: int = AT_ONCE) -> int:
    """Reconcile days that are due; returns how many were looked at."""
    return drive(WORK, _step, over=_OVER, at=at, limit=limit)


def reconcile_day(on: date, *, merchant_id: int | None, at: datetime) -> list[Key]:
    """Reconcile a Shanghai day of all gateway accounts, or of one merchant's, now and again.

    Returns the reconciliations. Raises BillTooRecent, BillNotReady, GatewayFailed.
    """
    if on > newest_day(at):
        raise BillTooRecent(ready_at=ready_at(on).isoformat())
    with transaction() as session:
        plan_days(session, on, on, at=at, merchant_id=merchant_id)
        rows = session.execute(_OF_DAY, {"on": on, "merchant_id": merchant_id}).all()
    keys = [(row.merchant_id, row.id) for row in rows]
    for key in keys:
        reconcile(key, at=at)
    return keys


def reconcile(reconciliation: Key, *, at: datetime) -> list[Difference]:
    """Download the bill of a day, learn from it, compare; returns the differences.

    May be repeated. Raises BillNotReady, GatewayFailed.
    """
    day = find_day(reconciliation)
    lines = download(day)
    with transaction() as session:
        keep_lines(session, reconciliation, lines)
    learnt = learn(day, at=at)
    with transaction() as session:
        differences = compare(session, day, learnt=learnt, at=at)
    extra = {"merchant_id": reconciliation[0], "differences": len(differences)}
    if differences:
        logger.error("books differ from a bill", extra=extra)
    else:
        logger.info("books equal a bill", extra=extra)
    return differences


def _step(lease: Lease, at: datetime) -> None:
    try:
        reconcile(lease.subject, at=at)
    except BillNotReady:
        with transaction() as session:
            work.put_back(session, [lease], due_at=at + NOT_READY_WAIT)
        return
    with transaction() as session:
        work.finish(session, [lease])
