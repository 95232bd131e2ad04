"""Gifts of staff to a shopper, out of the merchant's goodwill budget.

The transaction is core's, as for all that touches the ledger: every statement names the merchant of
the acting member of staff.
"""

import logging
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.orm import Session

from domain import idempotency, outbox
from domain.clock import iso
from domain.database import transaction
from domain.idempotency import RequestKey
from domain.interventions.approval_limits import check_limit
from domain.ledger import posting
from domain.merchants.auditing import StaffActor, audit
from domain.merchants.rules import Role
from domain.money import point_fen
from domain.public_ids import new_public_id
from domain.settlement.issuing import Issue, Source, issue
from domain.shoppers.errors import ShopperNotFound
from domain.subsidies.errors import GoodwillExhausted, NotWholePoints
from domain.terms import SubsidyKind

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Gift:
    """What is given to a shopper (public id), and why; thresholds and days are of coupons."""

    shopper_id: str
    kind: SubsidyKind
    amount_fen: int
    reason: str
    threshold_fen: int = 0
    valid_days: int = 30


_SHOPPER = text(
    """
    SELECT s.id, s.nickname, coalesce(m.points_per_yuan, 100) AS points_per_yuan
    FROM shoppers s LEFT JOIN merchant_settings m ON m.merchant_id = s.merchant_id
    WHERE s.merchant_id = :merchant_id AND s.public_id = :shopper
    """
)
_SPEND = text(
    """
    UPDATE merchant_settings SET goodwill_spent_fen = goodwill_spent_fen + :amount
    WHERE merchant_id = :merchant_id AND goodwill_spent_fen + :amount <= goodwill_budget_fen
    """
)
_LEFT = text(
    """
    SELECT goodwill_budget_fen - goodwill_spent_fen FROM merchant_settings
    WHERE merchant_id = :merchant_id
    """
)
_GIVE = text(
    """
    INSERT INTO gifts (merchant_id, public_id, shopper_id, staff_id, kind, amount_fen, reason,
        issued_at)
    VALUES (:merchant_id, :public_id, :shopper_id, :staff_id, :kind, :amount, :reason, :at)
    RETURNING id
    """
)


def give(actor: StaffActor, key: RequestKey, gift: Gift, *, at: datetime) -> dict[str, Any]:
    """Give a shopper something of value at once; returns the gift's body.

    May be repeated with its key. Raises ShopperNotFound, GoodwillExhausted, NotWholePoints,
    ApprovalNeeded, RoleTooLow, Busy, IdempotencyKeyReused.
    """
    actor.require(Role.OPERATOR)
    with transaction() as session:
        done = idempotency.take(session, key)
        if done is not None:
            return done
        check_limit(session, actor, "gift", gift.amount_fen, at=at)
        body = give_gift(session, actor, gift, at=at)
        idempotency.store(session, key, body, at=at)
    logger.info("gift given", extra={"gift": body["id"], "kind": gift.kind.value})
    return body


def spend_goodwill(session: Session, merchant_id: int, amount_fen: int) -> None:
    """Take an amount out of the goodwill budget; locks the settings. Raises GoodwillExhausted."""
    values = {"merchant_id": merchant_id, "amount": amount_fen}
    if session.execute(_SPEND, values).rowcount == 1:  # type: ignore[attr-defined]
        return
    left = session.execute(_LEFT, {"merchant_id": merchant_id}).scalar()
    raise GoodwillExhausted(left_fen=left or 0)


def find_recipient(session: Session, merchant_id: int, gift: Gift) -> Row[Any]:
    """Return the id and nickname of a gift's shopper. Raises ShopperNotFound, NotWholePoints."""
    values = {"merchant_id": merchant_id, "shopper": gift.shopper_id}
    shopper = session.execute(_SHOPPER, values).first()
    if shopper is None:
        raise ShopperNotFound
    point = point_fen(shopper.points_per_yuan)
    if gift.kind is SubsidyKind.POINTS and gift.amount_fen % point:
        raise NotWholePoints(field="amount_fen", point_fen=point)
    return shopper


def give_gift(session: Session, actor: StaffActor, gift: Gift, *, at: datetime) -> dict[str, Any]:
    """Spend goodwill, write a gift, issue and tell it; returns its body. Raises as `give`."""
    merchant_id, public_id = actor.merchant_id, new_public_id()
    shopper = find_recipient(session, merchant_id, gift)
    spend_goodwill(session, merchant_id, gift.amount_fen)
    gift_id = session.execute(
        _GIVE,
        {
            "merchant_id": merchant_id,
            "public_id": public_id,
            "shopper_id": shopper.id,
            "staff_id": actor.staff_id,
            "kind": gift.kind.value,
            "amount": gift.amount_fen,
            "reason": gift.reason,
            "at": at,
        },
    ).scalar_one()
    wanted = Issue(
        merchant_id,
        Source.GIFT,
        gift_id,
        shopper.id,
        gift.kind,
        gift.amount_fen,
        threshold_fen=gift.threshold_fen,
        valid_days=gift.valid_days,
    )
    postings = issue(session, [wanted], at=at, actor=actor.moved_by)
    posting.post(session, postings, at=at)
    outbox.emit(session, [outbox.NewFact(merchant_id, "gift.issued", gift_id)], at=at)
    body = {
        "id": public_id,
        "shopper": {"id": gift.shopper_id, "nickname": shopper.nickname},
        "kind": gift.kind.value,
        "amount_fen": gift.amount_fen,
        "clawed_back_fen": 0,
        "reason": gift.reason,
        "issued_at": iso(at),
    }
    audit(
        session,
        actor,
        "gift.given",
        subject_kind="gift",
        subject_id=gift_id,
        at=at,
        reason=gift.reason,
        after={
            **{name: body[name] for name in ("kind", "amount_fen")},
            **(
                {"threshold_fen": gift.threshold_fen, "valid_days": gift.valid_days}
                if gift.kind.expires
                else {}
            ),
        },
    )
    return body
