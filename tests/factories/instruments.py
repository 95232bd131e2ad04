"""What shoppers hold beside money: gifts of staff, issued as the product does."""

from datetime import datetime

from sqlalchemy import text
from sqlalchemy.orm import Session

from domain import outbox
from domain.ledger import posting
from domain.models import Gift
from domain.public_ids import new_public_id
from domain.settlement.issuing import Issue, Source, issue
from domain.terms import SubsidyKind
from tests.factories.staff import make_staff

Key = tuple[int, int]

_SPEND_GOODWILL = text(
    """
    UPDATE merchant_settings SET goodwill_budget_fen = goodwill_budget_fen + :amount,
        goodwill_spent_fen = goodwill_spent_fen + :amount
    WHERE merchant_id = :m
    """
)


def make_gift(
    session: Session,
    shopper: Key,
    kind: SubsidyKind,
    amount_fen: int,
    *,
    at: datetime,
    threshold_fen: int = 0,
    valid_days: int = 30,
) -> Gift:
    """Give a shopper something out of the goodwill budget, which grows by as much."""
    gift = Gift(
        merchant_id=shopper[0],
        public_id=new_public_id(),
        shopper_id=shopper[1],
        push_id=None,
        staff_id=make_staff(session, shopper[0]).id,
        kind=kind.value,
        amount_fen=amount_fen,
        reason="test",
        issued_at=at,
    )
    session.add(gift)
    session.flush()
    session.execute(_SPEND_GOODWILL, {"m": shopper[0], "amount": amount_fen})
    wanted = Issue(
        shopper[0],
        Source.GIFT,
        gift.id,
        shopper[1],
        kind,
        amount_fen,
        threshold_fen=threshold_fen,
        valid_days=valid_days,
    )
    posting.post(session, issue(session, [wanted], at=at, actor="test"), at=at)
    outbox.emit(session, [outbox.NewFact(shopper[0], "gift.issued", gift.id)], at=at)
    return gift


def make_coupon(
    session: Session,
    shopper: Key,
    value_fen: int,
    *,
    at: datetime,
    threshold_fen: int = 0,
    valid_days: int = 30,
    kind: SubsidyKind = SubsidyKind.COUPON,
) -> str:
    """Give a shopper a coupon or a pass; returns its public id."""
    gift = make_gift(
        session,
        shopper,
        kind,
        value_fen,
        at=at,
        threshold_fen=threshold_fen,
        valid_days=valid_days,
    )
    found: str = session.execute(
        text(
            "SELECT public_id FROM instruments"
            " WHERE merchant_id = :m AND source = 'gift' AND source_id = :id"
        ),
        {"m": shopper[0], "id": gift.id},
    ).scalar_one()
    return found
