"""Forming: the last seat is paid; stock is consumed, caps are released, orders are fulfilled."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.orm import Session

from domain import outbox
from domain.arrays import array
from domain.ledger import posting
from domain.settlement.locking import (
    DayChange,
    Key,
    LockedGroup,
    LockedOrder,
    change_days,
    columns,
)
from domain.settlement.movements import Movement, record_movements
from domain.settlement.moving import move_groups, move_orders
from domain.states import GroupState, OrderState

_REMEMBER = text(
    """
    UPDATE groups g SET paid_seats = t.n
    FROM unnest(CAST(:merchants AS bigint[]), CAST(:ids AS bigint[]), CAST(:paid AS bigint[]))
        AS t (m, i, n)
    WHERE g.merchant_id = t.m AND g.id = t.i
    """
)


def remember_paid_seats(session: Session, paid: dict[Key, int]) -> None:
    """Keep how many seats were paid when groups ended."""
    if paid:
        session.execute(_REMEMBER, {**columns(paid), "paid": array(paid.values())})


def form_group(
    session: Session, group: LockedGroup, members: Sequence[LockedOrder], *, at: datetime
) -> None:
    """Form a locked group whose seats are all taken by `members` (paid orders, locked).

    Their shoppers' cap days are locked.
    """
    actor = "settlement:form"
    move_orders(session, [m.key for m in members], OrderState.FULFILLING, at=at, actor=actor)
    posting.post(
        session,
        [
            posting.Posting(
                m.merchant_id,
                "order.sold",
                m.id,
                posting.ORDER_DEPOSITS,
                posting.SALES,
                m.price_fen,
            )
            for m in members
        ],
        at=at,
    )
    change_days(
        session,
        [
            DayChange(m.merchant_id, m.shopper_id, m.cap_on, reserved_fen=-(m.quote_fen or 0))
            for m in members
            if m.cap_on is not None
        ],
    )
    record_movements(
        session,
        [
            Movement(
                group.merchant_id,
                group.campaign_id,
                group.id,
                "formed",
                committed_fen=-group.size * group.largest_subsidy_fen,
                stock_committed=-group.size,
                stock_consumed=group.size,
                groups_formed=1,
                people_paid=len(members),
            )
        ],
        at=at,
    )
    move_groups(session, [group.key], GroupState.FORMED, at=at, actor=actor)
    remember_paid_seats(session, {group.key: len(members)})
    outbox.emit(session, [outbox.NewFact(group.merchant_id, "group.formed", group.id)], at=at)
