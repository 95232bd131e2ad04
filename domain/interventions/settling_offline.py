"""Settling refunds offline: staff paid the shopper outside the gateway, which will not do it.

The transaction is core's, not the one of staff's own database role: refunds, orders and the ledger
are core's to write. So every statement here names the merchant of the acting member of staff.
"""

import logging
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from domain import idempotency
from domain.database import transaction
from domain.idempotency import RequestKey
from domain.interventions.approval_limits import check_limit
from domain.merchants.auditing import StaffActor, audit
from domain.merchants.rules import Role
from domain.refunds.queries import find_refund
from domain.settlement.applying_refunds import settle_offline

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SettleOffline:
    """Record that a rejected refund (public id) was paid outside the gateway, and how."""

    actor: StaffActor
    key: RequestKey
    refund_id: str
    reason: str


def settle_refund_offline(command: SettleOffline, *, at: datetime) -> dict[str, Any]:
    """Settle a rejected refund offline; returns its body as it then is.

    May be repeated with its key. Raises RefundNotFound, RefundNotRejected, RoleTooLow,
    ApprovalNeeded, Busy, IdempotencyKeyReused.
    """
    command.actor.require(Role.OPERATOR)
    merchant_id = command.actor.merchant_id
    with transaction() as session:
        done = idempotency.take(session, command.key)
        if done is not None:
            return done
        amount_fen = find_refund(session, merchant_id, command.refund_id).amount_fen
        check_limit(session, command.actor, "refund_offline", amount_fen, at=at)
        body = settle_rejected(
            session, command.actor, command.refund_id, reason=command.reason, at=at
        )
        idempotency.store(session, command.key, body, at=at, status=200)
    return body


def settle_rejected(
    session: Session, actor: StaffActor, refund_id: str, *, reason: str, at: datetime
) -> dict[str, Any]:
    """Settle a rejected refund (public id) offline, and audit it; returns its body then."""
    merchant_id = actor.merchant_id
    before = find_refund(session, merchant_id, refund_id)
    settle_offline(
        session,
        (merchant_id, before.row_id),
        before.order_row_id,
        at=at,
        actor=actor.moved_by,
    )
    after = find_refund(session, merchant_id, refund_id)
    audit(
        session,
        actor,
        "refund.settled_offline",
        subject_kind="refund",
        subject_id=before.row_id,
        at=at,
        reason=reason,
        before={"state": before.state, "error_code": before.error_code},
        after={"state": after.state, "amount_fen": after.amount_fen},
    )
    logger.info("refund settled offline", extra={"refund_id": before.row_id})
    return after.to_json()
