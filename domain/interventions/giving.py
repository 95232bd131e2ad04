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
class Give:
    """What is given to a shopper (public id), and why; thresholds and days are of coupons."""

    actor: StaffActor
    key: RequestKey
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


def give(command: Give, *, at: datetime) -> dict[str, Any]:
    """Give a shopper something of value at once; returns the gift's body.

    May be repeated with its key. Raises ShopperNotFound, GoodwillExhausted, NotWholePoints,
    RoleTooLow, Busy, IdempotencyKeyReused.
    """
    command.actor.require(Role.OPERATOR)
    with transaction() as session:
        done = idempotency.take(session, command.key)
        if done is not None:
            return done
        shopper = _find(session, command)
        spend_goodwill(session, command.actor.merchant_id, command.amount_fen)
        body = _give(session, command, shopper, at=at)
        idempotency.store(session, command.key, body, at=at)
    logger.info("gift given", extra={"gift": body["id"], "kind": command.kind.value})
    return body


def spend_goodwill(session: Session, merchant_id: int, amount_fen: int) -> None:
    """Take an amount out of the goodwill budget; locks the settings. Raises GoodwillExhausted."""
    values = {"merchant_id": merchant_id, "amount": amount_fen}
    if session.execute(_SPEND, values).rowcount == 1:  # type: ignore[attr-defined]
        return
    left = session.execute(_LEFT, {"merchant_id": merchant_id}).scalar()
    raise GoodwillExhausted(left_fen=left or 0)


def _find(session: Session, command: Give) -> Row[Any]:
    values = {"merchant_id": command.actor.merchant_id, "shopper": command.shopper_id}
    shopper = session.execute(_SHOPPER, values).first()
    if shopper is None:
        raise ShopperNotFound
    point = point_fen(shopper.points_per_yuan)
    if command.kind is SubsidyKind.POINTS and command.amount_fen % point:
        raise NotWholePoints(field="amount_fen", point_fen=point)
    return shopper


def _give(session: Session, command: Give, shopper: Row[Any], *, at: datetime) -> dict[str, Any]:
    merchant_id, public_id = command.actor.merchant_id, new_public_id()
    gift_id = session.execute(
        _GIVE,
        {
            "merchant_id": merchant_id,
            "public_id": public_id,
            "shopper_id": shopper.id,
            "staff_id": command.actor.staff_id,
            "kind": command.kind.value,
            "amount": command.amount_fen,
            "reason": command.reason,
            "at": at,
        },
    ).scalar_one()
    wanted = Issue(
        merchant_id,
        Source.GIFT,
        gift_id,
        shopper.id,
        command.kind,
        command.amount_fen,
        threshold_fen=command.threshold_fen,
        valid_days=command.valid_days,
    )
    postings = issue(session, [wanted], at=at, actor=command.actor.moved_by)
    posting.post(session, postings, at=at)
    outbox.emit(session, [outbox.NewFact(merchant_id, "gift.issued", gift_id)], at=at)
    body = {
        "id": public_id,
        "shopper": {"id": command.shopper_id, "nickname": shopper.nickname},
        "kind": command.kind.value,
        "amount_fen": command.amount_fen,
        "clawed_back_fen": 0,
        "reason": command.reason,
        "issued_at": iso(at),
    }
    audit(
        session,
        command.actor,
        "gift.given",
        subject_kind="gift",
        subject_id=gift_id,
        at=at,
        reason=command.reason,
        after={name: body[name] for name in ("kind", "amount_fen")},
    )
    return body
