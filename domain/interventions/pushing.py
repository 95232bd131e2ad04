"""Coupon pushes: a coupon to every shopper of a segment, out of the merchant's goodwill budget.

The worst case is set aside when staff order the push; a job gives the coupons, and returns what it
did not need. The transaction is core's, as for gifts.
"""

import logging
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from domain import idempotency, work
from domain.clock import iso
from domain.database import transaction
from domain.idempotency import RequestKey
from domain.interventions.approval_limits import check_limit
from domain.interventions.giving import spend_goodwill
from domain.merchants.auditing import StaffActor, audit
from domain.merchants.rules import Role
from domain.public_ids import new_public_id
from domain.settlement.pushing import GIVE_PUSH
from domain.subsidies.errors import SegmentEmpty
from domain.subsidies.segments import Segment, count_segment

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Push:
    """A coupon for a segment, and why; `dormant_days` belongs to dormant shoppers alone."""

    segment: Segment
    value_fen: int
    reason: str
    dormant_days: int | None = None
    threshold_fen: int = 0
    valid_days: int = 30


_ADD = text(
    """
    INSERT INTO coupon_pushes (merchant_id, public_id, staff_id, segment, dormant_days, value_fen,
        threshold_fen, valid_days, reason, set_aside_fen, shoppers, created_at)
    VALUES (:merchant_id, :public_id, :staff_id, :segment, :dormant_days, :value, :threshold,
        :valid_days, :reason, :set_aside, :shoppers, :at)
    RETURNING id
    """
)


def push_coupon(actor: StaffActor, key: RequestKey, push: Push, *, at: datetime) -> dict[str, Any]:
    """Order a push; its coupons are given at once, by a job. Returns the push's body.

    May be repeated with its key. Raises SegmentEmpty, GoodwillExhausted, ApprovalNeeded,
    RoleTooLow, Busy, IdempotencyKeyReused.
    """
    actor.require(Role.OPERATOR)
    with transaction() as session:
        done = idempotency.take(session, key)
        if done is not None:
            return done
        most = worst_case(session, actor.merchant_id, push, at=at)
        check_limit(session, actor, "push", most, at=at)
        body = order_push(session, actor, push, at=at)
        idempotency.store(session, key, body, at=at)
    logger.info("coupon push ordered", extra={"push": body["id"], "shoppers": body["shoppers"]})
    return body


def worst_case(session: Session, merchant_id: int, push: Push, *, at: datetime) -> int:
    """Return the most a push costs as its segment now is, in fen."""
    return push.value_fen * count_segment(
        session, merchant_id, push.segment, at=at, dormant_days=push.dormant_days
    )


def order_push(session: Session, actor: StaffActor, push: Push, *, at: datetime) -> dict[str, Any]:
    """Write a push, its budget set aside, and the work that gives it. Raises as `push_coupon`."""
    merchant_id, public_id = actor.merchant_id, new_public_id()
    set_aside = worst_case(session, merchant_id, push, at=at)
    if set_aside == 0:
        raise SegmentEmpty(field="segment")
    spend_goodwill(session, merchant_id, set_aside)
    shoppers = set_aside // push.value_fen
    push_id = session.execute(
        _ADD,
        {
            "merchant_id": merchant_id,
            "public_id": public_id,
            "staff_id": actor.staff_id,
            "segment": push.segment.value,
            "dormant_days": push.dormant_days,
            "value": push.value_fen,
            "threshold": push.threshold_fen,
            "valid_days": push.valid_days,
            "reason": push.reason,
            "set_aside": set_aside,
            "shoppers": shoppers,
            "at": at,
        },
    ).scalar_one()
    work.put(session, GIVE_PUSH, [(merchant_id, push_id)], due_at=at)
    body = {
        "id": public_id,
        "segment": push.segment.value,
        "dormant_days": push.dormant_days,
        "value_fen": push.value_fen,
        "threshold_fen": push.threshold_fen,
        "valid_days": push.valid_days,
        "reason": push.reason,
        "set_aside_fen": set_aside,
        "shoppers": shoppers,
        "created_at": iso(at),
    }
    audit(
        session,
        actor,
        "coupon_push.ordered",
        subject_kind="coupon_push",
        subject_id=push_id,
        at=at,
        reason=push.reason,
        after={name: body[name] for name in ("segment", "value_fen", "shoppers", "set_aside_fen")},
    )
    return body
