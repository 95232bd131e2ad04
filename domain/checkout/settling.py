"""Settling what is due: groups, holds that ran out, grants, rewards; a chunk is a transaction."""

import logging
from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from domain.checkout.working_off import CHUNK, work_off
from domain.database import reading, transaction
from domain.settlement.failing import settle_groups
from domain.settlement.forming import REWARD_GROUP
from domain.settlement.granting import ISSUE_GRANT
from domain.settlement.issuing_grants import issue_scheduled
from domain.settlement.locking import Key
from domain.settlement.movements import find_unfolded, fold_movements
from domain.settlement.pushing import GIVE_PUSH, give_pushes
from domain.settlement.releasing import (
    Candidate,
    ask_about_overdue,
    expire_holds,
    find_expired_holds,
    find_overdue_releases,
    free_overdue,
)
from domain.settlement.rewarding import reward_groups
from domain.settlement.taking import SETTLE_GROUP

logger = logging.getLogger(__name__)

ISSUER = "settlement:issue"


class Release(Protocol):
    """A verb that releases candidates in the caller's transaction; returns how many were due."""

    def __call__(self, session: Session, candidates: Sequence[Candidate], *, at: datetime) -> int:
        """Release them."""


def settle_due_groups(*, at: datetime, limit: int = CHUNK) -> int:
    """Settle up to `limit` groups whose deadline has come; returns how many were looked at."""
    return work_off(
        SETTLE_GROUP,
        lambda session, groups, when: settle_groups(session, groups, at=when),
        at=at,
        limit=limit,
    )


def issue_due_grants(*, at: datetime, limit: int = CHUNK) -> int:
    """Issue up to `limit` scheduled grants that are due; returns how many were looked at."""
    return work_off(
        ISSUE_GRANT,
        lambda session, grants, when: issue_scheduled(session, grants, at=when, actor=ISSUER),
        at=at,
        limit=limit,
    )


def reward_due_groups(*, at: datetime, limit: int = CHUNK) -> int:
    """Reward who brought the members of groups that are over; returns how many were looked at."""
    return work_off(
        REWARD_GROUP,
        lambda session, groups, when: reward_groups(session, groups, at=when),
        at=at,
        limit=limit,
    )


def give_due_pushes(*, at: datetime, limit: int = 1) -> int:
    """Give a chunk of the coupons of up to `limit` pushes; returns how many were looked at."""
    return work_off(
        GIVE_PUSH,
        lambda session, pushes, when: give_pushes(session, pushes, at=when),
        at=at,
        limit=limit,
    )


def release_due_holds(*, at: datetime, limit: int = CHUNK) -> int:
    """Release holds that ran out, and free those that have been releasing for too long."""
    _ask_about_overdue(at, limit)
    with reading() as session:
        expired = find_expired_holds(session, at=at, limit=limit)
        overdue = find_overdue_releases(session, at=at, limit=limit)
    return _release(expire_holds, expired, at) + _release(free_overdue, overdue, at)


def _ask_about_overdue(at: datetime, limit: int) -> None:
    try:
        with transaction() as session:
            ask_about_overdue(session, at=at, limit=limit)
    except OperationalError:
        logger.warning("database away or busy", exc_info=True)


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
