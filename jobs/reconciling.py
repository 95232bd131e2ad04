"""Jobs that compare our books with the gateways' bills."""

from domain.database import read_clock
from domain.reconciliation import driving, planning
from jobs.looping import until_done


def plan_days() -> int:
    """Plan the days whose bills are ready."""
    return planning.plan_reconciliations(at=read_clock())


def reconcile_days() -> int:
    """Reconcile the days that are due."""
    return until_done(lambda at: driving.drive_reconciliations(at=at))
