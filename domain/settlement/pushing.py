"""Giving a push's coupons: each shopper of its segment once, a chunk in each transaction."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.orm import Session

from domain import outbox
from domain.ledger import posting
from domain.public_ids import new_public_id
from domain.settlement.issuing import Issue, Source, issue
from domain.settlement.locking import Key
from domain.subsidies.segments import OF_SEGMENT
from domain.terms import SubsidyKind

GIVE_PUSH = "give_push"
CHUNK = 500
_ACTOR = "settlement:push"

_LOCK = text(
    """
    SELECT id, segment, dormant_days, value_fen, threshold_fen, valid_days, staff_id, reason,
        shoppers, created_at,
        (SELECT count(*) FROM gifts g
            WHERE g.merchant_id = p.merchant_id AND g.push_id = p.id) AS given
    FROM coupon_pushes p
    WHERE merchant_id = :merchant_id AND id = :id AND done_at IS NULL
    FOR NO KEY UPDATE
    """
)
_NEXT = text(
    f"""
    SELECT s.id FROM shoppers s
    WHERE s.merchant_id = :merchant_id AND {OF_SEGMENT}
        AND NOT EXISTS (
            SELECT FROM gifts g
            WHERE g.merchant_id = s.merchant_id AND g.push_id = :push_id AND g.shopper_id = s.id)
    ORDER BY s.id
    LIMIT :limit
    """  # noqa: S608 - constants only
)
_GIVE = text(
    """
    INSERT INTO gifts (merchant_id, public_id, shopper_id, push_id, staff_id, kind, amount_fen,
        reason, issued_at)
    SELECT :merchant_id, t.public_id, t.shopper_id, :push_id, :staff_id, 'coupon', :amount,
        :reason, :at
    FROM unnest(CAST(:public_ids AS text[]), CAST(:shoppers AS bigint[]))
        AS t (public_id, shopper_id)
    RETURNING id, shopper_id
    """
)
_FINISH = text(
    """
    WITH finished AS (
        UPDATE coupon_pushes SET set_aside_fen = :given * value_fen, done_at = :at
        WHERE merchant_id = :merchant_id AND id = :id
        RETURNING merchant_id, (shoppers - :given) * value_fen AS rest_fen
    )
    UPDATE merchant_settings m SET goodwill_spent_fen = goodwill_spent_fen - f.rest_fen
    FROM finished f WHERE m.merchant_id = f.merchant_id
    """
)


def give_pushes(session: Session, keys: Sequence[Key], *, at: datetime) -> Mapping[Key, datetime]:
    """Give a chunk of each push; returns those that have more to give, due at once.

    Locks the pushes. When a push is over, what its segment no longer needed of the goodwill that
    was set aside goes back.
    """
    waits = {}
    for merchant_id, push_id in sorted(keys):
        push = session.execute(_LOCK, {"merchant_id": merchant_id, "id": push_id}).one_or_none()
        if push is not None and _give(session, merchant_id, push, at=at):
            waits[merchant_id, push_id] = at
    return waits


def _give(session: Session, merchant_id: int, push: Row[Any], *, at: datetime) -> bool:
    """Give a push's next coupons, never more than were set aside; says whether there may be more.

    Who is of the segment is asked as of the push's creation.
    """
    limit = min(CHUNK, push.shoppers - push.given)
    shoppers = session.scalars(
        _NEXT,
        {
            "merchant_id": merchant_id,
            "push_id": push.id,
            "segment": push.segment,
            "at": push.created_at,
            "dormant": None if push.dormant_days is None else f"{push.dormant_days} days",
            "limit": limit,
        },
    ).all()
    if shoppers:
        _issue(session, merchant_id, push, shoppers, at=at)
    given = push.given + len(shoppers)
    if len(shoppers) == limit and given < push.shoppers:
        return True
    values = {"merchant_id": merchant_id, "id": push.id, "given": given, "at": at}
    session.execute(_FINISH, values)
    return False


def _issue(
    session: Session, merchant_id: int, push: Row[Any], shoppers: Sequence[int], *, at: datetime
) -> None:
    gifts = session.execute(
        _GIVE,
        {
            "merchant_id": merchant_id,
            "push_id": push.id,
            "staff_id": push.staff_id,
            "amount": push.value_fen,
            "reason": push.reason,
            "at": at,
            "public_ids": [new_public_id() for _ in shoppers],
            "shoppers": list(shoppers),
        },
    ).all()
    wanted = [
        Issue(
            merchant_id,
            Source.GIFT,
            gift.id,
            gift.shopper_id,
            SubsidyKind.COUPON,
            push.value_fen,
            threshold_fen=push.threshold_fen,
            valid_days=push.valid_days,
        )
        for gift in gifts
    ]
    posting.post(session, issue(session, wanted, at=at, actor=_ACTOR), at=at)
    facts = [outbox.NewFact(merchant_id, "gift.issued", gift.id) for gift in gifts]
    outbox.emit(session, facts, at=at)
