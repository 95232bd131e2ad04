"""Retrying rejected refunds: staff mend what the gateway refused them for, and repeat the number.

The transaction is core's, not the one of staff's own database role: refunds and work are core's to
write. So every statement here names the merchant of the acting member of staff.
"""

import logging
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from domain import idempotency
from domain.database import transaction
from domain.idempotency import RequestKey
from domain.merchants.auditing import StaffActor, audit
from domain.merchants.rules import Role
from domain.refunds.queries import find_refund
from domain.settlement.applying_refunds import repeat_refund

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class RetryRefund:
    """Repeat a rejected refund (public id), and why."""

    actor: StaffActor
    key: RequestKey
    refund_id: str
    reason: str


def retry_refund(command: RetryRefund, *, at: datetime) -> dict[str, Any]:
    """Have a rejected refund sent again under its number; returns its body as it then is.

    May be repeated with its key. Raises RefundNotFound, RefundNotRejected, RoleTooLow, Busy,
    IdempotencyKeyReused.
    """
    command.actor.require(Role.OPERATOR)
    merchant_id = command.actor.merchant_id
    with transaction() as session:
        done = idempotency.take(session, command.key)
        if done is not None:
            return done
        before = find_refund(session, merchant_id, command.refund_id)
        repeat_refund(
            session,
            (merchant_id, before.row_id),
            before.order_row_id,
            at=at,
            actor=command.actor.moved_by,
        )
        after = find_refund(session, merchant_id, command.refund_id)
        audit(
            session,
            command.actor,
            "refund.retried",
            subject_kind="refund",
            subject_id=before.row_id,
            at=at,
            reason=command.reason,
            before={"state": before.state, "error_code": before.error_code},
            after={"state": after.state, "error_code": after.error_code},
        )
        body = after.to_json()
        idempotency.store(session, command.key, body, at=at, status=200)
    logger.info("rejected refund retried", extra={"refund_id": before.row_id})
    return body
