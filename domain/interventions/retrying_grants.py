"""Retrying subsidies that are stuck: parked work, or points that their brand refused.

The transaction is core's, as work and points on their way are core's to write. So every statement
names the merchant of the acting member of staff.
"""

import logging
from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from domain import idempotency, work
from domain.database import transaction
from domain.interventions.deciding_grants import DecideGrant
from domain.merchants.auditing import audit
from domain.merchants.rules import Role
from domain.points.programmes import DELIVER_POINTS
from domain.settlement.granting import ISSUE_GRANT
from domain.settlement.locking import Key
from domain.subsidies.errors import GrantNotStuck
from domain.subsidies.queries import find_grant

logger = logging.getLogger(__name__)

_UNREFUSE = text(
    """
    UPDATE external_issues
    SET state = CASE WHEN state = 'refused' THEN 'pending' ELSE state END, error = NULL
    WHERE merchant_id = :merchant_id AND grant_id = :id
    RETURNING id
    """
)


def retry_grant(command: DecideGrant, *, at: datetime) -> dict[str, Any]:
    """Have a stuck subsidy issued, or its points delivered, again; returns its body.

    May be repeated with its key. Raises GrantNotFound, GrantNotStuck, RoleTooLow, Busy,
    IdempotencyKeyReused.
    """
    actor = command.actor
    actor.require(Role.OPERATOR)
    with transaction() as session:
        done = idempotency.take(session, command.key)
        if done is not None:
            return done
        grant = find_grant(session, actor.merchant_id, command.grant_id)
        _retry(session, (actor.merchant_id, grant.row_id), at=at)
        audit(
            session,
            actor,
            "grant.retried",
            subject_kind="grant",
            subject_id=grant.row_id,
            at=at,
            reason=command.reason,
        )
        body = find_grant(session, actor.merchant_id, command.grant_id).to_json()
        idempotency.store(session, command.key, body, at=at, status=200)
    logger.info("stuck subsidy retried", extra={"grant": command.grant_id})
    return body


def _retry(session: Session, grant: Key, *, at: datetime) -> None:
    issue = session.execute(_UNREFUSE, {"merchant_id": grant[0], "id": grant[1]}).scalar()
    moved = work.unpark(session, ISSUE_GRANT, [grant], due_at=at)
    if issue is not None:
        moved += work.unpark(session, DELIVER_POINTS, [(grant[0], issue)], due_at=at)
    if not moved:
        raise GrantNotStuck
