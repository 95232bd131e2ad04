"""Settling what is due: groups at their deadline, holds that ran out; a chunk is a transaction."""

import logging
from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from domain import work
from domain.database import reading, transaction
from domain.settlement.failing import settle_groups
from domain.settlement.locking import Key
from domain.settlement.movements import find_unfolded, fold_movements
from domain.settlement.releasing import (
    Candidate,
    expire_holds,
    find_expired_holds,
    find_overdue_releases,
    free_overdue,
)
from domain.settlement.taking import SETTLE_GROUP
from domain.work import Lease

logger = logging.getLogger(__name__)

CHUNK = 500


class Release(Protocol):
    """A verb that releases candidates in the caller's transaction; returns how many were due."""

    def __call__(self, session: Session, candidates: Sequence[Candidate], *, at: datetime) -> int:
        """Release them."""


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
            work.fail(session, lease, at=at, error=work.describe_error(error))


def release_due_holds(*, at: datetime, limit: int = CHUNK) -> int:
    """Release holds that ran out, and free those that have been releasing for too long."""
    with reading() as session:
        expired = find_expired_holds(session, at=at, limit=limit)
        overdue = find_overdue_releases(session, at=at, limit=limit)
    return _release(expire_holds, expired, at) + _release(free_overdue, overdue, at)


def _release(verb: Release, candidates: Sequence[Candidate], at: datetime) -> int:
    """Release candidates as one chunk; one by one if that fails. Returns how many were."""
    if not candidates:
        return 0
    try:
        with transaction() as session:
            return verb(session, candidates, at=at)
    except OperationalError:
        logger.warning("database away or busy", exc_info=True)
        return 0
    except Exception:
        logger.exception("releasing a chunk failed", extra={"orders": len(candidates)})
        if len(candidates) == 1:
            return 0
        return sum(_release(verb, [candidate], at) for candidate in candidates)


def fold_campaigns(*, at: datetime) -> int:
    """Fold movements into their campaigns, each on its own; returns how many."""
    with reading() as session:
        campaigns = find_unfolded(session)
    return sum(_fold(campaign, at) for campaign in campaigns)


def _fold(campaign: Key, at: datetime) -> int:
    try:
        with transaction() as session:
            return fold_movements(session, campaign, at=at)
    except OperationalError:
        logger.warning("database away or busy", exc_info=True)
    except Exception:
        logger.exception("folding a campaign failed", extra={"campaign_id": campaign[1]})
    return 0
