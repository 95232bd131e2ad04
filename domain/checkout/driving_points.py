"""Driving points of outside programmes: each issue is told by webhook until its brand has it.

Repeats carry the same id, so that a brand that has it already can say so. What a brand refuses, or
does not take for long, waits for staff, who may try again. A brand is asked twice at once at most,
and a slow one keeps nobody else waiting.
"""

import logging
from datetime import datetime

from sqlalchemy import text

from domain import work
from domain.checkout.driving import drive
from domain.clock import real_now
from domain.database import reading, transaction
from domain.errors import GatewayFailed
from domain.gateways import webhooks
from domain.gateways.errors import GatewayRejected
from domain.points.programmes import DELIVER_POINTS, find_undelivered, record_delivery
from domain.work import Lease

logger = logging.getLogger(__name__)

BATCH = 32
MOST_TRIES = 20

_OVER = text(
    """
    SELECT x.merchant_id, x.id FROM external_issues x
    JOIN unnest(CAST(:merchants AS bigint[]), CAST(:subjects AS bigint[])) AS t (m, s)
        ON x.merchant_id = t.m AND x.id = t.s
    WHERE x.state <> 'pending'
    """
)
_LANES = text(
    """
    SELECT x.merchant_id, x.id, x.programme_id AS lane FROM external_issues x
    JOIN unnest(CAST(:merchants AS bigint[]), CAST(:subjects AS bigint[])) AS t (m, s)
        ON x.merchant_id = t.m AND x.id = t.s
    """
)


def drive_points(*, at: datetime, limit: int = BATCH) -> int:
    """Tell brands of points that are due; returns how many issues were looked at."""
    return drive(DELIVER_POINTS, _step, over=_OVER, lanes=_LANES, at=at, limit=limit)


def _step(lease: Lease, at: datetime) -> None:
    with reading() as session:
        issue = find_undelivered(session, lease.subject)
    error = None
    if issue is not None:
        try:
            webhooks.deliver(
                issue.url,
                secret=issue.secret,
                message_id=issue.message_id,
                body=issue.body,
                at=real_now(),
            )
        except GatewayFailed as failure:
            if not isinstance(failure, GatewayRejected) and lease.attempts < MOST_TRIES:
                raise
            logger.warning("points refused", extra={"issue_id": lease.subject_id})
            error = failure.message
    with transaction() as session:
        if error is not None:
            record_delivery(session, lease.subject, "refused", at=at, error=error)
            work.park(session, lease, error=error)
            return
        if issue is not None:
            record_delivery(session, lease.subject, "delivered", at=at)
        work.finish(session, [lease])
