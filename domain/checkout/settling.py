"""Settling what is due: groups at their deadline, holds that ran out; a chunk is a transaction."""

import logging
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.exc import OperationalError

from domain import work
from domain.database import transaction
from domain.settlement.failing import settle_groups
from domain.settlement.movements import fold_movements
from domain.settlement.releasing import (
    expire_holds,
    find_expired_holds,
    find_overdue_releases,
    free_overdue,
)
from domain.settlement.taking import SETTLE_GROUP
from domain.work import Lease

logger = logging.getLogger(__name__)

CHUNK = 500


def settle_due_groups(*, at: datetime, limit: int = CHUNK) -> int:
    """Settle up to `limit` groups whose deadline has come; returns how many were looked at.

    A chunk that fails is done again one by one, so that a poison group is parked and holds up
    nobody.
    """
    with transaction() as session:
        leases = work.claim(session, SETTLE_GROUP, limit=limit, at=at)
    if not leases:
        return 0
    try:
        _settle(leases, at)
    except Exception:
        logger.exception("settling a chunk failed", extra={"groups": len(leases)})
        for lease in leases:
            _settle_alone(lease, at)
    return len(leases)


def _settle(leases: Sequence[Lease], at: datetime) -> None:
    with transaction() as session:
        kept = work.hold(session, leases)
        waits = settle_groups(session, [lease.subject for lease in kept], at=at)
        work.finish(session, [lease for lease in kept if lease.subject not in waits])
        for lease in kept:
            if lease.subject in waits:
                work.put_back(session, [lease], due_at=waits[lease.subject])


def _settle_alone(lease: Lease, at: datetime) -> None:
    try:
        _settle([lease], at)
    except OperationalError:
        logger.warning("database away or busy", extra={"work_id": lease.id}, exc_info=True)
    except Exception as error:
        logger.exception(
            "settling a group failed", extra={"group_id": lease.subject_id, "try": lease.attempts}
        )
        with transaction() as session:
            work.fail(session, lease, at=at, error=f"{type(error).__name__}: {error}"[:500])


def release_due_holds(*, at: datetime, limit: int = CHUNK) -> int:
    """Release holds that ran out, and free those that have been releasing for too long."""
    with transaction() as session:
        expired = find_expired_holds(session, at=at, limit=limit)
        released = expire_holds(session, expired, at=at) if expired else 0
    with transaction() as session:
        overdue = find_overdue_releases(session, at=at, limit=limit)
        freed = free_overdue(session, overdue, at=at) if overdue else 0
    return released + freed


def fold_campaigns(*, at: datetime) -> int:
    """Fold movements into their campaigns; returns how many."""
    with transaction() as session:
        return fold_movements(session, at=at)
